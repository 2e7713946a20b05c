//! What configurations are made of: durations, sizes and secrets, each read from text once; and what is said of settings
//! that have the right form and still cannot work.

mod timezone;

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::time::Duration;

use floodmark_core::{Error, Result};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

pub use timezone::Timezone;

/// A duration such as `"30s"`, `"1h 30m"` or `"500ms"`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

impl Span {
    /// A span of whole seconds.
    pub const fn secs(secs: u64) -> Self {
        Self(Duration::from_secs(secs))
    }

    /// A span of whole milliseconds.
    pub const fn millis(millis: u64) -> Self {
        Self(Duration::from_millis(millis))
    }

    /// Microseconds, the unit of event time.
    pub fn micros(self) -> i64 {
        i64::try_from(self.0.as_micros()).unwrap_or(i64::MAX)
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DAY_SECS: u64 = 86_400;
        let (days, rest) = (self.0.as_secs() / DAY_SECS, Duration::new(self.0.as_secs() % DAY_SECS, self.0.subsec_nanos()));
        let rest = jiff::SignedDuration::try_from(rest).expect("less than a day fits");
        match (days, rest.is_zero()) {
            (0, _) => write!(f, "{rest:#}"),
            (_, true) => write!(f, "{days}d"),
            (_, false) => write!(f, "{days}d {rest:#}"),
        }
    }
}

impl std::str::FromStr for Span {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let hint = || format!("{text:?} is not a duration; write a number with a unit, such as \"30s\", \"5m\", \"1h 30m\" or \"2d\"");
        // A day here is always 24 hours; calendar days belong to windows in a time zone, which say so.
        let (days, rest) = match text.trim_start().split_once('d') {
            Some((days, rest)) if days.trim_end().bytes().all(|b| b.is_ascii_digit()) => {
                (days.trim_end().parse::<u32>().map_err(|_| hint())?, rest.strip_prefix("ays").or(rest.strip_prefix("ay")).unwrap_or(rest))
            }
            _ => (0, text),
        };
        let rest: jiff::SignedDuration = match rest.trim() {
            "" if days > 0 || text.contains('d') => jiff::SignedDuration::ZERO,
            rest => rest.parse().map_err(|_| hint())?,
        };
        if days > 0 && rest.is_negative() {
            return Err(hint());
        }
        let duration = jiff::SignedDuration::from_hours(i64::from(days) * 24).checked_add(rest).ok_or_else(hint)?;
        Duration::try_from(duration).map(Span).map_err(|_| format!("{text:?} is negative; write it without the minus"))
    }
}

/// A size in bytes such as `"256MiB"`, `"10GB"` or `"4096"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

const UNITS: [(&str, u64); 9] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("B", 1),
];

impl std::str::FromStr for Size {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let trimmed = text.trim();
        let (number, unit) =
            UNITS.iter().find_map(|(name, unit)| Some((trimmed.strip_suffix(name)?.trim_end(), *unit))).unwrap_or((trimmed, 1));
        let size = number.parse::<u64>().ok().and_then(|n| n.checked_mul(unit));
        size.map(Size).ok_or_else(|| format!("{text:?} is not a size; write a whole number with a unit, such as \"256MiB\" or \"10GB\""))
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = UNITS[..4].iter().rev().find(|(_, unit)| self.0 >= *unit && self.0.is_multiple_of(*unit));
        match unit {
            Some((name, unit)) => write!(f, "{}{name}", self.0 / unit),
            None => write!(f, "{}B", self.0),
        }
    }
}

macro_rules! text_setting {
    ($name:ident, $expecting:literal, $description:literal, $pattern:literal) => {
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Text;
                impl de::Visitor<'_> for Text {
                    type Value = $name;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str($expecting)
                    }
                    fn visit_str<E: de::Error>(self, text: &str) -> Result<$name, E> {
                        text.parse().map_err(E::custom)
                    }
                }
                deserializer.deserialize_str(Text)
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "description": $description, "pattern": $pattern })
            }
        }
    };
}

text_setting!(Span, "a duration as text, such as \"30s\"", "A duration such as 30s, 5m, 1h 30m or 2d", "^ *[0-9].*[a-z] *$");
text_setting!(Size, "a size as text, such as \"256MiB\"", "A size such as 256MiB or 10GB", "^ *[0-9]+ *([KMGT]i?B|kB|B)? *$");

/// Where a secret is found. The secret itself never stands in a configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Secret {
    /// In this environment variable.
    Env(String),
    /// In this file; white space at the end is cut.
    File(std::path::PathBuf),
}

/// The error for a secret that was written as plain text: what stands there must not be shown.
pub const SECRET_IN_TEXT: &str = "a secret does not stand in the configuration itself";
/// What is expected in its place.
pub const SECRET_EXPECTED: &str = "where to find it: { env = \"NAME\" } or { file = \"/path\" }";

