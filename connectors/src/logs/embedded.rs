//! The event log on SQLite: one file, durable on return, readable by a person with `sqlite3`.
//!
//! One process writes: it holds a lock on `<path>.lock`. A thread of it takes what callers want to append, stores all
//! that is waiting in one transaction with one fsync (WAL, `synchronous = FULL`), and answers all of them. Readers of
//! this process are woken at once and find the newest entries in memory; those of other processes look every 50 ms.
//!
//! # Tables
//! ```text
//! entry    seq           position, from 1, never given twice
//!          time_us       log time, microseconds since 1970 UTC, never goes backwards
//!          subject_id    -> subject.id
//!          id            what the entry was given for deduplication, or NULL
//!          source, events, time_min_us, time_max_us
//!                        of frames: who, how many, earliest and latest event time; NULL in other entries
//!          headers       one `Name: value` a line
//!          body          as the header Content-Type says
//! subject  id, name
//! recent   seq, id, time_us      ids within the duplicate window, also of entries that were deleted
//! meta     created_us, tail, time_us   one row; tail and log time as of the last deletion
//! log      a view for people: entries with their subject's name and readable times
//! ```
//! `sqlite3 log.db "select seq, time, subject, events from log order by seq desc limit 10"`
//!
//! Space of deleted entries is used again by later ones; the file itself shrinks by `VACUUM` while nobody writes.

mod append;
mod error;
mod lock;
mod query;
mod reader;
mod retention;
mod schema;
mod writer;

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use floodmark_core::ports::{Appended, Clock, Continuity, Entry, Expect, Log as LogPort, NewEntry, Position, Reader as ReaderPort, Size};
use floodmark_core::{Error, Result};
use floodmark_schemas::Timestamp;
use rusqlite::Connection;
use tokio::sync::watch;

pub use super::Options;
use super::newest::Newest;
use reader::{Reader, Tail};
use schema::Readers;
use writer::{Command, Writer};

/// An event log in one SQLite file. Dropping it waits until what was accepted is stored.
pub struct Log {
    readers: Arc<Readers>,
    /// Present in the process that writes.
    local: Option<Local>,
}

struct Local {
    options: Options,
    newest: Arc<Newest>,
    tail: watch::Receiver<Position>,
    writer: writer::Handle,
    /// Given back last.
    _lock: lock::Lock,
}

impl Log {
    /// Opens the log for writing; makes it, and its directory, when it is not there.
    ///
    /// # Errors
    /// `Conflict` when another process writes it; `Broken` when the file is damaged, is something else, or was written
    /// by a newer version; `Unavailable` when the disk does not answer.
    pub fn open(path: &Path, options: Options, clock: Arc<dyn Clock>) -> Result<Self> {
        Self::start(path, options, clock, |_| {})
    }

    /// `prepare` sees the connection that writes before anything is written.
    fn start(path: &Path, options: Options, clock: Arc<dyn Clock>, prepare: impl FnOnce(&Connection)) -> Result<Self> {
        if let Some(directory) = path.parent() {
            let doing = || format!("making the directory {}", directory.display());
            std::fs::create_dir_all(directory).map_err(|e| Error::unavailable(doing()).because(e))?;
        }
        let lock = lock::Lock::take(path)?;
        let connection = schema::open_for_writing(path, clock.now())?;
        prepare(&connection);
        let readers = Arc::new(Readers::new(path));
        let writer = Writer::new(connection, options, clock)?;
        let (newest, tail) = (writer.newest(), writer.tail());
        Ok(Self { readers, local: Some(Local { options, newest, tail, writer: writer.start()?, _lock: lock }) })
    }

    /// Opens the log for reading, also while another process writes it.
    ///
    /// # Errors
    /// `Unavailable` when there is no log; otherwise as [`Self::open`].
    pub fn open_read_only(path: &Path) -> Result<Self> {
        if !path.exists() {
            return Err(Error::unavailable(format!("opening {}: there is no log", path.display())));
        }
        let readers = Arc::new(Readers::new(path));
        readers.with(|connection| schema::check(connection, path))?;
        Ok(Self { readers, local: None })
    }

    /// The positions after `after`, in order and at most `limit`, of frames that hold an event time within
    /// `[from, to)`, of one source or of all.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn frames_overlapping(
        &self,
        source: Option<&str>,
        from: Option<Timestamp>,
        to: Option<Timestamp>,
        after: Position,
        limit: usize,
    ) -> Result<Vec<Position>> {
        let source = source.map(str::to_owned);
        self.read(move |c| query::frames_overlapping(c, source.as_deref(), from, to, after, limit)).await
    }

    async fn read<T: Send + 'static>(&self, f: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static) -> Result<T> {
        self.readers.clone().read(f).await
    }

    fn local(&self) -> Result<&Local> {
        self.local.as_ref().ok_or_else(|| Error::broken("writing to a log that was opened for reading only"))
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        // The connection that writes is closed last: that one folds the WAL into the file.
        self.readers.close();
    }
}

#[async_trait]
impl LogPort for Log {
    async fn append(&self, entries: Vec<NewEntry>, expect: Expect) -> Result<Vec<Appended>> {
        let local = self.local()?;
        local.options.check(&entries)?;
        if entries.is_empty() {
            return Ok(Vec::new());
        }
        local.writer.ask(|answer| Command::Append(writer::Append { entries, expect, answer })).await
    }

    async fn reader(&self, patterns: Vec<String>, after: Position) -> Result<Box<dyn ReaderPort>> {
        let tail = match &self.local {
            Some(local) => Tail::Local { tail: local.tail.clone(), newest: local.newest.clone() },
            None => Tail::Polled,
        };
        Ok(Box::new(Reader::new(self.readers.clone(), tail, patterns, after)))
    }

    async fn last(&self, subject: &str) -> Result<Option<Entry>> {
        let subject = subject.to_owned();
        self.read(move |c| query::last(c, &subject)).await
    }

    async fn get(&self, position: Position) -> Result<Option<Entry>> {
        self.read(move |c| query::get(c, position)).await
    }

    async fn continuity(&self) -> Result<Continuity> {
        self.read(query::continuity).await
    }

    async fn purge(&self, subject: &str, before: Position) -> Result<u64> {
        let subject = subject.to_owned();
        self.local()?.writer.ask(|answer| Command::Purge { subject, before, answer }).await
    }

    async fn size(&self) -> Result<Option<Size>> {
        let retention_bytes = self.local.as_ref().map(|local| local.options.retention.bytes_max);
        let bytes = self.read(query::live_bytes).await?;
        Ok(Some(Size { bytes, retention_bytes, bytes_max: None }))
    }

    async fn retain(&self, keep_from: Position) -> Result<u64> {
        let writer = &self.local()?.writer;
        let mut deleted = 0;
        // In steps, so that appends go on in between.
        loop {
            match writer.ask(|answer| Command::Retain { keep_from, answer }).await? {
                0 => return Ok(deleted),
                step => deleted += step,
            }
        }
    }
}

#[cfg(test)]
mod tests;
