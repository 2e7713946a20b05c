//! A log that tells how long its appends take, how much it holds, and what is set aside in it.

use async_trait::async_trait;
use floodmark_core::Result;
use floodmark_core::ports::{Appended, Continuity, Entry, Expect, Log, NewEntry, Position, Reader, Size};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::ingest::Logs;
use crate::telemetry::{Count, DeadLetterMeters, LogMeters};

/// How often the logs are asked how much they hold.
const SIZES_EVERY: Duration = Duration::from_secs(15);

/// Passes everything on to a log, and measures.
pub struct Metered {
    log: Arc<dyn Log>,
    meters: LogMeters,
    dead_letters: DeadLetterMeters,
}

impl Metered {
    /// Measures `log` under this name.
    pub fn new(log: Arc<dyn Log>, name: &str) -> Self {
        Self { log, meters: LogMeters::new(name), dead_letters: DeadLetterMeters::default() }
    }
}

#[async_trait]
impl Log for Metered {
    async fn append(&self, entries: Vec<NewEntry>, expect: Expect) -> Result<Vec<Appended>> {
        let began = Instant::now();
        let dead: Vec<(usize, Count)> =
            entries.iter().enumerate().filter_map(|(i, entry)| Some((i, self.dead_letters.of(entry)?))).collect();
        let appended = self.log.append(entries, expect).await?;
        dead.iter().filter(|(i, _)| !appended[*i].duplicate).for_each(|(_, count)| count.add(1));
        if let Some(last) = appended.iter().rev().find(|a| !a.duplicate) {
            self.meters.appended(began.elapsed().as_micros() as u64, last.position.0);
        }
        Ok(appended)
    }

    async fn reader(&self, patterns: Vec<String>, after: Position) -> Result<Box<dyn Reader>> {
        self.log.reader(patterns, after).await
    }

    async fn last(&self, subject: &str) -> Result<Option<Entry>> {
        self.log.last(subject).await
    }

    async fn get(&self, position: Position) -> Result<Option<Entry>> {
        self.log.get(position).await
    }

    async fn continuity(&self) -> Result<Continuity> {
        self.log.continuity().await
    }

    async fn purge(&self, subject: &str, before: Position) -> Result<u64> {
        self.log.purge(subject, before).await
    }

    async fn pending(&self, patterns: &[String], after: Position) -> Result<u64> {
        self.log.pending(patterns, after).await
    }

    async fn size(&self) -> Result<Option<Size>> {
        let size = self.log.size().await?;
        size.into_iter().for_each(|size| self.meters.holds(size));
        Ok(size)
    }

    async fn retain(&self, keep_from: Position) -> Result<u64> {
        self.log.retain(keep_from).await
    }
}

/// Asks metered logs from time to time how much they hold, so that it is shown, until `stop`.
pub async fn watch_sizes(logs: Logs, stop: CancellationToken) {
    loop {
        for (name, log) in [("events", &logs.events), ("outputs", &logs.outputs)] {
            match stop.run_until_cancelled(log.size()).await {
                Some(Ok(_)) => {}
                // Whoever appends says so louder.
                Some(Err(e)) => tracing::debug!(log = name, error = e.chain(), "the size of the log is not known"),
                None => return,
            }
        }
        if stop.run_until_cancelled(tokio::time::sleep(SIZES_EVERY)).await.is_none() {
            return;
        }
    }
}
