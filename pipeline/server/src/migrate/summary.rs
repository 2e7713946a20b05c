//! What a migration has done and found.

use std::fmt::Write;
use std::time::Duration;

use serde::Serialize;

/// How many differences are named; the others are counted.
const NAMED_MAX: usize = 20;

/// What differs between old and new.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Differences {
    /// How many there are.
    pub count: u64,
    /// The first of them.
    pub first: Vec<String>,
}

impl Differences {
    pub(super) fn add(&mut self, what: String) {
        self.count += 1;
        if self.first.len() < NAMED_MAX {
            self.first.push(what);
        }
    }
}

/// One of the two logs.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct OfLog {
    /// `events` or `outputs`.
    pub log: String,
    /// The stream it is in now.
    pub stream: String,
    /// Its oldest position.
    pub first: u64,
    /// Its newest position.
    pub tail: u64,
    /// Entries that were copied by this run.
    pub copied: u64,
    /// Bytes of their bodies.
    pub bytes: u64,
    /// Behind which position an interrupted copy went on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resumed_after: Option<u64>,
    /// Entries that were compared.
    pub compared: u64,
    /// How long copying took.
    pub copy_seconds: f64,
    /// How long comparing took.
    pub compare_seconds: f64,
}

/// One kind of documents in the stores.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct OfStore {
    /// `rollups`, `scores`, `dead letters`, `series` or `raw events`.
    pub what: String,
    /// How many the old store has.
    pub old: u64,
    /// How many the new store has.
    pub new: u64,
    /// How many were copied from store to store because they are not in the log any more.
    pub older_copied: u64,
    /// How many of the old store are not in the new one, and need not be; `left_because` says why.
    pub left: u64,
    /// Why.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub left_because: String,
    /// How long it took.
    pub seconds: f64,
}

/// What a migration has done and found.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Summary {
    /// Whether old and new are the same.
    pub ok: bool,
    /// The logs.
    pub logs: Vec<OfLog>,
    /// The stores; empty when the logs differ.
    pub stores: Vec<OfStore>,
    /// What will not simply go on.
    pub warnings: Vec<String>,
    /// What differs.
    pub differences: Differences,
    /// How long everything took.
    pub seconds: f64,
}

/// Seconds, to the millisecond.
pub(super) fn seconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e3).round() / 1e3
}

impl Summary {
    /// For people; `target` is the configuration that goes on.
    pub fn text(&self, target: &str) -> String {
        let mut text = String::new();
        for log in &self.logs {
            line(&mut text, &log.of_text());
        }
        for store in &self.stores {
            line(&mut text, &store.of_text());
        }
        if self.ok {
            line(&mut text, &format!("ok: old and new are the same, after {:.1} s", self.seconds));
            line(&mut text, &format!("next: floodmark run -c {target}"));
            return text;
        }
        line(&mut text, &format!("{} differences, after {:.1} s:", self.differences.count, self.seconds));
        for difference in &self.differences.first {
            line(&mut text, &format!("  {difference}"));
        }
        if self.differences.count > self.differences.first.len() as u64 {
            line(&mut text, "  ...");
        }
        text
    }
}

impl OfLog {
    fn of_text(&self) -> String {
        let Self { log, stream, first, tail, copied, bytes, compared, copy_seconds, compare_seconds, .. } = self;
        let bytes = indicatif::HumanBytes(*bytes);
        let resumed = self.resumed_after.map_or_else(String::new, |at| format!(" (the rest, behind {at})"));
        format!(
            "log of {log}: positions {first} to {tail}, {copied} entries ({bytes}) copied to {stream} in {copy_seconds:.1} s{resumed}, \
             {compared} compared in {compare_seconds:.1} s"
        )
    }
}

impl OfStore {
    fn of_text(&self) -> String {
        let Self { what, old, new, older_copied, left, left_because, seconds } = self;
        let mut text = format!("{what}: {old} old, {new} new, compared in {seconds:.1} s");
        if *older_copied > 0 {
            text.push_str(&format!("; not in the log any more: {older_copied} copied"));
        }
        if *left > 0 {
            text.push_str(&format!("; {left} left: {left_because}"));
        }
        text
    }
}

fn line(text: &mut String, line: &str) {
    writeln!(text, "{line}").expect("writing to a string does not fail");
}
