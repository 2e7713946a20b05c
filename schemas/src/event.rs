//! Events: what a source saw, in CloudEvents 1.0 form.
//!
//! Attribute names are those of <https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md>. The `type` says
//! which of three payloads `data` is: a sample, a check or a record.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Series, Timestamp};

/// One fact at one time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Event {
    /// Always `1.0`.
    #[serde(default = "specversion", deserialize_with = "specversion_1")]
    #[schemars(extend("const" = "1.0"))]
    pub specversion: String,
    /// Unique within the source: what tells a repeated event from a new one.
    pub id: String,
    /// The id of the source, as in `[sources.<id>]`.
    pub source: String,
    /// When it was so, not when it was seen here.
    pub time: Timestamp,
    /// What within the source it is about: a target, a repository, a place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The media type of `data`; JSON when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub datacontenttype: Option<String>,
    /// The kind (`type`) and its `data`.
    #[serde(flatten)]
    pub payload: Payload,
}

fn specversion() -> String {
    "1.0".to_owned()
}

fn specversion_1<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.starts_with("1.") { Ok(text) } else { Err(serde::de::Error::custom(format!("specversion {text:?} is not 1.0"))) }
}

/// The three kinds of event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", content = "data")]
pub enum Payload {
    /// A number of a series.
    #[serde(rename = "floodmark.sample.v1")]
    Sample(Sample),
    /// The result of one expected look at a target.
    #[serde(rename = "floodmark.check.v1")]
    Check(Check),
    /// Any other fact.
    #[serde(rename = "floodmark.record.v1")]
    Record(Record),
}

impl Payload {
    /// The CloudEvents `type`.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Sample(_) => SAMPLE,
            Self::Check(_) => CHECK,
            Self::Record(_) => RECORD,
        }
    }
}

/// The `type` of a sample.
pub const SAMPLE: &str = "floodmark.sample.v1";
/// The `type` of a check.
pub const CHECK: &str = "floodmark.check.v1";
/// The `type` of a record.
pub const RECORD: &str = "floodmark.record.v1";

/// A number of a series.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Sample {
    /// The finite number.
    pub value: f64,
    /// What it belongs to.
    #[serde(flatten)]
    pub series: Series,
}

/// The result of one expected look at a target. Every expected poll leaves one: done, failed or missed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Check {
    /// What was looked at: a URL, `host:port`, or the name of a resource.
    pub target: String,
    /// `true` up, `false` down, absent when nobody can say (a missed tick).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub up: Option<bool>,
    /// Why it is not up, or why nobody can say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// More about the reason, for people. Never parsed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The status code that was answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// How long the whole check took, in microseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_us: Option<u64>,
    /// How long each phase took. A phase that did not happen is absent, never zero.
    #[serde(default, skip_serializing_if = "Phases::is_empty")]
    pub phases: Phases,
    /// When the certificate that was presented ends, also when it was not accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_expires: Option<Timestamp>,
    /// The address that was used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// 1 for a scheduled try, more for repeats of it; for a missed tick the number of ticks missed in a row.
    #[serde(default = "one")]
    pub attempt: u32,
    /// What tells this target from others.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

fn one() -> u32 {
    1
}

impl Check {
    /// A check of `target` with nothing known yet.
    pub fn of(target: impl Into<String>) -> Self {
        Self {
            target: target.into(),
            up: None,
            reason: None,
            detail: None,
            status: None,
            duration_us: None,
            phases: Phases::default(),
            certificate_expires: None,
            address: None,
            attempt: 1,
            labels: BTreeMap::new(),
        }
    }

    /// The series `metric` of this target, for the numbers a check gives.
    pub fn series(&self, metric: &str, unit: &str) -> Series {
        let mut series = Series::new(metric).unit(unit).label("target", self.target.clone());
        series.labels.extend(self.labels.iter().map(|(k, v)| (k.clone(), v.clone())));
        series
    }
}

/// Microseconds spent in each phase of a check, summed over redirects.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Phases {
    /// Name to address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolve_us: Option<u64>,
    /// Connection establishment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connect_us: Option<u64>,
    /// TLS handshake.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls_us: Option<u64>,
    /// Request sent to first byte of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub processing_us: Option<u64>,
    /// First byte to last byte of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transfer_us: Option<u64>,
}

