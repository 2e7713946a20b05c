//! The values in the configuration of `http_probe`, each checked when it is read.

use std::borrow::Cow;
use std::fmt;

use hyper::header::{self, HeaderName, HeaderValue, InvalidHeaderValue};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use url::Url;

use super::super::probe::settings::{Table, text_or_table, text_then};
use crate::settings::Secret;

/// A URL that a probe can ask: `http` or `https`, with a host, without user and password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpUrl {
    text: String,
    url: Url,
}

impl HttpUrl {
    /// The URL in its parts.
    pub fn parts(&self) -> &Url {
        &self.url
    }
}

impl std::str::FromStr for HttpUrl {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let url = match Url::parse(text) {
            // "localhost:8080" reads as the scheme "localhost".
            Ok(url) if url.cannot_be_a_base() => {
                return Err(format!("{text:?} has no scheme; write \"http://{text}\" or \"https://{text}\""));
            }
            Ok(url) => url,
            Err(url::ParseError::RelativeUrlWithoutBase) => return Err(format!("{text:?} has no scheme; write \"https://{text}\"")),
            Err(e) => return Err(format!("{text:?} is not a URL: {e}")),
        };
        match url.scheme() {
            "http" | "https" => {}
            "tcp" | "tls" => {
                return Err(format!("{text:?}: http_probe asks http and https; for other protocols use a source of type \"tcp_probe\""));
            }
            other => return Err(format!("{text:?}: scheme {other:?} is not one of http and https")),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(
                "a URL must not hold a user or a password; use bearer_token, or headers with a secret such as { env = \"..\" }".into()
            );
        }
        Ok(Self { text: text.to_owned(), url })
    }
}

impl fmt::Display for HttpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for HttpUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for HttpUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text_then(deserializer, "a URL as text, such as \"https://example.org/\"")
    }
}

impl JsonSchema for HttpUrl {
    fn schema_name() -> Cow<'static, str> {
        "HttpUrl".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "uri", "pattern": "^https?://", "description": "A URL with scheme http or https" })
    }
}

/// The request method.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// GET
    #[default]
    Get,
    /// HEAD: the answer has no body.
    Head,
    /// POST
    Post,
    /// PUT
    Put,
    /// PATCH
    Patch,
    /// DELETE
    Delete,
    /// OPTIONS
    Options,
}

impl From<Method> for hyper::Method {
    fn from(method: Method) -> Self {
        match method {
            Method::Get => Self::GET,
            Method::Head => Self::HEAD,
            Method::Post => Self::POST,
            Method::Put => Self::PUT,
            Method::Patch => Self::PATCH,
            Method::Delete => Self::DELETE,
            Method::Options => Self::OPTIONS,
        }
    }
}

/// The value of a request header: a text, or where a secret is found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum HeaderText {
    /// The value itself.
    Text(String),
    /// The whole value is a secret.
    Secret(Secret),
}

/// What the probe says itself in each request.
const OWN_HEADERS: [HeaderName; 3] = [header::CONNECTION, header::CONTENT_LENGTH, header::TRANSFER_ENCODING];

/// The name of a header that a configuration may set.
///
/// # Errors
/// Why it may not.
pub fn header_name(name: &str) -> Result<HeaderName, String> {
    match HeaderName::from_bytes(name.as_bytes()) {
        Err(_) => Err(format!("{name:?} is not the name of a header")),
        Ok(header) if OWN_HEADERS.contains(&header) => Err(format!("{name} is set by the probe itself")),
        Ok(header) => Ok(header),
    }
}

/// The value of a header. The error repeats no part of it, which may be secret.
///
/// # Errors
/// When it has characters that a header cannot have.
pub fn header_value(text: &str) -> Result<HeaderValue, InvalidHeaderValue> {
    HeaderValue::from_str(text)
}

impl Table for HeaderText {
    fn table<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Secret::deserialize(deserializer).map(Self::Secret)
    }
}

