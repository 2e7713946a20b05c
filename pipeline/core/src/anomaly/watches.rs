//! All series under watch.

use super::spec::Spec;
use super::watch::Watch;
use crate::series_table::SeriesTable;

/// How many states lie side by side: alone, each was measured to cost a sixth more, which is what the allocator adds to blocks of 6 KiB.
const SLAB: usize = 64;
/// The slot of a series that is not under watch.
const NONE: u32 = u32::MAX;

/// The series table, and the state of those that are under watch.
#[derive(Debug, Default)]
pub(super) struct Watches {
    pub table: SeriesTable,
    /// Slots by series.
    slots: Vec<u32>,
    slabs: Vec<Vec<Watch>>,
    /// Slots of series that were forgotten, for those that come.
    free: Vec<u32>,
    live: usize,
}

impl Watches {
    /// How many series are under watch.
    pub fn live(&self) -> usize {
        self.live
    }

    /// The state of a series, with the table that knows its name; begun when it is new. `None` when there are too many.
    pub fn find_or_add(&mut self, id: u32, spec: &Spec) -> Option<(&SeriesTable, &mut Watch)> {
        if !self.is_live(id) {
            if self.live >= spec.series_max {
                return None;
            }
            let is_counter = spec.is_counter(&self.table.read(id).metric);
            self.put(id, Watch::new(is_counter, spec.from.is_some()));
        }
        self.find(id)
    }

    /// The state of a series, if it is under watch.
    pub fn find(&mut self, id: u32) -> Option<(&SeriesTable, &mut Watch)> {
        let slot = *self.slots.get(id as usize).filter(|slot| **slot != NONE)? as usize;
        Some((&self.table, &mut self.slabs[slot / SLAB][slot % SLAB]))
    }

    fn is_live(&self, id: u32) -> bool {
        self.slots.get(id as usize).is_some_and(|slot| *slot != NONE)
    }

    /// Begins a series with a state.
    pub fn put(&mut self, id: u32, watch: Watch) {
        let at = id as usize;
        if self.slots.len() <= at {
            self.slots.resize(at + 1, NONE);
        }
        if let Some((_, known)) = self.find(id) {
            *known = watch;
            return;
        }
        self.live += 1;
        self.slots[at] = match self.free.pop() {
            Some(slot) => {
                self.slabs[slot as usize / SLAB][slot as usize % SLAB] = watch;
                slot
            }
            None => add(&mut self.slabs, watch),
        };
    }

    /// Forgets the series of a source that were not seen since `before`.
    pub fn forget(&mut self, source: u32, before: i64) {
        for (id, place) in (0..).zip(&mut self.slots).filter(|(_, place)| **place != NONE) {
            let watch = &mut self.slabs[*place as usize / SLAB][*place as usize % SLAB];
            if watch.seen < before && self.table.source(id) == source {
                watch.empty();
                self.free.push(std::mem::replace(place, NONE));
                self.live -= 1;
            }
        }
    }

    /// Gives up the names and the memory of series that are not under watch once they are the greater part. Whether ids have changed.
    pub fn compact(&mut self) -> bool {
        if self.table.len() <= 2 * self.live + 1024 {
            return false;
        }
        let (table, _) = self.table.retain(|id| self.is_live(id));
        self.table = table;
        // Order is kept, so those that stay move up.
        let mut slabs = Vec::new();
        self.slots.retain_mut(|slot| {
            let at = *slot as usize;
            let stays = *slot != NONE;
            if stays {
                *slot = add(&mut slabs, std::mem::replace(&mut self.slabs[at / SLAB][at % SLAB], Watch::new(false, false)));
            }
            stays
        });
        (self.slabs, self.free) = (slabs, Vec::new());
        true
    }

    /// The series under watch in the order of their sources and keys, whatever their ids are.
    pub fn sorted(&self) -> Vec<(u32, &str, &Watch)> {
        let live = (0..).zip(&self.slots).filter(|(_, slot)| **slot != NONE);
        let all = live.map(|(id, slot)| {
            let watch = &self.slabs[*slot as usize / SLAB][*slot as usize % SLAB];
            (self.table.source(id), self.table.key(id), watch)
        });
        let mut all: Vec<_> = all.collect();
        all.sort_unstable_by_key(|(source, key, _)| (*source, *key));
        all
    }
}

/// Puts a state after all others, and gives its slot.
fn add(slabs: &mut Vec<Vec<Watch>>, watch: Watch) -> u32 {
    if slabs.last().is_none_or(|slab| slab.len() == SLAB) {
        slabs.push(Vec::with_capacity(SLAB));
    }
    let before = (slabs.len() - 1) * SLAB;
    let slab = slabs.last_mut().expect("there is one now");
    slab.push(watch);
    u32::try_from(before + slab.len() - 1).expect("there are fewer than series")
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
