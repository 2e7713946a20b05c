//! `webhook`: a notification as JSON to a URL of one's own, signed.
//!
//! The body is the [`Notification`] (`floodmark schema notification`), unless a template makes another. `Idempotency-Key` is
//! the notification's id: who has taken it answers 2xx and does nothing more. With a `secret` there is a [`signature`].

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use floodmark_core::ports::{Clock, Notifier, Receipt, Refusal};
use floodmark_core::{Error, Result};
use floodmark_schemas::Notification;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::check::{self, Look};
use super::http::{Client, Request, add_secret, fault_of_timeout};
use super::scrub::Secrets;
use super::templates::Templates;
use super::{link, signature};
use crate::settings::{Fault, Secret, Span, Timezone};
use crate::sources::http_probe::values::{HeaderText, HttpUrl, header_name, header_value};

/// The name of the template.
const BODY: &str = "body";
/// The header by which a repeated request is known
/// (<https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/>).
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Sends each notification as JSON to a URL.
///
/// A status of 2xx means that it was taken; 408, 425, 429 and 5xx that it is to be sent again; any other that it never will be
/// taken. Redirects are not followed.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "WebhookConfig")]
pub struct Config {
    /// Where it is sent.
    pub url: HttpUrl,
    /// The request method.
    #[serde(default)]
    pub method: Method,
    /// The secret that signs each request, in the header `Floodmark-Signature`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<Secret>,
    /// Sends `Authorization: Bearer <secret>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bearer_token: Option<Secret>,
    /// More request headers: texts, or secrets as `{ env = ".." }` or `{ file = ".." }`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, HeaderText>,
    /// A template of the body, instead of the notification as JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// The Content-Type of a body that a template makes.
    #[serde(default = "content_type")]
    pub content_type: String,
    /// In which time zone a template tells times.
    #[serde(default)]
    pub timezone: Timezone,
    /// The address of an incident, for templates; `{id}` stands for its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// A PEM file with the authorities to trust instead of those of this machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// How long one attempt may take: 60 s at most.
    #[serde(default = "timeout")]
    pub timeout: Span,
}

/// A request method that has a body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
#[schemars(inline)]
pub enum Method {
    /// POST
    #[default]
    Post,
    /// PUT
    Put,
    /// PATCH
    Patch,
}

fn content_type() -> String {
    "application/json".to_owned()
}

fn timeout() -> Span {
    Span::secs(30)
}

impl Config {
    /// What cannot work. Reads no secret and no certificate.
    pub fn validate(&self) -> Vec<Fault> {
        let mut faults: Vec<Fault> = fault_of_timeout(self.timeout).into_iter().chain(link::fault(self.link.as_ref())).collect();
        if let Some(source) = &self.body {
            let tried =
                self.templates().and_then(|mut templates| templates.try_out(BODY, source).map_err(|broken| broken.in_setting("body")));
            faults.extend(tried.err());
        }
        if header_value(&self.content_type).is_err() {
            faults.push(Fault::of("content_type", "it has characters that a header cannot have", "write for example \"application/json\""));
        }
        for (name, text) in &self.headers {
            let fault = |what: String, remedy: &str| Fault::of("headers", what, remedy).key(name);
            let header = header_name(name);
            faults.extend(match (&header, text) {
                (Err(what), _) => Some(fault(what.clone(), "remove it")),
                (Ok(header), _) if is_own(header) => Some(fault(format!("{name} is set by the webhook itself"), "remove it")),
                (_, HeaderText::Text(text)) if header_value(text).is_err() => {
                    Some(fault("the value has characters that a header cannot have".to_owned(), "write ASCII characters on one line"))
                }
                _ => None,
            });
        }
        faults
    }

    /// The body for a notification.
    ///
    /// # Errors
    /// `Rejected` when the template fails.
    pub fn body(&self, notification: &Notification) -> Result<String> {
        self.written(&self.templates()?, notification)
    }

    fn written(&self, templates: &Templates, notification: &Notification) -> Result<String> {
        match self.body {
            Some(_) => templates.render(BODY, notification, link::of(self.link.as_ref(), &notification.incident)),
            None => Ok(serde_json::to_string(notification).expect("a notification is always JSON")),
        }
    }

    fn templates(&self) -> Result<Templates, Fault> {
        let mut templates = Templates::new(self.timezone.clone());
        if let Some(source) = &self.body {
            templates.add(BODY, source).map_err(|broken| broken.in_setting("body"))?;
        }
        Ok(templates)
    }
}

fn is_own(header: &HeaderName) -> bool {
    *header == CONTENT_TYPE || *header == IDEMPOTENCY_KEY || header.as_str().eq_ignore_ascii_case(signature::HEADER)
}

/// One receiver of the kind `webhook`.
pub struct Webhook {
    config: Config,
    headers: HeaderMap,
    secret: Option<String>,
    secrets: Secrets,
    templates: Templates,
    client: Client,
    clock: Arc<dyn Clock>,
}

impl Webhook {
    /// Prepares a receiver. Reads secrets, connects to nothing.
    ///
    /// # Errors
    /// `Broken` when a secret cannot be read or a setting cannot work.
    pub fn new(config: Config, clock: Arc<dyn Clock>) -> Result<Self> {
        if let Some(fault) = config.validate().into_iter().next() {
            return Err(fault.into());
        }
        let mut secrets = Secrets::default();
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_str(&config.content_type).expect("the configuration was checked"));
        for (name, text) in &config.headers {
            let header = header_name(name).map_err(Error::broken)?;
            match text {
                HeaderText::Text(text) => drop(headers.insert(header, header_value(text).expect("the configuration was checked"))),
                HeaderText::Secret(secret) => add_secret(&mut headers, header, &secrets.read(secret)?)?,
            }
        }
        if let Some(token) = &config.bearer_token {
            add_secret(&mut headers, AUTHORIZATION, &format!("Bearer {}", secrets.read(token)?))?;
        }
        let secret = config.secret.as_ref().map(|secret| secrets.read(secret)).transpose()?;
        let templates = config.templates()?;
        let client = Client::new(config.timeout.0, config.ca_file.clone());
        Ok(Self { config, headers, secret, secrets, templates, client, clock })
    }
}

#[async_trait]
impl Look for Webhook {
    async fn look(&self) -> Result<String> {
        check::connect(self.config.url.parts(), self.config.ca_file.as_deref(), self.config.timeout.0).await
    }
}

#[async_trait]
impl Notifier for Webhook {
    async fn deliver(&self, notification: &Notification) -> Result<Receipt, Refusal> {
        let body = self.config.written(&self.templates, notification)?.into_bytes();
        let now = self.clock.now();
        let mut headers = self.headers.clone();
        let key = HeaderValue::from_str(&notification.id).map_err(|e| Error::rejected("writing the id into a header").because(e))?;
        headers.insert(IDEMPOTENCY_KEY, key);
        if let Some(secret) = &self.secret {
            let value = HeaderValue::from_str(&signature::sign(secret, now, &body)).expect("digits and letters fit into a header");
            headers.insert(HeaderName::from_static("floodmark-signature"), value);
        }
        let method = match self.config.method {
            Method::Post => reqwest::Method::POST,
            Method::Put => reqwest::Method::PUT,
            Method::Patch => reqwest::Method::PATCH,
        };
        let request = Request { method, url: self.config.url.parts().clone(), headers, body };
        self.client.send(request, &self.secrets, now).await
    }
}
