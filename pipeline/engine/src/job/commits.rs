//! The chain of commits of one job: where they are cut, how they are written.

use std::collections::BTreeMap;

use bytes::Bytes;
use floodmark_core::ports::{Entry, NewEntry, Operator, Outputs, Position};
use floodmark_schemas::commit::{CAUSE_TIME, Output};
use floodmark_schemas::{Definition, Headers, Presence, Timestamp, subject};
use serde::Serialize;
use serde_json::value::RawValue;
use twox_hash::XxHash3_128;

use super::JobSpec;
use crate::trace;

/// A job without outputs still commits its position this often, in log time.
const QUIET_US: i64 = 10_000_000;
/// The most outputs of one commit, so that it stays a message of moderate size.
const OUTPUTS_MAX: usize = 1_000;

/// The commits so far, and what will be in the next.
///
/// A commit is cut after an entry that made outputs or is the end of a source, and before the first entry that comes
/// [`QUIET_US`] of log time after the last cut. Neither depends on how the log is read.
#[derive(Debug, Default)]
pub(super) struct Chain {
    /// The number of the newest commit.
    pub(super) n: u64,
    /// The newest entry that was taken.
    pub(super) position: Position,
    pub(super) fingerprint: String,
    /// Of all outputs up to the newest commit.
    pub(super) digest: String,
    /// What the next commit will hold.
    pub(super) outputs: Outputs,
    /// Log time of the newest commit's entry.
    pub(super) cut_time: Option<Timestamp>,
    /// When the event log stored what the newest entry follows from; `None` when no entry was taken yet.
    cause_time: Option<i64>,
    /// The newest entry, unless it is in a commit.
    newest: Option<Newest>,
    /// Position of the newest commit.
    cut_position: Position,
    /// Under which this owner writes.
    pub(super) epoch: u64,
    /// Whether what it writes is part of a rebuild.
    pub(super) rebuilding: bool,
    /// How many outputs were cut since the start.
    pub(super) made: u64,
    /// The trace of the newest entry that is traced, for the next commit.
    trace: Option<String>,
    /// Whether the newest entry was the end of a source.
    ends: bool,
}

/// An entry that is in no commit yet.
#[derive(Clone, Debug)]
struct Newest {
    time: Timestamp,
    print: Print,
}

/// A fingerprint is computed only when it is needed.
#[derive(Clone, Debug)]
enum Print {
    Of(Bytes),
    Known(String),
}

/// Where a chain stands: what is saved with a state.
#[derive(Clone, Debug, Default)]
pub(super) struct Standing {
    /// The number of the newest commit, its digest, its position and the log time of its entry.
    pub(super) n: u64,
    pub(super) digest: String,
    pub(super) cut_position: Position,
    pub(super) cut_time: Timestamp,
    /// The newest entry that was taken, at or after that.
    pub(super) position: Position,
    pub(super) fingerprint: String,
    pub(super) time: Timestamp,
}

/// In an entry that ends a source: the end of time.
const WATERMARK: &str = "Floodmark-Watermark";

/// Whether an entry is the end of a source, or a commit of what that has brought about.
pub(super) fn ends(headers: &Headers) -> bool {
    headers.parse(WATERMARK).is_ok_and(|time: i64| time == Timestamp::MAX.micros())
}

/// How far sources have come, and how those stand of which that does not say all.
type Sources = (BTreeMap<String, Timestamp>, BTreeMap<String, Presence>);

/// A commit with its outputs already written.
#[derive(Serialize)]
struct Written<'a> {
    schema: &'static str,
    n: u64,
    in_position: u64,
    in_fingerprint: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    watermark: Option<Timestamp>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    watermarks: &'a BTreeMap<String, Timestamp>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    presence: &'a BTreeMap<String, Presence>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    more: bool,
    late: u64,
    digest: &'a str,
    outputs: &'a RawValue,
}

impl Chain {
    /// Goes on from where a chain stood.
    pub(super) fn resume(standing: Standing) -> Self {
        let Standing { n, digest, cut_position, cut_time, position, fingerprint, time } = standing;
        let newest = (position != cut_position).then(|| Newest { time, print: Print::Known(fingerprint.clone()) });
        Self { n, position, fingerprint, digest, cut_time: Some(cut_time), cut_position, newest, ..Self::default() }
    }

    /// Where it stands.
    pub(super) fn standing(&self) -> Standing {
        let cut_time = self.cut_time.unwrap_or_default();
        let (time, fingerprint) = match &self.newest {
            Some(newest) => (newest.time, newest.fingerprint()),
            None => (cut_time, self.fingerprint.clone()),
        };
        let (n, digest, cut_position, position) = (self.n, self.digest.clone(), self.cut_position, self.position);
        Standing { n, digest, cut_position, cut_time, position, fingerprint, time }
    }

