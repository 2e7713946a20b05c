//! The newest entries of a log in memory, so that readers at the tail need no disk.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use floodmark_core::ports::{Entry, Limit, Position};
use floodmark_schemas::subject;

/// The entries after some position up to the tail, bounded by bytes.
#[derive(Debug)]
pub(super) struct Newest {
    bytes_max: usize,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    /// Everything that stands after this is here, unless it was deleted.
    after: u64,
    entries: VecDeque<Entry>,
    bytes: usize,
}

/// What an entry costs besides its body and headers, roughly.
const OVERHEAD_BYTES: usize = 256;

fn cost(entry: &Entry) -> usize {
    OVERHEAD_BYTES + entry.body.len() + entry.headers.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>()
}

impl Newest {
    /// Nothing is held; the log ends at `tail`.
    pub(super) fn new(bytes_max: usize, tail: Position) -> Self {
        Self { bytes_max, held: Mutex::new(Held { after: tail.0, ..Held::default() }) }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds what was appended, in order, and drops the oldest above the limit.
    pub(super) fn push(&self, entries: Vec<Entry>) {
        let mut held = self.held();
        for entry in entries {
            held.bytes += cost(&entry);
            held.entries.push_back(entry);
        }
        while held.bytes > self.bytes_max {
            let Some(oldest) = held.entries.pop_front() else { break };
            held.bytes -= cost(&oldest);
            held.after = oldest.position.0;
        }
    }

    /// Holds nothing again; the log ends at `tail`.
    pub(super) fn restart(&self, tail: Position) {
        *self.held() = Held { after: tail.0, ..Held::default() };
    }

    /// Forgets entries that were deleted.
    pub(super) fn forget(&self, deleted: impl Fn(&Entry) -> bool) {
        let mut held = self.held();
        held.entries.retain(|entry| !deleted(entry));
        held.bytes = held.entries.iter().map(cost).sum();
    }

    /// The matching entries after `after` up to `upto`, and how far they reach; `None` when older ones are needed.
    pub(super) fn read(&self, patterns: &[String], after: Position, upto: Position, limit: Limit) -> Option<(Vec<Entry>, Position)> {
        let held = self.held();
        if after.0 < held.after {
            return None;
        }
        let start = held.entries.partition_point(|entry| entry.position <= after);
        let mut page = Page::new(limit);
        for entry in held.entries.range(start..) {
            if entry.position > upto {
                break;
            }
            if patterns.iter().any(|pattern| subject::matches(pattern, &entry.subject)) && page.push(entry.clone()) {
                return Some((page.entries, entry.position));
            }
        }
        Some((page.entries, upto))
    }
}

/// Entries up to a limit.
#[derive(Debug)]
pub(super) struct Page {
    limit: Limit,
    bytes: usize,
    pub(super) entries: Vec<Entry>,
}

impl Page {
    pub(super) fn new(limit: Limit) -> Self {
        Self { limit, bytes: 0, entries: Vec::new() }
    }

    /// Takes an entry and says whether the page is full with it.
    pub(super) fn push(&mut self, entry: Entry) -> bool {
        self.bytes += entry.body.len();
        self.entries.push(entry);
        self.entries.len() >= self.limit.entries || self.bytes >= self.limit.bytes
    }
}
