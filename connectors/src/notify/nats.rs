//! `nats`: each alert as a message on `floodmark.alerts.<severity>.<rule>`, for whoever subscribes to it.
//!
//! The body is the [`floodmark_schemas::Alert`] as JSON (`schemas/samples/v1/alert.json`). Headers: `Nats-Msg-Id` is
//! `<alert id>.<step>`, by which a stream drops what it has already
//! (<https://docs.nats.io/nats-concepts/jetstream/headers>); `Floodmark-Incident`, `Floodmark-Notification` and
//! `Floodmark-Reason` say what it belongs to. Where a stream holds the subject its acknowledgement is waited for; where none does,
//! those who subscribe at that moment get it, and nobody else.

use async_nats::jetstream::context::{ContextBuilder, GetStreamByNameErrorKind, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;
use async_nats::{Client, HeaderMap};
use async_trait::async_trait;
use floodmark_core::ports::{Notifier, Receipt, Refusal};
use floodmark_core::{Error, Kind, Result};
use floodmark_schemas::{Alert, Notification, subject};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::OnceCell;

use super::check::{LOOK_MAX, Look};
use super::http::fault_of_timeout;
use crate::logs::jetstream;
use crate::settings::{Fault, Secret, Span};

/// Publishes each alert to a subject of NATS, `floodmark.alerts.<severity>.<rule>`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NatsReceiverConfig")]
pub struct Config {
    /// The servers, as `"nats://host:port"` or `"tls://host:port"`. Without them the connection settings of `[log]` with
    /// `type = "jetstream"` hold, all of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub servers: Vec<String>,
    /// What subjects begin with; when absent the `prefix` of `[log]`, or `floodmark`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// Whether a stream must hold the subjects: `"auto"` waits for the acknowledgement of one that does, `"required"` counts an
    /// alert that no stream holds as not delivered, `"never"` asks no stream.
    #[serde(default)]
    pub stream: Stream,
    /// The user, with `password`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The password of `user`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<Secret>,
    /// A token instead of a user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<Secret>,
    /// The seed of an NKey instead of a user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nkey: Option<Secret>,
    /// A file with a JWT and its seed (`.creds`) instead of a user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials: Option<std::path::PathBuf>,
    /// How the connection is encrypted. With it, a server that does not encrypt is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<jetstream::Tls>,
    /// How long one attempt may take: 60 s at most.
    #[serde(default = "timeout")]
    pub timeout: Span,
}

/// Whether a stream must hold the subjects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Stream {
    /// Where one does, its acknowledgement is waited for.
    #[default]
    Auto,
    /// Without one an alert is not delivered.
    Required,
    /// It is not asked.
    Never,
}

fn timeout() -> Span {
    Span::secs(30)
}

impl Config {
    /// What cannot work. Reads no secret. Whether `[log]` has servers is checked where both are known.
    pub fn validate(&self) -> Vec<Fault> {
        let mut faults: Vec<Fault> = fault_of_timeout(self.timeout).into_iter().collect();
        let own_identity = [
            ("user", self.user.is_some()),
            ("password", self.password.is_some()),
            ("token", self.token.is_some()),
            ("nkey", self.nkey.is_some()),
            ("credentials", self.credentials.is_some()),
            ("tls", self.tls.is_some()),
        ];
        if self.servers.is_empty() {
            let unused = own_identity.iter().filter(|(_, there)| *there);
            faults.extend(unused.map(|(key, _)| Fault::of(key, "it is for `servers`, and there are none", "add `servers`, or remove it")));
        }
        faults.extend(self.connection(&jetstream::Config::default()).validate());
        faults
    }

    /// The subject of an alert; `log` is what `[log]` says when its type is `jetstream`.
    ///
    /// # Errors
    /// `Rejected` when its rule cannot stand in a subject.
    pub fn subject(&self, alert: &Alert, log: Option<&jetstream::Config>) -> Result<String> {
        subject_of(alert, &self.connection(log.unwrap_or(&jetstream::Config::default())).prefix)
    }

    /// How to connect: `log` is what `[log]` says.
    fn connection(&self, log: &jetstream::Config) -> jetstream::Config {
        let prefix = self.prefix.clone().unwrap_or_else(|| log.prefix.clone());
        if self.servers.is_empty() {
            return jetstream::Config { prefix, ..log.clone() };
        }
        jetstream::Config {
            servers: self.servers.clone(),
            prefix,
            user: self.user.clone(),
            password: self.password.clone(),
            token: self.token.clone(),
            nkey: self.nkey.clone(),
            credentials: self.credentials.clone(),
            tls: self.tls.clone(),
            ..jetstream::Config::default()
        }
    }
}

/// One receiver of the kind `nats`.
pub struct Nats {
    connection: jetstream::Config,
    stream: Stream,
    timeout: Span,
    client: OnceCell<Client>,
}

/// What became of one alert.
enum Published {
    /// A stream has it.
    Stored,
    /// A stream had it already.
    Known,
    /// Who subscribes has it.
    Sent,
}

impl Nats {
    /// Prepares a receiver; `log` is what `[log]` says when its type is `jetstream`. Connects to nothing.
    ///
    /// # Errors
    /// `Broken` when a setting cannot work.
    pub fn new(config: &Config, log: Option<&jetstream::Config>) -> Result<Self> {
        if let Some(fault) = config.validate().into_iter().next() {
            return Err(fault.into());
        }
        let connection = config.connection(log.unwrap_or(&jetstream::Config::default()));
        Ok(Self { connection, stream: config.stream, timeout: config.timeout, client: OnceCell::new() })
    }