/// The derived code would repeat a secret that was written as plain text in its error; this does not.
impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "snake_case")]
        enum Place {
            Env,
            File,
        }

        struct Reference;
        impl<'de> de::Visitor<'de> for Reference {
            type Value = Secret;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(SECRET_EXPECTED)
            }
            fn visit_str<E: de::Error>(self, _: &str) -> Result<Secret, E> {
                Err(E::custom(format_args!("{SECRET_IN_TEXT}; write {SECRET_EXPECTED}")))
            }
            fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Secret, A::Error> {
                let one = || de::Error::custom("a secret has one place; write either { env = \"NAME\" } or { file = \"/path\" }");
                let secret = match map.next_key()?.ok_or_else(one)? {
                    Place::Env => Secret::Env(map.next_value()?),
                    Place::File => Secret::File(map.next_value()?),
                };
                if map.next_key::<Place>()?.is_some() { Err(one()) } else { Ok(secret) }
            }
        }
        deserializer.deserialize_any(Reference)
    }
}

/// A secret that was read: shows as `***` wherever it is printed.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretText(String);

impl Secret {
    /// Reads the secret.
    ///
    /// # Errors
    /// `Broken` when it is not there or empty; the text names where it was looked for, never what was found.
    pub fn read(&self) -> Result<SecretText> {
        let text = match self {
            Self::Env(name) => {
                std::env::var(name).map_err(|e| Error::broken(format!("reading a secret from environment variable {name}")).because(e))?
            }
            Self::File(path) => std::fs::read_to_string(path)
                .map_err(|e| Error::broken(format!("reading a secret from file {}", path.display())).because(e))?,
        };
        match text.trim_end() {
            "" => Err(Error::broken(format!("the secret from {self} is empty"))),
            text => Ok(SecretText(text.to_owned())),
        }
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "environment variable {name}"),
            Self::File(path) => write!(f, "file {}", path.display()),
        }
    }
}

impl SecretText {
    /// The secret itself: hand it to a client, never to a log.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// A setting that has the right form and still cannot work. Each source's configuration finds its own by a `validate` that
/// reads no secret and connects to nothing, so that `floodmark check` can show where each of them stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The way to the setting: keys, and places in lists from 0.
    pub path: Vec<String>,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub remedy: String,
    /// Which bytes of the setting, a text, it is about; all when absent.
    pub within: Option<Range<usize>>,
}

impl Fault {
    /// A fault of the setting `key`.
    pub fn of(key: &str, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { path: vec![key.to_owned()], what: what.into(), remedy: remedy.into(), within: None }
    }

    /// The same of some bytes of the text.
    #[must_use]
    pub fn within(mut self, within: Range<usize>) -> Self {
        self.within = Some(within);
        self
    }

    /// The same of entry `index` of the list that the path names.
    #[must_use]
    pub fn entry(mut self, index: usize) -> Self {
        self.path.push(index.to_string());
        self
    }

    /// The same of `key` in the table that the path names.
    #[must_use]
    pub fn key(mut self, key: &str) -> Self {
        self.path.push(key.to_owned());
        self
    }

    /// Refuses a source whose settings have faults.
    ///
    /// # Errors
    /// `Broken` with all of them.
    pub fn refuse(source: &str, faults: &[Self]) -> Result<()> {
        if faults.is_empty() {
            return Ok(());
        }
        let texts: Vec<String> = faults.iter().map(Self::to_string).collect();
        Err(Error::broken(format!("source {source:?}: {}", texts.join("; "))))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {} ({})", self.path.join("."), self.what, self.remedy)
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        Self::broken(fault.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_sizes_are_read_and_written() {
        for (text, secs, written) in [
            ("30s", 30, "30s"),
            ("1h 30m", 5400, "1h 30m"),
            ("2d", 172_800, "2d"),
            ("25h", 90_000, "1d 1h"),
            ("1 day 90m", 91_800, "1d 1h 30m"),
            ("0d", 0, "0s"),
            ("5 min", 300, "5m"),
        ] {
            let span: Span = text.parse().unwrap();
            assert_eq!((span.0.as_secs(), span.to_string().as_str()), (secs, written), "{text}");
        }
        for (text, bytes, written) in
            [("256MiB", 1 << 28, "256MiB"), ("10 GB", 10_000_000_000, "9765625KiB"), ("7", 7, "7B"), ("0B", 0, "0B")]
        {
            let size: Size = text.parse().unwrap();
            assert_eq!((size.0, size.to_string().as_str()), (bytes, written), "{text}");
        }
    }

    #[test]
    fn what_is_not_a_duration_or_size_is_refused_with_an_example() {
        for text in ["", "30", "-5s", "soon", "d", "99999999999999999999s", "99999999999999999999d", "1d -1h", "1d1d"] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
        for text in ["", "1.5GiB", "GiB", "-1", "99999999999TiB"] {
            assert!(text.parse::<Size>().is_err(), "{text}");
        }
        assert!("30".parse::<Span>().unwrap_err().contains("\"30s\""));
    }

    #[test]
    fn a_secret_never_shows() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        std::fs::write(&path, "hunter2\n").unwrap();
        let secret = Secret::File(path).read().unwrap();
        assert_eq!(secret.expose(), "hunter2");
        assert_eq!(format!("{secret:?}"), "***");
        assert!(Secret::Env("FLOODMARK_NO_SUCH_VARIABLE".into()).read().unwrap_err().chain().contains("FLOODMARK_NO_SUCH_VARIABLE"));
    }
}
