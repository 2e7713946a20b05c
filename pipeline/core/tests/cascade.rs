//! Cascades against what plain loops make of the same rollups, however commits are cut and whenever state is restored.

#![cfg(test)]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use floodmark_core::BySource;
use floodmark_core::cascade::{Asked, Cascade, Spec};
use floodmark_core::ports::{Entry, Operator, Outputs, Position};
use floodmark_core::upstream::Upstream;
use floodmark_core::window::{self, Aggregate};
use floodmark_schemas::commit::Output;
use floodmark_schemas::{Commit, Encoding, Event, EventBatch, FrameHeader, Headers, JobEntry, Rollup, Series, Timestamp, frame, subject};
use proptest::prelude::*;

const MINUTE_SECS: u64 = 60;
const LATENESS_SECS: u64 = 90;

/// A sample: which source, which series, when, what.
type Sample = (usize, usize, i64, i32);

fn windows(partition: u32) -> window::Spec {
    let secs = Duration::from_secs;
    let aggregates = [Aggregate::Sum, Aggregate::Min, Aggregate::Max, Aggregate::First, Aggregate::Last].into_iter().collect();
    let spec = window::Spec::new("minute", partition, secs(MINUTE_SECS));
    window::Spec { version: 7, allowed_lateness: secs(LATENESS_SECS), aggregates, ..spec }
}

fn spec(group_by: Option<&[&str]>, jobs: u32) -> Spec {
    Spec {
        operator: "five".to_owned(),
        version: 9,
        partition: 0,
        upstream: Upstream { operator: "minute".to_owned(), version: "00000007".to_owned(), jobs },
        shape: window::Shape::Tumbling,
        size: Duration::from_secs(5 * MINUTE_SECS),
        allowed_lateness: Duration::from_secs(LATENESS_SECS),
        asked: Asked { aggregates: windows(0).aggregates, ..Asked::default() },
        metrics: None,
        sources: None,
        group_by: group_by.map(|labels| labels.iter().map(|label| (*label).to_owned()).collect()),
    }
}

fn frame_entry(source: usize, number: u64, log_secs: i64, samples: &[Sample]) -> Entry {
    let name = ["a", "b"][source];
    let event = |(_, series, secs, value): &Sample| {
        let series = Series::new("m").label("host", format!("h{series}")).label("zone", format!("z{}", series % 2));
        Event::sample(name, "", Timestamp::from_secs(*secs), series, f64::from(*value))
    };
    let batch: EventBatch = samples.iter().map(event).collect();
    let header = FrameHeader {
        source: name.to_owned(),
        epoch: 1,
        number,
        count: samples.len() as u32,
        disorder_us: 20_000_000,
        ..FrameHeader::default()
    };
    let (time, subject) = (Timestamp::from_secs(log_secs), subject::events(0, name));
    let body = frame::encode(&batch, Encoding::Json, name, "f");
    Entry { position: Position(number), time, subject, id: None, headers: header.to_headers(), body }
}

/// What the job of the minute windows on `partition` commits, in commits of at most `cut` outputs.
fn commits(partition: u32, frames: &[Vec<Sample>], cut: usize) -> Vec<Entry> {
    let mut minute = BySource::new(windows(partition)).unwrap();
    let (mut entries, mut numbers, mut n) = (Vec::new(), [0; 2], 0);
    for (position, samples) in (1..).zip(frames) {
        let Some((source, ..)) = samples.first().copied() else { continue };
        numbers[source] += 1;
        let mut outputs = Outputs::new();
        let log_secs = 1_000_000 + position as i64;
        minute
            .apply(&Entry { position: Position(position), ..frame_entry(source, numbers[source], log_secs, samples) }, &mut outputs)
            .unwrap();
        let parts: Vec<Vec<Output>> = if outputs.is_empty() { vec![Vec::new()] } else { outputs.chunks(cut).map(<[_]>::to_vec).collect() };
        let last = parts.len() - 1;
        for (i, outputs) in parts.into_iter().enumerate() {
            n += 1;
            let commit = Commit { n, in_position: position, more: i < last, watermarks: minute.watermarks(), outputs, ..Commit::default() };
            let mut headers = Headers::default();
            headers.set("Floodmark-Version", "00000007");
            let (time, subject) = (Timestamp::from_secs(position as i64), subject::outputs("minute", partition));
            let body = serde_json::to_vec(&JobEntry::Commit(commit)).unwrap().into();
            entries.push(Entry { position: Position(n), time, subject, id: None, headers, body });
        }
    }
    entries
}

