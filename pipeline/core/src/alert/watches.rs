//! The series that a rule looks at.

use super::condition::Gauge;
use super::machine::Machine;
use crate::series_table::SeriesTable;

/// The state of one series.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Watch {
    /// The time of its newest observation.
    pub newest: i64,
    /// How far the rule had listened when something came of it last; see [`super::silence`].
    pub heard: i64,
    pub gauge: Gauge,
    pub machine: Machine,
    /// Whether there is such a series: the place of one that was given up stays empty until [`Watches::compact`].
    pub live: bool,
}

impl Default for Watch {
    fn default() -> Self {
        Self { newest: i64::MIN, heard: 0, gauge: Gauge::default(), machine: Machine::default(), live: false }
    }
}

/// The series table, and the state of those that are under watch.
#[derive(Debug, Default)]
pub(super) struct Watches {
    pub table: SeriesTable,
    list: Vec<Watch>,
    live: usize,
}

impl Watches {
    /// How many series are under watch.
    pub fn live(&self) -> usize {
        self.live
    }

    /// The state of a series, begun when it is new, and whether it is; with the table that knows its name. `None` when there are too many.
    #[inline]
    pub fn find_or_add(&mut self, id: u32, series_max: usize) -> Option<(&SeriesTable, &mut Watch, bool)> {
        let known = self.list.get(id as usize).is_some_and(|watch| watch.live);
        if !known {
            if self.live >= series_max {
                return None;
            }
            self.put(id, Watch::default());
        }
        self.list.get_mut(id as usize).map(|watch| (&self.table, watch, !known))
    }

    /// The state of a series, if it is under watch.
    pub fn find(&mut self, id: u32) -> Option<&mut Watch> {
        self.list.get_mut(id as usize).filter(|watch| watch.live)
    }

    /// Begins a series with a state.
    pub fn put(&mut self, id: u32, watch: Watch) {
        let at = id as usize;
        if self.list.len() <= at {
            self.list.resize_with(at + 1, Watch::default);
        }
        self.live += usize::from(!self.list[at].live);
        self.list[at] = Watch { live: true, ..watch };
    }

    /// Gives a series up.
    pub fn remove(&mut self, id: u32) {
        if let Some(watch) = self.list.get_mut(id as usize).filter(|watch| watch.live) {
            *watch = Watch::default();
            self.live -= 1;
        }
    }

    /// The series under watch, by their numbers.
    pub fn all(&self) -> impl Iterator<Item = (u32, &Watch)> {
        (0..).zip(&self.list).filter(|(_, watch)| watch.live)
    }

    /// The series of a source of which nothing came since `before`, in the order of their keys.
    pub fn stale(&self, source: u32, before: i64) -> Vec<u32> {
        let stale = self.all().filter(|(id, watch)| watch.newest < before && self.table.source(*id) == source);
        let mut stale: Vec<u32> = stale.map(|(id, _)| id).collect();
        stale.sort_unstable_by_key(|id| self.table.key(*id));
        stale
    }

    /// Gives up the names of series that are not under watch once they are the greater part. Whether ids have changed.
    pub fn compact(&mut self) -> bool {
        if self.table.len() <= 2 * self.live + 1024 {
            return false;
        }
        let is_live = |id: u32| self.list.get(id as usize).is_some_and(|watch| watch.live);
        let (table, _) = self.table.retain(is_live);
        self.table = table;
        // Order is kept, so those that stay move up.
        self.list.retain(|watch| watch.live);
        true
    }

    /// The series under watch in the order of their sources and keys, whatever their ids are.
    pub fn sorted(&self) -> Vec<(u32, &str, &Watch)> {
        let mut all: Vec<_> = self.all().map(|(id, watch)| (self.table.source(id), self.table.key(id), watch)).collect();
        all.sort_unstable_by_key(|(source, key, _)| (*source, *key));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_that_is_well_takes_64_bytes_at_most() {
        assert!(size_of::<Watch>() <= 64, "{}", size_of::<Watch>());
    }
}
