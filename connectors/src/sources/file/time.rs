//! Times as files write them.

use std::borrow::Cow;

use floodmark_core::{Error, Result};
use floodmark_schemas::Timestamp;
use jiff::fmt::strtime::BrokenDownTime;
use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::sources::received::writable;

/// How times are written in a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub enum TimeFormat {
    /// RFC 3339 with any offset.
    #[default]
    Rfc3339,
    /// Seconds since the Unix epoch, whole or with a fraction.
    UnixSecs,
    /// Milliseconds since the Unix epoch.
    UnixMillis,
    /// Microseconds since the Unix epoch.
    UnixMicros,
    /// A pattern as of strptime.
    Pattern(String),
}

impl TryFrom<String> for TimeFormat {
    type Error = String;
    fn try_from(text: String) -> std::result::Result<Self, String> {
        match text.as_str() {
            "rfc3339" => Ok(Self::Rfc3339),
            "unix_s" => Ok(Self::UnixSecs),
            "unix_ms" => Ok(Self::UnixMillis),
            "unix_us" => Ok(Self::UnixMicros),
            pattern if pattern.contains('%') => match jiff::fmt::strtime::format(pattern, &jiff::Zoned::default()) {
                Ok(_) => Ok(Self::Pattern(text)),
                Err(e) => Err(format!("{pattern:?} is not a pattern of a time: {e}")),
            },
            _ => Err(format!(
                "{text:?} is not a time format; write rfc3339, unix_s, unix_ms, unix_us, or a pattern such as \"%Y/%m/%d %H:%M\""
            )),
        }
    }
}

impl From<TimeFormat> for String {
    fn from(format: TimeFormat) -> Self {
        match format {
            TimeFormat::Rfc3339 => "rfc3339".to_owned(),
            TimeFormat::UnixSecs => "unix_s".to_owned(),
            TimeFormat::UnixMillis => "unix_ms".to_owned(),
            TimeFormat::UnixMicros => "unix_us".to_owned(),
            TimeFormat::Pattern(pattern) => pattern,
        }
    }
}

/// Reads times of one format. It remembers the last one: many files repeat them.
pub struct TimeReader {
    format: TimeFormat,
    zone: TimeZone,
    last: (String, i64),
}

impl TimeReader {
    /// # Errors
    /// `Broken` when there is no such time zone.
    pub fn new(format: TimeFormat, zone: &str) -> Result<Self> {
        let zone = TimeZone::get(zone).map_err(|e| {
            Error::broken(format!("timezone = {zone:?} is not known; write UTC or a name such as Europe/Berlin")).because(e)
        })?;
        Ok(Self { format, zone, last: (String::new(), 0) })
    }

    /// Microseconds since the Unix epoch.
    ///
    /// # Errors
    /// When the text is not a time of the format.
    pub fn read(&mut self, text: &str) -> std::result::Result<i64, String> {
        let micros = match &self.format {
            TimeFormat::Rfc3339 => Timestamp::parse(text).map_err(|e| e.to_string())?.micros(),
            TimeFormat::UnixSecs => unix(text, 1_000_000)?,
            TimeFormat::UnixMillis => unix(text, 1_000)?,
            TimeFormat::UnixMicros => unix(text, 1)?,
            TimeFormat::Pattern(_) if self.last.0 == text => return Ok(self.last.1),
            TimeFormat::Pattern(pattern) => {
                let micros =
                    by_pattern(pattern, &self.zone, text).map_err(|e| format!("{text:?} is not a time of the pattern {pattern:?}: {e}"))?;
                self.last.0.clear();
                self.last.0.push_str(text);
                self.last.1 = micros;
                micros
            }
        };
        writable(micros)
    }
}

fn by_pattern(pattern: &str, zone: &TimeZone, text: &str) -> std::result::Result<i64, jiff::Error> {
    let parts = BrokenDownTime::parse(pattern, text)?;
    if parts.timestamp().is_some() || parts.offset().is_some() {
        return Ok(parts.to_timestamp()?.as_microsecond());
    }
    Ok(zone.to_timestamp(parts.to_datetime()?)?.as_microsecond())
}

