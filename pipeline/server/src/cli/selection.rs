//! Arguments that several commands share: where the data is, which part of it, and when.

use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;
use floodmark_connectors::settings::Span;
use floodmark_schemas::Timestamp;

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
    fn labels_have_a_name() {
        assert_eq!("a=b=c".parse::<Label>().unwrap(), Label { name: "a".into(), value: "b=c".into() });
        assert!("=b".parse::<Label>().is_err() && "a".parse::<Label>().is_err());
    }
}
