//! The file: how it is made, opened and recognised, and the connections that read it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use floodmark_core::{Error, Result};
use floodmark_schemas::Timestamp;
use rusqlite::{Connection, OpenFlags};

use super::error;

/// "FLDM": tells the log from other SQLite files.
const APPLICATION_ID: i32 = 0x464C_444D;
/// The version of the tables that this code writes.
const VERSION: i32 = 1;
/// Measured as processor time for one entry (benchmark `log_append`): a JSON frame of 200 KB costs 0.8 ms with 4 KiB,
/// 0.5 ms with 16 KiB and 0.4 ms with 64 KiB; but a lone small append writes about five pages, whatever their size.
const PAGE_BYTES: u32 = 16 * 1024;
/// The WAL is folded into the file whenever it has grown by this.
const WAL_BYTES: u32 = 32 << 20;
const WRITER_CACHE_KIB: i32 = 4 * 1024;
const READER_CACHE_KIB: i32 = 512;
const READERS_IDLE_MAX: usize = 4;
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

const TABLES: &str = "
CREATE TABLE meta (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    created_us INTEGER NOT NULL,
    tail INTEGER NOT NULL,
    time_us INTEGER NOT NULL
) STRICT;
CREATE TABLE subject (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE entry (
    seq INTEGER PRIMARY KEY,
    time_us INTEGER NOT NULL,
    subject_id INTEGER NOT NULL,
    id TEXT,
    source TEXT,
    events INTEGER,
    time_min_us INTEGER,
    time_max_us INTEGER,
    headers TEXT NOT NULL,
    body BLOB NOT NULL
) STRICT;
CREATE INDEX entry_by_subject ON entry (subject_id);
CREATE INDEX entry_by_source_and_time ON entry (source, time_max_us, time_min_us) WHERE time_max_us IS NOT NULL;
CREATE TABLE recent (seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, time_us INTEGER NOT NULL) STRICT;
CREATE VIEW log AS
    SELECT seq, strftime('%Y-%m-%dT%H:%M:%fZ', entry.time_us / 1e6, 'unixepoch') AS time, subject.name AS subject,
        entry.id AS id, source, events,
        strftime('%Y-%m-%dT%H:%M:%fZ', time_min_us / 1e6, 'unixepoch') AS time_min,
        strftime('%Y-%m-%dT%H:%M:%fZ', time_max_us / 1e6, 'unixepoch') AS time_max,
        length(body) AS bytes, headers, body
    FROM entry JOIN subject ON subject.id = entry.subject_id;
";

/// Opens the file at `path` for the one that writes; makes the tables when it is new.
pub(super) fn open_for_writing(path: &Path, now: Timestamp) -> Result<Connection> {
    let doing = || format!("opening the log {}", path.display());
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).map_err(|e| error::of(doing(), e))?;
    let new = is_new(&connection).map_err(|e| error::of(doing(), e))?;
    if !new {
        check(&connection, path)?;
    }
    prepare(&mut connection, new.then_some(now)).map_err(|e| error::of(doing(), e))?;
    Ok(connection)
}

fn is_new(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row("SELECT count(*) = 0 FROM sqlite_schema", [], |row| row.get(0))
}

fn prepare(connection: &mut Connection, make: Option<Timestamp>) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    if make.is_some() {
        // Before anything is written: it cannot be changed in WAL mode.
        connection.pragma_update(None, "page_size", PAGE_BYTES)?;
    }
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "wal_autocheckpoint", WAL_BYTES / PAGE_BYTES)?;
    connection.pragma_update(None, "journal_size_limit", WAL_BYTES)?;
    connection.pragma_update(None, "cache_size", -WRITER_CACHE_KIB)?;
    if let Some(now) = make {
        let transaction = connection.transaction()?;
        transaction.execute_batch(TABLES)?;
        transaction.execute("INSERT INTO meta VALUES (1, ?1, 0, ?1)", [now.micros()])?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", VERSION)?;
        transaction.commit()?;
    }
    Ok(())
}

/// Refuses a file that is not a log of a version this code knows.
pub(super) fn check(connection: &Connection, path: &Path) -> Result<()> {
    let pragma = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
    let doing = || format!("opening the log {}", path.display());
    let application = pragma("application_id").map_err(|e| error::of(doing(), e))?;
    let version = pragma("user_version").map_err(|e| error::of(doing(), e))?;
    if application != APPLICATION_ID {
        return Err(Error::broken(format!("{}: this SQLite file is not a log of floodmark", doing())));
    }
    if version != VERSION {
        let text = format!("{}: it has version {version} and this floodmark knows {VERSION}; use the floodmark that wrote it", doing());
        return Err(Error::broken(text));
    }
    Ok(())
}

/// Connections that only read, opened as needed; a few stay open.
pub(super) struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    pub(super) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), idle: Mutex::new(Vec::new()) }
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self) -> Result<Connection> {
        let doing = || format!("opening the log {} for reading", self.path.display());
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.path, flags).map_err(|e| error::of(doing(), e))?;
        connection.busy_timeout(BUSY_TIMEOUT).map_err(|e| error::of(doing(), e))?;
        connection.pragma_update(None, "cache_size", -READER_CACHE_KIB).map_err(|e| error::of(doing(), e))?;
        Ok(connection)
    }

    /// Lends a connection to `f`; blocks while it reads.
    pub(super) fn with<T>(&self, f: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        let idle = self.idle().pop();
        let connection = match idle {
            Some(connection) => connection,
            None => self.open()?,
        };
        let answer = f(&connection);
        let mut idle = self.idle();
        if answer.is_ok() && idle.len() < READERS_IDLE_MAX {
            idle.push(connection);
        }
        answer
    }

    /// As [`Self::with`] on a thread that may block.
    pub(super) async fn read<T: Send + 'static>(
        self: Arc<Self>,
        f: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T> {
        let reading = tokio::task::spawn_blocking(move || {
            self.with(|connection| f(connection).map_err(|e| error::of(format!("reading the log {}", self.path.display()), e)))
        });
        reading.await.map_err(|e| Error::unavailable("reading the log").because(e))?
    }

    /// Closes the connections that are not in use.
    pub(super) fn close(&self) {
        self.idle().clear();
    }
}
