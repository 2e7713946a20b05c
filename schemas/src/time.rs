//! Points in time: microseconds since the Unix epoch, UTC, written as RFC 3339.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::DecodeError;

/// Microseconds since 1970-01-01T00:00:00Z. In JSON it is an RFC 3339 text, always in UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// Before every event; the watermark of a stream that has not started.
    pub const MIN: Self = Self(i64::MIN);
    /// After every event; the watermark of a source that has ended.
    pub const MAX: Self = Self(i64::MAX);

    /// A time from microseconds since the Unix epoch.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// A time from whole seconds since the Unix epoch.
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs * 1_000_000)
    }

    /// Microseconds since the Unix epoch.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Reads RFC 3339 with any offset.
    ///
    /// # Errors
    /// When the text is not a date and time with an offset, or lies outside the years -9999 to 9999.
    pub fn parse(text: &str) -> Result<Self, DecodeError> {
        if let Some(micros) = parse_utc(text.as_bytes()) {
            return Ok(Self(micros));
        }
        let time: jiff::Timestamp =
            text.parse().map_err(|e| DecodeError::caused(format!("{text:?} is not an RFC 3339 time such as 2026-01-31T12:00:00Z"), e))?;
        Ok(Self(time.as_microsecond()))
    }

    /// Appends the RFC 3339 text, with a fraction only where there is one.
    pub fn write_rfc3339(self, out: &mut String) {
        use fmt::Write;
        write!(out, "{self}").expect("writing to a string does not fail");
    }

    /// The same time moved by `micros`, stopping at [`Self::MIN`] and [`Self::MAX`].
    #[must_use]
    pub const fn plus_micros(self, micros: i64) -> Self {
        Self(self.0.saturating_add(micros))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let days = self.0.div_euclid(DAY);
        let within = self.0.rem_euclid(DAY);
        let (year, month, day) = civil(days);
        if !(0..=9999).contains(&year) {
            // MIN, MAX and the like have no calendar form. They appear in diagnostics, and MAX among the watermarks of a commit.
            return write!(f, "{}us", self.0);
        }
        let (secs, fraction) = (within / 1_000_000, within % 1_000_000);
        let mut text = *b"0000-00-00T00:00:00.000000Z";
        let mut put = |at: usize, width: usize, mut n: i64| {
            for i in (at..at + width).rev() {
                text[i] = b'0' + (n % 10) as u8;
                n /= 10;
            }
        };
        put(0, 4, year);
        put(5, 2, month);
        put(8, 2, day);
        put(11, 2, secs / 3600);
        put(14, 2, secs / 60 % 60);
        put(17, 2, secs % 60);
        put(20, 6, fraction);
        let text = std::str::from_utf8(&text).expect("digits and separators are ASCII");
        if fraction == 0 { write!(f, "{}Z", &text[..19]) } else { f.write_str(text) }
    }
}

const DAY: i64 = 86_400_000_000;

/// Days since the epoch to (year, month, day) of the proleptic Gregorian calendar, by the algorithm of
/// <https://howardhinnant.github.io/date_algorithms.html#civil_from_days>.
fn civil(days: i64) -> (i64, i64, i64) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let day_of_era = z.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// (year, month, day) to days since the epoch; the inverse of [`civil`].
fn days(year: i64, month: i64, day: i64) -> i64 {
    let y = year - i64::from(month <= 2);
    let era = y.div_euclid(400);
    let year_of_era = y.rem_euclid(400);
    let shifted_month = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * shifted_month + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// The common form `YYYY-MM-DDTHH:MM:SS[.fraction up to 9 digits]Z`, several times faster than the general parser.
/// `None` sends everything else, and everything out of range, to the general parser.
fn parse_utc(text: &[u8]) -> Option<i64> {
    let number =
        |from: usize, to: usize| text[from..to].iter().try_fold(0i64, |n, c| c.is_ascii_digit().then(|| n * 10 + i64::from(c - b'0')));
    if text.len() < 20 || text.len() > 30 || text[text.len() - 1] != b'Z' {
        return None;
    }
    if text[4] != b'-' || text[7] != b'-' || text[10] != b'T' || text[13] != b':' || text[16] != b':' {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    if !(1..=12).contains(&month) || !(1..=28).contains(&day) && civil(days(year, month, day)) != (year, month, day) {
        return None;
    }
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let fraction = match text.len() {
        20 => 0,
        21 => return None,
        n if text[19] == b'.' => {
            let kept = (n - 1).min(26);
            number(kept, n - 1)?;
            number(20, kept)? * 10i64.pow(26 - kept as u32)
        }
        _ => return None,
    };
    Some(days(year, month, day) * DAY + ((hour * 60 + minute) * 60 + second) * 1_000_000 + fraction)
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl de::Visitor<'_> for Text {
            type Value = Timestamp;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an RFC 3339 time such as 2026-01-31T12:00:00Z")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Timestamp, E> {
                Timestamp::parse(text).map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Text)
    }
}

impl JsonSchema for Timestamp {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Timestamp".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "format": "date-time", "description": "RFC 3339, UTC, at most microseconds" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, micros: i64, written: &str) {
        let time = Timestamp::parse(text).unwrap();
        assert_eq!(time.micros(), micros, "{text}");
        assert_eq!(time.to_string(), written, "{text}");
    }

    #[test]
    fn rfc3339_is_read_and_written() {
        check("1970-01-01T00:00:00Z", 0, "1970-01-01T00:00:00Z");
        check("2026-11-21T05:51:43.25Z", 1_795_240_303_250_000, "2026-11-21T05:51:43.250000Z");
        check("2024-02-29T23:59:59.999999999Z", 1_709_251_199_999_999, "2024-02-29T23:59:59.999999Z");
        check("2026-11-21T06:51:43+01:00", 1_795_240_303_000_000, "2026-11-21T05:51:43Z");
        check("1969-12-31T23:59:59.5Z", -500_000, "1969-12-31T23:59:59.500000Z");
    }

    #[test]
    fn what_is_not_a_time_is_refused() {
        for text in
            ["", "yesterday", "2023-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-01-01T25:00:00Z", "2026-01-01", "2026-01-01T00:00:00.Z"]
        {
            assert!(Timestamp::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_fast_reader_agrees_with_the_general_one() {
        for day in (-800_000..800_000).step_by(97) {
            let time = Timestamp(day * DAY + 12_345_678_901);
            let text = time.to_string();
            if let Ok(general) = text.parse::<jiff::Timestamp>() {
                assert_eq!(general.as_microsecond(), time.micros(), "{text}");
                assert_eq!(Timestamp::parse(&text).unwrap(), time);
            }
        }
    }
}
