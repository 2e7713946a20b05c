//! The sink that keeps the catalog: which series there are and when each was first and last seen.

mod seen;

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use floodmark_core::ports::{Entry, Position, Sink, Standing};
use floodmark_core::{Error, Result};
use floodmark_schemas::{DeadLetter, FrameHeader, Series};
use rusqlite::{Transaction, params};

use super::error::Doing;
use super::position::{self, Turn};
use super::{Inner, Store, dead_letters, series_ids};
use seen::{Seen, Sources};

/// `last_seen` in the file may be earlier than the truth by at most this, in microseconds of event time: a series that
/// goes on and on is not written with every frame. `first_seen` is exact.
pub const LAST_SEEN_STEP_US: i64 = 60_000_000;

/// Reads the frames of `floodmark.events.>` and keeps the table `series`, also for series that no operator covers.
///
/// The series it has seen are remembered, so that a frame of known series costs its decoding and no row.
pub struct Catalog {
    store: Store,
    sink: String,
    sources: Arc<Mutex<Sources>>,
}

impl Catalog {
    /// A sink that keeps its position under the name `sink`.
    pub fn new(store: Store, sink: impl Into<String>) -> Self {
        Self { store, sink: sink.into(), sources: Arc::default() }
    }
}

#[async_trait]
impl Sink for Catalog {
    async fn standing(&self) -> Result<Standing> {
        let sink = self.sink.clone();
        self.store.read(move |snapshot| position::of(snapshot, &sink)).await
    }

    async fn write(&self, entries: &[Entry], from: Position, to: Position) -> Result<()> {
        let (sink, entries, sources) = (self.sink.clone(), entries.to_vec(), self.sources.clone());
        self.store.blocking(move |inner| write(inner, &sources, &sink, &entries, from, to)).await
    }
}

fn write(inner: &Inner, sources: &Mutex<Sources>, sink: &str, entries: &[Entry], from: Position, to: Position) -> Result<()> {
    let mut shared = sources.lock().unwrap_or_else(PoisonError::into_inner);
    // Taken out and put back at the end: after a failure or a panic nothing is remembered that is not in the file.
    let mut sources = std::mem::take(&mut *shared);
    let dead: Vec<DeadLetter> = entries
        .iter()
        .filter_map(|entry| see(&mut sources, entry).err().map(|error| dead_letters::of_entry(sink, entry, &error)))
        .collect();
    inner.transaction(|transaction, _| {
        if position::advance(transaction, sink, entries, from, to)? == Turn::Done {
            return Ok(());
        }
        sources.moved(|source, seen| store(transaction, source, seen))?;
        dead.iter().try_for_each(|letter| dead_letters::insert(transaction, letter))
    })?;
    *shared = sources;
    Ok(())
}

fn see(sources: &mut Sources, entry: &Entry) -> Result<()> {
    let header = FrameHeader::from_headers(&entry.headers).map_err(|e| Error::rejected("reading the headers of a frame").because(e))?;
    if header.count == 0 {
        return Ok(());
    }
    sources.see(&header, &entry.body).map_err(|e| Error::rejected("reading a frame").because(e))
}

/// Writes what is known of a series; of the first time in this process, learns what the file knows.
fn store(transaction: &Transaction<'_>, source: &str, seen: &mut Seen) -> Result<()> {
    match (seen.row, seen.key.take()) {
        (None, Some(key)) => {
            let series = Series::from_key(&key).expect("a key was made from a series");
            let sql = "INSERT INTO series (source, key, metric, unit, labels, first_seen_us, last_seen_us) \
                       VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (source, key) DO UPDATE SET \
                       first_seen_us = min(ifnull(first_seen_us, excluded.first_seen_us), excluded.first_seen_us), \
                       last_seen_us = max(ifnull(last_seen_us, excluded.last_seen_us), excluded.last_seen_us) \
                       RETURNING id, first_seen_us, last_seen_us";
            let mut statement = transaction.prepare_cached(sql).doing("adding a series")?;
            let values = params![source, key, series.metric, series.unit, series_ids::labels(&series), seen.first, seen.last];
            let stored = statement.query_row(values, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
            let (id, first, last): (i64, i64, i64) = stored.doing("adding a series")?;
            seen.stored(id, first, last);
        }
        (Some(id), _) => {
            let sql = "UPDATE series SET first_seen_us = ?2, last_seen_us = ?3 WHERE id = ?1";
            let mut statement = transaction.prepare_cached(sql).doing("updating a series")?;
            statement.execute([id, seen.first, seen.last]).doing("updating a series")?;
            seen.stored(id, seen.first, seen.last);
        }
        (None, None) => unreachable!("a series has its key until it has its row"),
    }
    Ok(())
}
