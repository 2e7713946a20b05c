//! The output log of a replay as sinks see it: without the results that only other operators needed.

use std::sync::Arc;

use async_trait::async_trait;
use floodmark_core::ports::{Appended, Continuity, Entry, Expect, Limit, Log, NewEntry, Position, Reader};
use floodmark_core::{Error, Result};
use floodmark_schemas::JobEntry;

use super::Period;

/// A log whose commits hold only the results of a period.
pub(super) struct Shown {
    log: Arc<dyn Log>,
    period: Period,
}

impl Shown {
    pub(super) fn new(log: Arc<dyn Log>, period: Period) -> Self {
        Self { log, period }
    }
}

/// The entry with what is kept of it. What is no commit stays as it is.
fn shown(mut entry: Entry, period: Period) -> Entry {
    if let Ok(JobEntry::Commit(mut commit)) = serde_json::from_slice::<JobEntry>(&entry.body)
        && commit.outputs.iter().any(|output| !period.keeps(output))
    {
        commit.outputs.retain(|output| period.keeps(output));
        entry.body = serde_json::to_vec(&JobEntry::Commit(commit)).expect("a commit is plain data").into();
    }
    entry
}

#[async_trait]
impl Log for Shown {
    async fn append(&self, _: Vec<NewEntry>, _: Expect) -> Result<Vec<Appended>> {
        Err(refused())
    }

    async fn reader(&self, patterns: Vec<String>, after: Position) -> Result<Box<dyn Reader>> {
        Ok(Box::new(ShownReader { reader: self.log.reader(patterns, after).await?, period: self.period }))
    }

    async fn last(&self, subject: &str) -> Result<Option<Entry>> {
        Ok(self.log.last(subject).await?.map(|entry| shown(entry, self.period)))
    }

    async fn get(&self, position: Position) -> Result<Option<Entry>> {
        Ok(self.log.get(position).await?.map(|entry| shown(entry, self.period)))
    }

    async fn continuity(&self) -> Result<Continuity> {
        self.log.continuity().await
    }

    async fn purge(&self, _: &str, _: Position) -> Result<u64> {
        Err(refused())
    }

    async fn retain(&self, _: Position) -> Result<u64> {
        Err(refused())
    }
}

fn refused() -> Error {
    Error::broken("writing to the output log of a replay through its sinks")
}

struct ShownReader {
    reader: Box<dyn Reader>,
    period: Period,
}

#[async_trait]
impl Reader for ShownReader {
    async fn next(&mut self, limit: Limit) -> Result<Vec<Entry>> {
        let entries = self.reader.next(limit).await?;
        Ok(entries.into_iter().map(|entry| shown(entry, self.period)).collect())
    }
}
