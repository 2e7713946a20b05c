//! Arguments that several commands share: where the data is, which part of it, and when.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;
use floodmark_connectors::settings::Span;
use floodmark_schemas::Timestamp;

use super::exit::{Exit, Failure};

/// Where the data is.
#[derive(Clone, Debug, Default, Args)]
pub struct Place {
    /// Read this data directory instead of the one that the configuration names.
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
}

/// Which series.
#[derive(Clone, Debug, Default, Args)]
pub struct Series {
    /// Only of this source.
    #[arg(short, long, value_name = "ID")]
    pub source: Option<String>,
    /// Only of this metric.
    #[arg(short, long, value_name = "NAME")]
    pub metric: Option<String>,
    /// Only with this label; may be given several times, then all must match.
    #[arg(short, long, value_name = "NAME=VALUE")]
    pub label: Vec<Label>,
}

impl Series {
    /// The labels by name.
    pub(super) fn labels(&self) -> Result<BTreeMap<String, String>, Failure> {
        let mut labels = BTreeMap::new();
        for Label { name, value } in &self.label {
            if labels.insert(name.clone(), value.clone()).is_some_and(|other| other != *value) {
                return Err(usage(format!("--label {name} is given with two values: no series has both")));
            }
        }
        Ok(labels)
    }
}

/// A command line that says what cannot be.
pub(super) fn usage(what: impl Into<String>) -> Failure {
    Failure::Other(Exit::Usage, what.into(), None)
}

/// From when to when, in event time.
#[derive(Clone, Debug, Default, Args)]
pub struct Period {
    /// From this time on: RFC 3339 such as 2026-01-31T12:00:00Z, or that long ago, such as 2h.
    #[arg(long, value_name = "TIME")]
    pub from: Option<When>,
    /// Before this time; written in the same way.
    #[arg(long, value_name = "TIME")]
    pub to: Option<When>,
}

impl Period {
    /// The times it means at `now`.
    pub(super) fn span(&self, now: Timestamp) -> Result<(Option<Timestamp>, Option<Timestamp>), Failure> {
        let span = (self.from.map(|from| from.at(now)), self.to.map(|to| to.at(now)));
        match span {
            (Some(from), Some(to)) if from > to => Err(usage(format!("--to ({to}) lies before --from ({from})"))),
            span => Ok(span),
        }
    }
}

/// Whether `text` is what `pattern` says, where `*` stands for any text.
pub(super) fn glob(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// How much.
#[derive(Clone, Debug, Args)]
pub struct Limit {
    /// The most to print.
    #[arg(short = 'n', long, value_name = "COUNT", default_value_t = 100)]
    pub limit: usize,
}

/// A label and its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// The name.
    pub name: String,
    /// The value.
    pub value: String,
}

impl FromStr for Label {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((name, value)) if !name.is_empty() => Ok(Self { name: name.to_owned(), value: value.to_owned() }),
            _ => Err("write it as name=value".to_owned()),
        }
    }
}

/// A point in time, as people write it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// This time.
    At(Timestamp),
    /// So long before now.
    Ago(Span),
}

impl When {
    /// The time it means at `now`.
    pub fn at(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(time) => time,
            Self::Ago(span) => now.plus_micros(-span.micros()),
        }
    }
}

impl FromStr for When {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let time = Timestamp::parse(text).map(Self::At).ok();
        let ago = || text.trim_end_matches(" ago").parse().map(Self::Ago).ok();
        time.or_else(ago).ok_or_else(|| "write a time such as 2026-01-31T12:00:00Z, or how long ago, such as 2h".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_absolute_or_ago() {
        let now = Timestamp::from_secs(10_000);
        for (text, expected) in [("1970-01-01T00:00:05Z", 5), ("2h", 2_800), ("90 min ago", 4_600), ("0s", 10_000)] {
            assert_eq!(text.parse::<When>().unwrap().at(now), Timestamp::from_secs(expected), "{text}");
        }
        for text in ["", "yesterday", "5"] {
            assert!(text.parse::<When>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, text, expected) in [
            ("web", "web", true),
            ("web", "web1", false),
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("web*", "web", true),
            ("web*", "aweb", false),
            ("*cpu*", "host_cpu_usage", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("ab*ba", "aba", false),
            ("a**b", "ab", true),
            ("*ü", "grün ü", true),
        ] {
            assert_eq!(glob(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn a_period_that_ends_before_it_begins_is_wrong_usage() {
        let period = |from: &str, to: &str| Period { from: Some(from.parse().unwrap()), to: Some(to.parse().unwrap()) };
        let now = Timestamp::from_secs(10_000);
        assert_eq!(period("2h", "1h").span(now).unwrap(), (Some(Timestamp::from_secs(2_800)), Some(Timestamp::from_secs(6_400))));
        assert_eq!(period("1h", "2h").span(now).unwrap_err().exit(), Exit::Usage);
    }

    #[test]
    fn labels_have_a_name() {
        assert_eq!("a=b=c".parse::<Label>().unwrap(), Label { name: "a".into(), value: "b=c".into() });
        assert!("=b".parse::<Label>().is_err() && "a".parse::<Label>().is_err());
    }
}
