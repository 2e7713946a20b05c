//! `slack`: a message in a channel of Slack, by an incoming webhook (<https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks>).
//!
//! The message is made of blocks (<https://docs.slack.dev/reference/block-kit/blocks>). `&`, `<` and `>` are escaped, so that
//! nothing that is monitored can mention people (<https://docs.slack.dev/messaging/formatting-message-text>).

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use floodmark_core::ports::{Clock, Notifier, Receipt, Refusal};
use floodmark_core::{Error, Result};
use floodmark_schemas::{Alert, Notification, Severity, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use url::Url;

use super::check::{self, Look};
use super::http::{Client, Request, fault_of_timeout};
use super::link;
use super::scrub::Secrets;
use super::words::{self, Status, cut};
use crate::settings::{Fault, Secret, Span};

/// The longest text of a header block.
const HEADER_CHARS_MAX: usize = 150;
/// How much of a summary and of a series is shown: the text of a section block has at most 3,000 characters, and each may
/// become five when it is escaped.
const SUMMARY_CHARS_MAX: usize = 250;
/// How much of a unit is shown, twice beside summary and series.
const UNIT_CHARS_MAX: usize = 20;
/// How much is shown of why it is sent, which may hold a person's note.
const WHY_CHARS_MAX: usize = 500;
/// How much of the headline is in notices.
const TEXT_CHARS_MAX: usize = 500;
/// A path of fewer characters holds no key: hiding it would hide common words.
const KEY_CHARS_MIN: usize = 12;
/// How many alerts are shown: each is a block, and a message has at most 50.
const ALERTS_MAX: usize = 20;

/// Sends each notification to a channel of Slack.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "SlackConfig")]
pub struct Config {
    /// Where the address of the incoming webhook is found: `https://hooks.slack.com/services/...`. Who knows it can write to the
    /// channel, so it is a secret.
    pub url: Secret,
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

fn timeout() -> Span {
    Span::secs(30)
}

impl Config {
    /// What cannot work. Reads no secret.
    pub fn validate(&self) -> Vec<Fault> {
        fault_of_timeout(self.timeout).into_iter().chain(link::fault(self.link.as_ref())).collect()
    }

    /// The message for a notification.
    pub fn message(&self, notification: &Notification) -> Value {
        message(notification, link::of(self.link.as_ref(), &notification.incident))
    }
}

/// One receiver of the kind `slack`.
pub struct Slack {
    config: Config,
    url: Url,
    secrets: Secrets,
    client: Client,
    clock: Arc<dyn Clock>,
}

impl Slack {
    /// Prepares a receiver. Reads the secret, connects to nothing.
    ///
    /// # Errors
    /// `Broken` when the secret cannot be read or is no address.
    pub fn new(config: Config, clock: Arc<dyn Clock>) -> Result<Self> {
        if let Some(fault) = config.validate().into_iter().next() {
            return Err(fault.into());
        }
        let mut secrets = Secrets::default();
        let text = secrets.read(&config.url)?;
        let good = Url::parse(&text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        let url = good.ok_or_else(|| Error::broken(format!("the secret from {} is not an address of http or https", config.url)))?;
        let path = url.path().trim_matches('/');
        if path.len() >= KEY_CHARS_MIN {
            secrets.add(path);
        }
        let client = Client::new(config.timeout.0, config.ca_file.clone());
        Ok(Self { config, url, secrets, client, clock })
    }
}

#[async_trait]
impl Look for Slack {
    async fn look(&self) -> Result<String> {
        check::connect(&self.url, self.config.ca_file.as_deref(), self.config.timeout.0).await
    }
}

#[async_trait]
impl Notifier for Slack {
    async fn deliver(&self, notification: &Notification) -> Result<Receipt, Refusal> {
        let request = Request::json(self.url.clone(), &self.config.message(notification));
        self.client.send(request, &self.secrets, self.clock.now()).await
    }
}

fn message(notification: &Notification, link: Option<String>) -> Value {
    let headline = words::headline(notification);
    let header = format!("{} {headline}", sign(notification));
    let mut blocks = vec![
        json!({ "type": "header", "text": { "type": "plain_text", "text": cut(&header, HEADER_CHARS_MAX), "emoji": true } }),
        section(escape(&cut(&words::why(notification), WHY_CHARS_MAX))),
    ];
    blocks.extend(notification.alerts.iter().take(ALERTS_MAX).map(|alert| section(alert_text(alert))));
    let more = notification.alerts.len().saturating_sub(ALERTS_MAX) + usize::try_from(notification.left_out).unwrap_or(usize::MAX);
    if more > 0 {
        blocks.push(section(format!("and {more} more")));
    }
    let mut context = format!("Incident {} since {}", escape(&notification.incident.id), date(notification.incident.opened));
    if let Some(link) = link {
        context.push_str(&format!(" · <{}|open>", escape(&link)));
    }
    blocks.push(json!({ "type": "context", "elements": [{ "type": "mrkdwn", "text": context }] }));
    json!({ "text": escape(&cut(&headline, TEXT_CHARS_MAX)), "blocks": blocks })
}

fn section(text: String) -> Value {
    json!({ "type": "section", "text": { "type": "mrkdwn", "text": text } })
}

fn sign(notification: &Notification) -> &'static str {
    match (words::status(notification), notification.incident.severity) {
        (Status::Resolved, _) => ":white_check_mark:",
        (Status::Acknowledged, _) => ":eyes:",
        (Status::Test, _) => ":wave:",
        (Status::Firing, Severity::Critical) => ":rotating_light:",
        (Status::Firing, Severity::Error) => ":red_circle:",
        (Status::Firing, Severity::Warning) => ":large_orange_circle:",
        (Status::Firing, Severity::Info) => ":large_blue_circle:",
    }
}

fn alert_text(alert: &Alert) -> String {
    let summary = escape(&cut(&words::summary(alert), SUMMARY_CHARS_MAX));
    let series = escape(&cut(&alert.series.to_string().replace('`', "'"), SUMMARY_CHARS_MAX));
    let state = if alert.state.is_active() { alert.severity.name() } else { words::state(alert.state) };
    let mut text = format!("*{summary}*\n{state} · `{series}`");
    if let Some(value) = alert.value {
        text.push_str(&format!(" · {}{}", words::number(value), unit(alert)));
        if let Some(threshold) = alert.threshold {
            text.push_str(&format!(" (limit {}{})", words::number(threshold), unit(alert)));
        }
    }
    text.push_str(&match alert.state.is_active() {
        true => format!("\nsince {}", date(alert.fired.unwrap_or(alert.began))),
        false => format!("\nuntil {}", date(alert.time)),
    });
    text
}

fn unit(alert: &Alert) -> String {
    if alert.series.unit.is_empty() { String::new() } else { format!(" {}", escape(&cut(&alert.series.unit, UNIT_CHARS_MAX))) }
}

/// A time that Slack shows each reader in their own zone.
fn date(time: Timestamp) -> String {
    format!("<!date^{}^{{date_short_pretty}} {{time_secs}}|{time}>", time.micros().div_euclid(1_000_000))
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
