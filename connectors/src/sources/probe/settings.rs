//! What the configurations of probes are made of: address families and patterns, each checked when it is read.

use std::borrow::Cow;
use std::fmt;
use std::net::SocketAddr;

use regex::bytes::Regex;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Which address family is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum IpVersion {
    /// Whatever the name resolves to, in the order the resolver prefers; the next address when one does not accept.
    #[default]
    #[serde(rename = "any")]
    Any,
    /// IPv4 only.
    #[serde(rename = "4")]
    V4,
    /// IPv6 only.
    #[serde(rename = "6")]
    V6,
}

impl IpVersion {
    /// Whether `address` may be used.
    pub fn allows(self, address: &SocketAddr) -> bool {
        match self {
            Self::Any => true,
            Self::V4 => address.is_ipv4(),
            Self::V6 => address.is_ipv6(),
        }
    }
}

impl fmt::Display for IpVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Any => "4 or 6",
            Self::V4 => "4",
            Self::V6 => "6",
        })
    }
}

/// A regular expression in the syntax of <https://docs.rs/regex/latest/regex/#syntax>, matched against bytes.
#[derive(Clone, Debug)]
pub struct Pattern(Regex);

impl Pattern {
    /// Whether `bytes` contain a match.
    pub fn is_in(&self, bytes: &[u8]) -> bool {
        self.0.is_match(bytes)
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}

impl std::str::FromStr for Pattern {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Regex::new(text).map(Self).map_err(|e| {
            // The library draws a picture over several lines; the last one is the reason.
            let text_of_error = e.to_string();
            let why = text_of_error.lines().last().unwrap_or_default().trim().trim_start_matches("error: ");
            format!("{text:?} is not a regular expression: {why}")
        })
    }
}

impl Serialize for Pattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text_then(deserializer, "a regular expression as text")
    }
}

impl JsonSchema for Pattern {
    fn schema_name() -> Cow<'static, str> {
        "Pattern".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "regex", "description": "A regular expression; it may match anywhere unless it is anchored" })
    }
}

/// Reads a text and turns it into a `T`.
pub(crate) fn text_then<'de, D, T>(deserializer: D, expecting: &'static str) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: std::str::FromStr<Err = String>,
{
    struct Text<T>(&'static str, std::marker::PhantomData<T>);
    impl<T: std::str::FromStr<Err = String>> de::Visitor<'_> for Text<T> {
        type Value = T;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }
        fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
            text.parse().map_err(E::custom)
        }
    }
    deserializer.deserialize_str(Text(expecting, std::marker::PhantomData))
}

/// Reads either a text, which stands for a `T`, or a table with the fields of `T`. Positions in errors stay exact, which
/// they would not in an untagged enum.
pub(crate) fn text_or_table<'de, D, T>(
    deserializer: D,
    expecting: &'static str,
    from_text: fn(&str) -> Result<T, String>,
) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Table,
{
    struct Either<T>(&'static str, fn(&str) -> Result<T, String>);
    impl<'de, T: Table> de::Visitor<'de> for Either<T> {
        type Value = T;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }
        fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
            self.1(text).map_err(E::custom)
        }
        fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
            T::table(de::value::MapAccessDeserializer::new(map))
        }
    }
    deserializer.deserialize_any(Either(expecting, from_text))
}

/// What can be read from a table.
pub(crate) trait Table: Sized {
    /// Reads the table.
    fn table<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_checked_when_it_is_read() {
        let pattern: Pattern = serde_json::from_str(r#""^SSH-2\\.0-""#).unwrap();
        assert_eq!((pattern.is_in(b"SSH-2.0-x\xff"), pattern.is_in(b"HTTP/1.1")), (true, false));
        let error = serde_json::from_str::<Pattern>(r#""(unclosed""#).unwrap_err().to_string();
        assert!(error.starts_with(r#""(unclosed" is not a regular expression: unclosed group"#), "{error}");
    }
}
