//! What a job has written, read back and checked.

use floodmark_core::ports::{Entry, Limit, Log, Position};
use floodmark_schemas::commit::Output;
use floodmark_schemas::{Claim, Commit, Definition, JobEntry, subject};
use twox_hash::XxHash3_128;

/// Everything that matches `pattern` and is in the log now.
pub async fn entries(log: &dyn Log, pattern: &str) -> Vec<Entry> {
    let tail = log.continuity().await.expect("this log does not fail").tail;
    let mut reader = log.reader(vec![pattern.to_owned()], Position::START).await.expect("this log does not fail");
    let mut all = Vec::new();
    loop {
        let entries = reader.next(Limit { until: Some(tail), ..Limit::default() }).await.expect("this log does not fail");
        if entries.is_empty() {
            return all;
        }
        all.extend(entries);
    }
}

/// The chain of one job.
#[derive(Debug, Default)]
pub struct Chain {
    /// The commits, with their bodies as they stand in the log.
    pub commits: Vec<(Commit, Vec<u8>)>,
    /// The claims.
    pub claims: Vec<Claim>,
}

impl Chain {
    /// Reads the chain of an operator on partition 0, as [`Self::of`].
    pub async fn read(outputs: &dyn Log, operator: &str) -> Self {
        Self::of(outputs, operator, 0).await
    }

    /// Reads the chain of a job and checks it: numbers without gaps, positions that do not go back, digests that follow from
    /// the outputs, claims that name the commit before them.
    pub async fn of(outputs: &dyn Log, operator: &str, partition: u32) -> Self {
        let mut chain = Self::default();
        let (mut newest, mut rebuilds) = (Position::START, false);
        for entry in entries(outputs, &subject::outputs(operator, partition)).await {
            match serde_json::from_slice(&entry.body).expect("an entry of a job is JSON") {
                JobEntry::Commit(commit) => {
                    chain.check(&commit);
                    chain.commits.push((commit, entry.body.to_vec()));
                    newest = entry.position;
                }
                JobEntry::Claim(claim) => {
                    // An owner claims once more when it is through with what was there at the beginning.
                    let rebuilding = Definition::of(&entry.headers).is_some_and(|definition| definition.rebuilding);
                    let through = std::mem::replace(&mut rebuilds, rebuilding) && !rebuilding;
                    let epoch = chain.claims.last().map_or(0, |before| before.epoch) + u64::from(!through);
                    assert_eq!(claim, Claim { epoch, n: chain.commits.len() as u64, commit: newest.0 });
                    if !through {
                        chain.claims.push(claim);
                    }
                }
            }
        }
        chain
    }

    fn check(&self, commit: &Commit) {
        let (n, in_position, digest) = self.commits.last().map_or((0, 0, ""), |(c, _)| (c.n, c.in_position, c.digest.as_str()));
        assert_eq!(commit.n, n + 1);
        assert!(commit.in_position >= in_position, "commit {} goes back from {in_position} to {}", commit.n, commit.in_position);
        assert_eq!(commit.digest, digest_of(digest, &commit.outputs));
    }

    /// The bodies of the commits.
    pub fn bodies(&self) -> Vec<&[u8]> {
        self.commits.iter().map(|(_, body)| body.as_slice()).collect()
    }

    /// All outputs in order.
    pub fn outputs(&self) -> Vec<Output> {
        self.commits.iter().flat_map(|(commit, _)| commit.outputs.iter().cloned()).collect()
    }
}

/// The digest of `outputs` after what gave `before`: XXH3, 128 bits, over the digest before and the output's JSON.
pub fn digest_of(before: &str, outputs: &[Output]) -> String {
    outputs.iter().fold(before.to_owned(), |digest, output| {
        let text = serde_json::to_string(output).expect("an output is plain data");
        format!("{:032x}", XxHash3_128::oneshot(format!("{digest}{text}").as_bytes()))
    })
}
