//! What is told of the polls of one source that were settled at one time.

use std::collections::BTreeMap;

use floodmark_schemas::{Event, Record, Series, Timestamp, subject};
use serde_json::{Value, json};

/// The metric of the share of polls that were done.
pub const SHARE: &str = "poll_coverage";
/// How many targets are named when polls were missed.
const NAMED_MAX: usize = 10;

/// What became of the polls of one source that were settled since the report before.
///
/// `expected` is `done` + `failed` + `missed`. `late` counts polls of which nothing was told until the next one was due, as soon as that is
/// known: those that hang are told as late first, and as missed when an interval of reports has passed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The source.
    pub source: String,
    /// The time of the report.
    pub at: i64,
    /// How many were due.
    pub expected: u64,
    /// Of how many it is known whether the target was up.
    pub done: u64,
    /// How many were made without coming to know that: a limit of the service, or this machine or its line was to blame.
    pub failed: u64,
    /// How many had not been told when the next was due.
    pub late: u64,
    /// How many have left nothing.
    pub missed: u64,
    /// When the first and the last of those missed were due.
    pub missed_between: Option<(i64, i64)>,
    /// Of each target how many were missed.
    pub missed_of: BTreeMap<String, u64>,
}

impl Report {
    /// The share of what was due that was done; `None` when nothing was due.
    pub fn coverage(&self) -> Option<f64> {
        (self.expected > 0).then(|| self.done as f64 / self.expected as f64)
    }

    /// What became of polls, by the name of the outcome.
    pub fn outcomes(&self) -> [(&'static str, u64); 4] {
        [("done", self.done), ("failed", self.failed), ("late", self.late), ("missed", self.missed)]
    }

    /// The events that tell it.
    pub fn events(&self) -> Vec<Event> {
        let time = Timestamp::from_micros(self.at);
        let sample = |metric: &str, value: f64| {
            let series = Series::new(metric).label("source", self.source.clone());
            Event::sample(subject::MONITOR, format!("{metric}:{}@{}", self.source, self.at), time, series, value)
        };
        let outcomes = self.outcomes().map(|(outcome, count)| sample(&format!("polls_{outcome}"), count as f64));
        let share = self.coverage().map(|share| sample(SHARE, share));
        [sample("polls_expected", self.expected as f64)].into_iter().chain(outcomes).chain(share).chain(self.missed_record(time)).collect()
    }

    /// Which polls were missed, for people.
    fn missed_record(&self, time: Timestamp) -> Option<Event> {
        let (first, last) = self.missed_between?;
        let named = self.missed_of.iter().filter(|(target, _)| !target.is_empty()).take(NAMED_MAX);
        let named: serde_json::Map<String, Value> = named.map(|(target, missed)| (target.clone(), json!(missed))).collect();
        let mut fact = serde_json::Map::new();
        fact.insert("source".to_owned(), json!(self.source));
        fact.insert("missed".to_owned(), json!(self.missed));
        fact.insert("first_due".to_owned(), json!(Timestamp::from_micros(first)));
        fact.insert("last_due".to_owned(), json!(Timestamp::from_micros(last)));
        if !named.is_empty() {
            fact.insert("more_targets".to_owned(), json!(self.missed_of.len() - named.len()));
            fact.insert("targets".to_owned(), Value::Object(named));
        }
        let record = Record { name: "polls.missed".to_owned(), fact };
        let mut event = Event::record(subject::MONITOR, format!("polls.missed:{}@{}", self.source, self.at), time, record);
        event.subject = Some(self.source.clone());
        Some(event)
    }
}
