//! Connections to the file: how they are opened and how much memory they take.

use std::path::Path;
use std::time::Duration;

use floodmark_core::{Error, Result};
use rusqlite::{Connection, OpenFlags};

use super::error::Doing;

/// How long a connection waits for another process that writes.
const BUSY_WAIT: Duration = Duration::from_secs(5);
/// Pages kept in memory for writing; more is read from the file again.
const WRITER_CACHE_KIB: i64 = 8 * 1024;
/// Pages kept in memory by each connection for reading.
const READER_CACHE_KIB: i64 = 1024;
/// The write-ahead file is cut to this after a large transaction.
const WAL_BYTES_MAX: i64 = 16 * 1024 * 1024;
/// The write-ahead file is worked into the store above this many pages of 4 KiB: the same as [`WAL_BYTES_MAX`]. Rollups of
/// many series touch the same pages again with each window; the longer this waits, the fewer are written twice.
const CHECKPOINT_PAGES: i64 = WAL_BYTES_MAX / 4096;
/// Statements kept prepared by each connection.
const STATEMENTS_MAX: usize = 32;

/// The connection for writing; creates the file and its directory.
pub(super) fn writer(path: &Path) -> Result<Connection> {
    if let Some(directory) = path.parent().filter(|d| !d.as_os_str().is_empty()) {
        std::fs::create_dir_all(directory)
            .map_err(|e| Error::broken(format!("making the directory {}", directory.display())).because(e))?;
    }
    let connection = open(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)?;
    let set = |name: &str, value: &dyn rusqlite::ToSql| connection.pragma_update(None, name, value).doing("setting up the store");
    set("journal_mode", &"WAL")?;
    // FULL: the log may delete what every sink has passed, so a position must not go back when the power fails.
    set("synchronous", &"FULL")?;
    set("journal_size_limit", &WAL_BYTES_MAX)?;
    set("wal_autocheckpoint", &CHECKPOINT_PAGES)?;
    set("cache_size", &-WRITER_CACHE_KIB)?;
    Ok(connection)
}

/// A connection for reading.
pub(super) fn reader(path: &Path) -> Result<Connection> {
    let connection = open(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    connection.pragma_update(None, "cache_size", -READER_CACHE_KIB).doing("setting up the store for reading")?;
    Ok(connection)
}

fn open(path: &Path, flags: OpenFlags) -> Result<Connection> {
    let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)
        .doing(&format!("opening the store {}", path.display()))?;
    connection.busy_timeout(BUSY_WAIT).doing("setting up the store")?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    Ok(connection)
}
