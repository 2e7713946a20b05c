//! Comparing what came out with what had to.

use std::collections::BTreeMap;

use floodmark_schemas::commit::Output;
use floodmark_schemas::{Commit, JobEntry};

use super::windows::{Id, Rollup};
use crate::support::stored::Written;

/// By how much standard deviations may differ, relative to their size: they are computed in another way.
const STDDEV_ERROR_MAX: f64 = 1e-9;

/// How many violations are shown: one mistake may make thousands.
const SHOWN_MAX: usize = 10;

/// Holds a test to having found nothing wrong.
///
/// # Panics
/// When there is something; shows the first of it.
pub fn none(violations: &[String]) {
    let shown = &violations[..violations.len().min(SHOWN_MAX)];
    assert!(violations.is_empty(), "{} violations, the first of them: {shown:#?}", violations.len());
}

/// Every difference between rollups, in words.
pub fn differences(found: &BTreeMap<Id, Rollup>, expected: &BTreeMap<Id, Rollup>) -> Vec<String> {
    let missing = expected.keys().filter(|id| !found.contains_key(id)).map(|id| format!("missing: {id:?}"));
    let other = found.iter().filter_map(|(id, found)| match expected.get(id) {
        None => Some(format!("not expected: {id:?} {found:?}")),
        Some(expected) if !same(found, expected) => Some(format!("{id:?}: {found:?} instead of {expected:?}")),
        Some(_) => None,
    });
    missing.chain(other).collect()
}

fn same(found: &Rollup, expected: &Rollup) -> bool {
    let near = (found.stddev - expected.stddev).abs() <= STDDEV_ERROR_MAX * expected.stddev.max(1.0);
    near && *found == Rollup { stddev: found.stddev, ..expected.clone() }
}

/// Everything that is not as it must be in the chain of one job: epochs, claims, numbers of commits, positions,
/// watermarks; revisions of each window, and ids.
pub fn gaps_in(job: &str, chain: &[Written]) -> Vec<String> {
    let mut wrong = Vec::new();
    let (mut epoch, mut rebuilt, mut newest): (u64, bool, Option<(u64, &Commit)>) = (0, false, None);
    let mut revisions: BTreeMap<Id, u32> = BTreeMap::new();
    let mut payloads: BTreeMap<&str, &Output> = BTreeMap::new();
    for Written { position, epoch: by, rebuilding, entry } in chain {
        let mut check = |holds: bool, what: &str| {
            if !holds {
                wrong.push(format!("{job} at {position}: {what}: {entry:?}"));
            }
        };
        match entry {
            JobEntry::Claim(claim) => {
                // An owner that is through with a rebuild says so by one more claim.
                let through = rebuilt && !rebuilding && claim.epoch == epoch;
                check((claim.epoch == epoch + 1 || through) && *by == claim.epoch, "a claim takes the next epoch");
                check((claim.n, claim.commit) == newest.map_or((0, 0), |(at, commit)| (commit.n, at)), "a claim names the newest commit");
                (epoch, rebuilt) = (claim.epoch, *rebuilding);
            }
            JobEntry::Commit(commit) => {
                check(*by == epoch, "a commit is by the owner");
                if let Some((_, before)) = newest {
                    check(commit.n == before.n + 1, "commits are numbered without a gap");
                    check(commit.in_position >= before.in_position, "the position does not go back");
                    check(commit.watermark >= before.watermark, "the watermark does not go back");
                    check(commit.late >= before.late, "the late events are counted on");
                } else {
                    check(commit.n == 1, "the first commit has number 1");
                }
                newest = Some((*position, commit));
                for output in &commit.outputs {
                    let Output::Rollup(rollup) = output else { continue };
                    let id = Id { source: rollup.source.clone(), series: rollup.series.key(), start_us: rollup.window.start.micros() };
                    let next = revisions.get(&id).map_or(0, |revision| revision + 1);
                    check(rollup.revision == next, "revisions follow each other from 0");
                    revisions.insert(id, rollup.revision);
                    check(payloads.insert(&rollup.id, output).is_none(), "an id is given once");
                }
            }
        }
    }
    wrong
}
