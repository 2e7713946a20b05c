//! One process writes a log.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use floodmark_core::{Error, Result};

/// The right to write a log; given back when dropped, also by a process that was killed.
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock of the log at `path`, which stands in a file beside it: SQLite's own locks are on the log itself.
    pub(super) fn take(path: &Path) -> Result<Self> {
        let beside = beside(path);
        let doing = format!("locking {}", beside.display());
        let file = File::options().create(true).truncate(false).write(true).open(&beside);
        let file = file.map_err(|e| Error::unavailable(doing.clone()).because(e))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => {
                Err(Error::conflict(format!("opening the log {}: another floodmark is using it; stop that one first", path.display())))
            }
            Err(TryLockError::Error(e)) => Err(Error::unavailable(doing).because(e)),
        }
    }
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    name.into()
}
