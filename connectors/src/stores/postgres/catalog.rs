//! The sink that keeps the catalog: which series there are and when each was first and last seen.

mod seen;

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use floodmark_core::ports::{Entry, Position, Sink, Standing};
use floodmark_core::{Error, Result};
use floodmark_schemas::{DeadLetter, FrameHeader};

use super::position::{self, Turn};
use super::{Store, begin, commit, dead_letters, series_ids};
use seen::Sources;

/// `last_seen` in the table may be earlier than the truth by at most this, in microseconds of event time: a series that
/// goes on and on is not written with every frame. `first_seen` is exact.
pub const LAST_SEEN_STEP_US: i64 = 60_000_000;

/// Reads the frames of `floodmark.events.>` and keeps the table `series`, also for series that no operator covers.
///
/// The series it has seen are remembered, so that a frame of known series costs its decoding and no row.
pub struct Catalog {
    store: Store,
    sink: String,
    sources: Mutex<Sources>,
}

impl Catalog {
    /// A sink that keeps its position under the name `sink`.
    pub fn new(store: Store, sink: impl Into<String>) -> Self {
        Self { store, sink: sink.into(), sources: Mutex::default() }
    }

    fn sources(&self) -> std::sync::MutexGuard<'_, Sources> {
        self.sources.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Sink for Catalog {
    async fn standing(&self) -> Result<Standing> {
        position::read(&self.store, &self.sink).await
    }

    async fn write(&self, entries: &[Entry], from: Position, to: Position) -> Result<()> {
        // Taken out and put back at the end: after a failure nothing is remembered that is not in the database.
        let mut sources = std::mem::take(&mut *self.sources());
        let dead: Vec<DeadLetter> = entries
            .iter()
            .filter_map(|entry| see(&mut sources, entry).err().map(|error| dead_letters::of_entry(&self.sink, entry, &error)))
            .collect();
        let mut client = self.store.client().await?;
        let transaction = begin(&mut client).await?;
        if position::advance(&transaction, &self.sink, entries, from, to).await? == Turn::Done {
            return Ok(());
        }
        let moved = sources.moved();
        if !moved.is_empty() {
            let stored = series_ids::upsert(&transaction, &moved).await?;
            sources.stored(&stored);
        }
        dead_letters::insert(&transaction, &dead).await?;
        commit(&self.store, transaction, &self.sink, to).await?;
        *self.sources() = sources;
        Ok(())
    }
}

fn see(sources: &mut Sources, entry: &Entry) -> Result<()> {
    let header = FrameHeader::from_headers(&entry.headers).map_err(|e| Error::rejected("reading the headers of a frame").because(e))?;
    if header.count == 0 {
        return Ok(());
    }
    sources.see(&header, &entry.body).map_err(|e| Error::rejected("reading a frame").because(e))
}
