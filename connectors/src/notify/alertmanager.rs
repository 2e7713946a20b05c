//! `alertmanager`: alerts to a Prometheus Alertmanager, by its API v2
//! (<https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml>, `POST /api/v2/alerts`).
//!
//! Alertmanager knows an alert by its labels: `alertname` (the rule), `severity`, `source`, `metric` and those of the alert. One
//! that has another severity now is another one there, so the one that it knows is ended. It forgets an alert of which it hears
//! nothing until `endsAt` (<https://prometheus.io/docs/alerting/latest/alerts_api/>); that is `resolve_after` from now while the
//! alert lasts, and a month where nothing more is said of it because somebody looks after the incident.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use floodmark_core::Result;
use floodmark_core::ports::{Clock, Notifier, Receipt, Refusal};
use floodmark_schemas::{Alert, Notification, Severity, Timestamp};
use hyper::header::{AUTHORIZATION, HeaderMap};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::check::{self, Look};
use super::http::{Client, Request, add_secret, fault_of_timeout};
use super::link;
use super::scrub::Secrets;
use super::words;
use crate::settings::{Fault, Secret, Span};
use crate::sources::http_client::join;
use crate::sources::http_probe::values::HttpUrl;

/// How long an alert lasts at least when its incident is acknowledged: it is not repeated then, and its end is told.
const ACKNOWLEDGED: Span = Span::secs(30 * 24 * 3_600);

/// Sends alerts to an Alertmanager, which then groups, silences and routes them by its own rules.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "AlertmanagerConfig")]
pub struct Config {
    /// Its address; `/api/v2/alerts` is added.
    #[serde(default = "url")]
    pub url: HttpUrl,
    /// Sends `Authorization: Bearer <secret>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bearer_token: Option<Secret>,
    /// How long Alertmanager takes an alert for active when it hears nothing more of it; in an acknowledged incident, which is
    /// not repeated, at least 30 days. Make it longer than the time after which notifications are repeated.
    #[serde(default = "resolve_after")]
    pub resolve_after: Span,
    /// The address of an incident, which becomes `generatorURL`; `{id}` stands for its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// A PEM file with the authorities to trust instead of those of this machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// How long one attempt may take: 60 s at most.
    #[serde(default = "timeout")]
    pub timeout: Span,
}

fn url() -> HttpUrl {
    "http://127.0.0.1:9093".parse().expect("it is a URL")
}

fn resolve_after() -> Span {
    Span::secs(24 * 3_600)
}

fn timeout() -> Span {
    Span::secs(30)
}

impl Config {
    /// What cannot work. Reads no secret.
    pub fn validate(&self) -> Vec<Fault> {
        let mut faults: Vec<Fault> = fault_of_timeout(self.timeout).into_iter().chain(link::fault(self.link.as_ref())).collect();
        if self.resolve_after < Span::secs(60) {
            let what = format!("alerts would be over there after {}", self.resolve_after);
            faults.push(Fault::of("resolve_after", what, "write for example \"24h\""));
        }
        faults
    }

    /// The alerts of a notification that have fired, as of `now`.
    pub fn alerts(&self, notification: &Notification, now: Timestamp) -> Vec<Value> {
        let link = link::of(self.link.as_ref(), &notification.incident);
        let lasts = if notification.incident.acknowledged.is_some() { self.resolve_after.max(ACKNOWLEDGED) } else { self.resolve_after };
        let until = now.plus_micros(lasts.micros());
        let post = |alert: &Alert, severity, ends| posted(alert, severity, ends, notification, link.as_ref());
        let mut all = Vec::new();
        for alert in &notification.alerts {
            let known = notification.severity_before.get(&alert.id).copied();
            if alert.state.is_active() {
                all.push(post(alert, alert.severity, until));
                // An end before the beginning would be refused.
                all.extend(known.map(|known| post(alert, known, now.max(begin(alert)))));
            } else if alert.state.is_over() && alert.fired.is_some() {
                all.push(post(alert, known.unwrap_or(alert.severity), alert.time));
            }
        }
        all
    }
}

