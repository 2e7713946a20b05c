//! What an error of MongoDB means for the caller.

use ::mongodb::error::{Error as Cause, ErrorKind, WriteFailure};
use floodmark_core::{Error, Kind, Result};

/// Another document has this key.
pub(super) const DUPLICATE_KEY: i32 = 11_000;
/// The user may not do this.
pub(super) const UNAUTHORIZED: i32 = 13;
const AUTHENTICATION_FAILED: i32 = 18;

/// Servers that step down, start, stop, or are full or late:
/// <https://www.mongodb.com/docs/manual/reference/error-codes/>.
const PASSING: [i32; 21] =
    [6, 7, 43, 50, 64, 89, 91, 112, 133, 134, 189, 202, 262, 317, 9001, 10_107, 11_600, 11_602, 13_435, 13_436, 14_031];

/// Gives an error of MongoDB its place and its kind.
pub(super) trait Doing<T> {
    /// Says what was being done.
    fn doing(self, doing: &str) -> Result<T>;
}

impl<T> Doing<T> for ::mongodb::error::Result<T> {
    fn doing(self, doing: &str) -> Result<T> {
        self.map_err(|e| match code(&e) {
            Some(UNAUTHORIZED) => Error::broken(format!("{doing}; give the user the role readWrite on the database")).because(e),
            _ => Error::new(kind(&e), doing).because(e),
        })
    }
}

/// The code that the server gave.
pub(super) fn code(e: &Cause) -> Option<i32> {
    match &*e.kind {
        ErrorKind::Command(e) => Some(e.code),
        ErrorKind::Write(WriteFailure::WriteError(e)) => Some(e.code),
        ErrorKind::Write(WriteFailure::WriteConcernError(e)) => Some(e.code),
        _ => None,
    }
}

/// Whether the server refuses who we are.
pub(super) fn is_authentication(e: &Cause) -> bool {
    matches!(&*e.kind, ErrorKind::Authentication { .. }) || code(e) == Some(AUTHENTICATION_FAILED)
}

fn kind(e: &Cause) -> Kind {
    let passes = match &*e.kind {
        ErrorKind::Io(_) | ErrorKind::ConnectionPoolCleared { .. } | ErrorKind::ServerSelection { .. } | ErrorKind::DnsResolve { .. } => {
            true
        }
        ErrorKind::Write(WriteFailure::WriteConcernError(_)) => true,
        _ => code(e).is_some_and(|code| PASSING.contains(&code)),
    };
    let labels = ["RetryableWriteError", "RetryableError", "TransientTransactionError", "NetworkError", "SystemOverloadedError"];
    if passes || labels.iter().any(|label| e.contains_label(label)) { Kind::Unavailable } else { Kind::Broken }
}

/// What an error with this code means.
pub(super) fn kind_of_code(code: i32) -> Kind {
    if PASSING.contains(&code) { Kind::Unavailable } else { Kind::Broken }
}
