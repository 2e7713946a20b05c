//! The configuration of `tcp_probe`.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::super::probe::settings::{IpVersion, Pattern, Table, text_or_table, text_then};
use super::super::probe::{Plan, faults_of, shards};
use crate::settings::{Fault, Span};

/// Connects to addresses and reports whether they accept. What is set here holds for every target that does not set it
/// itself.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "TcpProbeConfig")]
pub struct Config {
    /// What to connect to: texts such as "example.org:22", or tables with an `address` and settings of their own.
    pub targets: Vec<Target>,
    /// Into how many parts the list of targets is split, 1 to 256. Several processes share the parts.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 256))]
    pub shards: u32,
    /// From one scheduled check of a target to the next.
    #[serde(default = "every")]
    pub every: Span,
    /// The deadline of one attempt: resolving, connecting, the TLS handshake and the expected answer together.
    #[serde(default = "timeout")]
    pub timeout: Span,
    /// How many more attempts follow when one fails. Each leaves an event; all must fit into `every`.
    #[serde(default)]
    pub retries: u32,
    /// The pause before each further attempt.
    #[serde(default = "retry_pause")]
    pub retry_pause: Span,
    /// A check that takes longer than this in all is a failure (`too_slow`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_max: Option<Span>,
    /// Which address family is used.
    #[serde(default)]
    pub ip: IpVersion,
    /// Whether a TLS handshake is made. The end of the certificate is then reported.
    #[serde(default)]
    pub tls: bool,
    /// Whether the certificate must be good. When it need not be, its end is reported all the same.
    #[serde(default = "yes")]
    pub tls_verify: bool,
    /// A PEM file with the authorities to trust instead of those of this machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// Whether a check that fails while this monitor is offline says "unknown" and not "down". Only with `[connectivity]`; switch it off where
    /// targets are reached without the line, such as those of this machine or of a private network.
    #[serde(default = "yes")]
    pub connectivity: bool,
}

/// One address to connect to. In the list of targets a text stands for a table with only an `address`.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(with = "AddressOrTarget", rename = "TcpTargetEntry")]
pub struct Target {
    #[serde(flatten)]
    fields: TargetFields,
}

/// An address, or a table with an address and more.
#[derive(JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "it exists for the JSON Schema only")]
enum AddressOrTarget {
    /// The address.
    Address(HostPort),
    /// The address and settings of its own.
    Target(Box<TargetFields>),
}

/// The settings of one target.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "TcpTarget")]
pub struct TargetFields {
    /// What to connect to: `host:port`, with IPv6 addresses in brackets.
    pub address: HostPort,
    /// What the target is called in events; the address when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Labels of its events.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// A text to send once connected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub send: Option<String>,
    /// A regular expression that what the service says must match. Without it a connection is enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect: Option<Pattern>,
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
    pub latency_max: Option<Span>,
    /// As in the source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip: Option<IpVersion>,
    /// As in the source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<bool>,
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

impl Config {
    /// By how much event times may go backwards: a check has the time at which it began, and others end meanwhile.
    pub fn disorder(&self) -> Duration {
        self.targets.iter().map(|target| self.plan(target).timeout).max().unwrap_or_default()
    }

    /// What cannot work. Reads no certificates.
    pub fn validate(&self) -> Vec<Fault> {
        let mut faults = shards::faults(self.shards);
        faults.extend(faults_of(&self.targets.iter().map(|target| self.plan(target)).collect::<Vec<_>>()));
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
            target: target.name.clone().unwrap_or_else(|| target.address.to_string()),
            labels: target.labels.clone(),
            every: target.every.unwrap_or(self.every).0,
            timeout: target.timeout.unwrap_or(self.timeout).0,
            retries: target.retries.unwrap_or(self.retries),
            retry_pause: self.retry_pause.0,
            latency_max: target.latency_max.or(self.latency_max).map(|span| span.0),
        }
    }
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
        text_or_table(deserializer, "an address such as \"example.org:22\", or a table with an address", |text| {
            let only_address = serde_json::json!({ "address": text });
            Ok(Self { fields: serde_json::from_value(only_address).map_err(|e| e.to_string())? })
        })
    }
}

/// A host and a port, such as `example.org:22` or `[::1]:22`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPort {
    /// The host, without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl std::str::FromStr for HostPort {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        if let Some((scheme, rest)) = text.split_once("://") {
            return Err(match scheme {
                "http" | "https" => format!("{text:?} is a URL; use a source of type \"http_probe\", or write \"host:port\""),
                _ => format!("{text:?} has a scheme; write {rest:?}"),
            });
        }
        let hint = || format!("{text:?} is not an address; write \"host:port\", such as \"example.org:22\" or \"[::1]:22\"");
        let (host, port) = text.rsplit_once(':').ok_or_else(hint)?;
        let port = port.parse().ok().filter(|port| *port > 0).ok_or_else(hint)?;
        let host = match host.strip_prefix('[') {
            Some(bracketed) => bracketed.strip_suffix(']').filter(|inner| inner.parse::<std::net::Ipv6Addr>().is_ok()).ok_or_else(hint)?,
            None if host.is_empty() || host.contains([':', '/', ' ', ']']) => return Err(hint()),
            None => host,
        };
        Ok(Self { host: host.to_owned(), port })
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') { write!(f, "[{}]:{}", self.host, self.port) } else { write!(f, "{}:{}", self.host, self.port) }
    }
}

impl Serialize for HostPort {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for HostPort {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text_then(deserializer, "an address as text, such as \"example.org:22\"")
    }
}

impl JsonSchema for HostPort {
    fn schema_name() -> Cow<'static, str> {
        "HostPort".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^.+:[0-9]+$", "description": "host:port, with IPv6 addresses in brackets" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_written() {
        for (text, host) in [("example.org:22", "example.org"), ("127.0.0.1:1", "127.0.0.1"), ("[::1]:65535", "::1")] {
            let address: HostPort = text.parse().unwrap();
            assert_eq!((address.host.as_str(), address.to_string().as_str()), (host, text));
        }
        for text in ["example.org", "example.org:", ":22", "::1:22", "example.org:0", "example.org:65536", "[x]:1", "[::1:1", "a b:1"] {
            assert!(text.parse::<HostPort>().unwrap_err().contains("host:port"), "{text}");
        }
        assert!("https://example.org".parse::<HostPort>().unwrap_err().contains("http_probe"));
        assert!("tcp://example.org:22".parse::<HostPort>().unwrap_err().contains("write \"example.org:22\""));
    }
}
