//! The books of a whole run: what senders were told against the event log, the event log against what jobs and stores have.

use std::collections::{BTreeMap, BTreeSet};

use floodmark_schemas::commit::Output;
use floodmark_schemas::{Commit, JobEntry, Payload, Sample};

use super::{End, Id, Rollup, Rules, Seen, differences, windows};
use crate::support::ledger::{Account, Sent};
use crate::support::stored::{self, Frame, Written};

/// A late event: where it stands in the event log, and its series.
pub type Late = (i64, i64, String);

/// The frames that count, and how many do not: one whose number was seen or whose epoch is over is passed over by everybody.
pub fn counting(frames: Vec<Frame>) -> (Vec<Frame>, usize) {
    let (before, mut last) = (frames.len(), BTreeMap::<u32, (u64, u64)>::new());
    let counts = |frame: &Frame| {
        let (epoch, number) = last.entry(frame.partition).or_default();
        let fresh = frame.header.epoch > *epoch || frame.header.epoch == *epoch && frame.header.number > *number;
        if fresh {
            (*epoch, *number) = (frame.header.epoch, frame.header.number);
        }
        fresh
    };
    let frames: Vec<Frame> = frames.into_iter().filter(counts).collect();
    let passed = before - frames.len();
    (frames, passed)
}

/// Every acknowledged event once, every event as it was sent, frames of an epoch without a gap.
pub fn raw(frames: &[Frame], account: &Account) -> Vec<String> {
    let (mut violations, mut found, mut numbers) = (Vec::new(), BTreeSet::new(), BTreeMap::new());
    for frame in frames {
        let (number, epoch) = numbers.entry(frame.partition).or_insert((0, 0));
        // A new epoch goes on wherever it finds the log, which is elsewhere when others have written to it.
        if frame.header.epoch < *epoch || frame.header.epoch == *epoch && frame.header.number != *number + 1 {
            violations.push(format!("frame {:?} follows number {number} of epoch {epoch}", frame.header));
        }
        (*number, *epoch) = (frame.header.number, frame.header.epoch);
        for (event, sample) in samples(frame) {
            let found_event = Sent { series: sample.series.clone(), time_us: event.time.micros(), value: sample.value };
            if account.sent.get(&event.id) != Some(&found_event) {
                violations.push(format!("{} was not sent like this: {found_event:?}", event.id));
            }
            if !found.insert(event.id.clone()) {
                violations.push(format!("{} is there more than once", event.id));
            }
        }
    }
    violations.extend(account.acknowledged.difference(&found).map(|id| format!("{id} was acknowledged and is not there")));
    violations
}

/// The samples of a frame.
fn samples(frame: &Frame) -> impl Iterator<Item = (&floodmark_schemas::Event, &Sample)> {
    frame.events.iter().map(|event| match &event.payload {
        Payload::Sample(sample) => (event, sample),
        other => panic!("only samples were sent, not {other:?}"),
    })
}

/// What must come out of an operator, and what is wrong with what its jobs have written.
pub struct Judged {
    /// Its rollups at their highest revision.
    pub rollups: BTreeMap<Id, Rollup>,
    /// Its late events.
    pub late: BTreeSet<Late>,
    /// What the output log has in another way.
    pub violations: Vec<String>,
}

