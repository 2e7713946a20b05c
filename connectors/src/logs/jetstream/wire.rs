//! How entries travel: subjects under the installation's prefix, and headers that every NATS client can read.
//!
//! # Subjects
//! `floodmark.<rest>` is `<prefix>.<rest>` on the wire; any other subject `x` is `<prefix>.other.x`.
//!
//! # Headers
//! A header keeps its name. A value of printable ASCII without spaces at its ends travels as it is; any other is
//! percent-encoded UTF-8 behind the marker `UTF-8''` (the extended values of RFC 8187): clients in other languages read
//! header blocks as ASCII. Further headers:
//! ```text
//! Nats-Msg-Id           the entry's id, by which the server recognises a repetition
//! Floodmark-Log-Time    microseconds since 1970 UTC: when an entry that was copied from another log was stored there
//! Floodmark-Id          the id of such an entry; the server does not look at it
//! ```

use std::borrow::Cow;
use std::fmt::Write;

use async_nats::HeaderMap;
use async_nats::header::{HeaderName, HeaderValue, NATS_MESSAGE_ID};
use bytes::Bytes;
use floodmark_core::ports::{Entry, NewEntry, Position};
use floodmark_core::{Error, Result};
use floodmark_schemas::{Headers, Timestamp, subject};

const OURS: &str = "floodmark.";
const OTHER: &str = "other.";
const MARKER: &str = "UTF-8''";
const LOG_TIME: &str = "Floodmark-Log-Time";
const ID: &str = "Floodmark-Id";

/// The subjects of one installation.
#[derive(Clone, Debug)]
pub(super) struct Subjects {
    /// The prefix with its dot.
    prefix: String,
}

impl Subjects {
    pub(super) fn new(prefix: &str) -> Self {
        Self { prefix: format!("{prefix}.") }
    }

    /// A subject or a pattern as it is on the wire. Patterns have no wildcard in their first token, but `>` is everything.
    pub(super) fn to_wire(&self, subject: &str) -> String {
        match subject.strip_prefix(OURS) {
            Some(rest) => format!("{}{rest}", self.prefix),
            None if subject == ">" => format!("{}>", self.prefix),
            None => format!("{}{OTHER}{subject}", self.prefix),
        }
    }

    /// The subject of what came from the wire, if it is one of this installation.
    pub(super) fn to_ours(&self, subject: &str) -> Option<String> {
        let rest = subject.strip_prefix(&self.prefix)?;
        Some(rest.strip_prefix(OTHER).map_or_else(|| format!("{OURS}{rest}"), str::to_owned))
    }

    /// An entry that came from the wire, if it is one of this installation.
    pub(super) fn entry(
        &self,
        wire_subject: &str,
        headers: Option<&HeaderMap>,
        body: Bytes,
        position: Position,
        stored: Timestamp,
    ) -> Option<Entry> {
        let subject = self.to_ours(wire_subject)?;
        let mut entry = Entry { position, time: stored, subject, id: None, headers: Headers::default(), body };
        if let Some(map) = headers {
            decode(map, &mut entry);
        }
        Some(entry)
    }
}

/// Refuses a subject that no entry can have.
pub(super) fn check_subject(subject: &str) -> Result<()> {
    let plain = |token: &str| !token.is_empty() && token.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'*' | b'>'));
    if subject.split('.').all(plain) {
        return Ok(());
    }
    Err(Error::rejected(format!("appending to {subject:?}: it is not a subject")))
}

/// When an entry that was copied from another log was stored there.
#[derive(Clone, Copy)]
pub(super) enum Stored {
    Now,
    At(Timestamp),
}

/// The headers of an entry as they travel; `None` when there are none.
///
/// # Errors
/// `Rejected` when a name cannot travel.
pub(super) fn encode(entry: &NewEntry, stored: Stored) -> Result<Option<HeaderMap>> {
    let mut map = HeaderMap::new();
    for (name, text) in entry.headers.iter() {
        let reserved = name.is_empty() || name.starts_with("Nats-") || name == LOG_TIME || name == ID;
        let name: HeaderName = name.parse().ok().filter(|_| !reserved).ok_or_else(|| refused(&entry.subject, name))?;
        map.insert(name, value(text));
    }
    if let Some(id) = &entry.id {
        match stored {
            Stored::Now => map.insert(NATS_MESSAGE_ID, value(id)),
            Stored::At(_) => map.insert(HeaderName::from_static(ID), value(id)),
        }
    }
    if let Stored::At(time) = stored {
        map.insert(HeaderName::from_static(LOG_TIME), HeaderValue::from(time.micros()));
    }
    Ok((!map.is_empty()).then_some(map))
}

