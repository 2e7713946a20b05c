//! How a log is set up.

use std::time::Duration;

use floodmark_core::ports::NewEntry;
use floodmark_core::ports::log::Retention;
use floodmark_core::{Error, Result};

/// The settings of an embedded or in-memory log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// How long entries are kept. Default: 30 days, 10 GiB.
    pub retention: Retention,
    /// How long an id is remembered for deduplication. Default: 2 hours.
    pub duplicate_window: Duration,
    /// The largest body, and the largest headers, of an entry. Default: 8 MiB.
    pub entry_bytes_max: usize,
    /// How many bytes of the newest entries are kept in memory for readers at the tail. Default: 8 MiB.
    pub newest_bytes_max: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            retention: Retention { age_max: Duration::from_secs(30 * 24 * 3600), bytes_max: 10 << 30 },
            duplicate_window: Duration::from_secs(2 * 3600),
            entry_bytes_max: 8 << 20,
            newest_bytes_max: 8 << 20,
        }
    }
}

impl Options {
    /// Refuses entries that the log does not take.
    pub(super) fn check(&self, entries: &[NewEntry]) -> Result<()> {
        let max = self.entry_bytes_max;
        for entry in entries {
            let headers: usize = entry.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
            let largest = entry.body.len().max(headers);
            if largest > max {
                return Err(Error::rejected(format!("storing an entry of {largest} bytes on {}: the log takes {max}", entry.subject)));
            }
        }
        Ok(())
    }
}
