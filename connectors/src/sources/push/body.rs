//! From the body of a request to events.

use std::fmt;

use floodmark_core::Error;
use floodmark_schemas::{BatchBuilder, EventBatch, Timestamp};
use serde::de::{DeserializeSeed, Deserializer, Error as _, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::sources::received::{self, Manner};

/// The most events in a request.
pub const EVENTS_MAX: usize = 100_000;
/// The longest event.
pub const EVENT_BYTES_MAX: usize = 256 * 1024;
/// The most bad events that are set aside one by one; with more the whole request is refused.
pub const REJECTED_MAX: usize = 100;

/// How a body is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// One event, or an array of events.
    Json,
    /// One event a line.
    Ndjson,
}

impl Form {
    /// The form of a media type, if it is one that is read.
    pub fn of(content_type: &str) -> Option<Self> {
        let mut parts = content_type.split(';').map(str::trim);
        let form = match parts.next().unwrap_or_default().to_ascii_lowercase().as_str() {
            "application/json" | "application/cloudevents+json" | "application/cloudevents-batch+json" => Self::Json,
            "application/x-ndjson" | "application/ndjson" | "application/jsonl" => Self::Ndjson,
            _ => return None,
        };
        let charset = parts.find_map(|part| part.to_ascii_lowercase().strip_prefix("charset=").map(|c| c.trim_matches('"').to_owned()));
        charset.is_none_or(|charset| charset == "utf-8").then_some(form)
    }
}

/// An event that was not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bad {
    /// Its place among the events of the body, from 0.
    pub index: usize,
    /// What is wrong with it.
    pub reason: String,
    /// The event.
    pub original: Vec<u8>,
}

/// What a body holds.
#[derive(Debug, Default)]
pub struct Body {
    /// The good events.
    pub events: EventBatch,
    /// The bad ones; no more than [`REJECTED_MAX`] and one.
    pub bad: Vec<Bad>,
}

/// The body has more than [`EVENTS_MAX`] events.
#[derive(Debug, PartialEq, Eq)]
pub struct TooMany;

/// Reads the events of `bytes` as events of `source`. Reading stops when more than [`REJECTED_MAX`] are bad.
///
/// # Errors
/// When there are too many events.
pub fn read(bytes: &[u8], form: Form, source: &str, now: Timestamp) -> Result<Body, TooMany> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut reader = Reader { source, now, builder: BatchBuilder::default(), index: 0, bad: Vec::new() };
    match form {
        Form::Ndjson => {
            for line in bytes.split(|b| *b == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty()) {
                if !reader.add(line)? {
                    break;
                }
            }
        }
        Form::Json => match elements(bytes)? {
            Ok(elements) => {
                for element in elements {
                    if !reader.add(element.get().as_bytes())? {
                        break;
                    }
                }
            }
            Err(reason) => reader.bad.push(Bad { index: 0, reason, original: bytes.to_vec() }),
        },
    }
    Ok(Body { events: reader.builder.take(), bad: reader.bad })
}

/// The events in `original`, which was set aside once or has been corrected since: one event, an array or one a line.
///
/// # Errors
/// `Rejected` with the reason when there still is a bad one.
pub fn reread(source: &str, original: &str, now: Timestamp) -> floodmark_core::Result<EventBatch> {
    let bytes = original.trim_ascii().as_bytes();
    let form = if bytes.starts_with(b"[") { Form::Json } else { Form::Ndjson };
    let too_many = |_| Error::rejected(format!("more than {EVENTS_MAX} events"));
    // One event may be spread over several lines.
    let body = match read(bytes, Form::Json, source, now).map_err(too_many)? {
        one if one.bad.is_empty() => one,
        _ => read(bytes, form, source, now).map_err(too_many)?,
    };
    match body.bad.first() {
        None => Ok(body.events),
        Some(bad) => Err(Error::rejected(format!("event {}: {}", bad.index + 1, bad.reason))),
    }
}

struct Reader<'a> {
    source: &'a str,
    now: Timestamp,
    builder: BatchBuilder,
    index: usize,
    bad: Vec<Bad>,
}

impl Reader<'_> {
    /// Adds one event. `false` when enough was bad.
    fn add(&mut self, bytes: &[u8]) -> Result<bool, TooMany> {
        if self.index >= EVENTS_MAX {
            return Err(TooMany);
        }
        match one(bytes, self.source, self.now) {
            Ok(event) => self.builder.event(event),
            Err(reason) => self.bad.push(Bad { index: self.index, reason, original: bytes.to_vec() }),
        }
        self.index += 1;
        Ok(self.bad.len() <= REJECTED_MAX)
    }
}

