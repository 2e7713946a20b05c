//! How long nothing has come, in log time.
//!
//! A rule listens while the log grows: from entry to entry, and of a gap between two entries it counts at most [`GAP_US`]. Ticks make
//! an entry every second, so a longer gap means that nobody was there to hear anything: this program was away, and that is
//! no silence of what it watches.

use std::collections::BTreeSet;

/// How much of a gap between two entries counts.
const GAP_US: i64 = 60_000_000;

/// How far the rule has listened, and when series are due.
#[derive(Debug, Default)]
pub(super) struct Silence {
    /// The sum of what counted, in microseconds.
    pub listened: i64,
    /// The log time of the newest entry; `None` before the first.
    pub newest: Option<i64>,
    /// Up to where of each source's silence nothing is said: it had ended until then.
    pub since: Vec<i64>,
    /// When it is looked at each series, never later than it is due.
    queue: BTreeSet<(i64, u32)>,
}

impl Silence {
    /// An entry was stored at this time.
    pub fn listen(&mut self, log_time: i64) {
        let gap = self.newest.map_or(0, |newest| log_time.saturating_sub(newest));
        self.listened += gap.clamp(0, GAP_US);
        self.newest = Some(self.newest.map_or(log_time, |newest| newest.max(log_time)));
    }

    /// It is looked at a series when so much has been listened.
    pub fn look_at(&mut self, at: i64, id: u32) {
        self.queue.insert((at, id));
    }

    /// The next series that may be due.
    pub fn next(&mut self) -> Option<u32> {
        let (at, id) = *self.queue.first()?;
        (at < self.listened).then(|| {
            self.queue.pop_first();
            id
        })
    }

    /// Forgets when series are due, because their numbers have changed.
    pub fn clear(&mut self) {
        self.queue.clear();
    }

    /// Nothing is said of the silence of a source until now.
    pub fn forgive(&mut self, source: u32) {
        let at = source as usize;
        if self.since.len() <= at {
            self.since.resize(at + 1, 0);
        }
        self.since[at] = self.listened;
    }

    /// Since when the silence of a series counts.
    pub fn since(&self, source: u32, heard: i64) -> i64 {
        self.since.get(source as usize).map_or(heard, |since| heard.max(*since))
    }
}
