//! Frames: the unit on the log. Up to [`EVENTS_MAX`] events of one source and partition with what readers need to know
//! before they look inside.

mod arrow;
mod json;

use bytes::Bytes;

use crate::{DecodeError, Event, EventBatch, Headers, Timestamp};

pub use json::{EventOrSample, Spelling, parse_event_or_sample};

/// The most events in a frame.
pub const EVENTS_MAX: usize = 1_000;
/// The size a frame aims to stay below.
pub const BYTES_MAX: usize = 256 * 1024;

/// How the body of a frame is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// A JSON array of CloudEvents: any NATS client can read it.
    #[default]
    Json,
    /// An Arrow IPC stream with dictionary-encoded series: small and fast, for high rates and backfills.
    Arrow(Compression),
}

/// How the buffers of an Arrow body are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// Fast.
    Lz4,
    /// Small.
    Zstd,
}

impl Encoding {
    /// The media type, as in the `Content-Type` header.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/cloudevents-batch+json",
            Self::Arrow(_) => "application/vnd.apache.arrow.stream",
        }
    }

    /// The encoding of a media type. The compression of an Arrow body stands in the body itself.
    fn from_content_type(text: &str) -> Option<Self> {
        match text {
            "application/cloudevents-batch+json" => Some(Self::Json),
            "application/vnd.apache.arrow.stream" => Some(Self::Arrow(Compression::None)),
            _ => None,
        }
    }
}

/// What a frame says about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FrameHeader {
    /// The source of all its events.
    pub source: String,
    /// Which of its shards wrote it, when the source is split over processes.
    pub shard: Option<u32>,
    /// Rises each time somebody takes the source over; readers drop frames of a lower epoch than they have seen.
    pub epoch: u64,
    /// Contiguous per source, shard and partition, from 1.
    pub number: u64,
    /// How many events.
    pub count: u32,
    /// The earliest and the latest event time, absent in an empty frame.
    pub times: Option<(Timestamp, Timestamp)>,
    /// In an empty frame: the source promises that no earlier event will come. In others it only informs.
    pub watermark: Option<Timestamp>,
    /// By how much event times of this source may go backwards, in microseconds.
    pub disorder_us: i64,
    /// Where the source resumes after this frame; its own text.
    pub cursor: Option<String>,
    /// In a tick: the watermarks of live sources.
    pub watermarks: Vec<(String, Timestamp)>,
    /// How the body is written.
    pub encoding: Encoding,
}

/// The version of frames that this code writes.
pub const SCHEMA: &str = "floodmark.frame.v1";

impl FrameHeader {
    /// The headers of the log entry.
    pub fn to_headers(&self) -> Headers {
        let mut headers = Headers::default();
        headers.set("Content-Type", self.encoding.content_type());
        headers.set("Floodmark-Schema", SCHEMA);
        headers.set("Floodmark-Source", &self.source);
        if let Some(shard) = self.shard {
            headers.set("Floodmark-Shard", shard);
        }
        headers.set("Floodmark-Epoch", self.epoch);
        headers.set("Floodmark-Frame", self.number);
        headers.set("Floodmark-Count", self.count);
        headers.set("Floodmark-Disorder", self.disorder_us);
        if let Some((min, max)) = self.times {
            headers.set("Floodmark-Time-Min", min.micros());
            headers.set("Floodmark-Time-Max", max.micros());
        }
        if let Some(watermark) = self.watermark {
            headers.set("Floodmark-Watermark", watermark.micros());
        }
        if let Some(cursor) = &self.cursor {
            headers.set("Floodmark-Cursor", cursor);
        }
        if !self.watermarks.is_empty() {
            let text: Vec<String> = self.watermarks.iter().map(|(s, t)| format!("{s}={}", t.micros())).collect();
            headers.set("Floodmark-Watermarks", text.join(","));
        }
        headers
    }

