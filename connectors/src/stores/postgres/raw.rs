//! The sink of raw events: each event of the log is one row, exactly once.
//!
//! Rows, the position, what was set aside and which frames were seen go into one transaction, so that repeating a write, or
//! a crash anywhere, changes nothing. A frame that comes again, or from a writer that was replaced, is passed over by the
//! rule of [`floodmark_core::watermark::Sources::freshness`]. A frame that cannot be read, and an event that PostgreSQL does
//! not take, becomes a dead letter in the same transaction; its neighbours are written.

mod frames;
mod memory;
mod rows;
mod writing;

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use floodmark_core::ports::{Entry, Position, Sink, Standing};
use floodmark_core::{Kind, Result};
use tracing::warn;

use super::Store;
use super::position;
use memory::Memory;

/// Keeps the entries of `floodmark.events.>` in the table `event`.
pub struct Raw {
    store: Store,
    sink: String,
    memory: Mutex<Memory>,
}

/// How rows are handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// All in one COPY, while the next ones are still being encoded.
    AtOnce,
    /// In parts that are halved until the rows that are refused stand alone.
    Halving,
}

impl Raw {
    /// A sink that keeps its position under the name `sink`.
    pub fn new(store: Store, sink: impl Into<String>) -> Self {
        Self { store, sink: sink.into(), memory: Mutex::default() }
    }

    fn memory(&self) -> std::sync::MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Sink for Raw {
    async fn standing(&self) -> Result<Standing> {
        position::read(&self.store, &self.sink).await
    }

    async fn write(&self, entries: &[Entry], from: Position, to: Position) -> Result<()> {
        // Taken out and put back at the end: after a failure nothing is remembered that is not in the database.
        let mut memory = std::mem::take(&mut *self.memory());
        let mut done = self.write_in(Way::AtOnce, &mut memory, entries, from, to).await;
        if done.as_ref().is_err_and(|e| e.kind() == Kind::Rejected) {
            memory = Memory::default();
            done = self.write_in(Way::Halving, &mut memory, entries, from, to).await;
        }
        done?;
        *self.memory() = memory;
        if let Some(last) = entries.last()
            && let Err(error) = self.store.retain(last.time).await
        {
            warn!(sink = self.sink, error = error.chain(), "old raw events could not be deleted, will retry");
        }
        Ok(())
    }
}