/// One receiver of the kind `alertmanager`.
pub struct Alertmanager {
    config: Config,
    headers: HeaderMap,
    secrets: Secrets,
    client: Client,
    clock: Arc<dyn Clock>,
}

impl Alertmanager {
    /// Prepares a receiver. Reads the secret, connects to nothing.
    ///
    /// # Errors
    /// `Broken` when the secret cannot be read.
    pub fn new(config: Config, clock: Arc<dyn Clock>) -> Result<Self> {
        if let Some(fault) = config.validate().into_iter().next() {
            return Err(fault.into());
        }
        let mut secrets = Secrets::default();
        let mut headers = HeaderMap::new();
        if let Some(token) = &config.bearer_token {
            add_secret(&mut headers, AUTHORIZATION, &format!("Bearer {}", secrets.read(token)?))?;
        }
        let client = Client::new(config.timeout.0, config.ca_file.clone());
        Ok(Self { config, headers, secrets, client, clock })
    }
}

#[async_trait]
impl Look for Alertmanager {
    async fn look(&self) -> Result<String> {
        check::connect(self.config.url.parts(), self.config.ca_file.as_deref(), self.config.timeout.0).await
    }
}

#[async_trait]
impl Notifier for Alertmanager {
    async fn deliver(&self, notification: &Notification) -> Result<Receipt, Refusal> {
        let now = self.clock.now();
        let alerts = self.config.alerts(notification, now);
        if alerts.is_empty() {
            return Ok(Receipt { answer: "none of its alerts has fired: there is nothing to send".to_owned() });
        }
        let mut request = Request::json(join(self.config.url.parts(), ["api", "v2", "alerts"]), &alerts.into());
        request.headers.extend(self.headers.clone());
        self.client.send(request, &self.secrets, now).await
    }
}

fn begin(alert: &Alert) -> Timestamp {
    alert.fired.unwrap_or(alert.began)
}

fn posted(alert: &Alert, severity: Severity, ends: Timestamp, notification: &Notification, link: Option<&String>) -> Value {
    let own =
        [("alertname", alert.rule.as_str()), ("severity", severity.name()), ("source", &alert.source), ("metric", &alert.series.metric)];
    let mut labels: BTreeMap<String, &str> = alert.labels.iter().map(|(name, value)| (label_name(name), value.as_str())).collect();
    labels.extend(own.map(|(name, value)| (name.to_owned(), value)));
    // An empty label is none, by the rules of Prometheus.
    labels.retain(|_, value| !value.is_empty());
    let mut annotations: BTreeMap<String, String> = alert.annotations.iter().map(|(name, text)| (label_name(name), text.clone())).collect();
    // The rule's own, unless it is empty.
    if annotations.get("summary").is_none_or(|summary| summary.trim().is_empty()) {
        annotations.insert("summary".to_owned(), words::whole_summary(alert));
    }
    annotations.insert("floodmark_alert".to_owned(), alert.id.clone());
    annotations.insert("floodmark_incident".to_owned(), notification.incident.id.clone());
    if let Some(value) = alert.value {
        annotations.insert("value".to_owned(), words::number(value));
    }
    let mut posted = json!({
        "labels": labels,
        "annotations": annotations,
        "startsAt": begin(alert),
        "endsAt": ends,
    });
    if let Some(link) = link {
        posted["generatorURL"] = link.clone().into();
    }
    posted
}

/// A name as Prometheus allows it (<https://prometheus.io/docs/concepts/data_model/#metric-names-and-labels>): letters, digits
/// and `_`, no digit first.
fn label_name(name: &str) -> String {
    let plain: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    if plain.starts_with(|c: char| c.is_ascii_digit()) || plain.is_empty() { format!("_{plain}") } else { plain }
}