fn refused(subject: &str, name: &str) -> Error {
    Error::rejected(format!("appending to {subject}: NATS does not carry a header with the name {name:?}"))
}

fn decode(map: &HeaderMap, entry: &mut Entry) {
    let mut pairs: Vec<(&str, Cow<'_, str>)> = Vec::with_capacity(map.len());
    for (name, values) in map.iter() {
        let (name, text): (&str, &str) = (name.as_ref(), values.first().map_or("", HeaderValue::as_str));
        match name {
            "Nats-Msg-Id" | ID => entry.id = Some(plain(text).into_owned()),
            LOG_TIME => entry.time = text.parse().map_or(entry.time, Timestamp::from_micros),
            name if name.starts_with("Nats-") => {}
            name => pairs.push((name, plain(text))),
        }
    }
    // The map has no order of its own; the same entry must read the same everywhere.
    pairs.sort_unstable_by_key(|(name, _)| *name);
    for (name, text) in pairs {
        entry.headers.set(name, text);
    }
}

fn value(text: &str) -> HeaderValue {
    let printable = text.bytes().all(|b| matches!(b, b' '..=b'~'));
    if printable && !text.starts_with([' ']) && !text.ends_with([' ']) && !text.starts_with(MARKER) {
        return HeaderValue::from(text);
    }
    let mut encoded = String::with_capacity(MARKER.len() + text.len() * 2);
    encoded.push_str(MARKER);
    for byte in text.bytes() {
        match byte {
            b'!'..=b'~' if byte != b'%' => encoded.push(char::from(byte)),
            _ => write!(encoded, "%{byte:02X}").expect("writing to a string does not fail"),
        }
    }
    HeaderValue::from(encoded)
}

/// What is not encoded well was written by somebody else and stays as it is.
fn plain(text: &str) -> Cow<'_, str> {
    match text.strip_prefix(MARKER).and_then(decoded) {
        Some(decoded) => Cow::Owned(decoded),
        None => Cow::Borrowed(text),
    }
}

fn decoded(encoded: &str) -> Option<String> {
    let mut bytes = encoded.bytes();
    let mut decoded = Vec::with_capacity(encoded.len());
    let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => u8::try_from(digit(bytes.next())? * 16 + digit(bytes.next())?).ok()?,
            byte => byte,
        });
    }
    String::from_utf8(decoded).ok()
}

/// The subjects that a consumer is to deliver so that everything comes that one of `patterns` matches; empty for all. The
/// server refuses filters that overlap: what another one covers is left out, and where that does not do, all is delivered
/// and sorted out here.
pub(super) fn filters(patterns: &[String]) -> Vec<&str> {
    let mut filters: Vec<&str> = Vec::new();
    for pattern in patterns.iter().map(String::as_str) {
        if pattern == ">" {
            return Vec::new();
        }
        if !filters.iter().any(|wider| covers(wider, pattern)) {
            filters.retain(|narrower| !covers(pattern, narrower));
            filters.push(pattern);
        }
    }
    let overlap = filters.iter().enumerate().any(|(i, a)| filters[..i].iter().any(|b| collide(a, b)));
    if overlap { Vec::new() } else { filters }
}

/// Whether every subject that `narrower` matches is matched by `wider`: a wildcard is a token like any other, but a last
/// `>` may be more than one.
fn covers(wider: &str, narrower: &str) -> bool {
    subject::matches(wider, narrower) && (!narrower.ends_with('>') || wider.ends_with('>'))
}