impl Phases {
    /// Whether no phase happened.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The phases that happened, by name, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
        [
            ("resolve", self.resolve_us),
            ("connect", self.connect_us),
            ("tls", self.tls_us),
            ("processing", self.processing_us),
            ("transfer", self.transfer_us),
        ]
        .into_iter()
        .filter_map(|(name, micros)| Some((name, micros?)))
    }
}

/// Why a check is not up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The name could not be resolved.
    Dns,
    /// The address refused the connection.
    ConnectRefused,
    /// No connection before the deadline.
    ConnectTimeout,
    /// The connection failed in another way.
    ConnectFailed,
    /// The certificate has ended.
    TlsExpired,
    /// The certificate is for another name.
    TlsHostname,
    /// Nobody trusted has signed the certificate.
    TlsUntrusted,
    /// The handshake failed in another way.
    TlsOther,
    /// The request could not be sent.
    SendFailed,
    /// No answer began before the deadline.
    FirstByteTimeout,
    /// The answer is not one of the protocol, or the connection ended before it.
    BadResponse,
    /// The answer's body did not end before the deadline.
    BodyTimeout,
    /// The body ended early.
    BodyTruncated,
    /// The status is not an expected one.
    Status,
    /// The body is not as expected.
    Body,
    /// It took longer than allowed.
    TooSlow,
    /// Too many redirects.
    RedirectLimit,
    /// The service asked to come back later.
    RateLimited,
    /// The credentials were refused.
    Unauthorized,
    /// The answer could not be understood.
    Malformed,
    /// The tick came while the check before it was still running, or while the process could not run.
    Missed,
    /// The check itself could not be made on this machine.
    Local,
    /// The check failed while this monitor itself could reach nothing: nobody can say.
    MonitorOffline,
}

/// Any other fact: a release, a webhook, a log line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Record {
    /// What kind of fact, for example `github.release`.
    pub name: String,
    /// The fact itself.
    #[serde(default)]
    pub fact: serde_json::Map<String, serde_json::Value>,
}

impl Event {
    /// A sample event.
    pub fn sample(source: &str, id: impl Into<String>, time: Timestamp, series: Series, value: f64) -> Self {
        Self::new(source, id, time, Payload::Sample(Sample { value, series }))
    }

    /// A check event; its subject is the target.
    pub fn check(source: &str, id: impl Into<String>, time: Timestamp, check: Check) -> Self {
        let subject = Some(check.target.clone());
        Self { subject, ..Self::new(source, id, time, Payload::Check(check)) }
    }

    /// A record event.
    pub fn record(source: &str, id: impl Into<String>, time: Timestamp, record: Record) -> Self {
        Self::new(source, id, time, Payload::Record(record))
    }

    fn new(source: &str, id: impl Into<String>, time: Timestamp, payload: Payload) -> Self {
        Self { specversion: specversion(), id: id.into(), source: source.to_owned(), time, subject: None, datacontenttype: None, payload }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attribute_names_are_those_of_cloudevents() {
        let event = Event::sample("host", "1", Timestamp::from_secs(0), Series::new("load1").label("host", "a"), 0.5);
        let text = serde_json::to_string(&event).unwrap();
        assert_eq!(
            text,
            r#"{"specversion":"1.0","id":"1","source":"host","time":"1970-01-01T00:00:00Z","type":"floodmark.sample.v1","data":{"value":0.5,"metric":"load1","labels":{"host":"a"}}}"#
        );
        assert_eq!(serde_json::from_str::<Event>(&text).unwrap(), event);
    }

    #[test]
    fn another_version_or_type_is_refused() {
        for bad in [
            r#"{"specversion":"0.3","id":"1","source":"s","time":"1970-01-01T00:00:00Z","type":"floodmark.sample.v1","data":{"value":1,"metric":"m"}}"#,
            r#"{"id":"1","source":"s","time":"1970-01-01T00:00:00Z","type":"floodmark.sample.v9","data":{"value":1,"metric":"m"}}"#,
            r#"{"id":"1","source":"s","time":"1970-01-01T00:00:00Z","type":"floodmark.sample.v1","data":{"metric":"m"}}"#,
        ] {
            assert!(serde_json::from_str::<Event>(bad).is_err(), "{bad}");
        }
    }
}
