//! What was merged of each series: one slot for each that has any.

use super::accumulators::{Accumulators, Layout};

/// The slots, in any order.
#[derive(Clone)]
pub(super) struct PerSeries {
    pub accumulators: Accumulators,
    count: u32,
    /// By series.
    of: Vec<u32>,
}

const NONE: u32 = u32::MAX;

impl PerSeries {
    pub fn new(layout: &Layout) -> Self {
        Self { accumulators: Accumulators::sealed(layout.clone()), count: 0, of: Vec::new() }
    }

    /// Forgets everything and keeps the memory.
    pub fn clear(&mut self) {
        self.accumulators.clear();
        self.count = 0;
        self.of.clear();
    }

    /// What is merged of a series, if anything is.
    pub fn get(&self, id: u32) -> Option<(&Accumulators, usize)> {
        let slot = *self.of.get(id as usize)?;
        let has = slot != NONE && self.accumulators.basic[slot as usize].count > 0;
        has.then_some((&self.accumulators, slot as usize))
    }

    /// The slot of a series, an empty one when it has none.
    pub fn slot(&mut self, id: u32) -> usize {
        if self.of.len() <= id as usize {
            self.of.resize(id as usize + 1, NONE);
        }
        let own = &mut self.of[id as usize];
        if *own == NONE {
            *own = self.count;
            self.count += 1;
            self.accumulators.push();
        }
        *own as usize
    }

    /// Merges a slot after that of a series.
    pub fn append(&mut self, id: u32, (from, slot): (&Accumulators, usize)) {
        let own = self.slot(id);
        self.accumulators.merge(own, from, slot);
    }

    /// Forgets what is merged of a series.
    pub fn reset(&mut self, id: u32) {
        if let Some(slot) = self.of.get(id as usize).filter(|slot| **slot != NONE) {
            self.accumulators.reset(*slot as usize);
        }
    }
}
