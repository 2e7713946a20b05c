//! Panes: the windows that are open, each with one slot for every series that has an event in it.

use std::collections::VecDeque;

use hashbrown::HashTable;

use super::accumulators::{Accumulators, Layout};

/// One window.
#[derive(Clone)]
pub(super) struct Pane {
    /// The window is `[index * size, (index + 1) * size)`.
    pub index: i64,
    /// The series of each slot, in order of first appearance in this window: the order of output.
    pub series: Vec<u32>,
    /// The accumulators of each slot.
    pub accumulators: Accumulators,
    /// How many revisions of each slot were emitted. Empty until the window has fired.
    pub emitted: Vec<u32>,
    /// Slots by series.
    slots: HashTable<u32>,
    /// Tells this pane from others in the short cuts; never given twice, never part of the state.
    tag: u32,
}

/// Where a series was last found in a window of even and one of odd index: neighbouring windows, between which
/// disordered events alternate, do not displace each other.
#[derive(Clone, Copy, Debug, Default)]
struct ShortCut {
    tag: u32,
    slot: u32,
}

/// All open windows in order of time, and what their series have in common.
#[derive(Clone)]
pub(super) struct Panes {
    layout: Layout,
    series_max: usize,
    list: VecDeque<Pane>,
    /// For each series in how many panes it is.
    uses: Vec<u32>,
    live: usize,
    short_cuts: Vec<[ShortCut; 2]>,
    next_tag: u32,
}

impl Panes {
    pub fn new(layout: Layout, series_max: usize) -> Self {
        Self { layout, series_max, list: VecDeque::new(), uses: Vec::new(), live: 0, short_cuts: Vec::new(), next_tag: 1 }
    }

    /// Makes room for series ids below `series`.
    pub fn fit(&mut self, series: usize) {
        if self.uses.len() < series {
            self.uses.resize(series, 0);
            self.short_cuts.resize(series, Default::default());
        }
    }

    /// How many series have an event in an open window.
    pub fn live(&self) -> usize {
        self.live
    }

    pub fn is_live(&self, series: u32) -> bool {
        self.uses.get(series as usize).is_some_and(|uses| *uses > 0)
    }

    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    pub fn list(&self) -> &VecDeque<Pane> {
        &self.list
    }

    /// The place of the pane of a window, made when there is none.
    pub fn open(&mut self, index: i64) -> usize {
        match self.list.binary_search_by_key(&index, |pane| pane.index) {
            Ok(at) => at,
            Err(at) => {
                self.list.insert(at, Pane::new(index, self.layout.clone(), self.next_tag));
                self.next_tag = self.next_tag.checked_add(1).unwrap_or_else(|| {
                    self.short_cuts.fill(Default::default());
                    1
                });
                at
            }
        }
    }

    /// The pane at a place, with the means to find slots in it.
    pub fn at(&mut self, at: usize) -> (&mut Pane, Slots<'_>) {
        let pane = &mut self.list[at];
        let odd = (pane.index & 1) as usize;
        let slots =
            Slots { odd, uses: &mut self.uses, live: &mut self.live, series_max: self.series_max, short_cuts: &mut self.short_cuts };
        (pane, slots)
    }

    /// Drops the panes of windows before `index`.
    pub fn drop_before(&mut self, index: i64) {
        while self.list.front().is_some_and(|pane| pane.index < index) {
            let pane = self.list.pop_front().expect("there is a front");
            for series in pane.series {
                let uses = &mut self.uses[series as usize];
                *uses -= 1;
                self.live -= usize::from(*uses == 0);
            }
        }
    }

    /// Gives every series the id that `moved` says. All live ones must have one.
    pub fn renumber(&mut self, moved: &[Option<u32>], series: usize) {
        self.uses.clear();
        self.short_cuts.clear();
        self.fit(series);
        for pane in &mut self.list {
            for series in &mut pane.series {
                *series = moved[*series as usize].expect("a series in a pane is kept");
                self.uses[*series as usize] += 1;
            }
            pane.index_slots();
        }
    }

    /// Adds a pane after all others, from a snapshot. `None` when a series stands in it twice.
    pub fn restore(&mut self, index: i64, series: Vec<u32>, accumulators: Accumulators, emitted: Vec<u32>) -> Option<()> {
        let at = self.open(index);
        let (pane, mut slots) = self.at(at);
        // A lower limit than before must not lose what is there.
        slots.series_max = usize::MAX;
        for (slot, id) in series.iter().enumerate() {
            (slots.find_or_add(pane, *id)? == slot).then_some(())?;
        }
        (pane.accumulators, pane.emitted) = (accumulators, emitted);
        Some(())
    }
}

/// Finds slots in one pane.
pub(super) struct Slots<'a> {
    odd: usize,
    uses: &'a mut [u32],
    live: &'a mut usize,
    series_max: usize,
    short_cuts: &'a mut [[ShortCut; 2]],
}

impl Slots<'_> {
    /// The slot of a series in `pane`, added when there is none; `None` when it would be one series too many.
    #[inline]
    pub fn find_or_add(&mut self, pane: &mut Pane, series: u32) -> Option<usize> {
        let short_cut = self.short_cuts[series as usize][self.odd];
        if short_cut.tag == pane.tag { Some(short_cut.slot as usize) } else { self.look_up(pane, series) }
    }

    #[inline(never)]
    fn look_up(&mut self, pane: &mut Pane, series: u32) -> Option<usize> {
        let hash = hash(series);
        let found = pane.slots.find(hash, |slot| pane.series[*slot as usize] == series).copied();
        let slot = match found {
            Some(slot) => slot,
            None => {
                let uses = &mut self.uses[series as usize];
                if *uses == 0 && *self.live >= self.series_max {
                    return None;
                }
                *self.live += usize::from(*uses == 0);
                *uses += 1;
                pane.add_slot(series, hash)
            }
        };
        self.short_cuts[series as usize][self.odd] = ShortCut { tag: pane.tag, slot };
        Some(slot as usize)
    }
}

impl Pane {
    fn new(index: i64, layout: Layout, tag: u32) -> Self {
        let accumulators = Accumulators::new(layout);
        Self { index, series: Vec::new(), accumulators, emitted: Vec::new(), slots: HashTable::new(), tag }
    }

    fn add_slot(&mut self, series: u32, hash: u64) -> u32 {
        let slot = self.series.len() as u32;
        self.series.push(series);
        self.accumulators.push();
        self.slots.insert_unique(hash, slot, |slot| self::hash(self.series[*slot as usize]));
        slot
    }

    fn index_slots(&mut self) {
        self.slots.clear();
        for (slot, series) in (0..).zip(&self.series) {
            self.slots.insert_unique(hash(*series), slot, |slot| self::hash(self.series[*slot as usize]));
        }
    }

    /// Counts one more revision of a slot and returns its number. Only for windows that have fired.
    pub fn next_revision(&mut self, slot: usize) -> u32 {
        self.emitted.resize(self.series.len(), 0);
        let emitted = &mut self.emitted[slot];
        *emitted += 1;
        *emitted - 1
    }
}

/// Ids are dense, so their low bits spread evenly by themselves; the multiplication fills the high bits, by which a hash
/// table tells entries of one bucket apart.
fn hash(series: u32) -> u64 {
    u64::from(series).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}
