//! What an error of SQLite means for the caller.

use floodmark_core::{Error, Kind};
use rusqlite::ErrorCode;

/// The port's error for `cause`, which came up while doing `doing`.
pub(super) fn of(doing: impl Into<String>, cause: rusqlite::Error) -> Error {
    Error::new(kind(cause.sqlite_error_code()), doing).because(cause)
}

fn kind(code: Option<ErrorCode>) -> Kind {
    match code {
        // "database or disk is full": SQLite's own text says so in the chain.
        Some(ErrorCode::DiskFull | ErrorCode::SystemIoFailure | ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Kind::Unavailable,
        Some(ErrorCode::OutOfMemory | ErrorCode::OperationInterrupted | ErrorCode::SchemaChanged) => Kind::Unavailable,
        Some(ErrorCode::TooBig) => Kind::Rejected,
        _ => Kind::Broken,
    }
}

/// The same error for each of many callers who waited for one transaction.
pub(super) fn copy(error: &Error) -> Error {
    Error::new(error.kind(), error.chain())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_may_be_retried_and_a_damaged_file_may_not() {
        assert_eq!(kind(Some(ErrorCode::DiskFull)), Kind::Unavailable);
        assert_eq!(kind(Some(ErrorCode::DatabaseCorrupt)), Kind::Broken);
        assert_eq!(kind(Some(ErrorCode::NotADatabase)), Kind::Broken);
        assert_eq!(kind(None), Kind::Broken);
    }
}
