//! `pagerduty`: an incident of PagerDuty for each incident, by the Events API v2
//! (<https://developer.pagerduty.com/docs/events-api-v2-overview>).
//!
//! The `dedup_key` is the incident's id, so that a repeated event changes nothing, and what is acknowledged or resolved here is
//! so there. PagerDuty answers 202 when it has an event; its severities are the same four.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use floodmark_core::Result;
use floodmark_core::ports::{Clock, Notifier, Receipt, Refusal};
use floodmark_schemas::{Alert, Notification, Severity};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::check::{self, Look};
use super::http::{Client, Request, fault_of_timeout};
use super::link;
use super::scrub::Secrets;
use super::words::{self, Status, cut};
use crate::settings::{Fault, Secret, Span};
use crate::sources::http_probe::values::HttpUrl;

/// The longest summary.
const SUMMARY_CHARS_MAX: usize = 1_024;
/// How many alerts stand in the details: an event has at most 512 KB.
const ALERTS_MAX: usize = 50;

/// Opens, acknowledges and resolves incidents in PagerDuty.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "PagerDutyConfig")]
pub struct Config {
    /// Where the integration key of a service is found (Integrations, Events API v2).
    pub routing_key: Secret,
    /// Where events are sent. For accounts of the EU: `"https://events.eu.pagerduty.com/v2/enqueue"`.
    #[serde(default = "url")]
    pub url: HttpUrl,
    /// The address of an incident; `{id}` stands for its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// A PEM file with the authorities to trust instead of those of this machine, for a proxy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// How long one attempt may take: 60 s at most.
    #[serde(default = "timeout")]
    pub timeout: Span,
}

fn url() -> HttpUrl {
    "https://events.pagerduty.com/v2/enqueue".parse().expect("it is a URL")
}

fn timeout() -> Span {
    Span::secs(30)
}

impl Config {
    /// What cannot work. Reads no secret.
    pub fn validate(&self) -> Vec<Fault> {
        fault_of_timeout(self.timeout).into_iter().chain(link::fault(self.link.as_ref())).collect()
    }

    /// The event for a notification, without the key.
    pub fn event(&self, notification: &Notification) -> Value {
        event(notification, link::of(self.link.as_ref(), &notification.incident))
    }
}

/// One receiver of the kind `pagerduty`.
pub struct PagerDuty {
    config: Config,
    routing_key: String,
    secrets: Secrets,
    client: Client,
    clock: Arc<dyn Clock>,
}

impl PagerDuty {
    /// Prepares a receiver. Reads the secret, connects to nothing.
    ///
    /// # Errors
    /// `Broken` when the secret cannot be read.
    pub fn new(config: Config, clock: Arc<dyn Clock>) -> Result<Self> {
        if let Some(fault) = config.validate().into_iter().next() {
            return Err(fault.into());
        }
        let mut secrets = Secrets::default();
        let routing_key = secrets.read(&config.routing_key)?;
        let client = Client::new(config.timeout.0, config.ca_file.clone());
        Ok(Self { config, routing_key, secrets, client, clock })
    }
}

#[async_trait]
impl Look for PagerDuty {
    async fn look(&self) -> Result<String> {
        check::connect(self.config.url.parts(), self.config.ca_file.as_deref(), self.config.timeout.0).await
    }
}

#[async_trait]
impl Notifier for PagerDuty {
    async fn deliver(&self, notification: &Notification) -> Result<Receipt, Refusal> {
        let mut event = self.config.event(notification);
        event["routing_key"] = self.routing_key.clone().into();
        let request = Request::json(self.config.url.parts().clone(), &event);
        self.client.send(request, &self.secrets, self.clock.now()).await
    }
}

fn event(notification: &Notification, link: Option<String>) -> Value {
    let incident = &notification.incident;
    let status = words::status(notification);
    let action = match status {
        Status::Firing | Status::Test => "trigger",
        Status::Acknowledged => "acknowledge",
        Status::Resolved => "resolve",
    };
    if action != "trigger" {
        return json!({ "event_action": action, "dedup_key": incident.id });
    }
    // A test shall wake nobody.
    let severity = if status == Status::Test { Severity::Info } else { incident.severity };
    let first = notification.alerts.first();
    let group: Vec<String> = incident.group.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let mut payload = json!({
        "summary": cut(&words::title(notification), SUMMARY_CHARS_MAX),
        "source": first.map_or("floodmark", |alert| alert.source.as_str()),
        "severity": severity.name(),
        "timestamp": incident.opened,
        "custom_details": {
            "why": cut(&words::why(notification), SUMMARY_CHARS_MAX),
            "active": words::active(notification),
            "alerts": notification.alerts.iter().take(ALERTS_MAX).map(details).collect::<Vec<_>>(),
        },
    });
    if let Some(alert) = first {
        payload["component"] = alert.series.metric.clone().into();
        payload["class"] = alert.rule.clone().into();
    }
    if !group.is_empty() {
        payload["group"] = group.join(", ").into();
    }
    let mut event = json!({ "event_action": action, "dedup_key": incident.id, "payload": payload, "client": "Floodmark" });
    if let Some(link) = link {
        event["client_url"] = link.clone().into();
        event["links"] = json!([{ "href": link, "text": "The incident" }]);
    }
    event
}

fn details(alert: &Alert) -> Value {
    json!({
        "summary": cut(&words::summary(alert), SUMMARY_CHARS_MAX),
        "rule": alert.rule,
        "series": cut(&alert.series.to_string(), SUMMARY_CHARS_MAX),
        "severity": alert.severity,
        "state": alert.state,
        "value": alert.value,
        "limit": alert.threshold,
        "since": alert.fired.unwrap_or(alert.began),
    })
}
