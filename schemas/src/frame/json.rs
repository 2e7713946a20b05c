//! Frames as JSON arrays of CloudEvents.

mod scan;
mod stencil;

use std::borrow::Cow;

use bytes::Bytes;
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use serde::Deserialize;
use serde_json::value::RawValue;
use stencil::Stencil;

use crate::{DecodeError, Event, EventBatch, Payload, Row, Series, Timestamp, event, frame::Visitor};

/// How many spellings are remembered before all are forgotten: a bound for sources that never repeat a series.
const SPELLINGS_MAX: usize = 2_000_000;

/// How series were spelled, with the ids that the visitor gave them.
#[derive(Debug, Default)]
pub struct Spellings {
    ids: HashMap<Box<[u8]>, u32, FixedState>,
    scratch: Vec<u8>,
}

/// The attributes of a sample, borrowed. Checks and records fit too: their data is then read again as what it is.
#[derive(Deserialize)]
struct Attributes<'a> {
    #[serde(borrow)]
    time: Cow<'a, str>,
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    data: Data<'a>,
}

#[derive(Deserialize)]
struct Data<'a> {
    #[serde(borrow, default)]
    metric: Cow<'a, str>,
    #[serde(borrow, default)]
    unit: Cow<'a, str>,
    #[serde(borrow, default)]
    labels: Option<&'a RawValue>,
    #[serde(default)]
    value: Option<f64>,
}

/// A sample as it stands in a text, or any other event.
#[derive(Debug)]
pub enum EventOrSample<'a> {
    /// A sample whose parts point into the text.
    Sample {
        /// The id, possibly empty.
        id: Cow<'a, str>,
        /// Event time in microseconds.
        time: i64,
        /// How its series is spelled.
        series: Spelling<'a>,
        /// The value.
        value: f64,
    },
    /// A check or a record.
    Event(Box<Event>),
}

/// A series as it stands in a text: the labels are not read until they have to be.
#[derive(Debug)]
pub struct Spelling<'a> {
    metric: Cow<'a, str>,
    unit: Cow<'a, str>,
    labels: Option<&'a str>,
}

impl Spelling<'_> {
    /// Appends bytes that are equal only for equal spellings.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.metric.as_bytes());
        out.push(0);
        out.extend_from_slice(self.unit.as_bytes());
        out.push(0);
        out.extend_from_slice(self.labels.unwrap_or_default().as_bytes());
    }

    /// Reads the series.
    ///
    /// # Errors
    /// When the metric is empty or the labels are not texts.
    pub fn series(&self) -> Result<Series, DecodeError> {
        if self.metric.is_empty() {
            return Err(DecodeError::new("a sample needs a metric"));
        }
        let labels = match self.labels {
            None => Default::default(),
            Some(text) => serde_json::from_str::<Option<_>>(text)
                .map_err(|e| DecodeError::caused(format!("labels {text} are not texts by name"), e))?
                .unwrap_or_default(),
        };
        Ok(Series { metric: self.metric.to_string(), unit: self.unit.to_string(), labels })
    }
}

/// Reads one event at the start of `text`; returns it with the number of bytes it took.
///
/// # Errors
/// When the text does not start with an event, or a sample has no finite value.
pub fn parse_event_or_sample(text: &[u8]) -> Result<(EventOrSample<'_>, usize), DecodeError> {
    match scan::sample(text) {
        Some(found) => Ok(found),
        None => parse_any(text),
    }
}

/// [`parse_event_or_sample`] for any shape.
fn parse_any(text: &[u8]) -> Result<(EventOrSample<'_>, usize), DecodeError> {
    let mut stream = serde_json::Deserializer::from_slice(text).into_iter::<Attributes<'_>>();
    match stream.next() {
        Some(Ok(attributes)) if attributes.kind == event::SAMPLE => {
            let taken = stream.byte_offset();
            let Data { metric, unit, labels, value } = attributes.data;
            let value = value.ok_or_else(|| DecodeError::new("a sample needs a number as value"))?;
            let time = Timestamp::parse(&attributes.time)?.micros();
            Ok((
                EventOrSample::Sample {
                    id: attributes.id,
                    time,
                    series: Spelling { metric, unit, labels: labels.map(RawValue::get) },
                    value,
                },
                taken,
            ))
        }
        // Not a sample, or a record whose data has fields of other types than a sample's: read it in full.
        _ => {
            let mut stream = serde_json::Deserializer::from_slice(text).into_iter::<Event>();
            match stream.next() {
                Some(Ok(event)) => Ok((EventOrSample::Event(Box::new(event)), stream.byte_offset())),
                Some(Err(e)) => Err(DecodeError::caused("not an event", e)),
                None => Err(DecodeError::new("no event")),
            }
        }
    }
}

pub(super) fn visit(spellings: &mut Spellings, body: &Bytes, visitor: &mut impl Visitor) -> Result<(), DecodeError> {
    let mut elements = Elements::new(body)?;
    let mut stencil = Stencil::default();
    let mut index = 0;
    while elements.begin()? {
        if let Some(sample) = stencil.sample(elements.rest) {
            if let Some(id) = spellings.id_of_start(sample.series, visitor) {
                visitor.sample(index, sample.time, id, sample.value);
                elements.rest = &elements.rest[sample.taken..];
                index += 1;
                continue;
            }
            stencil.distrust();
        }
        let (element, taken) = parse_event_or_sample(elements.rest)?;
        match element {
            EventOrSample::Sample { time, series, value, .. } => {
                let id = spellings.id(&series, visitor)?;
                visitor.sample(index, time, id, value);
            }
            EventOrSample::Event(event) => visitor.event(index, *event),
        }
        elements.rest = &elements.rest[taken..];
        index += 1;
    }
    Ok(())
}

