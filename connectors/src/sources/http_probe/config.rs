//! The configuration of `http_probe`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use super::super::probe::settings::{IpVersion, Pattern, Table, text_or_table};
use super::super::probe::{Plan, faults_of, shards};
use super::values::{HeaderText, HttpUrl, Method, StatusRange, header_name, header_value};
use crate::settings::{Fault, Secret, Size, Span};

/// Looks at URLs and reports whether they answer as expected. What is set here holds for every target that does not set
/// it itself.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "HttpProbeConfig")]
pub struct Config {
    /// What to look at: URLs, or tables with a `url` and settings of their own.
    pub targets: Vec<Target>,
    /// Into how many parts the list of targets is split, 1 to 256. Several processes share the parts.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 256))]
    pub shards: u32,
    /// From one scheduled check of a target to the next.
    #[serde(default = "every")]
    pub every: Span,
    /// The deadline of one attempt: resolving, connecting, redirects and reading the body together.
    #[serde(default = "timeout")]
    pub timeout: Span,
    /// How many more attempts follow at once when one fails. Each leaves an event; all must fit into `every`.
    #[serde(default)]
    pub retries: u32,
    /// The pause before each further attempt.
    #[serde(default = "retry_pause")]
    pub retry_pause: Span,
    /// The request method.
    #[serde(default)]
    pub method: Method,
    /// Request headers: texts, or secrets as `{ env = ".." }` or `{ file = ".." }`. Those of a target are added.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, HeaderText>,
    /// The User-Agent header. Some firewalls refuse what they do not know.
    #[serde(default = "user_agent")]
    pub user_agent: String,
    /// Which statuses are good: numbers, ranges such as "200-204", or classes such as "2xx".
    #[serde(default = "expect_status")]
    pub expect_status: Vec<StatusRange>,
    /// An answer that takes longer than this in all is a failure (`too_slow`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_max: Option<Span>,
    /// Whether redirects are followed, up to 10 of them. If not, the status of the redirect is the result.
    #[serde(default = "yes")]
    pub follow_redirects: bool,
    /// Which address family is used.
    #[serde(default)]
    pub ip: IpVersion,
    /// Whether the certificate must be good. When it need not be, its end is reported all the same.
    #[serde(default = "yes")]
    pub tls_verify: bool,
    /// A PEM file with the authorities to trust instead of those of this machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// How much of a body is kept for the expectations on it. The rest is read and dropped.
    #[serde(default = "body_bytes_max")]
    pub body_bytes_max: Size,
    /// Whether a check that fails while this monitor is offline says "unknown" and not "down". Only with `[connectivity]`; switch it off where
    /// targets are reached without the line, such as those of this machine or of a private network.
    #[serde(default = "yes")]
    pub connectivity: bool,
}

/// One URL to look at. In the list of targets a text stands for a table with only a `url`.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(with = "UrlOrTarget", rename = "HttpTargetEntry")]
pub struct Target {
    #[serde(flatten)]
    fields: TargetFields,
}

/// A URL, or a table with a URL and more.
#[derive(JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "it exists for the JSON Schema only")]
enum UrlOrTarget {
    /// The URL.
    Url(HttpUrl),
    /// The URL and settings of its own.
    Target(Box<TargetFields>),
}

/// The settings of one target.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "HttpTarget")]
pub struct TargetFields {
    /// What to look at.
    pub url: HttpUrl,
    /// What the target is called in events; the URL when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Labels of its events.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// A body to send with the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// Sends `Authorization: Bearer <secret>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bearer_token: Option<Secret>,
    /// A text the body must contain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_contains: Option<String>,
    /// A regular expression the body must match.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_matches: Option<Pattern>,
    /// A regular expression the body must not match.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_not_matches: Option<Pattern>,
    /// As in the source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<Span>,
    /// As in the source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Span>,
    /// As in the source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retries: Option<u32>,
    /// As in the source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<Method>,
    /// Added to those of the source; the same name replaces.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, HeaderText>,
    /// As in the source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect_status: Option<Vec<StatusRange>>,
    /// As in the source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_max: Option<Span>,
    /// As in the source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub follow_redirects: Option<bool>,
    /// As in the source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip: Option<IpVersion>,
    /// As in the source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls_verify: Option<bool>,
    /// As in the source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
}

fn one() -> u32 {
    1
}

