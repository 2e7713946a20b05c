//! What a job writes: claims, which take ownership, and commits, which move outputs and position together.

use std::collections::BTreeMap;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Alert, Rollup, Score, Timestamp};

/// The header of a commit that says when the event log stored the newest entry that it follows from, in microseconds. However
/// many operators lie between, and whenever they are run: what was known when is the same in a replay.
pub const CAUSE_TIME: &str = "Floodmark-Cause-Time";

/// One entry on the subject of a job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "schema")]
pub enum JobEntry {
    /// Somebody takes the job over.
    #[serde(rename = "floodmark.claim.v1")]
    Claim(Claim),
    /// The owner moves on.
    #[serde(rename = "floodmark.commit.v1")]
    Commit(Commit),
}

/// Takes a job over: whoever held a lower epoch finds its next commit refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Claim {
    /// One more than the claim before.
    pub epoch: u64,
    /// The number of the newest commit, 0 when there is none.
    pub n: u64,
    /// Where the newest commit stands in the log, 0 when there is none: a claim never moves the position, and the
    /// next owner finds the commit through it.
    pub commit: u64,
}

/// Outputs and position of a job in one entry.
///
/// A commit depends on the event log and the operator alone: after a crash, or by another owner, the same commits come
/// out byte for byte. The epoch of its writer is therefore a header, not a field.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Commit {
    /// One more than the commit before; the first is 1.
    pub n: u64,
    /// The last entry of the event log that is in it.
    pub in_position: u64,
    /// Fingerprint of that entry, so that a log that lost or changed it is noticed.
    pub in_fingerprint: String,
    /// The watermark after that entry, a time that was reached; absent before the first event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watermark: Option<Timestamp>,
    /// The watermark of each source that has one; absent where the operator does not keep them apart. The end of time
    /// stands for a source that has ended; it may send again.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "watermarks")]
    pub watermarks: BTreeMap<String, Timestamp>,
    /// How sources stand of which more is to be said than their watermark.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub presence: BTreeMap<String, Presence>,
    /// Whether more commits of the same entry follow: only the last one's watermarks stand for all outputs of the entry.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub more: bool,
    /// How many events came too late for their window, in all.
    pub late: u64,
    /// The hash of all outputs up to and including these: a chain that a re-run must reproduce.
    pub digest: String,
    /// The outputs in order.
    pub outputs: Vec<Output>,
}

/// How a source stands whose watermark does not say all. Who brings several jobs together must know whom to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// It is there, and has no watermark yet.
    New,
    /// It holds nobody back: it was silent for longer than the idle timeout, and ever since the commit before this one.
    Idle,
    /// It has ended in this epoch; of a source that is split, the sum of those of its shards.
    Ended(u64),
}

/// The end of time has no date: it is read back from the text it is written as.
fn watermarks<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, Timestamp>, D::Error> {
    let texts = BTreeMap::<String, String>::deserialize(deserializer)?;
    let end = Timestamp::MAX.to_string();
    let time = |text: &str| if text == end { Ok(Timestamp::MAX) } else { Timestamp::parse(text).map_err(serde::de::Error::custom) };
    texts.into_iter().map(|(source, text)| Ok((source, time(&text)?))).collect()
}

/// What an operator emits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Output {
    /// A window fired or was revised.
    Rollup(Rollup),
    /// An event came after its window was gone.
    Late(Late),
    /// A value was judged.
    Score(Score),
    /// An alert took a step.
    Alert(Alert),
}

/// An event that came after its window was gone. It is still in the event log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Late {
    /// The operator.
    pub operator: String,
    /// The source of the event.
    pub source: String,
    /// The series of the event.
    pub series: Arc<crate::Series>,
    /// The event's time.
    pub time: Timestamp,
    /// The event's value.
    pub value: f64,
    /// The entry of the event log it stands in.
    pub position: u64,
    /// Its index within that entry.
    pub index: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_in_which_a_source_has_ended_reads_back() {
        let watermarks = [("ended", Timestamp::MAX), ("running", Timestamp::from_micros(1_500_000))];
        let watermarks = watermarks.into_iter().map(|(source, time)| (source.to_owned(), time)).collect();
        let entry = JobEntry::Commit(Commit { n: 1, watermarks, ..Commit::default() });
        let text = serde_json::to_string(&entry).unwrap();
        assert_eq!(serde_json::from_str::<JobEntry>(&text).unwrap(), entry);
        assert!(serde_json::from_str::<JobEntry>(&text.replace("1970-01-01T00:00:01.500000Z", "soon")).is_err());
    }
}
