//! Lines that differ from one that was read in full only by id, time and value.
//!
//! Whoever writes a file of samples writes them all alike. A template is learnt from a line that the strict reader
//! accepted: its text up to the inside of `data`, with places for id and time, and whether the value comes first or last
//! in `data`. What is left of a line, the series as it is spelled, is compared with spellings that the strict reader has
//! seen at that place. So a line that is read here is one that was read strictly but for two plain texts and a number,
//! and those are checked; every other line is left to the strict reader.

use floodmark_schemas::Timestamp;

/// What a line says, and how it spells the series.
#[derive(Debug, PartialEq)]
pub struct Reading<'a> {
    /// The id, or empty.
    pub id: &'a str,
    /// Event time in microseconds.
    pub time: i64,
    /// What remains of `data`: not checked.
    pub series: &'a [u8],
    /// The finite value.
    pub value: f64,
}

/// The shape of the lines of a file.
pub struct Template {
    parts: Vec<Part>,
    value: Value,
    /// The first 17 bytes of the last time, up to its seconds, and what they say.
    minute: ([u8; MINUTE_BYTES], i64),
}

enum Part {
    Fixed(Box<[u8]>),
    Id,
    Time,
}

/// Where the value is in `data`.
#[derive(Clone, Copy, PartialEq)]
enum Value {
    First,
    Last,
}

/// `YYYY-MM-DDTHH:MM:`
const MINUTE_BYTES: usize = 17;
const VALUE_FIRST: &[u8] = br#""value":"#;
const VALUE_LAST: &[u8] = br#","value":"#;

impl Template {
    /// The shape of `line`, which must have been read strictly as a sample. `None` when it is an unusual one.
    pub fn learn(line: &[u8]) -> Option<Self> {
        let mut parts = Vec::new();
        let mut fixed = 0;
        let mut at = 1;
        loop {
            let (name, rest) = quoted(line.get(at..)?)?;
            let value = line.len() - rest.strip_prefix(b":")?.len();
            if name == "data" {
                at = value + 1;
                break;
            }
            let (text, rest) = quoted(&line[value..])?;
            let part = match name {
                "id" => Some(Part::Id),
                "time" => Some(Part::Time),
                _ => None,
            };
            if let Some(part) = part {
                parts.push(Part::Fixed(line[fixed..=value].into()));
                parts.push(part);
                fixed = value + 1 + text.len();
            }
            at = line.len() - rest.strip_prefix(b",")?.len();
        }
        let value = if line.get(at..)?.starts_with(VALUE_FIRST) { Value::First } else { Value::Last };
        let end = if value == Value::First { at + VALUE_FIRST.len() } else { at };
        parts.push(Part::Fixed(line[fixed..end].into()));
        let template = Self { parts, value, minute: ([0; MINUTE_BYTES], 0) };
        template.has_time().then_some(template)
    }

    fn has_time(&self) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Time))
    }

    /// Reads a line of this shape. The series has to be one that was accepted by [`Self::accepts`] before.
    pub fn read<'a>(&mut self, line: &'a [u8]) -> Option<Reading<'a>> {
        let (mut id, mut time, mut rest) = ("", 0, line);
        for part in &self.parts {
            match part {
                Part::Fixed(text) => rest = rest.strip_prefix(&**text)?,
                Part::Id => (id, rest) = plain(rest)?,
                Part::Time => {
                    let length = memchr::memchr(b'"', &rest[..rest.len().min(32)])?;
                    time = read_time(&mut self.minute, &rest[..length])?;
                    rest = &rest[length..];
                }
            }
        }
        let (series, value) = match self.value {
            Value::First => {
                let comma = memchr::memchr(b',', rest)?;
                (&rest[comma..], number(&rest[..comma])?)
            }
            Value::Last => {
                let inner = rest.strip_suffix(b"}}")?;
                let colon = memchr::memrchr(b':', inner)?;
                (inner[..=colon].strip_suffix(VALUE_LAST)?, number(&inner[colon + 1..])?)
            }
        };
        Some(Reading { id, time, series, value })
    }

    /// Whether lines may be read by this spelling of a series. A line with it must have been read strictly.
    pub fn accepts(&self, series: &[u8]) -> bool {
        // A value that comes last belongs to `data` only if nothing before it has closed `data`.
        self.value == Value::First || stays_within(series)
    }
}