fn every() -> Span {
    Span::secs(60)
}

fn timeout() -> Span {
    Span::secs(10)
}

fn retry_pause() -> Span {
    Span::secs(1)
}

fn yes() -> bool {
    true
}

fn user_agent() -> String {
    format!("floodmark/{}", env!("CARGO_PKG_VERSION"))
}

fn expect_status() -> Vec<StatusRange> {
    vec![StatusRange { from: 200, to: 299 }]
}

fn body_bytes_max() -> Size {
    Size(1 << 20)
}

impl Config {
    /// By how much event times may go backwards: a check has the time at which it began, and others end meanwhile.
    pub fn disorder(&self) -> Duration {
        self.targets.iter().map(|target| self.plan(target).timeout).max().unwrap_or_default()
    }

    /// What cannot work. Reads neither secrets nor certificates.
    pub fn validate(&self) -> Vec<Fault> {
        let mut faults = shards::faults(self.shards);
        faults.extend(faults_of(&self.targets.iter().map(|target| self.plan(target)).collect::<Vec<_>>()));
        if self.expect_status.is_empty() {
            faults.push(no_status("expect_status"));
        }
        if header_value(&self.user_agent).is_err() {
            faults.push(Fault::of("user_agent", NOT_IN_HEADERS, "write ASCII characters on one line"));
        }
        faults.extend(faults_of_headers(&self.headers));
        for (i, target) in self.targets.iter().enumerate() {
            let empty = target.expect_status.as_ref().is_some_and(Vec::is_empty).then(|| no_status("expect_status"));
            let own = empty.into_iter().chain(faults_of_headers(&target.headers));
            faults.extend(own.map(|fault| Fault { path: [vec!["targets".to_owned(), i.to_string()], fault.path].concat(), ..fault }));
        }
        faults
    }

    /// What is looked at, and how often.
    pub fn polls(&self) -> Vec<(String, Duration)> {
        let plans = self.targets.iter().map(|target| self.plan(target));
        plans.map(|plan| (plan.target, plan.every)).collect()
    }

    /// The configuration of each shard that has targets, by its number.
    pub fn split(&self) -> BTreeMap<u32, Self> {
        let mut others = self.clone();
        let parts = shards::split(std::mem::take(&mut others.targets), self.shards, |target| self.plan(target).target);
        parts.into_iter().map(|(shard, targets)| (shard, Self { targets, ..others.clone() })).collect()
    }

    /// When and how patiently `target` is looked at.
    pub(super) fn plan(&self, target: &Target) -> Plan {
        Plan {
            target: target.name.clone().unwrap_or_else(|| target.url.to_string()),
            labels: target.labels.clone(),
            every: target.every.unwrap_or(self.every).0,
            timeout: target.timeout.unwrap_or(self.timeout).0,
            retries: target.retries.unwrap_or(self.retries),
            retry_pause: self.retry_pause.0,
            latency_max: target.latency_max.or(self.latency_max).map(|span| span.0),
        }
    }
}

const NOT_IN_HEADERS: &str = "the value has characters that a header cannot have";

fn no_status(key: &str) -> Fault {
    Fault::of(key, "no answer would be good", format!("name a status, or remove `{key}` for 200 to 299"))
}

fn faults_of_headers(headers: &BTreeMap<String, HeaderText>) -> Vec<Fault> {
    let fault = |(name, text): (&String, &HeaderText)| {
        let (what, remedy) = match (header_name(name), text) {
            (Err(what), _) => (what, "remove it"),
            (Ok(_), HeaderText::Text(text)) if header_value(text).is_err() => {
                (NOT_IN_HEADERS.to_owned(), "write ASCII characters on one line")
            }
            _ => return None,
        };
        Some(Fault::of("headers", what, remedy).key(name))
    };
    headers.iter().filter_map(fault).collect()
}

impl std::ops::Deref for Target {
    type Target = TargetFields;
    fn deref(&self) -> &TargetFields {
        &self.fields
    }
}

impl Table for Target {
    fn table<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self { fields: TargetFields::deserialize(deserializer)? })
    }
}

impl<'de> Deserialize<'de> for Target {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text_or_table(deserializer, "a URL, or a table with a url", |text| {
            let only_url = serde_json::json!({ "url": text });
            Ok(Self { fields: serde_json::from_value(only_url).map_err(|e| e.to_string())? })
        })
    }
}
