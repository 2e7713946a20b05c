//! Finding frames by the index of the embedded log.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use floodmark_core::Result;
use floodmark_core::ports::{Entry, Log as _, Position};
use floodmark_schemas::Timestamp;

use super::scan::{FrameScan, wanted};
use crate::logs::embedded::Log;

/// How many positions are asked for at once and remembered: the index is sorted anew for each question, so that asking
/// for few at a time would make reading all of a large log quadratic. 32 KiB.
const AHEAD: usize = 4_096;

/// Finds frames by source and time without reading those that are not asked for. Gives what
/// [`LogScan`](super::LogScan) gives.
pub struct IndexedScan {
    log: Arc<Log>,
    ahead: Mutex<Option<Ahead>>,
}

#[derive(Clone, PartialEq, Eq)]
struct Question {
    source: Option<String>,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
}

/// All positions of a question from `after` to the last of them. A log only grows at its end, so they stay all.
struct Ahead {
    question: Question,
    after: Position,
    positions: Vec<Position>,
}

impl IndexedScan {
    /// Scans `log`.
    pub fn new(log: Arc<Log>) -> Self {
        Self { log, ahead: Mutex::default() }
    }

    /// The next positions, from the last answer of the index if it reaches that far.
    async fn positions(&self, question: &Question, after: Position, limit: usize) -> Result<Vec<Position>> {
        if let Some(positions) = self.remembered(question, after, limit) {
            return Ok(positions);
        }
        let Question { source, from, to } = question;
        let positions = self.log.frames_overlapping(source.as_deref(), *from, *to, after, AHEAD.max(limit)).await?;
        let answer = positions.iter().take(limit).copied().collect();
        *self.ahead.lock().unwrap_or_else(PoisonError::into_inner) = Some(Ahead { question: question.clone(), after, positions });
        Ok(answer)
    }

    fn remembered(&self, question: &Question, after: Position, limit: usize) -> Option<Vec<Position>> {
        let ahead = self.ahead.lock().unwrap_or_else(PoisonError::into_inner);
        let ahead = ahead.as_ref().filter(|ahead| ahead.question == *question && ahead.after <= after)?;
        let begin = ahead.positions.partition_point(|position| *position <= after);
        ahead.positions[begin..].get(..limit).map(<[Position]>::to_vec)
    }
}

