//! Times as tests write them: how long after the start of the test, or a time of the calendar.

use std::borrow::Cow;

use floodmark_connectors::settings::Span;
use floodmark_schemas::Timestamp;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

/// One time: `"90s"`, or `"2026-01-31T12:00:00Z"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Moment {
    /// So long after the start of the test.
    After(Span),
    /// This time.
    At(Timestamp),
}

/// From a time on, which belongs to it, to another, which does not: `"0s..1m"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Between {
    /// The first instant inside.
    pub from: Moment,
    /// The first instant after.
    pub to: Moment,
}

/// One time, or several at equal distances: `"10s"`, `"0s..1m every 10s"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Moments {
    /// One.
    One(Moment),
    /// The first at the start of the span, the others each so long after the one before, as long as the span lasts.
    Every(Between, Span),
}

/// A time of the calendar: `"2026-01-31T12:00:00Z"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Date(pub Timestamp);

impl Moment {
    /// The time, in a test that starts at `start`.
    pub fn on(self, start: Timestamp) -> Timestamp {
        match self {
            Self::After(span) => start.plus_micros(span.micros()),
            Self::At(time) => time,
        }
    }
}

impl Between {
    /// Both ends, in a test that starts at `start`.
    pub fn on(self, start: Timestamp) -> (Timestamp, Timestamp) {
        (self.from.on(start), self.to.on(start))
    }
}

impl Moments {
    /// How many times.
    pub fn count(self, start: Timestamp) -> u64 {
        match self {
            Self::One(_) => 1,
            Self::Every(between, every) => {
                let (from, to) = between.on(start);
                let micros = to.micros().saturating_sub(from.micros());
                u64::try_from(micros).unwrap_or(0).div_ceil(every.micros().unsigned_abs().max(1))
            }
        }
    }

    /// All times, in order.
    pub fn on(self, start: Timestamp) -> impl Iterator<Item = Timestamp> {
        let (first, every) = match self {
            Self::One(moment) => (moment.on(start), 0),
            Self::Every(between, every) => (between.from.on(start), every.micros()),
        };
        (0..self.count(start)).map(move |n| first.plus_micros(every.saturating_mul(i64::try_from(n).unwrap_or(i64::MAX))))
    }
}

impl TryFrom<String> for Moment {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        moment(&text)
    }
}

fn moment(text: &str) -> Result<Moment, String> {
    let after = || text.parse().map(Moment::After).ok();
    Timestamp::parse(text).map(Moment::At).ok().or_else(after).ok_or_else(|| {
        format!(
            "{text:?} is not a time of a test; write how long after its start, such as \"90s\", or a time such as \"2026-01-31T12:00:00Z\""
        )
    })
}

impl TryFrom<String> for Between {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        between(&text)
    }
}

fn between(text: &str) -> Result<Between, String> {
    let (from, to) = text.split_once("..").ok_or_else(|| format!("{text:?} has no end; write for example \"0s..1m\""))?;
    Ok(Between { from: moment(from.trim())?, to: moment(to.trim())? })
}

impl TryFrom<String> for Moments {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        match (text.split_once(" every "), text.contains("..")) {
            (None, false) => moment(&text).map(Self::One),
            (None, true) => Err(format!("{text:?} does not say how often; write for example \"{text} every 10s\"")),
            (Some((span, every)), _) => match every.trim().parse::<Span>()? {
                every if every.micros() == 0 => Err(format!("{text:?} would never end; write for example \"{span} every 10s\"")),
                every => between(span).map(|between| Self::Every(between, every)),
            },
        }
    }
}

impl TryFrom<String> for Date {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let time = Timestamp::parse(&text);
        time.map(Self).map_err(|_| format!("{text:?} is not a time; write for example \"2026-01-31T12:00:00Z\""))
    }
}

macro_rules! written_as_text {
    ($($name:ident),+) => {$(
        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string" })
            }
        }
    )+};
}

written_as_text!(Moment, Between, Moments, Date);

#[cfg(test)]
mod tests {
    use super::*;

    fn secs(text: &str) -> Result<Vec<i64>, String> {
        let moments = Moments::try_from(text.to_owned())?;
        Ok(moments.on(Timestamp::from_secs(100)).map(|time| time.micros() / 1_000_000).collect())
    }

    #[test]
    fn times_are_counted_from_the_start_and_the_end_of_a_span_is_outside() {
        for (text, expected) in [
            ("10s", &[110][..]),
            ("1970-01-01T00:00:07Z", &[7]),
            ("0s..30s every 10s", &[100, 110, 120]),
            ("5s .. 26s every 10s", &[105, 115, 125]),
            ("1970-01-01T00:01:45Z..10s every 2s", &[105, 107, 109]),
            ("10s..10s every 1s", &[]),
            ("20s..10s every 1s", &[]),
        ] {
            assert_eq!(secs(text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_time_says_how_to_write_one() {
        for (text, expected) in [
            ("soon", "\"soon\" is not a time of a test; write how long"),
            ("0s..1m", "\"0s..1m\" does not say how often; write for example \"0s..1m every 10s\""),
            ("0s..1m every 0s", "\"0s..1m every 0s\" would never end; write"),
            ("0s every 1s", "\"0s\" has no end; write for example \"0s..1m\""),
        ] {
            let message = secs(text).unwrap_err();
            assert!(message.starts_with(expected), "{message}");
        }
    }
}