    /// Whether a commit has to be cut before an entry with this log time.
    pub(super) fn is_due(&self, time: Timestamp) -> bool {
        self.cut_time.is_some_and(|cut| time.micros() - cut.micros() >= QUIET_US) && !self.at_cut()
    }

    /// Whether nothing was taken since the newest commit.
    fn at_cut(&self) -> bool {
        self.position == self.cut_position
    }

    /// An entry was applied.
    pub(super) fn passed(&mut self, entry: &Entry) {
        self.position = entry.position;
        self.cut_time.get_or_insert(entry.time);
        if let Some(trace) = entry.headers.get(trace::HEADER) {
            self.trace = Some(trace.to_owned());
        }
        self.ends = ends(&entry.headers);
        self.cause_time = Some(entry.headers.parse(CAUSE_TIME).unwrap_or(entry.time.micros()));
        self.newest = Some(Newest { time: entry.time, print: Print::Of(entry.body.clone()) });
    }

    /// The commits of what came since the last cut, with their numbers and digests: none when nothing came.
    pub(super) fn cut(&mut self, spec: &JobSpec, operator: &dyn Operator) -> Vec<(u64, String, NewEntry)> {
        let Some(newest) = self.newest.take() else { return Vec::new() };
        self.fingerprint = newest.fingerprint();
        let since = self.cut_time.replace(newest.time).unwrap_or(Timestamp::MIN);
        self.cut_position = self.position;
        let outputs = std::mem::take(&mut self.outputs);
        self.made += outputs.len() as u64;
        let mut parts: Vec<&[Output]> = outputs.chunks(OUTPUTS_MAX).collect();
        if parts.is_empty() {
            parts.push(&[]);
        }
        let (sources, last) = ((operator.watermarks(), operator.presence(since, newest.time)), parts.len() - 1);
        let commits = parts.into_iter().enumerate().map(|(i, part)| self.commit(spec, operator, &sources, part, i < last)).collect();
        self.trace = None;
        commits
    }

    fn commit(
        &mut self,
        spec: &JobSpec,
        operator: &dyn Operator,
        (watermarks, presence): &Sources,
        outputs: &[Output],
        more: bool,
    ) -> (u64, String, NewEntry) {
        let mut json = String::with_capacity(2 + outputs.len() * 384);
        json.push('[');
        for (i, output) in outputs.iter().enumerate() {
            let text = serde_json::to_string(output).expect("an output is plain data");
            self.digest = digest(&self.digest, &text);
            json.push_str(if i == 0 { "" } else { ",\n" });
            json.push_str(&text);
        }
        json.push(']');
        let outputs = RawValue::from_string(json).expect("a list of JSON values is JSON");
        self.n += 1;
        let written = Written {
            schema: "floodmark.commit.v1",
            n: self.n,
            in_position: self.position.0,
            in_fingerprint: &self.fingerprint,
            watermark: operator.watermark(),
            watermarks,
            presence,
            more,
            late: operator.late(),
            digest: &self.digest,
            outputs: &outputs,
        };
        let body = serde_json::to_vec(&written).expect("a commit is plain data");
        let mut entry = entry(spec, self, body);
        if let Some(cause_time) = self.cause_time {
            entry.headers.set(CAUSE_TIME, cause_time);
        }
        if let Some(trace) = &self.trace {
            entry.headers.set(trace::HEADER, trace);
        }
        if self.ends && !more {
            entry.headers.set(WATERMARK, Timestamp::MAX.micros());
        }
        (self.n, self.digest.clone(), entry)
    }
}

/// An entry on the subject of the job, by the owner of the chain. It has no id: compare-and-set keeps it single.
pub(super) fn entry(spec: &JobSpec, chain: &Chain, body: Vec<u8>) -> NewEntry {
    let mut headers = Headers::default();
    headers.set("Content-Type", "application/json");
    Definition { version: &spec.version, jobs: spec.jobs, rebuilding: chain.rebuilding }.set(&mut headers);
    headers.set("Floodmark-Epoch", chain.epoch);
    NewEntry { subject: subject::outputs(&spec.operator, spec.partition), id: None, headers, body: body.into() }
}

/// The chain goes over the outputs one by one, so it does not depend on where commits were cut.
fn digest(before: &str, output: &str) -> String {
    let mut hasher = XxHash3_128::new();
    hasher.write(before.as_bytes());
    hasher.write(output.as_bytes());
    format!("{:032x}", hasher.finish_128())
}

impl Newest {
    fn fingerprint(&self) -> String {
        match &self.print {
            Print::Known(text) => text.clone(),
            Print::Of(body) => {
                let (position, subject, id, headers) = (Position::START, String::new(), None, Headers::default());
                Entry { position, time: self.time, subject, id, headers, body: body.clone() }.fingerprint()
            }
        }
    }
}