    /// Epoch and number of the frame with these headers, without reading the others.
    pub fn numbered(headers: &Headers) -> Option<(u64, u64)> {
        Some((headers.parse("Floodmark-Epoch").ok()?, headers.parse("Floodmark-Frame").ok()?))
    }

    /// Reads the headers of a log entry.
    ///
    /// # Errors
    /// When a header is missing or unreadable, or the frame is of a version this code does not know.
    pub fn from_headers(headers: &Headers) -> Result<Self, DecodeError> {
        let schema = headers.get("Floodmark-Schema").unwrap_or("none");
        if schema != SCHEMA {
            return Err(DecodeError::new(format!("frame schema {schema:?} is not {SCHEMA:?}")));
        }
        let content_type = headers.get("Content-Type").unwrap_or("none");
        let micros = |name: &str| match headers.get(name) {
            None => Ok(None),
            Some(_) => headers.parse(name).map(|n| Some(Timestamp::from_micros(n))),
        };
        Ok(Self {
            source: headers.parse("Floodmark-Source")?,
            shard: headers.get("Floodmark-Shard").map(|_| headers.parse("Floodmark-Shard")).transpose()?,
            epoch: headers.parse("Floodmark-Epoch")?,
            number: headers.parse("Floodmark-Frame")?,
            count: headers.parse("Floodmark-Count")?,
            times: micros("Floodmark-Time-Min")?.zip(micros("Floodmark-Time-Max")?),
            watermark: micros("Floodmark-Watermark")?,
            disorder_us: headers.parse("Floodmark-Disorder")?,
            cursor: headers.get("Floodmark-Cursor").map(str::to_owned),
            watermarks: parse_watermarks(headers.get("Floodmark-Watermarks").unwrap_or(""))?,
            encoding: Encoding::from_content_type(content_type)
                .ok_or_else(|| DecodeError::new(format!("Content-Type {content_type:?} is not a frame encoding")))?,
        })
    }
}

fn parse_watermarks(text: &str) -> Result<Vec<(String, Timestamp)>, DecodeError> {
    let pair = |pair: &str| {
        let (source, micros) = pair.split_once('=')?;
        Some((source.to_owned(), Timestamp::from_micros(micros.parse().ok()?)))
    };
    let pairs = text.split(',').filter(|p| !p.is_empty());
    pairs.map(|p| pair(p).ok_or_else(|| DecodeError::new(format!("watermark {p:?} is not source=microseconds")))).collect()
}

/// Writes the body of a frame. `frame_id` and the index stand for the id of an event that has none.
pub fn encode(batch: &EventBatch, encoding: Encoding, source: &str, frame_id: &str) -> Bytes {
    let batch = batch.with_ids_of_others(|index| derived_id(frame_id, index));
    match encoding {
        Encoding::Json => json::encode(&batch, source, frame_id),
        Encoding::Arrow(compression) => arrow::encode(&batch, compression),
    }
}

/// Who wants the samples of a frame as columns.
pub trait Visitor {
    /// A dense id for the series with this canonical key. Called at least once for each series of a frame's source,
    /// not for each event.
    fn series(&mut self, key: &str) -> u32;
    /// A sample. `index` is its place in the frame.
    fn sample(&mut self, index: u32, time: i64, series: u32, value: f64);
    /// A check or a record.
    fn event(&mut self, index: u32, event: Event);
}

/// Decodes frames of one source into columns. It remembers how series are spelled, so that a repeated spelling costs
/// one look-up and no allocation.
#[derive(Debug, Default)]
pub struct Decoder {
    json: json::Spellings,
}

impl Decoder {
    /// Forgets which ids the visitor gave, because they have changed.
    pub fn reset(&mut self) {
        self.json = json::Spellings::default();
    }

