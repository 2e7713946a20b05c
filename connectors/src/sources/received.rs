//! One CloudEvent that somebody else wrote, as a line of a file or in a request.
//!
//! It is read more leniently than Floodmark's own frames: `specversion`, `id` and `source` may be missing, and fields that
//! are not known are passed over, as CloudEvents asks for extension attributes. Everything that is known is strict: an
//! attribute that stands there twice, another major version, an unknown `type`, a value that is not a finite number and
//! data nested deeper than [`DEPTH_MAX`] are refused. Of labels and facts that stand there twice the last one counts.

use std::borrow::Cow;
use std::collections::BTreeMap;

use floodmark_schemas::{Check, Event, Payload, Record, Series, Timestamp, event};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// How deep data may be nested: well below what readers of whole frames can take.
pub const DEPTH_MAX: usize = 64;

/// The label of a sample that says which source sent it.
pub const SENDER: &str = "sender";

#[derive(Deserialize)]
struct Attributes<'a> {
    #[serde(borrow, default)]
    specversion: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    source: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(default)]
    time: Option<Timestamp>,
    #[serde(borrow, default)]
    subject: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    datacontenttype: Option<Cow<'a, str>>,
    #[serde(borrow)]
    data: &'a RawValue,
}

#[derive(Deserialize)]
struct SampleData {
    metric: String,
    #[serde(default)]
    unit: Option<String>,
    #[serde(default)]
    labels: Option<BTreeMap<String, String>>,
    #[serde(deserialize_with = "finite")]
    value: f64,
}

fn finite<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    let value = f64::deserialize(deserializer)?;
    if value.is_finite() { Ok(value) } else { Err(serde::de::Error::custom("value is not a finite number")) }
}

/// What is done with attributes that are about the sender.
#[derive(Clone, Copy, Debug)]
pub enum Manner {
    /// The time has to be there; the sender's source is dropped.
    File,
    /// The time may be missing: then it is `now`. A sample of another source keeps its name as label [`SENDER`].
    Push {
        /// The time of events that have none.
        now: Timestamp,
    },
}

/// Reads the one event in `text` as an event of `source`. Without an id it stays empty.
///
/// # Errors
/// What is wrong with it, for the sender to read.
pub fn event(text: &str, source: &str, manner: Manner) -> Result<Event, String> {
    let attributes: Attributes<'_> = serde_json::from_str(text).map_err(|e| format!("not an event: {e}"))?;
    if let Some(version) = attributes.specversion.filter(|version| !version.starts_with("1.")) {
        return Err(format!("specversion {version:?} is not 1.0"));
    }
    let time = match (attributes.time, manner) {
        (Some(time), _) => time,
        (None, Manner::Push { now }) => now,
        (None, Manner::File) => return Err("not an event: missing field `time`".to_owned()),
    };
    writable(time.micros())?;
    let id = attributes.id.unwrap_or_default().into_owned();
    let payload = payload(&attributes.kind, attributes.data.get())?;
    let mut event = Event {
        subject: attributes.subject.map(Cow::into_owned),
        datacontenttype: attributes.datacontenttype.map(Cow::into_owned),
        payload,
        ..Event::sample(source, id, time, Series::default(), 0.0)
    };
    match (&mut event.payload, manner, attributes.source) {
        (Payload::Sample(sample), Manner::Push { .. }, Some(sender)) if sender != source => {
            sample.series.labels.entry(SENDER.to_owned()).or_insert_with(|| sender.into_owned());
        }
        (Payload::Check(check), ..) if event.subject.is_none() => event.subject = Some(check.target.clone()),
        _ => {}
    }
    Ok(event)
}

fn payload(kind: &str, data: &str) -> Result<Payload, String> {
    if depth(data) > DEPTH_MAX {
        return Err(format!("data is nested deeper than {DEPTH_MAX}"));
    }
    let wrong = |e: serde_json::Error| format!("data is not that of a {kind}: {e}");
    match kind {
        event::SAMPLE => {
            let SampleData { metric, unit, labels, value } = serde_json::from_str(data).map_err(wrong)?;
            if metric.is_empty() {
                return Err("data.metric is empty: a sample needs one".to_owned());
            }
            let series = Series { metric, unit: unit.unwrap_or_default(), labels: labels.unwrap_or_default() };
            Ok(Payload::Sample(event::Sample { value, series }))
        }
        event::CHECK => {
            let check: Check = serde_json::from_str(data).map_err(wrong)?;
            check.certificate_expires.map_or(Ok(0), |time| writable(time.micros()))?;
            if check.target.is_empty() { Err("data.target is empty: a check needs one".to_owned()) } else { Ok(Payload::Check(check)) }
        }
        event::RECORD => {
            let record: Record = serde_json::from_str(data).map_err(wrong)?;
            if record.name.is_empty() { Err("data.name is empty: a record needs one".to_owned()) } else { Ok(Payload::Record(record)) }
        }
        _ => Err(format!("type {kind:?} is none of {}, {} and {}", event::SAMPLE, event::CHECK, event::RECORD)),
    }
}

