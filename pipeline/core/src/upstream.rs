//! What an operator reads of another: its commits in order, each once.
//!
//! Claims are passed over, and so are commits of another definition. A job that was begun anew writes commits for entries
//! that it had committed before: those are passed over too. When several jobs are read, a commit waits until all have
//! come as far in their input: then the order is that of the input, however fast each job is. When all sources have ended,
//! and all jobs say so of the same epochs, there is nothing to wait for.
//!
//! How far event time has come stands in the commits, source by source; the least of the jobs counts. A job in which a source is
//! idle or was never there does not hold it back. Between two of its commits that is so if both say so: the later one
//! is there, because it is what the others have waited for. If the later one does not, the source may have come back right after
//! the earlier one, and stays where it is until the later one is taken. A source has ended when it has in all jobs.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use floodmark_schemas::{Commit, Definition, JobEntry, Presence, subject};
use serde::{Deserialize, Serialize};

use crate::ports::Entry;
use crate::{Error, Result};

/// The operator that is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upstream {
    /// Its id.
    pub operator: String,
    /// Its definition as a hash, 8 hex digits.
    pub version: String,
    /// How many of its jobs are read.
    pub jobs: u32,
}

/// How far each of its jobs was read. This is state: it belongs into a snapshot.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    jobs: BTreeMap<u32, JobProgress>,
    /// Commits that wait for the other jobs, in order.
    waiting: VecDeque<(u32, Commit)>,
    /// The entry of the input that the commit reaches which was given last; 0 before the first.
    #[serde(default, skip_serializing_if = "is_none")]
    at: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct JobProgress {
    /// The entry of its input that its newest commit reaches, and the number of that commit.
    newest: (u64, u64),
    /// All its commits up to this entry are here.
    reached: u64,
    /// In which epochs its sources have ended; empty when not all have.
    #[serde(default)]
    ends: BTreeMap<String, Presence>,
    /// The entry that its commits reach which were given.
    #[serde(default)]
    given: u64,
    /// How far each source has come with them, in microseconds.
    watermarks: BTreeMap<String, i64>,
    /// How sources stand of which that does not say all.
    #[serde(default)]
    presence: BTreeMap<String, Presence>,
}

/// Before there is any, the state has the bytes that it always had.
fn is_none(position: &u64) -> bool {
    *position == 0
}

impl JobProgress {
    /// What a source is to this job up to its next commit.
    fn hold(&self, source: &str, next: Option<&Commit>) -> Hold {
        let known = self.watermarks.get(source).copied();
        match (self.presence.get(source), known) {
            (Some(Presence::Ended(epoch)), _) => Hold::Ended(*epoch),
            (Some(Presence::New), _) => Hold::At(i64::MIN),
            (None, Some(time)) => Hold::At(time),
            // It may have come back, or come up, right after this commit.
            (Some(Presence::Idle), _) if next.is_some_and(|next| next.presence.get(source) != Some(&Presence::Idle)) => Hold::At(i64::MIN),
            (None, None) if next.is_some_and(|next| next.presence.contains_key(source) || next.watermarks.contains_key(source)) => {
                Hold::At(i64::MIN)
            }
            (_, known) => Hold::Nobody(known),
        }
    }
}

/// Whom a source holds back in a job.
enum Hold {
    /// All, at this time.
    At(i64),
    /// Nobody; it has come so far.
    Nobody(Option<i64>),
    /// It has ended in this epoch.
    Ended(u64),
}

impl Upstream {
    /// Takes note of an entry of one of the jobs; [`Self::next`] then gives what it brings.
    ///
    /// # Errors
    /// `Rejected` when the entry cannot be read.
    pub fn take(&self, entry: &Entry, progress: &mut Progress) -> Result<()> {
        let ours = Definition::is(&entry.headers, &self.version);
        let Some(job) = subject::parse_outputs(&entry.subject).filter(|(id, _)| ours && *id == self.operator).map(|(_, job)| job) else {
            return Ok(());
        };
        let doing = || format!("reading what job {}/{job} has committed at {}", self.operator, entry.position);
        let JobEntry::Commit(commit) = serde_json::from_slice(&entry.body).map_err(|e| Error::rejected(doing()).because(e))? else {
            return Ok(());
        };
        let known = progress.jobs.entry(job).or_default();
        let place = (commit.in_position, commit.n);
        if place > known.newest {
            known.newest = place;
            known.reached = commit.in_position - u64::from(commit.more);
            let all_have = |commit: &Commit| {
                let is_end = |source: &String| matches!(commit.presence.get(source), Some(Presence::Ended(_)));
                !commit.more && commit.watermarks.keys().chain(commit.presence.keys()).all(is_end)
            };
            known.ends = if all_have(&commit) { commit.presence.clone() } else { BTreeMap::new() };
            let order = |(job, commit): &(u32, Commit)| (commit.in_position, *job, commit.n);
            let at = progress.waiting.partition_point(|before| order(before) < (commit.in_position, job, commit.n));
            progress.waiting.insert(at, (job, commit));
        }
        Ok(())
    }