fn one(bytes: &[u8], source: &str, now: Timestamp) -> Result<floodmark_schemas::Event, String> {
    if bytes.len() > EVENT_BYTES_MAX {
        return Err(format!("the event has {} bytes and {EVENT_BYTES_MAX} are taken at most", bytes.len()));
    }
    let text = std::str::from_utf8(bytes).map_err(|e| format!("not UTF-8: {e}"))?;
    received::event(text, source, Manner::Push { now })
}

/// The events of a JSON body, or why it is none.
fn elements(bytes: &[u8]) -> Result<Result<Vec<&RawValue>, String>, TooMany> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text.trim_ascii(),
        Err(e) => return Ok(Err(format!("the body is not UTF-8: {e}"))),
    };
    if !text.starts_with('[') {
        return Ok(serde_json::from_str(text).map(|event| vec![event]).map_err(|e| format!("the body is not JSON: {e}")));
    }
    let mut elements = Vec::new();
    let mut json = serde_json::Deserializer::from_str(text);
    let result = Elements(&mut elements).deserialize(&mut json).and_then(|()| json.end());
    match result {
        _ if elements.len() > EVENTS_MAX => Err(TooMany),
        Ok(()) => Ok(Ok(elements)),
        Err(e) => Ok(Err(format!("the body is not JSON: {e}"))),
    }
}

/// Collects the elements of an array, and stops at one too many.
struct Elements<'a, 'v>(&'v mut Vec<&'a RawValue>);

impl<'a> DeserializeSeed<'a> for Elements<'a, '_> {
    type Value = ();
    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'a> Visitor<'a> for Elements<'a, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of events")
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut seq: A) -> Result<(), A::Error> {
        while let Some(element) = seq.next_element()? {
            self.0.push(element);
            if self.0.len() > EVENTS_MAX {
                return Err(A::Error::custom("too many events"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"type":"floodmark.sample.v1","data":{"metric":"m","value":1}}"#;

    /// How many events were good, and the places of the bad ones.
    fn check(form: Form, text: impl AsRef<[u8]>, expected: Result<(usize, &[usize]), TooMany>) {
        let found = read(text.as_ref(), form, "s", Timestamp::from_secs(1));
        let found = found.map(|body| (body.events.len(), body.bad.iter().map(|bad| bad.index).collect::<Vec<_>>()));
        assert_eq!(found, expected.map(|(good, bad)| (good, bad.to_vec())));
    }

    #[test]
    fn bodies_of_every_form_are_read() {
        check(Form::Json, GOOD, Ok((1, &[])));
        check(Form::Json, format!("\u{feff} [{GOOD},\n1,{GOOD}] "), Ok((2, &[1])));
        check(Form::Json, "[]", Ok((0, &[])));
        check(Form::Json, format!("[{GOOD},"), Ok((0, &[0])));
        check(Form::Json, format!("{GOOD}{GOOD}"), Ok((0, &[0])));
        check(Form::Json, b"[\"\xff\"]", Ok((0, &[0])));
        check(Form::Ndjson, format!("\u{feff}{GOOD}\r\n\n{{}}\n{GOOD}"), Ok((2, &[1])));
        check(Form::Ndjson, [GOOD.as_bytes(), b"\n\xff\n", GOOD.as_bytes()].concat(), Ok((2, &[1])));
        check(Form::Ndjson, "", Ok((0, &[])));
        check(Form::Ndjson, format!("{GOOD}\n\"{}\"", "x".repeat(EVENT_BYTES_MAX)), Ok((1, &[1])));
    }

    #[test]
    fn events_are_counted() {
        check(Form::Ndjson, format!("{GOOD}\n").repeat(EVENTS_MAX), Ok((EVENTS_MAX, &[])));
        check(Form::Ndjson, format!("{GOOD}\n").repeat(EVENTS_MAX + 1), Err(TooMany));
        check(Form::Json, format!("[{}1]", "1,".repeat(EVENTS_MAX)), Err(TooMany));
        let places: Vec<usize> = (0..=REJECTED_MAX).collect();
        check(Form::Json, format!("[{}1]", "1,".repeat(EVENTS_MAX - 1)), Ok((0, &places)));
    }

    #[test]
    fn media_types_are_told_apart() {
        for (text, form) in [
            ("application/json", Some(Form::Json)),
            ("Application/JSON; charset=UTF-8", Some(Form::Json)),
            ("application/cloudevents-batch+json", Some(Form::Json)),
            ("application/x-ndjson;charset=\"utf-8\"", Some(Form::Ndjson)),
            ("application/json; charset=latin1", None),
            ("text/plain", None),
            ("", None),
        ] {
            assert_eq!(Form::of(text), form, "{text}");
        }
    }
}