    async fn client(&self) -> Result<&Client> {
        let connecting = async || {
            let doing = || format!("connecting to {}", self.connection.servers.join(", "));
            // A secret that is not there now may be there at the next attempt.
            let options = jetstream::connection_options(&self.connection).await.map_err(|e| Error::unavailable(doing()).because(e))?;
            options.connect(self.connection.servers.as_slice()).await.map_err(|e| Error::unavailable(doing()).because(e))
        };
        self.client.get_or_try_init(connecting).await
    }

    async fn publish_all(&self, notification: &Notification) -> Result<Receipt> {
        let client = self.client().await?;
        let (mut stored, mut known, mut sent) = (0, 0, 0);
        for alert in &notification.alerts {
            match self.publish(client, notification, alert).await? {
                Published::Stored => stored += 1,
                Published::Known => known += 1,
                Published::Sent => sent += 1,
            }
        }
        if sent > 0 {
            // The server has read them when it answers to this.
            client.flush().await.map_err(|e| Error::unavailable("publishing alerts").because(e))?;
        }
        let counts = [(stored, "stored"), (known, "known before"), (sent, "sent to subscribers")];
        let texts: Vec<String> = counts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
        Ok(Receipt { answer: if texts.is_empty() { "no alert".to_owned() } else { texts.join(", ") } })
    }

    async fn publish(&self, client: &Client, notification: &Notification, alert: &Alert) -> Result<Published> {
        let subject = subject_of(alert, &self.connection.prefix)?;
        let doing = || format!("publishing to {subject}");
        let body = serde_json::to_vec(alert).expect("an alert is always JSON");
        if body.len() > client.max_payload() {
            return Err(Error::rejected(format!("{}: {} bytes are more than the server takes", doing(), body.len())));
        }
        let headers = headers(notification, alert);
        if !self.is_held(client, &subject).await? {
            client.publish_with_headers(subject.clone(), headers, body.into()).await.map_err(|e| Error::unavailable(doing()).because(e))?;
            return Ok(Published::Sent);
        }
        let context = ContextBuilder::new().timeout(self.timeout.0).build(client.clone());
        let message = PublishMessage::build().headers(headers).payload(body.into());
        let publish = async { context.send_publish(subject.clone(), message).await?.await };
        let ack = publish.await.map_err(|e| {
            let kind = if e.kind() == PublishErrorKind::MaxPayloadExceeded { Kind::Rejected } else { Kind::Unavailable };
            Error::new(kind, doing()).because(e)
        })?;
        Ok(if ack.duplicate { Published::Known } else { Published::Stored })
    }

    /// Whether a stream holds the subject, as far as that is asked.
    async fn is_held(&self, client: &Client, subject: &str) -> Result<bool> {
        if self.stream == Stream::Never {
            return Ok(false);
        }
        let without = || match self.stream {
            Stream::Required => {
                Err(Error::unavailable(format!("publishing to {subject}: no stream holds it; make one, or set stream = \"auto\"")))
            }
            _ => Ok(false),
        };
        if !client.server_info().jetstream {
            return without();
        }
        let context = ContextBuilder::new().timeout(self.timeout.0).build(client.clone());
        match context.stream_by_subject(subject).await {
            Ok(_) => Ok(true),
            Err(e) if e.kind() == GetStreamByNameErrorKind::NotFound => without(),
            Err(e) => Err(Error::unavailable(format!("asking for the stream that holds {subject}")).because(e)),
        }
    }
}

fn subject_of(alert: &Alert, prefix: &str) -> Result<String> {
    subject::token(&alert.rule).map_err(|e| Error::rejected("publishing an alert").because(e))?;
    let subject = subject::alerts(alert.severity, &alert.rule);
    let rest = subject.strip_prefix("floodmark").expect("all subjects begin with it");
    Ok(format!("{prefix}{rest}"))
}

fn headers(notification: &Notification, alert: &Alert) -> HeaderMap {
    let reason = serde_json::to_value(notification.reason).ok().and_then(|reason| reason.as_str().map(str::to_owned));
    let mut headers = HeaderMap::new();
    headers.insert(async_nats::header::NATS_MESSAGE_ID, format!("{}.{}", alert.id, alert.step).as_str());
    headers.insert("Content-Type", "application/json");
    headers.insert("Floodmark-Incident", notification.incident.id.as_str());
    headers.insert("Floodmark-Notification", notification.id.as_str());
    headers.insert("Floodmark-Reason", reason.unwrap_or_default().as_str());
    headers
}

#[async_trait]
impl Look for Nats {
    async fn look(&self) -> Result<String> {
        let limit = Span(self.timeout.0.min(LOOK_MAX));
        let client = tokio::time::timeout(limit.0, self.client()).await;
        let client = client
            .map_err(|_| Error::unavailable(format!("connecting to {}: no answer within {limit}", self.connection.servers.join(", "))))??;
        let server = client.server_info();
        let streams = if server.jetstream { "with JetStream" } else { "without JetStream" };
        Ok(format!("connected to {} {streams}; nothing was published", server.server_name))
    }
}

#[async_trait]
impl Notifier for Nats {
    async fn deliver(&self, notification: &Notification) -> Result<Receipt, Refusal> {
        match tokio::time::timeout(self.timeout.0, self.publish_all(notification)).await {
            Ok(done) => Ok(done?),
            Err(_) => Err(Error::unavailable(format!("publishing alerts: the server did not answer within {}", self.timeout)).into()),
        }
    }
}
