//! What the suite writes.

use std::collections::BTreeMap;

use bytes::Bytes;
use floodmark_schemas::commit::Output;
use floodmark_schemas::{
    Aggregates, Commit, DeadLetter, Definition, Encoding, Event, EventBatch, FrameHeader, Headers, JobEntry, Rollup, Series, Timestamp,
    Window, frame, subject,
};

use crate::ports::{Entry, Position};

/// An entry as a log would give it.
pub fn entry(position: u64, subject: &str, body: impl Into<Bytes>) -> Entry {
    let time = Timestamp::from_secs(1_800_000_000 + position.cast_signed());
    Entry { position: Position(position), time, subject: subject.to_owned(), id: None, headers: Headers::default(), body: body.into() }
}

/// The version that [`commit_entry`] is of, and the rollups of the suite.
pub(super) const VERSION: &str = "00000001";

/// A commit of the only job of `operator` with these outputs.
pub fn commit_entry(position: u64, operator: &str, outputs: Vec<Output>) -> Entry {
    definition_entry(position, operator, Definition { version: VERSION, jobs: 1, rebuilding: false }, 0, outputs)
}

/// Commits of these outputs after a position, one for each operator.
pub(super) fn commit_entries(after: u64, outputs: Vec<Output>) -> Vec<Entry> {
    let mut by_operator: BTreeMap<String, Vec<Output>> = BTreeMap::new();
    for output in outputs {
        let operator = match &output {
            Output::Rollup(rollup) => &rollup.operator,
            Output::Score(score) => &score.operator,
            Output::Late(late) => &late.operator,
            Output::Alert(alert) => &alert.rule,
        };
        by_operator.entry(operator.clone()).or_default().push(output);
    }
    (after + 1..).zip(by_operator).map(|(position, (operator, outputs))| commit_entry(position, &operator, outputs)).collect()
}

/// A commit of a job of `operator` by a definition.
pub(super) fn definition_entry(position: u64, operator: &str, definition: Definition<'_>, job: u32, outputs: Vec<Output>) -> Entry {
    let in_fingerprint = format!("{position:016x}");
    let commit = Commit { n: position, in_position: position, in_fingerprint, outputs, ..Commit::default() };
    let body = serde_json::to_vec(&JobEntry::Commit(commit)).expect("a commit is JSON");
    let mut entry = entry(position, &subject::outputs(operator, job), body);
    definition.set(&mut entry.headers);
    entry
}

/// A dead letter on its subject.
pub fn dead_letter_entry(position: u64, letter: &DeadLetter) -> Entry {
    entry(position, &subject::dead(&letter.component), serde_json::to_vec(letter).expect("a dead letter is JSON"))
}

/// A frame of `source` with these events.
pub fn frame_entry(position: u64, source: &str, encoding: Encoding, events: Vec<Event>) -> Entry {
    let times = events.iter().map(|event| event.time).min().zip(events.iter().map(|event| event.time).max());
    let count = events.len() as u32;
    let header = FrameHeader { source: source.to_owned(), epoch: 1, number: position, count, times, encoding, ..FrameHeader::default() };
    let body = frame::encode(&events.into_iter().collect::<EventBatch>(), encoding, source, &format!("{source}-{position}"));
    Entry { headers: header.to_headers(), ..entry(position, &subject::events(0, source), body) }
}

/// The frame of a shard of its source that has this number.
pub fn shard_entry(frame: Entry, shard: u32, number: u64) -> Entry {
    let header = FrameHeader::from_headers(&frame.headers).expect("it is a frame");
    let subject = subject::events(0, &subject::writer(&header.source, Some(shard)));
    let header = FrameHeader { shard: Some(shard), number, ..header };
    Entry { subject, headers: header.to_headers(), ..frame }
}

/// A rollup of one value over ten seconds.
pub(super) fn rollup(operator: &str, source: &str, series: Series, start_secs: i64, revision: u32, value: f64) -> Rollup {
    let (start, end) = (Timestamp::from_secs(start_secs), Timestamp::from_secs(start_secs + 10));
    let id = format!("{:032x}", floodmark_schemas::series::fnv1a(format!("{operator}{source}{series}{start}{revision}").as_bytes()));
    let aggregates = Aggregates { count: u64::from(revision) + 1, sum: Some(value), last: Some(value), ..Aggregates::default() };
    Rollup {
        id,
        operator: operator.to_owned(),
        version: VERSION.into(),
        source: source.to_owned(),
        series: series.into(),
        window: Window { start, end },
        revision,
        aggregates,
    }
}

/// A small generator of numbers that look random and are the same on every run (SplitMix64,
/// <https://prng.di.unimi.it/splitmix64.c>).
pub(super) struct Numbers(pub(super) u64);

impl Numbers {
    /// A number below `bound`.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }
}
