//! Sources, and what the engine offers them.

use std::time::Duration;

use async_trait::async_trait;
use floodmark_schemas::{DeadLetter, EventBatch, subject};

use crate::Result;

/// Watches something and turns what it sees into events.
#[async_trait]
pub trait Source: Send {
    /// Runs until it is done (a file that has ended) or dropped (shutdown): it must be safe to drop at any await.
    /// When it returns `Ok` the source has ended and its watermark goes to the end of time.
    ///
    /// # Errors
    /// Any: the engine restarts it with backoff and reports it. `Broken` is not retried.
    async fn run(&mut self, ingest: &dyn Ingest) -> Result<()>;
}

/// What the engine has to know of a source before it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceSpec {
    /// Its id in the configuration.
    pub id: String,
    /// Which part of it this is, when it is split over processes. Each part is a writer of its own: it has its own frames,
    /// numbers and cursor.
    pub shard: Option<u32>,
    /// How frames of it are written.
    pub encoding: floodmark_schemas::Encoding,
    /// By how much its event times may go backwards.
    pub disorder: std::time::Duration,
    /// Whether event times follow the wall clock, so that the ticker may promise them when the source is silent.
    pub live: bool,
}

impl SourceSpec {
    /// What it is called among those who write frames: its id, with its shard when it is a part.
    pub fn writer(&self) -> String {
        subject::writer(&self.id, self.shard)
    }
}

/// The way from a source to the log.
///
/// Everything is durable when the call that says so has returned; the frames of one source keep the order of the calls.
#[async_trait]
pub trait Ingest: Send + Sync {
    /// The cursor of the last batch that is durable: where to resume.
    fn cursor(&self) -> Option<String>;

    /// Hands over events; returns when there is room for more, before they are durable. Events become a frame when
    /// there are enough of them, they are large enough, or have waited 1 ms. `cursor` is where to resume after them.
    /// This waits while the log is slow or full: that is the backpressure.
    ///
    /// # Errors
    /// `Broken` when the log has refused for good.
    async fn send(&self, events: EventBatch, cursor: Option<String>) -> Result<()>;

    /// Hands over events as frames of their own and returns when they are durable. A second call with the same `key`
    /// within the log's duplicate window stores nothing and says so by `false`.
    ///
    /// # Errors
    /// `Unavailable` when the outcome is unknown: repeat with the same key. `Rejected` when the events cannot be stored.
    async fn publish(&self, events: EventBatch, key: &str) -> Result<bool>;

    /// Waits until everything handed over so far is durable.
    ///
    /// # Errors
    /// `Broken` when the log has refused for good.
    async fn flush(&self) -> Result<()>;

    /// Tells how long after the moment at which it was due a poll has begun. Who does not want to know need not be told.
    fn polled(&self, late: Duration) {
        let _ = late;
    }

    /// Sets input aside; returns when that is durable. Call it before the cursor that passes the input is handed over.
    ///
    /// # Errors
    /// As [`Self::publish`].
    async fn dead_letter(&self, letter: DeadLetter) -> Result<()>;
}