fn unix(text: &str, unit_us: i64) -> std::result::Result<i64, String> {
    let wrong = |what: &str| format!("{text:?} is not a time since the Unix epoch: {what}");
    if let Ok(whole) = text.parse::<i64>() {
        return whole.checked_mul(unit_us).ok_or_else(|| wrong("it is too large"));
    }
    // Whole and fraction are read apart, because a float has too few digits for both.
    let (whole, fraction) = text.split_once('.').ok_or_else(|| wrong("it is not a number"))?;
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|c| c.is_ascii_digit());
    let negative = whole.starts_with('-');
    if !digits(whole.trim_start_matches('-')) || !digits(fraction) {
        return Err(wrong("it is not a number"));
    }
    let whole = whole.parse::<i64>().ok().and_then(|n| n.checked_mul(unit_us)).ok_or_else(|| wrong("it is too large"))?;
    let mut part = 0;
    let mut weight = unit_us;
    for digit in fraction.bytes() {
        weight /= 10;
        part += i64::from(digit - b'0') * weight;
    }
    whole.checked_add(if negative { -part } else { part }).ok_or_else(|| wrong("it is too large"))
}

/// The name of a format, for messages.
impl std::fmt::Display for TimeFormat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text: Cow<'_, str> = match self {
            Self::Pattern(pattern) => pattern.into(),
            other => String::from(other.clone()).into(),
        };
        f.write_str(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(format: &str, zone: &str, text: &str, expected: &str) {
        let format = TimeFormat::try_from(format.to_owned()).unwrap();
        let micros = TimeReader::new(format, zone).unwrap().read(text);
        assert_eq!(micros.map(|n| Timestamp::from_micros(n).to_string()), Ok(expected.to_owned()), "{text}");
    }

    #[test]
    fn times_of_every_format_are_read() {
        check("rfc3339", "UTC", "2025-11-23T23:10:03.412Z", "2025-11-23T23:10:03.412000Z");
        check("unix_s", "UTC", "1700000000", "2023-11-14T22:13:20Z");
        check("unix_s", "UTC", "1700000000.1234569", "2023-11-14T22:13:20.123456Z");
        check("unix_s", "UTC", "-0.5", "1969-12-31T23:59:59.500000Z");
        check("unix_ms", "UTC", "1700000000123", "2023-11-14T22:13:20.123000Z");
        check("unix_us", "UTC", "1700000000123456", "2023-11-14T22:13:20.123456Z");
        check("%Y/%m/%d %H:%M", "UTC", "2010/01/01 07:30", "2010-01-01T07:30:00Z");
        check("%Y/%m/%d %H:%M", "America/Los_Angeles", "2010/01/01 07:30", "2010-01-01T15:30:00Z");
        check("%Y-%m-%d", "UTC", "2023-01-01", "2023-01-01T00:00:00Z");
        check("%Y-%m-%d", "Europe/Berlin", "2023-07-01", "2023-06-30T22:00:00Z");
        check("%d.%m.%Y %H:%M:%S %z", "Europe/Berlin", "01.07.2023 00:00:00 +0500", "2023-06-30T19:00:00Z");
        check("%s", "Europe/Berlin", "1700000000", "2023-11-14T22:13:20Z");
    }

    #[test]
    fn a_local_time_that_comes_twice_is_the_earlier_and_one_that_is_skipped_moves_forward() {
        check("%Y-%m-%d %H:%M", "Europe/Berlin", "2023-10-29 02:30", "2023-10-29T00:30:00Z");
        check("%Y-%m-%d %H:%M", "Europe/Berlin", "2023-03-26 02:30", "2023-03-26T01:30:00Z");
    }

    #[test]
    fn what_is_not_a_time_is_refused() {
        for (format, text) in [
            ("unix_s", "soon"),
            ("unix_s", "1e9"),
            ("unix_s", "1."),
            ("unix_s", "--1.5"),
            ("unix_s", "9223372036854775807"),
            ("unix_s", "253402300800"),
            ("rfc3339", "2023-01-01"),
            ("rfc3339", "-000001-01-01T00:00:00Z"),
            ("%Y-%m-%d", "2023-02-29"),
            ("%Y-%m-%d", "2023-02-28x"),
        ] {
            let mut reader = TimeReader::new(TimeFormat::try_from(format.to_owned()).unwrap(), "UTC").unwrap();
            assert!(reader.read(text).is_err(), "{format} {text}");
        }
        assert!(TimeFormat::try_from("%".to_owned()).is_err());
        assert!(TimeFormat::try_from("iso".to_owned()).unwrap_err().contains("rfc3339"));
        assert!(TimeReader::new(TimeFormat::Rfc3339, "Mars/Olympus").is_err());
    }
}
