//! A log that is not what it was: entries changed on the disk, or its newest ones lost.

use std::sync::Arc;

use async_trait::async_trait;
use floodmark_core::Result;
use floodmark_core::ports::{Appended, Continuity, Entry, Expect, Limit, Log, NewEntry, Position, Reader};

/// What becomes of an entry when it is read.
pub type Change = dyn Fn(&mut Entry) + Send + Sync;

/// Shows a log as if each entry had been changed, and as if it ended at a position. Appends go through.
pub struct Changed {
    log: Arc<dyn Log>,
    change: Arc<Change>,
    tail: Position,
}

impl Changed {
    /// Every entry of `log` goes through `change`.
    pub fn new(log: Arc<dyn Log>, change: impl Fn(&mut Entry) + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self { log, change: Arc::new(change), tail: Position(u64::MAX) })
    }

    /// `log` without what stands after `tail`.
    pub fn cut(log: Arc<dyn Log>, tail: Position) -> Arc<Self> {
        Arc::new(Self { log, change: Arc::new(|_| {}), tail })
    }

    fn show(&self, entry: Option<Entry>) -> Option<Entry> {
        let mut entry = entry.filter(|entry| entry.position <= self.tail)?;
        (self.change)(&mut entry);
        Some(entry)
    }
}

#[async_trait]
impl Log for Changed {
    async fn append(&self, entries: Vec<NewEntry>, expect: Expect) -> Result<Vec<Appended>> {
        self.log.append(entries, expect).await
    }

    async fn reader(&self, patterns: Vec<String>, after: Position) -> Result<Box<dyn Reader>> {
        let reader = self.log.reader(patterns, after).await?;
        Ok(Box::new(ChangedReader { reader, change: self.change.clone(), tail: self.tail }))
    }

    async fn last(&self, subject: &str) -> Result<Option<Entry>> {
        Ok(self.show(self.log.last(subject).await?))
    }

    async fn get(&self, position: Position) -> Result<Option<Entry>> {
        Ok(self.show(self.log.get(position).await?))
    }

    async fn continuity(&self) -> Result<Continuity> {
        let continuity = self.log.continuity().await?;
        Ok(Continuity { tail: continuity.tail.min(self.tail), ..continuity })
    }

    async fn purge(&self, subject: &str, before: Position) -> Result<u64> {
        self.log.purge(subject, before).await
    }

    async fn retain(&self, keep_from: Position) -> Result<u64> {
        self.log.retain(keep_from).await
    }
}

struct ChangedReader {
    reader: Box<dyn Reader>,
    change: Arc<Change>,
    tail: Position,
}

#[async_trait]
impl Reader for ChangedReader {
    async fn next(&mut self, limit: Limit) -> Result<Vec<Entry>> {
        let until = limit.until.map(|until| until.min(self.tail));
        let mut entries = self.reader.next(Limit { until, ..limit }).await?;
        entries.iter_mut().for_each(|entry| (self.change)(entry));
        Ok(entries)
    }
}
