//! What an error of SQLite means for the caller.

use floodmark_core::{Error, Kind, Result};
use rusqlite::ErrorCode;

/// Gives an error of SQLite its place and its kind.
pub(super) trait Doing<T> {
    /// Says what was being done.
    fn doing(self, doing: &str) -> Result<T>;
}

impl<T> Doing<T> for rusqlite::Result<T> {
    fn doing(self, doing: &str) -> Result<T> {
        self.map_err(|e| Error::new(kind(&e), doing).because(e))
    }
}

fn kind(e: &rusqlite::Error) -> Kind {
    match e.sqlite_error_code() {
        Some(
            ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::DiskFull
            | ErrorCode::SystemIoFailure
            | ErrorCode::OutOfMemory
            | ErrorCode::FileLockingProtocolFailed
            | ErrorCode::OperationInterrupted,
        ) => Kind::Unavailable,
        _ => Kind::Broken,
    }
}
