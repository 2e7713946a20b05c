//! A log that tells how long its appends take.

use async_trait::async_trait;
use floodmark_core::Result;
use floodmark_core::ports::{Appended, Continuity, Entry, Expect, Log, NewEntry, Position, Reader};
use std::sync::Arc;
use tokio::time::Instant;

use crate::telemetry::LogMeters;

/// Passes everything on to a log, and measures.
pub struct Metered {
    log: Arc<dyn Log>,
    meters: LogMeters,
}

impl Metered {
    /// Measures `log` under this name.
    pub fn new(log: Arc<dyn Log>, name: &str) -> Self {
        Self { log, meters: LogMeters::new(name) }
    }
}

#[async_trait]
impl Log for Metered {
    async fn append(&self, entries: Vec<NewEntry>, expect: Expect) -> Result<Vec<Appended>> {
        let began = Instant::now();
        let appended = self.log.append(entries, expect).await?;
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

    async fn retain(&self, keep_from: Position) -> Result<u64> {
        self.log.retain(keep_from).await
    }
}