    /// The next commit that need not wait for another job.
    pub fn next(&self, progress: &mut Progress) -> Option<Commit> {
        let everybody = progress.jobs.len() >= self.jobs as usize;
        let ends = progress.jobs.values().next().map(|job| &job.ends).filter(|ends| !ends.is_empty());
        let is_end = ends.is_some_and(|ends| progress.jobs.values().all(|job| job.ends == *ends));
        let slowest = progress.jobs.values().map(|job| job.reached).min().filter(|_| !is_end);
        let reached = everybody.then(|| slowest.unwrap_or(u64::MAX))?;
        // With one job there is nobody to wait for, not even the rest of an entry.
        progress.waiting.front().filter(|(_, commit)| self.jobs == 1 || commit.in_position <= reached)?;
        let (job, commit) = progress.waiting.pop_front()?;
        progress.at = commit.in_position;
        if !commit.more {
            let known = progress.jobs.entry(job).or_default();
            for (source, time) in &commit.watermarks {
                known.watermarks.insert(source.clone(), time.micros());
            }
            known.presence.clone_from(&commit.presence);
            known.given = commit.in_position;
        }
        Some(commit)
    }

    /// How far each source has come with the commits that were given, in microseconds; [`i64::MAX`] when it has ended.
    pub fn watermarks(&self, progress: &Progress) -> BTreeMap<String, i64> {
        let sources: BTreeSet<&String> = progress.jobs.values().flat_map(|job| job.watermarks.keys()).collect();
        let reached = |source: &String| {
            let (mut held, mut quiet, mut ends) = (None, None, BTreeSet::new());
            for (number, job) in &progress.jobs {
                // At its own commit a job is what that says.
                let next = || progress.waiting.iter().find(|(of, _)| of == number).map(|(_, commit)| commit);
                let next = if self.jobs == 1 || job.given == progress.at { None } else { next() };
                match job.hold(source, next) {
                    Hold::At(time) => held = Some(held.map_or(time, |held: i64| held.min(time))),
                    Hold::Nobody(known) => quiet = quiet.max(known),
                    Hold::Ended(epoch) => drop(ends.insert(epoch)),
                }
            }
            // The end is in all partitions, or it is on its way into them.
            let end = (ends.len() == 1 && held.or(quiet).is_none()).then_some(i64::MAX);
            if ends.is_empty() { held.or(quiet).filter(|time| *time > i64::MIN) } else { end }
        };
        sources.into_iter().filter_map(|source| Some((source.clone(), reached(source)?))).collect()
    }
}

#[cfg(test)]
mod tests {
    use floodmark_schemas::{Claim, Headers, Timestamp};

    use super::*;
    use crate::ports::Position;

    fn entry(job: u32, version: &str, body: &JobEntry) -> Entry {
        let mut headers = Headers::default();
        headers.set("Floodmark-Version", version);
        let (position, time, subject) = (Position(1), Timestamp::from_secs(1), subject::outputs("w", job));
        Entry { position, time, subject, id: None, headers, body: serde_json::to_vec(body).unwrap().into() }
    }

    fn commit(n: u64, in_position: u64, more: bool, watermarks: &[(&str, i64)]) -> JobEntry {
        let watermarks = watermarks.iter().map(|(source, secs)| ((*source).to_owned(), Timestamp::from_secs(*secs))).collect();
        JobEntry::Commit(Commit { n, in_position, more, watermarks, ..Commit::default() })
    }

    /// The same commit, with how sources stand; those that have ended have the end of time as their watermark.
    fn with(body: JobEntry, presence: &[(&str, Presence)]) -> JobEntry {
        let JobEntry::Commit(mut commit) = body else { panic!("a claim says nothing of sources") };
        for (source, presence) in presence {
            commit.presence.insert((*source).to_owned(), *presence);
            if matches!(presence, Presence::Ended(_)) {
                commit.watermarks.insert((*source).to_owned(), Timestamp::MAX);
            }
        }
        JobEntry::Commit(commit)
    }

    fn upstream(jobs: u32) -> Upstream {
        Upstream { operator: "w".to_owned(), version: "v".to_owned(), jobs }
    }

    #[test]
    fn each_commit_comes_once_and_nothing_else_comes() {
        let (upstream, mut progress) = (upstream(1), Progress::default());
        let mut read = |version, body: &JobEntry| {
            upstream.take(&entry(0, version, body), &mut progress).unwrap();
            upstream.next(&mut progress).map(|commit| commit.n)
        };
        assert_eq!(read("v", &JobEntry::Claim(Claim { epoch: 1, n: 0, commit: 0 })), None);
        assert_eq!(read("v", &commit(1, 7, false, &[])), Some(1));
        assert_eq!(read("v", &commit(2, 7, false, &[])), Some(2));
        assert_eq!(read("other", &commit(3, 8, false, &[])), None);
        // A job that begins anew goes over the same entries.
        assert_eq!(read("v", &commit(1, 7, false, &[])), None);
        assert_eq!(read("v", &commit(2, 9, false, &[])), Some(2));
    }

