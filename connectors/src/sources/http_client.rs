//! The HTTP client of the sources that ask an API again and again.
//!
//! It is built at the first request, so that a source that waits costs no memory. It follows no redirect by itself,
//! because a redirect must never carry credentials to another host; it has one deadline for the whole exchange and a
//! limit on the size of a body. Failures carry no URL, because a URL may hold a key.

pub mod agenda;
mod failure;

use std::sync::OnceLock;
use std::time::Duration;

pub use agenda::{Agenda, Hold, Scope, Turn, Verdict};
use floodmark_core::{Error, Result};
use floodmark_schemas::Timestamp;
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};
use serde::de::DeserializeOwned;
use url::Url;

use crate::settings::{Secret, SecretText};
pub use failure::Failure;

/// What this program calls itself. Some services refuse requests without a name.
const USER_AGENT: &str = concat!("floodmark/", env!("CARGO_PKG_VERSION"));
/// The most bytes of a body that are read.
const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;
/// How long one connection attempt may take, within the deadline of the whole exchange.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long an unused connection is kept: long enough for the next request of the same round, not for the next round.
const IDLE_TIMEOUT: Duration = Duration::from_secs(5);

/// A client that is built when it is first used.
pub struct HttpClient {
    timeout: Duration,
    built: OnceLock<reqwest::Client>,
}

/// An answer, whatever its status.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, as far as it was read.
    pub body: Vec<u8>,
    /// Whether the body is larger than what was read of it.
    pub cut: bool,
}

impl HttpClient {
    /// A client whose exchanges take at most `timeout`, from the name lookup to the last byte of the body.
    pub fn new(timeout: Duration) -> Self {
        Self { timeout, built: OnceLock::new() }
    }

    /// Asks for `url`. May be dropped at any await; asking again is safe as far as the service's `GET` is.
    ///
    /// # Errors
    /// When there is no complete answer. An answer of any status is not an error here.
    pub async fn get(&self, url: &Url, headers: HeaderMap) -> Result<Answer, Failure> {
        let mut response = self.client()?.get(url.clone()).headers(headers).send().await.map_err(Failure::before_the_answer)?;
        let mut body = Vec::new();
        let mut cut = false;
        while let Some(chunk) = response.chunk().await.map_err(Failure::within_the_body)? {
            let room = BODY_BYTES_MAX - body.len();
            body.extend_from_slice(&chunk[..chunk.len().min(room)]);
            if chunk.len() > room {
                cut = true;
                break;
            }
        }
        Ok(Answer { status: response.status().as_u16(), headers: std::mem::take(response.headers_mut()), body, cut })
    }

    fn client(&self) -> Result<&reqwest::Client, Failure> {
        if let Some(client) = self.built.get() {
            return Ok(client);
        }
        let client = reqwest::Client::builder()
            .user_agent(USER_AGENT)
            .redirect(reqwest::redirect::Policy::none())
            .timeout(self.timeout)
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .build()
            .map_err(Failure::local)?;
        Ok(self.built.get_or_init(|| client))
    }
}

impl Answer {
    /// The body as JSON.
    ///
    /// # Errors
    /// A text for people that says what is wrong with the body and where.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, String> {
        if self.cut {
            return Err(format!("the body is larger than {BODY_BYTES_MAX} bytes"));
        }
        serde_json::from_slice(&self.body).map_err(|e| format!("the body is not the JSON that was expected: {e}"))
    }

    /// The text of a header, when it is there and is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok().map(str::trim)
    }

    /// A header that is a whole number.
    pub fn number(&self, name: &str) -> Option<i64> {
        self.header(name)?.parse().ok()
    }

    /// The service's own time.
    pub fn date(&self) -> Option<Timestamp> {
        http_date(self.header(DATE.as_str())?)
    }

    /// How long `Retry-After` asks to wait: seconds or a date
    /// (<https://www.rfc-editor.org/rfc/rfc9110#field.retry-after>). A date is read against the service's own time.
    pub fn retry_after(&self, now: Timestamp) -> Option<Duration> {
        let text = self.header(RETRY_AFTER.as_str())?;
        if let Ok(secs) = text.parse::<u64>() {
            return Some(Duration::from_secs(secs));
        }
        let wait = http_date(text)?.micros() - self.date().unwrap_or(now).micros();
        Some(Duration::from_micros(u64::try_from(wait).unwrap_or(0)))
    }
}

