//! Entries in memory as an event log that can be read: with the positions and times that they had.

use std::sync::Arc;

use async_trait::async_trait;
use floodmark_core::ports::{Appended, Continuity, Entry, Expect, Limit, Log, NewEntry, Position, Reader};
use floodmark_core::{Error, Result};
use floodmark_schemas::subject;

/// A log that holds these entries, in the order of their positions.
pub(super) struct Recorded {
    entries: Arc<Vec<Entry>>,
}

impl Recorded {
    pub(super) fn new(entries: Vec<Entry>) -> Self {
        Self { entries: Arc::new(entries) }
    }
}

#[async_trait]
impl Log for Recorded {
    async fn append(&self, _: Vec<NewEntry>, _: Expect) -> Result<Vec<Appended>> {
        Err(refused())
    }

    async fn reader(&self, patterns: Vec<String>, after: Position) -> Result<Box<dyn Reader>> {
        let at = self.entries.partition_point(|entry| entry.position <= after);
        Ok(Box::new(RecordedReader { entries: self.entries.clone(), patterns, at }))
    }

    async fn last(&self, subject: &str) -> Result<Option<Entry>> {
        Ok(self.entries.iter().rev().find(|entry| entry.subject == subject).cloned())
    }

    async fn get(&self, position: Position) -> Result<Option<Entry>> {
        Ok(self.entries.binary_search_by_key(&position, |entry| entry.position).ok().map(|at| self.entries[at].clone()))
    }

    /// As if the entries before the first had come, and made nothing.
    async fn continuity(&self) -> Result<Continuity> {
        let created = self.entries.first().map(|first| first.time).unwrap_or_default();
        Ok(Continuity { created, first: Position(1), tail: self.entries.last().map_or(Position::START, |last| last.position) })
    }

    /// A bundle has not every tick, and nothing of other sources.
    fn is_selection(&self) -> bool {
        true
    }

    async fn purge(&self, _: &str, _: Position) -> Result<u64> {
        Err(refused())
    }

    async fn retain(&self, _: Position) -> Result<u64> {
        Err(refused())
    }
}

fn refused() -> Error {
    Error::broken("writing to the entries of a bundle")
}

struct RecordedReader {
    entries: Arc<Vec<Entry>>,
    patterns: Vec<String>,
    at: usize,
}

#[async_trait]
impl Reader for RecordedReader {
    async fn next(&mut self, limit: Limit) -> Result<Vec<Entry>> {
        let mut taken = Vec::new();
        while let Some(entry) = self.entries.get(self.at).filter(|entry| limit.until.is_none_or(|until| entry.position <= until)) {
            if taken.len() >= limit.entries {
                break;
            }
            self.at += 1;
            if self.patterns.iter().any(|pattern| subject::matches(pattern, &entry.subject)) {
                taken.push(entry.clone());
            }
        }
        if taken.is_empty() && limit.until.is_none() {
            // Nothing ever comes.
            std::future::pending::<()>().await;
        }
        Ok(taken)
    }
}
