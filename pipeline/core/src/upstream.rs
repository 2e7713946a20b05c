//! What an operator reads of another: its commits in order, each once.
//!
//! Claims are passed over, and so are commits of another definition. A job that was begun anew writes commits for entries
//! that it had committed before: those are passed over too. When several jobs are read, a commit waits until all have
//! come as far in their input: then the order is that of the input, however fast each job is. A job all of whose sources
//! have ended keeps nobody waiting. How far event time has come stands in the commits, source by source; the least of the jobs that know a source counts.

use std::collections::BTreeMap;

use floodmark_schemas::{Commit, JobEntry, subject};
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
    waiting: Vec<(u32, Commit)>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct JobProgress {
    /// The entry of its input that its newest commit reaches, and the number of that commit.
    newest: (u64, u64),
    /// All its commits up to this entry are here.
    reached: u64,
    /// Whether all its sources have ended: nobody waits for it then.
    #[serde(default)]
    ended: bool,
    /// How far each source has come, in microseconds.
    watermarks: BTreeMap<String, i64>,
}

impl Upstream {
    /// Takes note of an entry of one of the jobs; [`Self::next`] then gives what it brings.
    ///
    /// # Errors
    /// `Rejected` when the entry cannot be read.
    pub fn take(&self, entry: &Entry, progress: &mut Progress) -> Result<()> {
        let ours = entry.headers.get("Floodmark-Version") == Some(self.version.as_str());
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
            let all_end = || commit.watermarks.values().all(|time| time.micros() == i64::MAX);
            known.ended = !commit.more && !commit.watermarks.is_empty() && all_end();
            let order = |(job, commit): &(u32, Commit)| (commit.in_position, *job, commit.n);
            let at = progress.waiting.partition_point(|before| order(before) < (commit.in_position, job, commit.n));
            progress.waiting.insert(at, (job, commit));
        }
        Ok(())
    }

    /// The next commit that need not wait for another job.
    pub fn next(&self, progress: &mut Progress) -> Option<Commit> {
        let everybody = progress.jobs.len() >= self.jobs as usize;
        let slowest = progress.jobs.values().filter(|job| !job.ended).map(|job| job.reached).min();
        let reached = everybody.then(|| slowest.unwrap_or(u64::MAX))?;
        // With one job there is nobody to wait for, not even the rest of an entry.
        progress.waiting.first().filter(|(_, commit)| self.jobs == 1 || commit.in_position <= reached)?;
        let (job, commit) = progress.waiting.remove(0);
        if !commit.more {
            let known = progress.jobs.entry(job).or_default();
            for (source, time) in &commit.watermarks {
                known.watermarks.insert(source.clone(), time.micros());
            }
        }
        Some(commit)
    }

    /// How far each source has come with the commits that were given, in microseconds; [`i64::MAX`] when it has ended.
    pub fn watermarks(&self, progress: &Progress) -> BTreeMap<String, i64> {
        let mut all = BTreeMap::new();
        for (source, time) in progress.jobs.values().flat_map(|job| &job.watermarks) {
            let least: &mut i64 = all.entry(source.clone()).or_insert(*time);
            *least = (*least).min(*time);
        }
        all
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
        assert_eq!(read(1, &commit(1, 2, false, &[("a", 40)])), (vec![2], times(&[("a", 40)])));
        // The rest of entry 4 is still to come.
        assert_eq!(read(1, &commit(2, 4, true, &[("a", 60)])), (vec![3], times(&[("a", 40), ("b", 20)])));
        assert_eq!(read(1, &commit(3, 4, false, &[("a", 60)])), (vec![4, 4], times(&[("a", 50), ("b", 20)])));
        assert_eq!(read(1, &commit(4, 9, false, &[("a", 80)])), (vec![9, 9], times(&[("a", 80), ("b", 20)])));
    }

    #[test]
    fn a_job_whose_sources_have_ended_keeps_nobody_waiting() {
        let (upstream, mut progress) = (upstream(2), Progress::default());
        let end = i64::MAX / 1_000_000;
        let mut read = |job, body: &JobEntry| {
            upstream.take(&entry(job, "v", body), &mut progress).unwrap();
            std::iter::from_fn(|| upstream.next(&mut progress)).map(|commit| commit.in_position).collect::<Vec<_>>()
        };
        let ended = |n, in_position| match commit(n, in_position, false, &[("a", end)]) {
            JobEntry::Commit(commit) => {
                let watermarks = commit.watermarks.into_keys().map(|source| (source, Timestamp::MAX)).collect();
                JobEntry::Commit(Commit { watermarks, ..commit })
            }
            claim => claim,
        };
        assert_eq!(read(0, &ended(1, 3)), [] as [u64; 0]);
        assert_eq!(read(1, &commit(1, 7, false, &[("a", 5)])), [3, 7]);
        assert_eq!(read(1, &ended(2, 9)), [9]);
        // It sends again.
        assert_eq!(read(0, &commit(2, 12, false, &[("a", 8)])), [12]);
        assert_eq!(read(0, &commit(3, 13, false, &[("a", 9)])), [13]);
    }

    #[test]
    fn an_entry_that_is_no_commit_is_rejected() {
        let damaged = Entry { body: "{".into(), ..entry(0, "v", &commit(1, 1, false, &[])) };
        assert_eq!(upstream(1).take(&damaged, &mut Progress::default()).unwrap_err().kind(), crate::Kind::Rejected);
    }
}