fn run(spec: &Spec, entries: &[Entry], restore_after: usize) -> Vec<Output> {
    let (mut cascade, mut outputs) = (Cascade::new(spec.clone()).unwrap(), Outputs::new());
    for (i, entry) in entries.iter().enumerate() {
        if i == restore_after {
            let snapshot = cascade.snapshot();
            cascade = Cascade::new(spec.clone()).unwrap();
            cascade.restore(&snapshot).unwrap();
            assert_eq!(cascade.snapshot(), snapshot);
        }
        cascade.apply(entry, &mut outputs).unwrap();
    }
    outputs
}

fn rollups(outputs: impl IntoIterator<Item = Output>) -> Vec<Rollup> {
    outputs.into_iter().filter_map(|output| if let Output::Rollup(rollup) = output { Some(rollup) } else { None }).collect()
}

/// The newest revision of each window: source, series, start in seconds.
type Newest = BTreeMap<(String, String, i64), Rollup>;

fn newest(all: &[Rollup]) -> Newest {
    let mut newest = Newest::new();
    for rollup in all {
        let key = (rollup.source.clone(), rollup.series.key(), rollup.window.start.micros() / 1_000_000);
        let before = newest.insert(key, rollup.clone());
        assert_eq!(rollup.revision, before.map_or(0, |before| before.revision + 1));
    }
    newest
}

/// What the minutes make together, by plain loops: count, sum, least, greatest, first and last.
fn by_hand(minutes: &Newest, labels: Option<&[&str]>) -> BTreeMap<(String, String, i64), [f64; 6]> {
    let mut all = BTreeMap::new();
    let mut in_order: Vec<_> = minutes.iter().collect();
    in_order.sort_by_key(|((source, series, start), _)| (source.clone(), *start, series.clone()));
    for ((source, _, start), minute) in in_order {
        let mut series = Series::clone(&minute.series);
        if let Some(labels) = labels {
            series.labels.retain(|name, _| labels.contains(&name.as_str()));
        }
        let a = &minute.aggregates;
        let of = [a.count as f64, a.sum.unwrap(), a.min.unwrap(), a.max.unwrap(), a.first.unwrap(), a.last.unwrap()];
        let key = (source.clone(), series.key(), start.div_euclid(300) * 300);
        let so_far = all.entry(key).or_insert([0.0, 0.0, f64::INFINITY, f64::NEG_INFINITY, of[4], 0.0]);
        *so_far = [so_far[0] + of[0], so_far[1] + of[1], so_far[2].min(of[2]), so_far[3].max(of[3]), so_far[4], of[5]];
    }
    all
}

fn values(rollup: &Rollup) -> [f64; 6] {
    let a = &rollup.aggregates;
    [a.count as f64, a.sum.unwrap(), a.min.unwrap(), a.max.unwrap(), a.first.unwrap(), a.last.unwrap()]
}