/// Whether `text` closes no more than it opens, at any place.
fn stays_within(text: &[u8]) -> bool {
    let (mut depth, mut in_text, mut escaped) = (0, false, false);
    for byte in text {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'{' | b'[' if !in_text => depth += 1,
            b'}' | b']' if !in_text && depth == 0 => return false,
            b'}' | b']' if !in_text => depth -= 1,
            _ => {}
        }
    }
    depth == 0 && !in_text
}

/// A text without escapes at the start of `rest`, and what follows its closing quote.
fn quoted(rest: &[u8]) -> Option<(&str, &[u8])> {
    let (text, rest) = plain(rest.strip_prefix(b"\"")?)?;
    Some((text, &rest[1..]))
}

/// Plain ASCII up to a quote, and what begins with the quote.
fn plain(rest: &[u8]) -> Option<(&str, &[u8])> {
    let (text, rest) = rest.split_at(memchr::memchr(b'"', rest)?);
    let is_plain = text.iter().all(|byte| (0x20..0x7f).contains(byte) && *byte != b'\\');
    is_plain.then_some((std::str::from_utf8(text).ok()?, rest))
}

/// A time in UTC with at most six digits of fraction. Only the first of a minute is read in full.
fn read_time((minute, start): &mut ([u8; MINUTE_BYTES], i64), text: &[u8]) -> Option<i64> {
    let (head, tail) = text.split_first_chunk::<MINUTE_BYTES>()?;
    let (secs, fraction) = match tail {
        [a, b, b'Z'] => (digits(&[*a, *b])?, 0),
        [a, b, b'.', fraction @ .., b'Z'] if (1..=6).contains(&fraction.len()) => {
            (digits(&[*a, *b])?, digits(fraction)? * 10i64.pow(6 - fraction.len() as u32))
        }
        _ => return None,
    };
    if secs > 59 {
        return None;
    }
    let within = secs * 1_000_000 + fraction;
    if minute != head {
        *start = Timestamp::parse(std::str::from_utf8(text).ok()?).ok()?.micros() - within;
        *minute = *head;
    }
    Some(*start + within)
}

fn digits(text: &[u8]) -> Option<i64> {
    text.iter().try_fold(0, |n, digit| digit.is_ascii_digit().then(|| n * 10 + i64::from(digit - b'0')))
}

/// A JSON number of at most 15 digits without exponent. Mantissa and power of ten are exact floats then, so that the one
/// division rounds correctly: W. D. Clinger, How to read floating point numbers accurately, PLDI 1990.
fn number(text: &[u8]) -> Option<f64> {
    const POWERS: [f64; 15] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14];
    let (negative, text) = text.strip_prefix(b"-").map_or((false, text), |text| (true, text));
    if text.len() > 16 {
        return None;
    }
    let point = text.iter().position(|byte| *byte == b'.');
    let (whole, fraction) = point.map_or((text, None), |at| (&text[..at], Some(&text[at + 1..])));
    if whole.is_empty() || (whole[0] == b'0' && whole.len() > 1) || fraction.is_some_and(<[u8]>::is_empty) {
        return None;
    }
    let fraction = fraction.unwrap_or_default();
    if whole.len() + fraction.len() > 15 {
        return None;
    }
    let mantissa = digits(whole)? * 10i64.pow(fraction.len() as u32) + digits(fraction)?;
    let magnitude = mantissa as f64 / POWERS[fraction.len()];
    Some(if negative { -magnitude } else { magnitude })
}

#[cfg(test)]
mod tests {
    use floodmark_schemas::frame::{EventOrSample, parse_event_or_sample};
    use proptest::prelude::*;

    use super::*;