impl Spellings {
    fn id(&mut self, series: &Spelling<'_>, visitor: &mut impl Visitor) -> Result<u32, DecodeError> {
        let mut spelling = std::mem::take(&mut self.scratch);
        spelling.clear();
        series.write(&mut spelling);
        let id = match self.ids.get(spelling.as_slice()) {
            Some(id) => Ok(*id),
            None => series.series().map(|series| self.remember(&spelling, &series, visitor)),
        };
        self.scratch = spelling;
        id
    }

    /// The id of a series of which the JSON object is given but for its closing brace; `None` when it is none. Such a
    /// spelling holds no zero byte, by which the other kind differs.
    fn id_of_start(&mut self, object: &[u8], visitor: &mut impl Visitor) -> Option<u32> {
        if let Some(id) = self.ids.get(object) {
            return Some(*id);
        }
        let text = format!("{}}}", std::str::from_utf8(object).ok()?);
        let series = Series::from_key(&text).ok().filter(|series| !series.metric.is_empty())?;
        Some(self.remember(object, &series, visitor))
    }

    fn remember(&mut self, spelling: &[u8], series: &Series, visitor: &mut impl Visitor) -> u32 {
        if self.ids.len() >= SPELLINGS_MAX {
            self.ids.clear();
        }
        let id = visitor.series(&series.key());
        self.ids.insert(spelling.into(), id);
        id
    }
}

/// The elements of a JSON array, one at a time, so that each can be read by its own type.
struct Elements<'a> {
    rest: &'a [u8],
    first: bool,
}

impl<'a> Elements<'a> {
    fn new(body: &'a [u8]) -> Result<Self, DecodeError> {
        match body.trim_ascii_start() {
            [b'[', rest @ ..] => Ok(Self { rest, first: true }),
            _ => Err(DecodeError::new("the body is not a JSON array")),
        }
    }

    /// Goes to the start of the next element; `false` when there is none.
    fn begin(&mut self) -> Result<bool, DecodeError> {
        self.rest = self.rest.trim_ascii_start();
        match (self.rest, self.first) {
            ([b']', rest @ ..], _) if rest.trim_ascii().is_empty() => return Ok(false),
            ([b',', rest @ ..], false) => self.rest = rest.trim_ascii_start(),
            (_, true) => {}
            _ => return Err(DecodeError::new("the JSON array does not go on with ',' or end with ']'")),
        }
        self.first = false;
        Ok(true)
    }
}

pub(super) fn decode(body: &Bytes) -> Result<Vec<Event>, DecodeError> {
    serde_json::from_slice(body).map_err(|e| DecodeError::caused("the body is not an array of events", e))
}

pub(super) fn encode(batch: &EventBatch, source: &str, frame_id: &str) -> Bytes {
    let mut out = Vec::with_capacity(2 + batch.len() * 192);
    let source = serde_json::to_string(source).expect("a string is JSON");
    out.push(b'[');
    for (i, row) in batch.rows().enumerate() {
        if i > 0 {
            out.extend_from_slice(b",\n");
        }
        match row {
            Row::Sample { time, id, series, value } => {
                out.extend_from_slice(br#"{"specversion":"1.0","id":"#);
                if id.is_empty() {
                    write_json(&mut out, &super::derived_id(frame_id, i))
                } else {
                    write_json(&mut out, id)
                }
                out.extend_from_slice(br#","source":"#);
                out.extend_from_slice(source.as_bytes());
                out.extend_from_slice(br#","type":"floodmark.sample.v1","time":""#);
                out.extend_from_slice(Timestamp::from_micros(time).to_string().as_bytes());
                out.extend_from_slice(br#"","data":"#);
                // The key is the JSON object of the series: the value joins it before its closing brace.
                out.extend_from_slice(&series.key.as_bytes()[..series.key.len() - 1]);
                out.extend_from_slice(br#","value":"#);
                serde_json::to_writer(&mut out, &value).expect("a number is JSON");
                out.extend_from_slice(b"}}");
            }
            Row::Event(event) => serde_json::to_writer(&mut out, event).expect("an event is JSON"),
        }
    }
    out.push(b']');
    out.into()
}

fn write_json(out: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(out, text).expect("a string is JSON");
}

/// Turns an [`EventOrSample`] into an event of `source`.
impl EventOrSample<'_> {
    /// The whole event.
    ///
    /// # Errors
    /// When the series cannot be read.
    pub fn into_event(self, source: &str) -> Result<Event, DecodeError> {
        match self {
            Self::Sample { id, time, series, value } => {
                Ok(Event::sample(source, id, Timestamp::from_micros(time), series.series()?, value))
            }
            Self::Event(event) => Ok(*event),
        }
    }

    /// Whether it is a sample.
    pub fn is_sample(&self) -> bool {
        matches!(self, Self::Sample { .. }) || matches!(self, Self::Event(e) if matches!(e.payload, Payload::Sample(_)))
    }
}
