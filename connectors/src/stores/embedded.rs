//! The embedded store: one SQLite file that a person can open with `sqlite3`.
//!
//! It is derived: everything in it comes from the log and can be rebuilt from it. Each sink moves its position in the
//! transaction of its rows, so a crash at any moment leaves rows and position together. Writes go through one
//! connection and are durable on return, because the log may delete what every sink has passed. Reads have connections
//! of their own and never wait for a write (WAL).
//!
//! The tables and views are described in `docs/guides/sqlite.md`.

pub(super) mod alerts;
mod catalog;
mod connection;
pub(super) mod dead_letters;
mod error;
#[cfg(test)]
mod failures;
#[cfg(test)]
mod guide;
mod position;
pub(super) mod query;
mod result_sets;
pub(super) mod rollups;
mod schema;
pub(super) mod scores;
mod series_ids;
#[cfg(test)]
mod testing;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use floodmark_core::{Error, Result};
use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::Semaphore;

pub use alerts::Alerts;
pub use catalog::{Catalog, LAST_SEEN_STEP_US};
pub use dead_letters::DeadLetters;
pub use query::PAGE_MAX;
pub use rollups::Rollups;
pub use scores::Scores;

use error::Doing;
use series_ids::SeriesIds;

/// The most questions that are answered at once; more wait.
const READERS_MAX: usize = 4;
/// How many connections for reading stay open when nobody asks.
const READERS_IDLE_MAX: usize = 1;

/// The store. Clones share it.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
    readers: Arc<Semaphore>,
}

/// What the blocking side works on.
struct Inner {
    path: PathBuf,
    writer: Option<Mutex<Writer>>,
    idle_readers: Mutex<Vec<Connection>>,
}

struct Writer {
    connection: Connection,
    series: SeriesIds,
    /// The last transaction did not end well: what was remembered in it may not be in the file.
    doubtful: bool,
}

impl Store {
    /// Opens the store for writing and reading; creates it, and brings an older one up to date.
    ///
    /// # Errors
    /// `Broken` when the file is not a store, is damaged, or was written by a newer version; `Unavailable` when it is
    /// locked or the disk fails.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let mut connection = connection::writer(path)?;
        schema::migrate(&mut connection, path)?;
        let writer = Writer { connection, series: SeriesIds::default(), doubtful: false };
        Ok(Self::new(path, Some(Mutex::new(writer))))
    }

    /// Opens the store for reading only: beside a running process, or without one.
    ///
    /// # Errors
    /// `Broken` when there is no store, or it is of another version; otherwise as [`Self::open`].
    pub fn open_read_only(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        if !path.exists() {
            return Err(Error::broken(format!("there is no store at {}; `floodmark run` makes it", path.display())));
        }
        schema::check(&connection::reader(path)?, path)?;
        Ok(Self::new(path, None))
    }

    fn new(path: &Path, writer: Option<Mutex<Writer>>) -> Self {
        let inner = Inner { path: path.to_owned(), writer, idle_readers: Mutex::default() };
        Self { inner: Arc::new(inner), readers: Arc::new(Semaphore::new(READERS_MAX)) }
    }

    /// Runs `work` where it may block. When the caller goes away, the work is still finished: a transaction is never
    /// cut in the middle.
    async fn blocking<T: Send + 'static>(&self, work: impl FnOnce(&Inner) -> Result<T> + Send + 'static) -> Result<T> {
        let inner = self.inner.clone();
        let done = tokio::task::spawn_blocking(move || work(&inner)).await;
        done.unwrap_or_else(|e| Err(Error::broken("working on the store").because(e)))
    }

    /// Runs a question on a connection for reading, in one snapshot.
    async fn read<T: Send + 'static>(&self, work: impl FnOnce(&Transaction<'_>) -> Result<T> + Send + 'static) -> Result<T> {
        let turn = self.readers.clone().acquire_owned().await.map_err(|e| Error::broken("waiting for the store").because(e))?;
        self.blocking(move |inner| {
            let answer = inner.read(work);
            drop(turn);
            answer
        })
        .await
    }
}

impl Inner {
    /// Runs `work` in one transaction for writing: all of it is durable afterwards, or nothing happened.
    fn transaction<T>(&self, work: impl FnOnce(&Transaction<'_>, &mut SeriesIds) -> Result<T>) -> Result<T> {
        let writer = self.writer.as_ref().ok_or_else(|| Error::broken("writing to a store that was opened for reading only"))?;
        let mut writer = writer.lock().unwrap_or_else(PoisonError::into_inner);
        let Writer { connection, series, doubtful } = &mut *writer;
        if std::mem::replace(doubtful, true) {
            series.clear();
        }
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).doing("beginning to write")?;
        let done = work(&transaction, series)?;
        transaction.commit().doing("committing to the store")?;
        *doubtful = false;
        Ok(done)
    }

    fn read<T>(&self, work: impl FnOnce(&Transaction<'_>) -> Result<T>) -> Result<T> {
        let idle = || self.idle_readers.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = idle().pop();
        let mut connection = match waiting {
            Some(connection) => connection,
            None => connection::reader(&self.path)?,
        };
        let answer = {
            let snapshot = connection.transaction().doing("beginning to read")?;
            work(&snapshot)?
        };
        let mut idle = idle();
        if idle.len() < READERS_IDLE_MAX {
            idle.push(connection);
        }
        Ok(answer)
    }
}