/// Judges what the jobs of an operator have `written` of one source, whose frames these are.
///
/// # Panics
/// When a series is in more than one partition.
pub fn operator(operator: &str, rules: Rules, frames: &[Frame], written: &[&Written]) -> Judged {
    let source = frames.first().map_or("", |frame| &frame.header.source);
    let (mut rollups, mut late) = (BTreeMap::<Id, Rollup>::new(), BTreeSet::new());
    let partitions: BTreeSet<u32> = frames.iter().map(|frame| frame.partition).collect();
    for partition in partitions {
        let (mut seen, mut places) = (Vec::new(), Vec::new());
        for frame in frames.iter().filter(|frame| frame.partition == partition) {
            for (index, (event, sample)) in (0..).zip(samples(frame)) {
                let (source, series) = (frame.header.source.clone(), sample.series.key());
                places.push((frame.position as i64, index, series.clone()));
                seen.push(Seen { source, series, time_us: event.time.micros(), value: sample.value });
            }
        }
        let of_partition = windows(rules, &seen, End::Open);
        late.extend(of_partition.late.iter().map(|place| places[*place].clone()));
        let before = rollups.len() + of_partition.rollups.len();
        rollups.extend(of_partition.rollups);
        assert_eq!(rollups.len(), before, "a series is in one partition");
    }
    let (logged, logged_late) = logged(operator, source, written);
    let mut violations = differences(&logged, &rollups);
    if !violations.is_empty() {
        let differ = rollups.iter().filter(|(id, expected)| logged.get(id).is_some_and(|found| found.count != expected.count));
        violations.extend(differ.map(|(id, _)| way_of(operator, rules, id, frames, written)));
    }
    violations.extend(late.symmetric_difference(&logged_late).map(|place| format!("{operator}: late in one of oracle and log: {place:?}")));
    Judged { rollups, late, violations }
}

/// How the events of a window went: where each stands in the event log, in which frame, and which commit of its job was the first to
/// come as far. An event that was passed over shows by a commit that came past it without a revision.
fn way_of(operator: &str, rules: Rules, id: &Id, frames: &[Frame], written: &[&Written]) -> String {
    let mut lines = Vec::new();
    for frame in frames {
        let taken = samples(frame).any(|(event, sample)| {
            event.time.micros().div_euclid(rules.size_us) * rules.size_us == id.start_us && sample.series.key() == id.series
        });
        if !taken {
            continue;
        }
        let commit = written.iter().find_map(|written| match &written.entry {
            JobEntry::Commit(commit) if commit.in_position >= frame.position && is_of(commit, operator, frame) => {
                Some((written.position, commit))
            }
            _ => None,
        });
        let (header, commit) =
            (&frame.header, commit.map(|(at, commit)| format!("commit {} at {at} reaches {}", commit.n, commit.in_position)));
        lines.push(format!(
            "{} (partition {}, epoch {}, frame {}): {commit:?}",
            frame.position, frame.partition, header.epoch, header.number
        ));
    }
    format!("{operator}: the frames of {id:?}: {lines:#?}")
}

/// Whether a commit with results is of the operator, and of the job that reads the partition of a frame.
fn is_of(commit: &Commit, operator: &str, frame: &Frame) -> bool {
    let series: BTreeSet<String> = samples(frame).map(|(_, sample)| sample.series.key()).collect();
    commit.outputs.iter().any(|output| matches!(output, Output::Rollup(r) if r.operator == operator && series.contains(&r.series.key())))
}

/// The newest rollups and the late events of an operator and a source as commits say.
fn logged(operator: &str, source: &str, written: &[&Written]) -> (BTreeMap<Id, Rollup>, BTreeSet<Late>) {
    let (mut rollups, mut late) = (BTreeMap::new(), BTreeSet::new());
    for output in written.iter().flat_map(|written| match &written.entry {
        JobEntry::Commit(commit) => commit.outputs.as_slice(),
        JobEntry::Claim(_) => &[],
    }) {
        match output {
            Output::Rollup(rollup) if (rollup.operator.as_str(), rollup.source.as_str()) == (operator, source) => {
                let id = Id { source: rollup.source.clone(), series: rollup.series.key(), start_us: rollup.window.start.micros() };
                rollups.insert(id, stored::rollup(rollup.revision, &rollup.aggregates));
            }
            Output::Late(event) if (event.operator.as_str(), event.source.as_str()) == (operator, source) => {
                late.insert((event.position as i64, i64::from(event.index), event.series.key()));
            }
            Output::Rollup(_) | Output::Late(_) | Output::Score(_) | Output::Alert(_) => {}
        }
    }
    (rollups, late)
}