    const LAST: &str = r#"{"specversion":"1.0","id":"a","source":"s","type":"floodmark.sample.v1","time":"2026-01-01T00:00:01Z","data":{"metric":"m","labels":{"x":"}"},"value":1.5}}"#;
    const FIRST: &str = r#"{"time":"2026-01-01T00:00:01.5Z","type":"floodmark.sample.v1","data":{"value":-2,"metric":"m","unit":"s"}}"#;

    #[test]
    fn the_parts_of_a_line_are_found() {
        let start = Timestamp::parse("2026-01-01T00:00:00Z").unwrap().micros();
        let mut last = Template::learn(LAST.as_bytes()).unwrap();
        let series = br#""metric":"m","labels":{"x":"}"}"#;
        assert_eq!(last.read(LAST.as_bytes()), Some(Reading { id: "a", time: start + 1_000_000, series, value: 1.5 }));
        assert!(last.accepts(series));
        let mut first = Template::learn(FIRST.as_bytes()).unwrap();
        let series = br#","metric":"m","unit":"s"}}"#;
        assert_eq!(first.read(FIRST.as_bytes()), Some(Reading { id: "", time: start + 1_500_000, series, value: -2.0 }));
        let next = LAST.replace("\"a\"", "\"b c\"").replace("00:01Z", "00:59.25Z").replace("1.5}}", "0}}");
        let read = last.read(next.as_bytes()).unwrap();
        assert_eq!((read.id, read.time, read.value), ("b c", start + 59_250_000, 0.0));
    }

    #[test]
    fn what_is_not_alike_is_left_to_the_strict_reader() {
        for (from, to) in [
            ("\"a\"", "\"\\u0061\""),
            ("\"a\"", "\"\u{e4}\""),
            ("\"a\"", "\"\t\""),
            ("\"s\"", "\"t\""),
            ("00:01Z", "00:60Z"),
            ("00:01Z", "00:01+00:00"),
            ("00:01Z", "00:01.Z"),
            ("00:01Z", "00:01.1234567Z"),
            ("2026-01-01", "2026-02-30"),
            ("1.5}}", "01.5}}"),
            ("1.5}}", "1.}}"),
            ("1.5}}", ".5}}"),
            ("1.5}}", "}}"),
            ("1.5}}", "1e3}}"),
            ("1.5}}", "NaN}}"),
            ("1.5}}", "1234567890.1234567}}"),
            ("1.5}}", "1.5}} "),
            ("1.5}}", "1.5}"),
        ] {
            let mut template = Template::learn(LAST.as_bytes()).unwrap();
            assert_eq!(template.read(LAST.replace(from, to).as_bytes()), None, "{to}");
        }
        // The value behind `data` is not the value of the sample.
        let behind = LAST.replace(r#","value":1.5}}"#, r#","value":1},"x":{"y":2,"value":1}}"#);
        let mut template = Template::learn(behind.as_bytes()).unwrap();
        let series = template.read(behind.as_bytes()).unwrap().series;
        assert!(!template.accepts(series));
    }

    proptest! {
        #[test]
        fn a_number_is_that_of_the_strict_reader(text in "-?[0-9]{1,9}(\\.[0-9]{1,9})?") {
            if let Some(number) = number(text.as_bytes()) {
                let strict: f64 = serde_json::from_str(&text).unwrap();
                prop_assert_eq!(number.to_bits(), strict.to_bits());
            }
        }

        #[test]
        fn a_line_that_is_read_is_read_alike_by_the_strict_reader(at in 0..LAST.len(), byte in proptest::char::range(' ', '~')) {
            let mut line = LAST.to_owned();
            line.replace_range(at..=at, &byte.to_string());
            let mut template = Template::learn(LAST.as_bytes()).unwrap();
            let known = template.read(LAST.as_bytes()).unwrap().series;
            if let Some(read) = template.read(line.as_bytes()).filter(|read| read.series == known) {
                match parse_event_or_sample(line.as_bytes()) {
                    Ok((EventOrSample::Sample { id, time, value, .. }, taken)) => {
                        prop_assert_eq!((read.id, read.time, read.value, line.len()), (&*id, time, value, taken));
                    }
                    other => prop_assert!(false, "{}: {:?}", line, other),
                }
            }
        }
    }
}
