//! One HTTP request to a receiver, and what its answer means.
//!
//! The whole exchange has one time limit, redirects are not followed (a notification is for one receiver, and so are its
//! secrets), and of an answer's body 4 KiB are read. A status of 2xx means that it was taken; 408, 425, 429 and 5xx ask to try
//! again (<https://www.rfc-editor.org/rfc/rfc9110#section-15>), no sooner than `Retry-After` says; every other one is a no.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use floodmark_core::ports::notifier::TIMEOUT_MAX;
use floodmark_core::ports::{Receipt, Refusal};
use floodmark_core::{Error, Result};
use floodmark_schemas::Timestamp;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use url::Url;

use super::scrub::Secrets;
use crate::settings::{Fault, Span};
use crate::sources::http_client::{Answer, Failure};

/// What this program calls itself.
const USER_AGENT: &str = concat!("floodmark/", env!("CARGO_PKG_VERSION"));
/// The most bytes of an answer's body that are read.
const BODY_BYTES_MAX: usize = 4 * 1024;
/// How long an unused connection is kept.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// A client of one receiver; built when it is first used.
pub(super) struct Client {
    timeout: Duration,
    ca_file: Option<PathBuf>,
    built: OnceLock<reqwest::Client>,
}

/// What is sent.
pub(super) struct Request {
    pub(super) method: reqwest::Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl Request {
    /// A POST of JSON.
    pub(super) fn json(url: Url, body: &serde_json::Value) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Self { method: reqwest::Method::POST, url, headers, body: body.to_string().into_bytes() }
    }
}

impl Client {
    /// A client whose exchanges take at most `timeout`; with a `ca_file` it trusts the authorities in there and no others.
    pub(super) fn new(timeout: Duration, ca_file: Option<PathBuf>) -> Self {
        Self { timeout, ca_file, built: OnceLock::new() }
    }

    /// Sends a request once. `now` is what a date in `Retry-After` is read against when the answer has none of its own.
    pub(super) async fn send(&self, request: Request, secrets: &Secrets, now: Timestamp) -> Result<Receipt, Refusal> {
        let host = request.url.host_str().unwrap_or_default().to_owned();
        let doing = |what: &str| secrets.scrub(&format!("sending to {host}: {what}"));
        let client = self.client()?;
        let Request { method, url, headers, body } = request;
        let sent = client.request(method, url).headers(headers).body(body).send().await;
        let response = sent.map_err(|e| Error::unavailable(doing(&Failure::before_the_answer(e).detail)))?;
        let status = response.status();
        let answer = read(response).await;
        let text = String::from_utf8_lossy(&answer.body).split_whitespace().collect::<Vec<_>>().join(" ");
        let said = if text.is_empty() { status.to_string() } else { format!("{status}: {text}") };
        if status.is_success() {
            return Ok(Receipt { answer: secrets.scrub(&said) });
        }
        if matches!(status.as_u16(), 408 | 425 | 429) || status.is_server_error() {
            return Err(Refusal { error: Error::unavailable(doing(&said)), retry_after: answer.retry_after(now) });
        }
        let redirect = if status.is_redirection() { " (redirects are not followed; set the address it leads to)" } else { "" };
        Err(Error::rejected(doing(&format!("{said}{redirect}"))).into())
    }

    fn client(&self) -> Result<&reqwest::Client> {
        if let Some(client) = self.built.get() {
            return Ok(client);
        }
        let mut builder = reqwest::Client::builder()
            .user_agent(USER_AGENT)
            .redirect(reqwest::redirect::Policy::none())
            .timeout(self.timeout)
            .pool_idle_timeout(IDLE_TIMEOUT);
        if let Some(file) = &self.ca_file {
            builder = builder.tls_certs_only(certificates(file)?);
        }
        let client = builder.build().map_err(|e| Error::unavailable("setting up a client of HTTP").because(e))?;
        Ok(self.built.get_or_init(|| client))
    }
}

/// A body that breaks off changes nothing: the status has said whether the notification was taken.
async fn read(mut response: reqwest::Response) -> Answer {
    let (status, headers) = (response.status().as_u16(), std::mem::take(response.headers_mut()));
    let mut body = Vec::new();
    while body.len() < BODY_BYTES_MAX
        && let Ok(Some(chunk)) = response.chunk().await
    {
        body.extend_from_slice(&chunk[..chunk.len().min(BODY_BYTES_MAX - body.len())]);
    }
    Answer { status, headers, body, cut: false }
}

fn certificates(file: &Path) -> Result<Vec<reqwest::Certificate>> {
    let doing = || format!("reading `ca_file`, {}", file.display());
    let pem = std::fs::read(file).map_err(|e| Error::unavailable(doing()).because(e))?;
    reqwest::Certificate::from_pem_bundle(&pem).map_err(|e| Error::unavailable(doing()).because(e))
}

/// Adds a header whose value is secret: it is marked as such, and no part of it is repeated in errors.
///
/// # Errors
/// `Broken` when it has characters that a header cannot have.
pub(super) fn add_secret(headers: &mut HeaderMap, name: HeaderName, value: &str) -> Result<()> {
    let mut value = HeaderValue::from_str(value)
        .map_err(|e| Error::broken(format!("the secret for header {name} has characters that a header cannot have")).because(e))?;
    value.set_sensitive(true);
    headers.insert(name, value);
    Ok(())
}

/// The fault of a time limit within which nobody could answer, or that is longer than anybody waits.
pub(super) fn fault_of_timeout(timeout: Span) -> Option<Fault> {
    let fault = |what: String, remedy: String| Some(Fault::of("timeout", what, remedy));
    match timeout.0 {
        limit if limit.is_zero() => fault("no receiver could answer in time".to_owned(), "write for example \"30s\"".to_owned()),
        limit if limit > TIMEOUT_MAX => {
            let most = Span(TIMEOUT_MAX);
            fault(format!("one attempt may take {most} at most"), format!("write \"{most}\" or less"))
        }
        _ => None,
    }
}