impl<'de> Deserialize<'de> for HeaderText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text_or_table(deserializer, "a text, or a secret such as { env = \"TOKEN\" }", |text| Ok(Self::Text(text.to_owned())))
    }
}

/// Statuses that are expected: `200`, `"2xx"` or `"200-204"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatusRange {
    /// The first.
    pub from: u16,
    /// The last.
    pub to: u16,
}

impl StatusRange {
    /// Whether `status` is one of these.
    pub fn holds(&self, status: u16) -> bool {
        (self.from..=self.to).contains(&status)
    }
}

impl fmt::Display for StatusRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.from, self.to) {
            (from, to) if from == to => write!(f, "{from}"),
            (from, to) if from % 100 == 0 && to == from + 99 => write!(f, "{}xx", from / 100),
            (from, to) => write!(f, "{from}-{to}"),
        }
    }
}

impl std::str::FromStr for StatusRange {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let status = |text: &str| text.trim().parse::<u16>().ok().filter(|status| (100..=599).contains(status));
        let class = || text.strip_suffix("xx").and_then(|class| status(&format!("{class}00"))).map(|from| Self { from, to: from + 99 });
        let range = || {
            let (from, to) = text.split_once('-')?;
            Some(Self { from: status(from)?, to: status(to)? }).filter(|range| range.from <= range.to)
        };
        let one = || status(text).map(|status| Self { from: status, to: status });
        one().or_else(class).or_else(range).ok_or_else(|| format!("{text:?} is not a status; write 200, \"2xx\" or \"200-204\""))
    }
}

impl Serialize for StatusRange {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.from == self.to { serializer.serialize_u16(self.from) } else { serializer.collect_str(self) }
    }
}

impl<'de> Deserialize<'de> for StatusRange {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Status;
        impl de::Visitor<'_> for Status {
            type Value = StatusRange;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a status such as 200, \"2xx\" or \"200-204\"")
            }
            fn visit_u64<E: de::Error>(self, status: u64) -> Result<StatusRange, E> {
                status.to_string().parse().map_err(E::custom)
            }
            fn visit_i64<E: de::Error>(self, status: i64) -> Result<StatusRange, E> {
                status.to_string().parse().map_err(E::custom)
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<StatusRange, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_any(Status)
    }
}

impl JsonSchema for StatusRange {
    fn schema_name() -> Cow<'static, str> {
        "StatusRange".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A status such as 200, a class such as \"2xx\", or a range such as \"200-204\"",
            "anyOf": [
                { "type": "integer", "minimum": 100, "maximum": 599 },
                { "type": "string", "pattern": "^([1-5]xx|[1-5][0-9]{2}(-[1-5][0-9]{2})?)$" }
            ]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_numbers_classes_and_ranges() {
        for (json, from, to) in [("200", 200, 200), (r#""2xx""#, 200, 299), (r#""200-204""#, 200, 204), (r#""404""#, 404, 404)] {
            let range: StatusRange = serde_json::from_str(json).unwrap();
            assert_eq!((range.from, range.to), (from, to), "{json}");
        }
        for json in ["20", "99", "600", "-1", r#""6xx""#, r#""xx""#, r#""204-200""#, r#""ok""#, "true"] {
            assert!(serde_json::from_str::<StatusRange>(json).is_err(), "{json}");
        }
    }

    #[test]
    fn a_url_that_cannot_be_asked_is_refused_with_a_hint() {
        for (text, hint) in [
            ("example.org", r#"write "https://example.org""#),
            ("localhost:8080", r#"write "http://localhost:8080""#),
            ("ftp://example.org", "not one of http and https"),
            ("tcp://example.org:22", "tcp_probe"),
            ("https://", "is not a URL: empty host"),
            ("https://me:hunter2@example.org", "bearer_token"),
        ] {
            let error = text.parse::<HttpUrl>().unwrap_err();
            assert!(error.contains(hint), "{text}: {error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
