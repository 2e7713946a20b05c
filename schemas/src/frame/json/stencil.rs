//! The exact shape in which [`super::encode`] writes a sample, so that our own frames are read by comparing bytes.
//!
//! A sample is one line: fixed text, id, text that is the same for all samples of a frame, time, series, value. The series is
//! the start of its `data` object up to the value, which comes last; it is not looked into, because the same bytes were
//! read strictly when they were first met. A line of any other shape is left to the other readers.

use super::scan::{find, number, plain_length};
use crate::Timestamp;

const HEAD: &[u8] = br#"{"specversion":"1.0","id":""#;
const SOURCE: &[u8] = br#"","source":""#;
const TIME: &[u8] = br#"","type":"floodmark.sample.v1","time":""#;
const DATA: &[u8] = br#"","data":"#;
const VALUE: &[u8] = br#","value""#;

/// A sample of that shape.
pub(super) struct Sample<'a> {
    pub time: i64,
    /// The object of the series without its closing brace; not checked.
    pub series: &'a [u8],
    pub value: f64,
    /// How many bytes it took.
    pub taken: usize,
}

/// Reads the samples of one frame.
#[derive(Default)]
pub(super) struct Stencil<'a> {
    /// From the end of the id to the start of the time, as in the sample before.
    middle: &'a [u8],
    /// The time up to the seconds, as in the sample before, and what it says.
    minute: (&'a [u8], i64),
    /// Set when lines do not end as expected: whoever wrote the frame did not write it by lines.
    off: bool,
}

impl<'a> Stencil<'a> {
    /// The sample at the start of `text`.
    pub fn sample(&mut self, text: &'a [u8]) -> Option<Sample<'a>> {
        if self.off {
            return None;
        }
        let rest = text.strip_prefix(HEAD)?;
        let (id, ascii) = plain_length(rest)?;
        if !ascii {
            return None;
        }
        let rest = self.skip_middle(&rest[id..])?;
        let end = if *rest.get(19)? == b'Z' { 20 } else { 27 };
        let (time, rest) = rest.split_at_checked(end)?;
        let time = self.time(time)?;
        let rest = rest.strip_prefix(DATA)?;
        let line = &rest[..find(b'\n', rest).unwrap_or(rest.len())];
        let found = data(line);
        self.off = found.is_none();
        let (series, value) = found?;
        // The comma or bracket after the sample is not part of it.
        let taken = text.len() - rest.len() + line.len() - 1;
        Some(Sample { time, series, value, taken })
    }

    /// Says that a sample was not one after all.
    pub fn distrust(&mut self) {
        self.off = true;
    }

    fn skip_middle(&mut self, text: &'a [u8]) -> Option<&'a [u8]> {
        if let (false, Some(rest)) = (self.middle.is_empty(), text.strip_prefix(self.middle)) {
            return Some(rest);
        }
        let rest = text.strip_prefix(SOURCE)?;
        let (source, ascii) = plain_length(rest)?;
        let rest = rest[source..].strip_prefix(TIME).filter(|_| ascii)?;
        self.middle = &text[..text.len() - rest.len()];
        Some(rest)
    }

    /// A time `YYYY-MM-DDTHH:MM:SSZ` or with six digits of fraction. Only the first of a minute is read in full.
    fn time(&mut self, text: &'a [u8]) -> Option<i64> {
        let (minute, rest) = text.split_at_checked(17)?;
        let (secs, fraction) = match rest {
            [a, b, b'Z'] => (digits(&[*a, *b])?, 0),
            [a, b, b'.', fraction @ .., b'Z'] => (digits(&[*a, *b])?, digits(fraction)?),
            _ => return None,
        };
        if secs > 59 {
            return None;
        }
        let within = secs * 1_000_000 + fraction;
        if self.minute.0 != minute {
            let time = Timestamp::parse(std::str::from_utf8(text).ok()?).ok()?;
            self.minute = (minute, time.micros() - within);
        }
        Some(self.minute.1 + within)
    }
}

fn digits(text: &[u8]) -> Option<i64> {
    text.iter().try_fold(0, |n, digit| digit.is_ascii_digit().then(|| n * 10 + i64::from(digit - b'0')))
}

/// The series and value of a line's rest `{<series>,"value":<number>}}` and one byte more.
fn data(line: &[u8]) -> Option<(&[u8], f64)> {
    let inner = line.split_last()?.1.strip_suffix(b"}}")?;
    let colon = inner.iter().rposition(|byte| *byte == b':')?;
    let series = inner[..colon].strip_suffix(VALUE)?;
    Some((series, number(&inner[colon + 1..])?))
}