#[async_trait]
impl FrameScan for IndexedScan {
    async fn frames(
        &self,
        source: Option<&str>,
        from: Option<Timestamp>,
        to: Option<Timestamp>,
        mut after: Position,
        limit: usize,
    ) -> Result<Vec<Entry>> {
        let question = Question { source: source.map(str::to_owned), from, to };
        let mut found = Vec::new();
        loop {
            let missing = limit - found.len();
            let positions = self.positions(&question, after, missing).await?;
            for position in &positions {
                after = *position;
                // It may have been deleted in between.
                found.extend(self.log.get(*position).await?.filter(|entry| wanted(entry, source, from, to)));
            }
            if positions.len() < missing || found.len() == limit {
                return Ok(found);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use floodmark_core::conformance::store::{entry, frame_entry, shard_entry};
    use floodmark_core::ports::{Expect, NewEntry};
    use floodmark_schemas::{Encoding, Event, Series};
    use tempfile::TempDir;

    use super::super::LogScan;
    use super::*;
    use crate::clock::SystemClock;
    use crate::logs::embedded::Options;

    fn a_frame(n: u64, source: &str, times: &[i64]) -> Entry {
        let sample = |time: &i64| Event::sample(source, format!("{n}.{time}"), Timestamp::from_secs(*time), Series::new("load"), 1.5);
        frame_entry(n, source, Encoding::Json, times.iter().map(sample).collect())
    }

    /// Frames of two sources whose times overlap, empty frames, other entries and one with headers that say nothing.
    fn entries(rounds: u64) -> Vec<Entry> {
        let of_round = |round: u64| {
            let time = i64::try_from(round).unwrap() * 3;
            let mut nonsense = a_frame(round, "web", &[time]);
            nonsense.headers.set("Floodmark-Schema", "floodmark.frame.v99");
            [
                a_frame(round, "host", &[time, time + 5]),
                a_frame(round, "web", &[time + 40, time + 1]),
                a_frame(round, "host", &[]),
                entry(round, "floodmark.outputs.w.0", "{}"),
                nonsense,
            ]
        };
        (0..rounds).flat_map(of_round).collect()
    }

    async fn append(log: &Log, entries: Vec<Entry>) {
        let new = |e: Entry| NewEntry { subject: e.subject, id: None, headers: e.headers, body: e.body };
        log.append(entries.into_iter().map(new).collect(), Expect::Anything).await.unwrap();
    }

    async fn open(directory: &TempDir) -> Arc<Log> {
        let log = Log::open(&directory.path().join("log.db"), Options::default(), Arc::new(SystemClock)).unwrap();
        append(&log, entries(12)).await;
        log.retain(Position(4)).await.unwrap();
        log.purge("floodmark.events.0.web", Position(9)).await.unwrap();
        Arc::new(log)
    }

    #[tokio::test]
    async fn it_gives_what_reading_through_the_log_gives() {
        let directory = TempDir::new().unwrap();
        let log = open(&directory).await;
        let (indexed, read_through) = (IndexedScan::new(log.clone()), LogScan::new(log));
        let secs = |n: i64| Some(Timestamp::from_secs(n));
        let mut compared = 0;
        for source in [None, Some("host"), Some("web"), Some("none")] {
            for (from, to) in
                [(None, None), (secs(10), None), (None, secs(10)), (secs(10), secs(20)), (secs(20), secs(20)), (secs(900), None)]
            {
                for (after, limit) in [(0, 3), (0, 100), (17, 2), (17, 100), (59, 4), (60, 4), (100, 4)] {
                    let positions = |entries: Vec<Entry>| entries.iter().map(|entry| entry.position).collect::<Vec<_>>();
                    let found = positions(indexed.frames(source, from, to, Position(after), limit).await.unwrap());
                    let expected = positions(read_through.frames(source, from, to, Position(after), limit).await.unwrap());
                    assert_eq!(found, expected, "{source:?} {from:?} {to:?} after {after}, {limit}");
                    compared += found.len();
                }
            }
        }
        assert!(compared > 200, "{compared}");
    }

    #[tokio::test]
    async fn frames_of_all_shards_are_those_of_their_source() {
        let directory = TempDir::new().unwrap();
        let log = Arc::new(Log::open(&directory.path().join("log.db"), Options::default(), Arc::new(SystemClock)).unwrap());
        let shard = |shard, number| shard_entry(a_frame(number, "web", &[1]), shard, number);
        append(&log, vec![shard(0, 1), shard(1, 1), a_frame(3, "we", &[1]), a_frame(4, "web", &[1]), shard(200, 1), shard(0, 2)]).await;
        let scans: [&dyn FrameScan; 2] = [&IndexedScan::new(log.clone()), &LogScan::new(log)];
        for scan in scans {
            for (source, expected) in [(Some("web"), vec![1, 2, 4, 5, 6]), (Some("we"), vec![3]), (None, (1..=6).collect())] {
                let found = scan.frames(source, None, None, Position::START, 10).await.unwrap();
                assert_eq!(found.iter().map(|entry| entry.position.0).collect::<Vec<_>>(), expected, "{source:?}");
            }
        }
    }

    #[tokio::test]
    async fn frames_appended_since_the_last_answer_are_found() {
        let directory = TempDir::new().unwrap();
        let log = open(&directory).await;
        let scan = IndexedScan::new(log.clone());
        assert_eq!(scan.frames(Some("host"), None, None, Position(55), 10).await.unwrap().len(), 1);
        append(&log, vec![a_frame(99, "host", &[7])]).await;
        let found = scan.frames(Some("host"), None, None, Position(55), 10).await.unwrap();
        assert_eq!(found.iter().map(|entry| entry.position.0).collect::<Vec<_>>(), [56, 61]);
    }
}
