//! What an operator reads of another: its commits in order, each once.
//!
//! Claims are passed over, and so are commits of another definition. A job that was begun anew writes commits for entries
//! that it had committed before: those are passed over too. How far event time has come stands in the commits, source by
//! source; when one job reads several, the least of them counts.

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
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    jobs: BTreeMap<u32, JobProgress>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct JobProgress {
    /// The entry of its input that its newest commit reaches, and the number of that commit.
    newest: (u64, u64),
    /// How far each source has come, in microseconds.
    watermarks: BTreeMap<String, i64>,
}

impl Upstream {
    /// The commit in an entry, if it is one that comes next.
    ///
    /// # Errors
    /// `Rejected` when the entry cannot be read.
    pub fn read(&self, entry: &Entry, progress: &mut Progress) -> Result<Option<Commit>> {
        let ours = entry.headers.get("Floodmark-Version") == Some(self.version.as_str());
        let Some(job) = subject::parse_outputs(&entry.subject).filter(|(id, _)| ours && *id == self.operator).map(|(_, job)| job) else {
            return Ok(None);
        };
        let doing = || format!("reading what job {}/{job} has committed at {}", self.operator, entry.position);
        let commit = match serde_json::from_slice(&entry.body).map_err(|e| Error::rejected(doing()).because(e))? {
            JobEntry::Claim(_) => return Ok(None),
            JobEntry::Commit(commit) => commit,
        };
        let known = progress.jobs.entry(job).or_default();
        let place = (commit.in_position, commit.n);
        if place <= known.newest {
            return Ok(None);
        }
        known.newest = place;
        if !commit.more {
            for (source, time) in &commit.watermarks {
                let watermark = known.watermarks.entry(source.clone()).or_insert(i64::MIN);
                *watermark = time.micros().max(*watermark);
            }
        }
        Ok(Some(commit))
    }

    /// How far each source has come, in microseconds: the least of the jobs that know it. Nothing until every job has
    /// been heard of.
    pub fn watermarks<'a>(&self, progress: &'a Progress) -> BTreeMap<&'a str, i64> {
        let mut all = BTreeMap::new();
        if progress.jobs.len() < self.jobs as usize {
            return all;
        }
        for (source, time) in progress.jobs.values().flat_map(|job| &job.watermarks) {
            let least: &mut i64 = all.entry(source.as_str()).or_insert(*time);
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
        let mut read = |version, body: &JobEntry| upstream.read(&entry(0, version, body), &mut progress).unwrap().map(|commit| commit.n);
        assert_eq!(read("v", &JobEntry::Claim(Claim { epoch: 1, n: 0, commit: 0 })), None);
        assert_eq!(read("v", &commit(1, 7, false, &[])), Some(1));
        assert_eq!(read("v", &commit(2, 7, false, &[])), Some(2));
        assert_eq!(read("other", &commit(3, 8, false, &[])), None);
        // A job that begins anew goes over the same entries.
        assert_eq!(read("v", &commit(1, 7, false, &[])), None);
        assert_eq!(read("v", &commit(2, 9, false, &[])), Some(2));
    }

    #[test]
    fn time_goes_as_far_as_the_slowest_job_says_at_the_end_of_an_entry() {
        let (upstream, mut progress) = (upstream(2), Progress::default());
        let mut read = |job, body: &JobEntry| drop(upstream.read(&entry(job, "v", body), &mut progress).unwrap());
        read(0, &commit(1, 1, false, &[("a", 50), ("b", 20)]));
        read(0, &commit(2, 2, true, &[("a", 90)]));
        let silent = progress.clone();
        assert_eq!(upstream.watermarks(&silent), BTreeMap::new());
        let mut read = |job, body: &JobEntry| drop(upstream.read(&entry(job, "v", body), &mut progress).unwrap());
        read(1, &commit(1, 1, false, &[("a", 60)]));
        assert_eq!(upstream.watermarks(&progress), BTreeMap::from([("a", 50_000_000), ("b", 20_000_000)]));
    }

    #[test]
    fn an_entry_that_is_no_commit_is_rejected() {
        let damaged = Entry { body: "{".into(), ..entry(0, "v", &commit(1, 1, false, &[])) };
        assert_eq!(upstream(1).read(&damaged, &mut Progress::default()).unwrap_err().kind(), crate::Kind::Rejected);
    }
}