    #[test]
    fn the_order_is_that_of_the_input_and_the_slowest_job_keeps_time() {
        let (upstream, mut progress) = (upstream(2), Progress::default());
        let mut read = |job, body: &JobEntry| {
            upstream.take(&entry(job, "v", body), &mut progress).unwrap();
            let next: Vec<_> = std::iter::from_fn(|| upstream.next(&mut progress)).map(|commit| commit.in_position).collect();
            (next, upstream.watermarks(&progress))
        };
        let times = |times: &[(&str, i64)]| times.iter().map(|(source, secs)| ((*source).to_owned(), *secs * 1_000_000)).collect();
        assert_eq!(read(0, &commit(1, 3, false, &[("a", 50), ("b", 20)])), (vec![], times(&[])));
        assert_eq!(read(0, &commit(2, 9, false, &[("a", 90), ("b", 20)])), (vec![], times(&[])));
        assert_eq!(read(1, &commit(1, 2, false, &[("a", 40)])), (vec![2], times(&[])), "the other one may have had it at 1");
        // The rest of entry 4 is still to come.
        assert_eq!(read(1, &commit(2, 4, true, &[("a", 60)])), (vec![3], times(&[("a", 40), ("b", 20)])));
        assert_eq!(read(1, &commit(3, 4, false, &[("a", 60)])), (vec![4, 4], times(&[("a", 50), ("b", 20)])));
        assert_eq!(read(1, &commit(4, 9, false, &[("a", 80)])), (vec![9, 9], times(&[("a", 80), ("b", 20)])));
    }

    #[test]
    fn a_source_that_is_idle_in_one_job_holds_nobody_back_until_it_may_be_back() {
        let (upstream, mut progress) = (upstream(2), Progress::default());
        let mut read = |job, body: &JobEntry| {
            upstream.take(&entry(job, "v", body), &mut progress).unwrap();
            let next: Vec<_> = std::iter::from_fn(|| upstream.next(&mut progress)).map(|commit| commit.in_position).collect();
            (next, upstream.watermarks(&progress).get("a").map(|time| time / 1_000_000))
        };
        let at = |n, in_position, secs| commit(n, in_position, false, &[("a", secs)]);
        let idle = |n, in_position, secs| with(at(n, in_position, secs), &[("a", Presence::Idle)]);
        assert_eq!(read(0, &at(1, 10, 50)), (vec![], None));
        assert_eq!(read(1, &with(commit(1, 11, false, &[]), &[("a", Presence::New)])), (vec![10], None));
        assert_eq!(read(0, &at(2, 20, 60)), (vec![11], None), "it is there, and nobody knows how far");
        assert_eq!(read(1, &at(2, 21, 40)), (vec![20], None));
        assert_eq!(read(0, &at(3, 30, 70)), (vec![21], Some(40)));
        assert_eq!(read(1, &idle(3, 31, 40)), (vec![30], Some(40)), "until it is said");
        assert_eq!(read(0, &at(4, 40, 90)), (vec![31], Some(70)));
        assert_eq!(read(1, &idle(4, 41, 40)), (vec![40], Some(90)));
        assert_eq!(read(0, &at(5, 50, 120)), (vec![41], Some(90)));
        assert_eq!(read(1, &at(5, 51, 45)), (vec![50], None), "it came back somewhere behind 41");
        assert_eq!(read(0, &at(6, 60, 130)), (vec![51], Some(45)));
        // Nobody has it any more: the one that has come further counts.
        assert_eq!(read(1, &idle(6, 61, 45)), (vec![60], Some(45)));
        assert_eq!(read(0, &idle(7, 70, 130)), (vec![61], Some(130)));
    }

    #[test]
    fn when_all_sources_have_ended_there_is_nothing_to_wait_for() {
        let (upstream, mut progress) = (upstream(2), Progress::default());
        let mut read = |job, body: &JobEntry| {
            upstream.take(&entry(job, "v", body), &mut progress).unwrap();
            let next: Vec<_> = std::iter::from_fn(|| upstream.next(&mut progress)).map(|commit| commit.in_position).collect();
            (next, upstream.watermarks(&progress).get("a") == Some(&i64::MAX))
        };
        let ended = |n, in_position, epoch| with(commit(n, in_position, false, &[]), &[("a", Presence::Ended(epoch))]);
        assert_eq!(read(0, &ended(1, 3, 1)), (vec![], false));
        assert_eq!(read(1, &commit(1, 7, false, &[("a", 5)])), (vec![3], false));
        assert_eq!(read(1, &ended(2, 9, 1)), (vec![7, 9], true));
        // It was started again and has ended again, and one job does not know that yet.
        assert_eq!(read(1, &ended(3, 20, 2)), (vec![], true));
        assert_eq!(read(0, &commit(2, 12, false, &[("a", 8)])), (vec![12], false));
        assert_eq!(read(0, &ended(3, 19, 2)), (vec![19, 20], true));
    }

    #[test]
    fn an_entry_that_is_no_commit_is_rejected() {
        let damaged = Entry { body: "{".into(), ..entry(0, "v", &commit(1, 1, false, &[])) };
        assert_eq!(upstream(1).take(&damaged, &mut Progress::default()).unwrap_err().kind(), crate::Kind::Rejected);
    }
}
