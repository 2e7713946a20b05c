//! Ticks: empty frames in every partition that carry log time and what live sources promise, so that silence is in the
//! log too and replays.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use floodmark_core::Result;
use floodmark_core::ports::{Clock, Expect, NewEntry, Position};
use floodmark_schemas::{FrameHeader, subject};
use tokio_util::sync::CancellationToken;

use crate::ingest::{Logs, Promise, append};

/// How often a tick is written.
pub const EVERY: Duration = Duration::from_secs(1);

/// Writes ticks.
pub struct Ticker {
    source: String,
    logs: Logs,
    clock: Arc<dyn Clock>,
    promises: Vec<Arc<Promise>>,
    /// For each partition the header of its newest tick, and where that stands.
    newest: Vec<(FrameHeader, Position)>,
}

impl Ticker {
    /// Takes the ticks of one process over, in every partition. Processes that share the work have a `slot` each; the
    /// promises of those sources are told that this process has.
    ///
    /// # Errors
    /// `Unavailable`; `Conflict` when somebody else takes them over at the same time.
    pub async fn claim(logs: Logs, partitions: u32, clock: Arc<dyn Clock>, promises: Vec<Arc<Promise>>, slot: u32) -> Result<Self> {
        let source = subject::ticker(slot);
        let mut newest = Vec::with_capacity(partitions as usize);
        for partition in 0..partitions {
            let subject = subject::events(partition, &source);
            let last = logs.events.last(&subject).await?;
            let header = last.as_ref().map(|e| FrameHeader::from_headers(&e.headers)).transpose()?.unwrap_or_default();
            let mut header =
                FrameHeader { source: source.clone(), epoch: header.epoch + 1, number: header.number, ..FrameHeader::default() };
            // Without an id: that of a rival would be the same, and pass for a repeat.
            let claim = NewEntry { id: None, ..entry(&mut header, partition) };
            let last = last.map_or(Position::START, |e| e.position);
            let appended = append(&*logs.events, &[claim], Expect::LastOnSubject(last), &source).await?;
            newest.push((header, appended.last().map_or(last, |a| a.position)));
        }
        Ok(Self { source, logs, clock, promises, newest })
    }

    /// Writes a tick every second until `stop`.
    ///
    /// # Errors
    /// `Conflict` when somebody else has taken the ticks over. Any but `Unavailable`, which is retried.
    pub async fn run(&mut self, stop: &CancellationToken) -> Result<()> {
        let mut interval = tokio::time::interval(EVERY);
        interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while stop.run_until_cancelled(interval.tick()).await.is_some() {
            self.tick().await?;
        }
        Ok(())
    }

    /// Writes one tick into every partition and returns the position of the last.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub async fn tick(&mut self) -> Result<Position> {
        let now = self.clock.now();
        let watermarks: Vec<_> = self.promises.iter().filter(|p| p.is_ours()).map(|p| (p.writer().to_owned(), p.at(now))).collect();
        let (mut entries, mut expected) = (Vec::with_capacity(self.newest.len()), BTreeMap::new());
        for ((header, newest), partition) in self.newest.iter_mut().zip(0..) {
            header.watermarks.clone_from(&watermarks);
            let entry = entry(header, partition);
            expected.insert(entry.subject.clone(), *newest);
            entries.push(entry);
        }
        let appended = append(&*self.logs.events, &entries, Expect::LastOnSubjects(expected), &self.source).await?;
        for ((_, newest), appended) in self.newest.iter_mut().zip(&appended) {
            *newest = appended.position;
        }
        Ok(appended.last().map_or(Position::START, |a| a.position))
    }
}

fn entry(header: &mut FrameHeader, partition: u32) -> NewEntry {
    header.number += 1;
    let id = format!("{}.{partition}.{}.{}", header.source, header.epoch, header.number);
    NewEntry { subject: subject::events(partition, &header.source), id: Some(id), headers: header.to_headers(), body: bytes::Bytes::new() }
}