/// An HTTP date, for example `Thu, 22 Aug 2013 02:13:10 GMT`.
fn http_date(text: &str) -> Option<Timestamp> {
    let time = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    Some(Timestamp::from_micros(time.as_microsecond()))
}

/// Reads the address of a service from the configuration. What the address has as path is put before every path.
///
/// # Errors
/// `Broken` when it is not an http or https address, or holds a password, query or fragment.
pub fn base_url(text: &str) -> Result<Url> {
    let refuse = || Error::broken(format!("base_url {text:?} is not an address such as \"https://host\" or \"https://host/api/v3\""));
    let url = Url::parse(text).map_err(|e| refuse().because(e))?;
    let plain =
        url.has_host() && url.username().is_empty() && url.password().is_none() && url.query().is_none() && url.fragment().is_none();
    if plain && matches!(url.scheme(), "http" | "https") { Ok(url) } else { Err(refuse()) }
}

/// `base` with `segments` after its own path.
pub fn join<'a>(base: &Url, segments: impl IntoIterator<Item = &'a str>) -> Url {
    let mut url = base.clone();
    url.path_segments_mut().expect("an http address has a path").pop_if_empty().extend(segments);
    url
}

/// The credential of a source, and what keeps it out of every text.
#[derive(Clone, Debug, Default)]
pub struct Credential(Option<SecretText>);

impl Credential {
    /// Reads the secret when there is one.
    ///
    /// # Errors
    /// `Broken` when it is configured but cannot be read.
    pub fn read(secret: Option<&Secret>) -> Result<Self> {
        Ok(Self(secret.map(Secret::read).transpose()?))
    }

    /// The secret itself: hand it to a request, never to a log.
    pub fn expose(&self) -> Option<&str> {
        self.0.as_ref().map(SecretText::expose)
    }

    /// `text` with `***` wherever the secret stood in it.
    pub fn scrub(&self, text: &str) -> String {
        self.expose().map_or_else(|| text.to_owned(), |secret| text.replace(secret, "***"))
    }
}

/// The first characters of `text` in one line, for the detail of a check.
pub fn excerpt(text: &str) -> String {
    const CHARS_MAX: usize = 200;
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(CHARS_MAX) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// The id of a dead letter: the same input from the same place has the same one.
pub fn letter_id(origin: &str, input: &[u8]) -> String {
    let hash = |bytes| twox_hash::XxHash3_64::oneshot(bytes);
    format!("{:016x}{:016x}", hash(origin.as_bytes()), hash(input))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(headers: &[(&'static str, &str)]) -> Answer {
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        Answer { status: 200, headers, body: Vec::new(), cut: false }
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = Timestamp::from_secs(0);
        let wait = |headers: &[(&'static str, &str)]| answer(headers).retry_after(now).map(|wait| wait.as_secs());
        assert_eq!(wait(&[("Retry-After", "60")]), Some(60));
        assert_eq!(wait(&[("retry-after", "Thu, 22 Aug 2013 02:13:40 GMT"), ("Date", "Thu, 22 Aug 2013 02:13:10 GMT")]), Some(30));
        assert_eq!(wait(&[("retry-after", "Thu, 22 Aug 2013 02:13:10 GMT"), ("Date", "Thu, 22 Aug 2013 02:13:40 GMT")]), Some(0));
        assert_eq!(wait(&[("retry-after", "soon")]), None);
        assert_eq!(wait(&[]), None);
    }

    #[test]
    fn an_address_keeps_its_path_prefix() {
        for (base, url) in [
            ("https://api.github.com", "https://api.github.com/repos/a/b"),
            ("https://api.github.com/", "https://api.github.com/repos/a/b"),
            ("https://host:8443/api/v3", "https://host:8443/api/v3/repos/a/b"),
            ("http://[::1]/api/v3/", "http://[::1]/api/v3/repos/a/b"),
        ] {
            assert_eq!(join(&base_url(base).unwrap(), ["repos", "a", "b"]).as_str(), url);
        }
    }

    #[test]
    fn what_is_not_an_address_is_refused() {
        for text in ["", "api.github.com", "ftp://host", "https://user:password@host", "https://host/?a=b", "https://host/#a", "data:x"] {
            assert!(base_url(text).is_err(), "{text}");
        }
    }

    #[test]
    fn long_texts_are_cut_at_a_character() {
        assert_eq!(excerpt(" a\n  b "), "a b");
        assert_eq!(excerpt(&"ä".repeat(500)), format!("{}…", "ä".repeat(200)));
    }
}
