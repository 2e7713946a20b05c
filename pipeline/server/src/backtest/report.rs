//! What a test on the past found.

use std::collections::BTreeMap;

use floodmark_schemas::{Severity, Timestamp};
use serde::Serialize;

use super::labels::Label;
use super::play::Telling;

/// All of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// From when on alerts count.
    pub from: Timestamp,
    /// Until when.
    pub to: Timestamp,
    /// By which time the desk went: `log` or `event`.
    pub clock: &'static str,
    /// The time zone of nights.
    pub zone: String,
    /// What wakes people.
    pub wakes: Severity,
    /// How many times something was wrong; absent when nothing is known of that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<u64>,
    /// The key that has other values in each row.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// One for each value, or the only one.
    pub rows: Vec<Row>,
}

/// What one configuration makes of the past.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Row {
    /// The value of the key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// All rules together.
    pub all: Score,
    /// Each rule.
    pub rules: BTreeMap<String, Score>,
    /// Each receiver, with how many notifications a week.
    pub receivers: BTreeMap<String, Received>,
    /// The nights on which somebody was woken, by the day on whose evening they began.
    pub nights: Vec<String>,
    /// The longest time without a notification.
    pub longest_silence_secs: u64,
    /// How often something kept alerts silent, by what it was.
    pub kept_silent: BTreeMap<String, u64>,
    /// What was wrong and no alert told of.
    pub missed: Vec<Label>,
    /// Alerts although nothing was wrong.
    pub false_alerts: Vec<FalseAlert>,
    /// Every notification, in order.
    pub told: Vec<Telling>,
    /// The rules said so much that not all of it was looked at.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub too_many: bool,
}

/// What a receiver would have got.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Received {
    /// How many.
    pub notifications: u64,
    /// How many in a week.
    pub per_week: f64,
}

/// An alert although nothing was wrong.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FalseAlert {
    /// Its id.
    pub id: String,
    /// Its rule.
    pub rule: String,
    /// The source.
    pub source: String,
    /// The series.
    pub series: String,
    /// How grave it was at most.
    pub severity: Severity,
    /// When it was active first.
    pub from: Timestamp,
    /// When it was over; absent when it was not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Timestamp>,
}

/// How much rules tell, and how good that is.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Score {
    /// Alerts that were active at some time.
    pub alerts: u64,
    /// Incidents that they made, or came to.
    pub incidents: u64,
    /// Notifications that told of them.
    pub notifications: u64,
    /// How many in a week.
    pub per_week: f64,
    /// Which part of the alerts was right.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub precision: Option<Ratio>,
    /// Which part of what was wrong was told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recall: Option<Ratio>,
    /// The harmonic mean of both.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub f1: Option<f64>,
    /// How long it took until what was told was told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detect: Option<Detect>,
}

/// A part of a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Ratio {
    /// The part.
    pub of: u64,
    /// The whole.
    pub all: u64,
}

/// Times to detect, in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Detect {
    /// Half of them are shorter.
    pub median_secs: f64,
    /// Nine of ten are shorter.
    pub p90_secs: f64,
    /// The longest.
    pub max_secs: f64,
}

impl Ratio {
    /// It as a number; `None` of nothing.
    pub fn value(self) -> Option<f64> {
        (self.all > 0).then(|| self.of as f64 / self.all as f64)
    }
}

impl Detect {
    /// Of times in microseconds: the nearest rank, as it was observed. `None` of none.
    pub(super) fn of(mut times: Vec<i64>) -> Option<Self> {
        times.sort_unstable();
        let max = *times.last()?;
        let rank = |part: usize| times[(times.len() * part).div_ceil(100).max(1) - 1] as f64 / 1e6;
        Some(Self { median_secs: rank(50), p90_secs: rank(90), max_secs: max as f64 / 1e6 })
    }
}
