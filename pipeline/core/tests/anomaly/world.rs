//! Series of samples, as log entries and as a detector or an operator sees them.

use bytes::Bytes;
use floodmark_core::anomaly::{Anomaly, Emit, Spec};
use floodmark_core::ports::{Entry, Operator, Position};
use floodmark_schemas::commit::Output;
use floodmark_schemas::frame::Compression;
use floodmark_schemas::{Encoding, Event, EventBatch, FrameHeader, Score, Series, Timestamp, frame, subject};

/// 2026-01-05, a Monday.
pub const START: i64 = 1_767_571_200;
pub const MINUTE: i64 = 60;
pub const DAY: i64 = 86_400;

/// A sample: seconds since [`START`], metric, value.
pub type Sample = (i64, &'static str, f64);

pub fn spec() -> Spec {
    Spec { emit: Emit::All, ..Spec::new("unusual", 0) }
}

/// Frames of one source with as many samples as `cuts` says, in turn, as JSON and Arrow by its parity. Log time is that of the last sample.
pub fn entries(samples: &[Sample], cuts: &[usize]) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut rest = samples;
    for cut in cuts.iter().cycle() {
        let (now, later) = rest.split_at((*cut).clamp(1, rest.len().max(1)).min(rest.len()));
        if now.is_empty() {
            break;
        }
        let number = entries.len() as u64 + 1;
        let encoding = if cut.is_multiple_of(2) { Encoding::Arrow(Compression::None) } else { Encoding::Json };
        entries.push(entry(number, number, now, encoding));
        rest = later;
    }
    entries
}

pub fn entry(position: u64, number: u64, samples: &[Sample], encoding: Encoding) -> Entry {
    let events = samples.iter().map(|(secs, metric, value)| {
        Event::sample("s", "", Timestamp::from_secs(START + secs), Series::new(*metric).label("host", "a"), *value)
    });
    let batch: EventBatch = events.collect();
    let count = samples.len() as u32;
    let header = FrameHeader { source: "s".to_owned(), epoch: 1, number, count, encoding, ..FrameHeader::default() };
    let body = if samples.is_empty() { Bytes::new() } else { frame::encode(&batch, encoding, "s", "f") };
    // A constant: what comes out does not depend on log time as long as no event is in the future.
    let time = Timestamp::from_secs(START + 1_000 * DAY);
    let subject = subject::events(0, &header.source);
    Entry { position: Position(position), time, subject, id: None, headers: header.to_headers(), body }
}

pub fn run(spec: &Spec, entries: &[Entry]) -> (Anomaly, Vec<Score>) {
    let mut operator = Anomaly::new(spec.clone()).unwrap();
    let mut outputs = Vec::new();
    entries.iter().for_each(|entry| operator.apply(entry, &mut outputs).unwrap());
    (operator, scores(outputs))
}

pub fn scores(outputs: Vec<Output>) -> Vec<Score> {
    let score = |output| match output {
        Output::Score(score) => score,
        other => panic!("{other:?} is no score"),
    };
    outputs.into_iter().map(score).collect()
}

/// The scores of one series of samples.
pub fn judge(spec: &Spec, samples: &[Sample]) -> Vec<Score> {
    run(spec, &entries(samples, &[1_000])).1
}

/// Numbers from 0 to 1 that look random and are the same in every run. Source: Steele, Lea, Flood, Fast splittable pseudorandom number generators (SplitMix64), 2014.
pub fn noise(seed: u64) -> impl FnMut() -> f64 {
    let mut state = seed;
    move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// A sample every five minutes: a level of 50 with noise of 10.
pub fn ordinary(days: i64) -> Vec<Sample> {
    let mut noise = noise(1);
    (0..days * 288).map(|n| (n * 5 * MINUTE, "load", 50.0 + 10.0 * noise())).collect()
}
