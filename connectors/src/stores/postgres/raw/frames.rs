//! The events of a frame as rows.
//!
//! Samples of the usual shape, which this program writes, are read without making an [`Event`] of them. Whatever else an
//! event carries (other attributes, escapes) is read in full, so that nothing of it is lost.

use std::borrow::Cow;
use std::fmt::Write;

use bytes::BytesMut;
use floodmark_schemas::frame::{ArrowRow, EventOrSample, parse_event_or_sample};
use floodmark_schemas::{DecodeError, Encoding, Event, FrameHeader, Payload, Series, Timestamp, event, frame};
use memchr::{memchr, memmem};

use crate::stores::postgres::fields::{self, Place, Refused};
use crate::stores::postgres::raw::memory::Memory;
use floodmark_core::ports::Entry;

/// Who takes rows.
pub(super) trait Rows {
    /// Where the next row is written.
    fn out(&mut self) -> &mut BytesMut;
    /// The row is complete, or was refused.
    fn done(&mut self, index: u32, row: Result<(), Refused>);
}

/// Hands the events of a frame to `rows`.
///
/// # Errors
/// When the body is not what its encoding says; the events before the fault have been handed over.
pub(super) fn encode(memory: &mut Memory, header: &FrameHeader, entry: &Entry, rows: &mut impl Rows) -> Result<(), DecodeError> {
    match header.encoding {
        _ if entry.body.is_empty() => Ok(()),
        Encoding::Json => json(memory, header, entry, rows),
        Encoding::Arrow(_) => arrow(memory, header, entry, rows),
    }
}

fn arrow(memory: &mut Memory, header: &FrameHeader, entry: &Entry, rows: &mut impl Rows) -> Result<(), DecodeError> {
    let mut made = entry.id.clone().unwrap_or_else(|| entry.position.to_string());
    let (frame_id_bytes, mut spelling) = (made.len(), Vec::new());
    frame::arrow_rows(&entry.body, |index, row| {
        let place = place(entry, index);
        let row = match row {
            ArrowRow::Event(event) => whole(memory, rows.out(), place, &event, &mut spelling),
            ArrowRow::Sample { id, time, key, value } => {
                let id = id.unwrap_or_else(|| {
                    made.truncate(frame_id_bytes);
                    let _ = write!(made, ".{index}");
                    &made
                });
                let (known, fresh) = memory.series(&header.source);
                // Spellings from JSON have the character U+0000 in them, and keys never do.
                let common = known.common(key.as_bytes(), fresh, &header.source, || Series::from_key(key))?;
                common.and_then(|common| fields::sample(rows.out(), place, time, value, id, common))
            }
        };
        rows.done(index, row);
        Ok(())
    })
}

fn place(entry: &Entry, index: u32) -> Place {
    Place { position: entry.position.0, log_time: entry.time, index }
}

fn json(memory: &mut Memory, header: &FrameHeader, entry: &Entry, rows: &mut impl Rows) -> Result<(), DecodeError> {
    let usual = Usual::of(&header.source);
    let mut spelling = Vec::new();
    let mut rest = match entry.body.trim_ascii_start() {
        [b'[', rest @ ..] => rest.trim_ascii_start(),
        _ => return Err(DecodeError::new("the body is not a JSON array")),
    };
    let mut index = 0;
    loop {
        match rest {
            [b']', rest @ ..] if index == 0 && rest.trim_ascii().is_empty() => return Ok(()),
            _ => {}
        }
        let (element, taken) = parse_event_or_sample(rest)?;
        let place = place(entry, index);
        let row = match element {
            EventOrSample::Sample { id: Cow::Borrowed(id), time, series, value } if usual.is(&rest[..taken], id) => {
                let (known, fresh) = memory.series(&header.source);
                spelling.clear();
                series.write(&mut spelling);
                let common = known.common(&spelling, fresh, &header.source, || series.series())?;
                common.and_then(|common| fields::sample(rows.out(), place, time, value, id, common))
            }
            EventOrSample::Sample { .. } => {
                let event: Event = serde_json::from_slice(&rest[..taken]).map_err(|e| DecodeError::caused("not an event", e))?;
                whole(memory, rows.out(), place, &event, &mut spelling)
            }
            EventOrSample::Event(event) => whole(memory, rows.out(), place, &event, &mut spelling),
        };
        rows.done(index, row);
        index += 1;
        rest = rest[taken..].trim_ascii_start();
        rest = match rest {
            [b',', rest @ ..] => rest.trim_ascii_start(),
            [b']', rest @ ..] if rest.trim_ascii().is_empty() => return Ok(()),
            _ => return Err(DecodeError::new("the JSON array does not go on with ',' or end with ']'")),
        };
    }
}

/// What the attributes of a sample of one source look like when there are no others.
struct Usual {
    after_id: String,
    subject: memmem::Finder<'static>,
    content_type: memmem::Finder<'static>,
}

impl Usual {
    const BEFORE_ID: &'static [u8] = br#"{"specversion":"1.0","id":""#;

    fn of(source: &str) -> Self {
        let after_id = format!(r#"","source":"{source}","type":"{}","time":""#, event::SAMPLE);
        Self { after_id, subject: memmem::Finder::new(r#""subject""#), content_type: memmem::Finder::new(r#""datacontenttype""#) }
    }

    fn is(&self, text: &[u8], id: &str) -> bool {
        let Some(rest) = text.strip_prefix(Self::BEFORE_ID).and_then(|rest| rest.get(id.len()..)) else { return false };
        let Some(rest) = rest.strip_prefix(self.after_id.as_bytes()) else { return false };
        memchr(b'\\', rest).is_none() && self.subject.find(rest).is_none() && self.content_type.find(rest).is_none()
    }
}

/// Writes the row of an event that was read in full.
fn whole(memory: &mut Memory, out: &mut BytesMut, place: Place, event: &Event, spelling: &mut Vec<u8>) -> Result<(), Refused> {
    let (known, fresh) = memory.series(&event.source);
    match &event.payload {
        Payload::Sample(sample) => {
            spell(spelling, &sample.series);
            let clone = || Ok::<_, std::convert::Infallible>(sample.series.clone());
            let Ok(common) = known.common(spelling, fresh, &event.source, clone);
            fields::event(out, place, event, Some(common?))
        }
        Payload::Check(check) => {
            fields::event(out, place, event, None)?;
            known.check(fresh, &event.source, &check.series("up", ""));
            Ok(())
        }
        Payload::Record(_) => fields::event(out, place, event, None),
    }
}

/// Bytes that are equal only for equal series, and not for a spelling that was read from JSON.
fn spell(out: &mut Vec<u8>, series: &floodmark_schemas::Series) {
    out.clear();
    let labels = series.labels.iter().flat_map(|(name, value)| [name, value]);
    for text in [&series.metric, &series.unit].into_iter().chain(labels) {
        out.extend_from_slice(&(text.len() as u64).to_be_bytes());
        out.extend_from_slice(text.as_bytes());
    }
}

/// The event times of a frame that spans more than a few partitions.
pub(super) fn times(header: &FrameHeader, entry: &Entry) -> Vec<i64> {
    let frame_id = entry.position.to_string();
    let events = frame::decode(header.encoding, &entry.body, &header.source, &frame_id).unwrap_or_default();
    events.iter().map(|event| event.time).map(Timestamp::micros).collect()
}