    /// Visits every event of a frame in order.
    ///
    /// # Errors
    /// When the body is not what its encoding says. Events before the fault may have been visited.
    pub fn visit(&mut self, encoding: Encoding, body: &Bytes, visitor: &mut impl Visitor) -> Result<(), DecodeError> {
        match encoding {
            _ if body.is_empty() => Ok(()),
            Encoding::Json => json::visit(&mut self.json, body, visitor),
            Encoding::Arrow(_) => arrow::visit(body, visitor),
        }
    }
}

/// Decodes the events of a frame as objects: for people and exports, not for the hot path.
///
/// # Errors
/// When the body is not what its encoding says.
pub fn decode(encoding: Encoding, body: &Bytes, source: &str, frame_id: &str) -> Result<Vec<Event>, DecodeError> {
    match encoding {
        _ if body.is_empty() => Ok(Vec::new()),
        Encoding::Json => json::decode(body),
        Encoding::Arrow(_) => arrow::decode(body, source, frame_id),
    }
}

/// An event as it stands in an Arrow body.
#[derive(Debug)]
pub enum ArrowRow<'a> {
    /// A sample without anything unusual about it.
    Sample {
        /// The id, when it was given one.
        id: Option<&'a str>,
        /// Event time in microseconds.
        time: i64,
        /// The canonical key of its series.
        key: &'a str,
        /// The value.
        value: f64,
    },
    /// A check, a record, or a sample with attributes of its own.
    Event(Box<Event>),
}

/// Hands out the events of an Arrow body in order, without making objects of samples.
///
/// # Errors
/// When the body is not what its encoding says, or what `row` says. Events before the fault have been handed out.
pub fn arrow_rows(body: &Bytes, row: impl FnMut(u32, ArrowRow<'_>) -> Result<(), DecodeError>) -> Result<(), DecodeError> {
    if body.is_empty() { Ok(()) } else { arrow::rows(body, row) }
}

/// The id of an event that was given none.
pub(crate) fn derived_id(frame_id: &str, index: usize) -> String {
    format!("{frame_id}.{index}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Check, Series};

    #[test]
    fn events_without_an_id_get_that_of_their_frame_and_place() {
        let at = Timestamp::from_secs(1);
        let sample = |id| Event::sample("s", id, at, Series::new("m"), 1.0);
        let check = |id| Event::check("s", id, at, Check::of("t"));
        let batch: EventBatch = [sample(""), check(""), sample("a"), check("b"), check("")].into_iter().collect();
        for encoding in [Encoding::Json, Encoding::Arrow(Compression::None)] {
            let events = decode(encoding, &encode(&batch, encoding, "s", "f7"), "s", "f7").unwrap();
            let ids: Vec<&str> = events.iter().map(|event| event.id.as_str()).collect();
            assert_eq!(ids, ["f7.0", "f7.1", "a", "b", "f7.4"]);
        }
    }

    #[test]
    fn rows_of_an_arrow_body_are_its_events() {
        let at = Timestamp::from_secs;
        let sample = |id, n| Event::sample("s", id, at(n), Series::new("m").label("n", n.to_string()), n as f64);
        let odd = Event { subject: Some("x".into()), ..sample("odd", 3) };
        let batch: EventBatch = [sample("", 1), Event::check("s", "", at(2), Check::of("t")), sample("a", 1), odd].into_iter().collect();
        let encoding = Encoding::Arrow(Compression::Lz4);
        let body = encode(&batch, encoding, "s", "f7");
        let mut events = Vec::new();
        let took = arrow_rows(&body, |index, row| {
            assert_eq!(index as usize, events.len());
            events.push(match row {
                ArrowRow::Event(event) => *event,
                ArrowRow::Sample { id, time, key, value } => {
                    let id = id.map_or_else(|| derived_id("f7", index as usize), str::to_owned);
                    Event::sample("s", id, Timestamp::from_micros(time), Series::from_key(key)?, value)
                }
            });
            Ok(())
        });
        assert!(took.is_ok());
        assert_eq!(events, decode(encoding, &body, "s", "f7").unwrap());
    }
}
