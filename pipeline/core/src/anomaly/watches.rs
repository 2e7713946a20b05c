//! All series under watch.

use super::spec::Spec;
use super::watch::Watch;
use crate::series_table::SeriesTable;

/// The series table, and the state of those that are under watch.
#[derive(Debug, Default)]
pub(super) struct Watches {
    pub table: SeriesTable,
    list: Vec<Option<Box<Watch>>>,
    live: usize,
}

impl Watches {
    /// How many series are under watch.
    pub fn live(&self) -> usize {
        self.live
    }

    /// The state of a series, with the table that knows its name; begun when it is new. `None` when there are too many.
    pub fn find_or_add(&mut self, id: u32, spec: &Spec) -> Option<(&SeriesTable, &mut Watch)> {
        let known = self.list.get(id as usize).is_some_and(Option::is_some);
        if !known {
            if self.live >= spec.series_max {
                return None;
            }
            let is_counter = spec.is_counter(&self.table.series(id).metric);
            self.put(id, Watch::new(is_counter, spec.from.is_some()));
        }
        self.find(id)
    }

    /// The state of a series, if it is under watch.
    pub fn find(&mut self, id: u32) -> Option<(&SeriesTable, &mut Watch)> {
        let watch = self.list.get_mut(id as usize)?.as_deref_mut()?;
        Some((&self.table, watch))
    }

    /// Begins a series with a state.
    pub fn put(&mut self, id: u32, watch: Watch) {
        let at = id as usize;
        if self.list.len() <= at {
            self.list.resize_with(at + 1, || None);
        }
        self.live += usize::from(self.list[at].is_none());
        self.list[at] = Some(Box::new(watch));
    }

    /// Forgets the series of a source that were not seen since `before`.
    pub fn forget(&mut self, source: u32, before: i64) {
        for (id, place) in (0..).zip(&mut self.list) {
            if place.as_ref().is_some_and(|watch| watch.seen < before) && self.table.source(id) == source {
                *place = None;
                self.live -= 1;
            }
        }
    }

    /// Gives up the names of series that are not under watch once they are the greater part. Whether ids have changed.
    pub fn compact(&mut self) -> bool {
        if self.table.len() <= 2 * self.live + 1024 {
            return false;
        }
        let is_live = |id: u32| self.list.get(id as usize).is_some_and(Option::is_some);
        let (table, _) = self.table.retain(is_live);
        self.table = table;
        // Order is kept, so those that stay move up.
        self.list.retain(Option::is_some);
        true
    }

    /// The series under watch in the order of their sources and keys, whatever their ids are.
    pub fn sorted(&self) -> Vec<(u32, &str, &Watch)> {
        let all = (0..).zip(&self.list).filter_map(|(id, watch)| Some((self.table.source(id), self.table.key(id), watch.as_deref()?)));
        let mut all: Vec<_> = all.collect();
        all.sort_unstable_by_key(|(source, key, _)| (*source, *key));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_of_a_series_is_at_most_6_kib() {
        // With profiles of the day besides, which go once every hour of the week was met.
        assert!(size_of::<Watch>() <= 6 * 1024, "{}", size_of::<Watch>());
    }
}