/// Frames whose event times go on and sometimes far back, and at the end one of each source that closes everything.
fn frames() -> impl Strategy<Value = Vec<Vec<Sample>>> {
    let sample = (0..4usize, -200..30i64, -50..50i32);
    let frame = (0..2usize, 0..120i64, prop::collection::vec(sample, 1..6));
    prop::collection::vec(frame, 1..60).prop_map(|frames| {
        let mut now = 1_000;
        // Each source is known to both partitions from the start.
        let both = |source, at| vec![(source, 8, at, 0), (source, 9, at, 0)];
        let mut all = vec![both(0, 0), both(1, 0)];
        for (source, step, samples) in frames {
            now += step;
            all.push(samples.into_iter().map(|(series, ago, value)| (source, series, now + ago, value)).collect());
        }
        all.extend([0, 1].map(|source| both(source, now + 100_000)));
        all
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn a_long_window_says_what_its_short_ones_say_together(
        frames in frames(), cut in 1..5usize, restore_after in 0..100usize, grouped in any::<bool>(),
    ) {
        let labels = grouped.then_some(&["zone"][..]);
        let entries = commits(0, &frames, 1_000);
        let long = rollups(run(&spec(labels, 1), &entries, restore_after));
        let found: BTreeMap<_, _> = newest(&long).iter().map(|(key, rollup)| (key.clone(), values(rollup))).collect();
        let minutes = rollups(entries.iter().flat_map(|entry| match serde_json::from_slice(&entry.body).unwrap() {
            JobEntry::Commit(commit) => commit.outputs,
            JobEntry::Claim(_) => Vec::new(),
        }));
        let mut expected = by_hand(&newest(&minutes), labels);
        // The minutes of the last frames have not fired.
        expected.retain(|(_, _, start), _| *start < 100_000);
        prop_assert_eq!(&found, &expected);
        // Small commits say the same, in as many revisions or more.
        let small = rollups(run(&spec(labels, 1), &commits(0, &frames, cut), usize::MAX));
        let small: BTreeMap<_, _> = newest(&small).iter().map(|(key, rollup)| (key.clone(), values(rollup))).collect();
        prop_assert_eq!(small, expected);
    }

    #[test]
    fn open_windows_have_begun_and_not_fired(frames in frames(), at in 0..3_000i64) {
        let (entries, at) = (commits(0, &frames, 1_000), Timestamp::from_secs(at));
        let mut cascade = Cascade::new(spec(None, 1)).unwrap();
        // The last frames close what is open.
        let before = &entries[..entries.len() - 2];
        let mut earlier = Outputs::new();
        before.iter().for_each(|entry| cascade.apply(entry, &mut earlier).unwrap());
        let open = [cascade.open(Timestamp::MIN..at), cascade.open(at..Timestamp::MAX)];
        let mut fired = newest(&rollups(earlier));
        let mut begun = BTreeSet::new();
        for rollup in rollups(before.iter().flat_map(|entry| match serde_json::from_slice(&entry.body).unwrap() {
            JobEntry::Commit(commit) => commit.outputs,
            JobEntry::Claim(_) => Vec::new(),
        })) {
            let start = rollup.window.start.micros().div_euclid(300_000_000) * 300;
            begun.insert((rollup.source, rollup.series.key(), start));
        }
        begun.retain(|key| fired.remove(key).is_none());
        let of = |early: bool| begun.iter().filter(|(_, _, start)| (Timestamp::from_secs(*start) < at) == early).count() as u64;
        prop_assert_eq!(open, [of(true), of(false)]);
    }

    #[test]
    fn series_of_several_partitions_are_brought_together(frames in frames()) {
        // The same events on one partition, and with the series split over two.
        let of = |keep: fn(usize) -> bool| -> Vec<Vec<Sample>> {
            frames.iter().map(|frame| frame.iter().filter(|(_, series, ..)| keep(*series)).copied().collect()).collect()
        };
        let two = [commits(0, &of(|series| series < 2 || series == 8), 1_000), commits(1, &of(|series| series >= 2 && series != 8), 1_000)];
        let mixed: Vec<Entry> = two[0].iter().zip(&two[1]).flat_map(|(a, b)| [a.clone(), b.clone()]).collect();
        let rest = two.iter().flat_map(|of| &of[two[0].len().min(two[1].len())..]).cloned();
        let mixed = mixed.into_iter().chain(rest).collect::<Vec<_>>();
        let two = two.concat();
        let found = newest(&rollups(run(&spec(Some(&[]), 2), &two, usize::MAX)));
        let minutes: Vec<Rollup> = rollups(two.iter().flat_map(|entry| match serde_json::from_slice(&entry.body).unwrap() {
            JobEntry::Commit(commit) => commit.outputs,
            JobEntry::Claim(_) => Vec::new(),
        }));
        let mut expected = by_hand(&newest(&minutes), Some(&[]));
        expected.retain(|(_, _, start), _| *start < 100_000);
        let found: BTreeMap<_, _> = found.iter().map(|(key, rollup)| (key.clone(), values(rollup))).filter(|((_, _, start), _)| *start < 100_000).collect();
        prop_assert_eq!(found, expected);
        // However fast the two jobs are, the very same comes out.
        prop_assert_eq!(run(&spec(Some(&[]), 2), &mixed, 3), run(&spec(Some(&[]), 2), &two, usize::MAX));
    }
}
