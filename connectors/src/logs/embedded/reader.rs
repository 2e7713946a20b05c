//! Reading onwards.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use floodmark_core::ports::{Entry, Limit, Position, Reader as ReaderPort};
use floodmark_core::{Error, Result};
use tokio::sync::watch;

use super::super::newest::Newest;
use super::query::{self, Wanted};
use super::schema::Readers;

/// How often a reader in another process than the writer looks for new entries.
const POLL_EVERY: Duration = Duration::from_millis(50);

/// How a reader learns what is new.
pub(super) enum Tail {
    /// From the writer in this process.
    Local { tail: watch::Receiver<Position>, newest: Arc<Newest> },
    /// By looking.
    Polled,
}

pub(super) struct Reader {
    readers: Arc<Readers>,
    tail: Tail,
    patterns: Arc<[String]>,
    wanted: Wanted,
    /// Everything up to here has been given or does not match. Moves only where `next` does not wait any more, so
    /// that a dropped `next` has changed nothing.
    after: Position,
}

impl Reader {
    pub(super) fn new(readers: Arc<Readers>, tail: Tail, patterns: Vec<String>, after: Position) -> Self {
        Self { readers, tail, patterns: patterns.into(), wanted: Wanted::default(), after }
    }

    /// What there is now, from memory or from the file.
    async fn take(&mut self, limit: Limit) -> Result<Vec<Entry>> {
        let upto = match &mut self.tail {
            Tail::Local { tail, newest } => {
                let tail = *tail.borrow_and_update();
                let upto = limit.until.map_or(tail, |until| tail.min(until)).max(self.after);
                if let Some((entries, upto)) = newest.read(&self.patterns, self.after, upto, limit) {
                    self.after = upto;
                    return Ok(entries);
                }
                Some(upto)
            }
            Tail::Polled => None,
        };
        let (patterns, wanted, after) = (self.patterns.clone(), self.wanted.clone(), self.after);
        let scan = self.readers.clone().read(move |c| query::scan(c, wanted, &patterns, after, upto, limit)).await?;
        let mut entries = scan.entries;
        self.wanted = scan.wanted;
        self.after = scan.upto;
        if let Some(until) = limit.until {
            entries.retain(|entry| entry.position <= until);
            self.after = self.after.min(until.max(after));
        }
        Ok(entries)
    }

    /// Waits until there may be more.
    async fn wait(&mut self) -> Result<()> {
        match &mut self.tail {
            Tail::Local { tail, .. } => tail.changed().await.map_err(|e| Error::unavailable("reading a log that was closed").because(e)),
            Tail::Polled => {
                tokio::time::sleep(POLL_EVERY).await;
                Ok(())
            }
        }
    }
}

#[async_trait]
impl ReaderPort for Reader {
    async fn next(&mut self, limit: Limit) -> Result<Vec<Entry>> {
        // A reader that always finds something must still let others run.
        tokio::task::consume_budget().await;
        loop {
            let before = self.after;
            let entries = self.take(limit).await?;
            if !entries.is_empty() || limit.until.is_some_and(|until| self.after >= until) {
                return Ok(entries);
            }
            if self.after == before {
                self.wait().await?;
            }
        }
    }
}