/// How deep objects and arrays of valid JSON are nested.
fn depth(json: &str) -> usize {
    let (mut depth, mut deepest, mut in_text, mut escaped) = (0usize, 0, false, false);
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'{' | b'[' if !in_text => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// Years 0 to 9999: what RFC 3339 can write.
const WRITABLE: std::ops::Range<i64> = -62_167_219_200_000_000..253_402_300_800_000_000;

/// The time, when RFC 3339 can write it.
///
/// # Errors
/// When it lies outside the years 0 to 9999.
pub fn writable(micros: i64) -> Result<i64, String> {
    if WRITABLE.contains(&micros) { Ok(micros) } else { Err("the time is outside the years 0 to 9999".to_owned()) }
}

/// An error with its causes in one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(e) = cause {
        text.push_str(": ");
        text.push_str(&e.to_string());
        cause = e.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Manner = Manner::Push { now: Timestamp::from_secs(7) };

    fn check(text: &str, expected: Result<Event, &str>) {
        match (event(text, "me", NOW), expected) {
            (Err(reason), Err(part)) => assert!(reason.contains(part), "{text}: {reason}"),
            (found, Ok(expected)) => assert_eq!(found, Ok(expected), "{text}"),
            (Ok(found), Err(part)) => panic!("{text}: {found:?} instead of {part}"),
        }
    }

    #[test]
    fn what_is_missing_is_filled_in_and_the_sender_is_kept() {
        let sample = |series| Event::sample("me", "", Timestamp::from_secs(7), series, 1.0);
        check(r#"{"type":"floodmark.sample.v1","data":{"metric":"m","value":1}}"#, Ok(sample(Series::new("m"))));
        check(
            r#"{"type":"floodmark.sample.v1","source":"you","traceparent":"x","data":{"metric":"m","value":1,"unit":null}}"#,
            Ok(sample(Series::new("m").label("sender", "you"))),
        );
        check(
            r#"{"type":"floodmark.sample.v1","source":"me","data":{"metric":"m","value":1,"labels":{"a":"1","a":"2"}}}"#,
            Ok(sample(Series::new("m").label("a", "2"))),
        );
        check(
            r#"{"type":"floodmark.check.v1","id":"9","source":"you","data":{"target":"t","up":true}}"#,
            Ok(Event::check("me", "9", Timestamp::from_secs(7), Check { up: Some(true), ..Check::of("t") })),
        );
        assert!(event(r#"{"type":"floodmark.sample.v1","data":{"metric":"m","value":1}}"#, "me", Manner::File).is_err());
    }

    #[test]
    fn what_is_wrong_is_named() {
        let sample = |data: &str| format!(r#"{{"type":"floodmark.sample.v1","data":{data}}}"#);
        check(&sample(r#"{"metric":"m","value":NaN}"#), Err("not an event"));
        check(&sample(r#"{"metric":"m","value":1e999}"#), Err("out of range"));
        check(&sample(r#"{"metric":"m","value":"1"}"#), Err("expected f64"));
        check(&sample(r#"{"metric":"m"}"#), Err("missing field `value`"));
        check(&sample(r#"{"metric":"","value":1}"#), Err("data.metric is empty"));
        check(&sample(r#"{"metric":"m","value":1,"value":2}"#), Err("duplicate field `value`"));
        check(&sample(r#"{"metric":"\ud800","value":1}"#), Err("hex escape"));
        check(r#"{"type":"x.y","data":{}}"#, Err("type \"x.y\" is none of"));
        check(r#"{"type":"floodmark.record.v1","type":"floodmark.record.v1","data":{}}"#, Err("duplicate field `type`"));
        check(r#"{"type":"floodmark.sample.v1"}"#, Err("missing field `data`"));
        check(r#"{"type":"floodmark.sample.v1","specversion":"0.3","data":{}}"#, Err("specversion \"0.3\" is not 1.0"));
        check(r#"{"type":"floodmark.sample.v1","time":"-000001-01-01T00:00:00Z","data":{}}"#, Err("outside the years 0 to 9999"));
        check(r#"{"type":"floodmark.sample.v1","time":"soon","data":{}}"#, Err("not an RFC 3339 time"));
        let nested = |depth: usize| {
            format!(r#"{{"type":"floodmark.record.v1","data":{{"name":"n","fact":{{"a":{}{}}}}}}}"#, "[".repeat(depth), "]".repeat(depth))
        };
        assert!(event(&nested(DEPTH_MAX - 2), "me", NOW).is_ok());
        check(&nested(DEPTH_MAX - 1), Err("nested deeper than 64"));
    }

    #[test]
    fn whole_numbers_above_two_to_the_53_are_rounded_in_samples_and_kept_in_records() {
        let text = r#"{"type":"floodmark.sample.v1","data":{"metric":"m","value":9007199254740993}}"#;
        check(text, Ok(Event::sample("me", "", Timestamp::from_secs(7), Series::new("m"), 9_007_199_254_740_992.0)));
        let text = r#"{"type":"floodmark.record.v1","data":{"name":"n","fact":{"n":9007199254740993}}}"#;
        let Payload::Record(record) = event(text, "me", NOW).unwrap().payload else { panic!("not a record") };
        assert_eq!(record.fact["n"].as_u64(), Some(9_007_199_254_740_993));
    }
}
