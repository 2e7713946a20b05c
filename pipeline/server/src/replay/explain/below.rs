//! The rollups of another operator behind a result.

use std::collections::BTreeMap;

use floodmark_core::ports::Entry;
use floodmark_schemas::commit::Output;
use floodmark_schemas::{JobEntry, Rollup, Timestamp};

/// Collects them from what the other operator has committed.
pub(super) struct Below {
    /// The definition whose commits are read; `None` when events are read.
    version: Option<String>,
    /// Each at its highest revision.
    found: BTreeMap<(Timestamp, Timestamp, String), Rollup>,
}

impl Below {
    pub(super) fn new(version: Option<String>) -> Self {
        Self { version, found: BTreeMap::new() }
    }

    /// Takes those of an entry that count.
    pub(super) fn take(&mut self, entry: &Entry, counts: impl Fn(&Rollup) -> bool) {
        let Some(version) = &self.version else { return };
        let Ok(JobEntry::Commit(commit)) = serde_json::from_slice::<JobEntry>(&entry.body) else { return };
        for output in commit.outputs {
            let Output::Rollup(rollup) = output else { continue };
            if rollup.version != *version || !counts(&rollup) {
                continue;
            }
            let key = (rollup.window.start, rollup.window.end, rollup.series.key());
            // A job that was begun anew commits the same revisions again.
            if self.found.get(&key).is_none_or(|known| known.revision <= rollup.revision) {
                self.found.insert(key, rollup);
            }
        }
    }

    /// Those that have events, in the order of time.
    pub(super) fn rollups(self) -> Vec<Rollup> {
        self.found.into_values().filter(|rollup| !rollup.is_retraction()).collect()
    }
}