/// Whether a subject may match both.
fn collide(a: &str, b: &str) -> bool {
    let (mut a, mut b) = (a.split('.'), b.split('.'));
    loop {
        match (a.next(), b.next()) {
            (None, None) | (Some(">"), Some(_)) | (Some(_), Some(">")) => return true,
            (Some(x), Some(y)) if x == y || x == "*" || y == "*" => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_come_back_from_the_wire() {
        let subjects = Subjects::new("plant-2");
        for (ours, wire) in [
            ("floodmark.events.0.host", "plant-2.events.0.host"),
            ("floodmark.outputs.>", "plant-2.outputs.>"),
            ("a.x", "plant-2.other.a.x"),
            ("floodmarks.x", "plant-2.other.floodmarks.x"),
        ] {
            assert_eq!(subjects.to_wire(ours), wire);
            assert_eq!(subjects.to_ours(wire).as_deref(), Some(ours));
        }
        assert_eq!(subjects.to_ours("floodmark.events.0.host"), None);
    }

    fn entry(headers: &[(&str, &str)], id: Option<&str>) -> NewEntry {
        let mut all = Headers::default();
        headers.iter().for_each(|(name, value)| all.set(name, value));
        NewEntry { subject: "a".into(), id: id.map(str::to_owned), headers: all, body: Bytes::new() }
    }

    fn back(map: Option<&HeaderMap>) -> Entry {
        Subjects::new("p").entry("p.other.a", map, Bytes::new(), Position(1), Timestamp::from_micros(7)).unwrap()
    }

    fn travels(text: &str, wire: &str) {
        let map = encode(&entry(&[("Floodmark-Cursor", text)], Some(text)), Stored::Now).unwrap().unwrap();
        assert_eq!(map.get("Floodmark-Cursor").unwrap().as_str(), wire);
        let found = back(Some(&map));
        assert_eq!((found.headers.get("Floodmark-Cursor"), found.id.as_deref()), (Some(text), Some(text)));
        assert_eq!(found.time, Timestamp::from_micros(7));
    }

    #[test]
    fn plain_values_travel_as_they_are() {
        for text in ["", "7", "page: 7, x", "100%", "a%20b", r#"{"etag":"W/\"1\""}"#] {
            travels(text, text);
        }
    }

    #[test]
    fn values_that_are_not_plain_come_back() {
        travels("page: 7, städte", "UTF-8''page:%207,%20st%C3%A4dte");
        travels(" x ", "UTF-8''%20x%20");
        travels("100 %\t😀", "UTF-8''100%20%25%09%F0%9F%98%80");
        travels("UTF-8''x", "UTF-8''UTF-8''x");
        travels("\0", "UTF-8''%00");
    }

    #[test]
    fn what_others_wrote_stays_as_it_is() {
        for text in ["UTF-8''%", "UTF-8''%zz", "UTF-8''%FF"] {
            let mut map = HeaderMap::new();
            map.insert("X", text);
            assert_eq!(back(Some(&map)).headers.get("X"), Some(text));
        }
    }

    #[test]
    fn a_copied_entry_keeps_its_log_time_and_id() {
        let time = Timestamp::from_micros(1_700_000_000_123_456);
        let map = encode(&entry(&[("B", "2"), ("A", "1")], Some("one")), Stored::At(time)).unwrap().unwrap();
        assert!(map.get("Nats-Msg-Id").is_none());
        let found = back(Some(&map));
        assert_eq!((found.time, found.id.as_deref()), (time, Some("one")));
        assert_eq!(found.headers.iter().collect::<Vec<_>>(), [("A", "1"), ("B", "2")]);
        assert!(encode(&entry(&[], None), Stored::Now).unwrap().is_none());
    }

    #[test]
    fn names_and_subjects_that_nats_does_not_carry_are_rejected() {
        for name in ["", "Nats-Rollup", "Städte", "A:B", "Floodmark-Id"] {
            assert_eq!(encode(&entry(&[(name, "x")], None), Stored::Now).unwrap_err().kind(), floodmark_core::Kind::Rejected, "{name}");
        }
        for subject in ["", "a..b", "a b", "a.*", "a.>", "ä"] {
            assert!(check_subject(subject).is_err(), "{subject}");
        }
        assert!(check_subject("floodmark.events.0.host").is_ok());
    }

    #[test]
    fn filters_do_not_overlap() {
        let check = |patterns: &[&str], expected: &[&str]| {
            let patterns: Vec<String> = patterns.iter().map(|p| (*p).to_owned()).collect();
            assert_eq!(filters(&patterns), expected, "{patterns:?}");
        };
        check(&["a.0.*", "a.1.*"], &["a.0.*", "a.1.*"]);
        check(&["a.0.host", "a.0.*"], &["a.0.*"]);
        check(&["a.>", "a.0.*", "a.*.>"], &["a.>"]);
        check(&["a.*", "a.>"], &["a.>"]);
        check(&["a", "a"], &["a"]);
        check(&["a.0", ">"], &[]);
        // Neither covers the other.
        check(&["a.*.x", "a.0.*"], &[]);
        check(&["*.x", "a.>"], &[]);
    }
}
