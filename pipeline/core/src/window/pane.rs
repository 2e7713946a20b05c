//! Panes: spans of event time that windows are made of (of tumbling windows the windows themselves), each with one slot for every series that has an event in it.

use std::collections::VecDeque;

use hashbrown::HashTable;

use super::accumulators::{Accumulators, Layout};

/// How many panes that are gone are kept for those that come, and how many series they may have: memory follows what is live.
const SPARE_MAX: usize = 4;
const SPARE_SERIES_MAX: usize = 1 << 17;

/// One span.
#[derive(Clone)]
pub(super) struct Pane {
    /// Its number, in the order of time.
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
    /// Panes that are gone: those that come have their memory, so that a steady load allocates none.
    spare: Vec<Pane>,
    /// All live series in the order in which they became so, where somebody asks for it.
    roster: Option<Vec<u32>>,
}

impl Panes {
    pub fn new(layout: Layout, series_max: usize) -> Self {
        let (list, uses, short_cuts) = Default::default();
        Self { layout, series_max, list, uses, live: 0, short_cuts, next_tag: 1, spare: Vec::new(), roster: None }
    }

    /// The same, with a roster.
    pub fn with_roster(self) -> Self {
        Self { roster: Some(Vec::new()), ..self }
    }

    /// All live series in the order in which they became so.
    pub fn roster(&self) -> &[u32] {
        self.roster.as_deref().unwrap_or_default()
    }

    /// Puts the roster into the order of series ids, which a snapshot gave out in its order.
    pub fn sort_roster(&mut self) {
        self.roster.iter_mut().for_each(|roster| roster.sort_unstable());
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

    /// How many series there is room for.
    pub fn series(&self) -> usize {
        self.uses.len()
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
                let spare = self.spare.pop().map(|pane| pane.again(index, self.next_tag));
                // As many series as in the pane before it: room is made once, and not twice what is needed.
                let series = at.checked_sub(1).map_or(0, |before| self.list[before].series.len());
                let pane = spare.unwrap_or_else(|| Pane::new(index, self.layout.clone(), self.next_tag, series));
                self.list.insert(at, pane);
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
        let (uses, live, short_cuts, roster) = (&mut self.uses, &mut self.live, &mut self.short_cuts, self.roster.as_mut());
        (pane, Slots { odd, uses, live, series_max: self.series_max, short_cuts, roster })
    }

    /// Drops the panes of windows before `index`.
    pub fn drop_before(&mut self, index: i64) {
        let before = self.live;
        while self.list.front().is_some_and(|pane| pane.index < index) {
            let pane = self.list.pop_front().expect("there is a front");
            for series in &pane.series {
                let uses = &mut self.uses[*series as usize];
                *uses -= 1;
                self.live -= usize::from(*uses == 0);
            }
            if self.spare.len() < SPARE_MAX && pane.series.len() <= SPARE_SERIES_MAX {
                self.spare.push(pane);
            }
        }
        if let Some(roster) = self.roster.as_mut().filter(|_| self.live < before) {
            roster.retain(|series| self.uses[*series as usize] > 0);
        }
    }

    /// Gives every series the id that `moved` says. All live ones must have one.
    pub fn renumber(&mut self, moved: &[Option<u32>], series: usize) {
        self.uses.clear();
        self.short_cuts.clear();
        self.fit(series);
        let live = self.roster.iter_mut().flatten();
        live.for_each(|series| *series = moved[*series as usize].expect("a live series is kept"));
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
    roster: Option<&'a mut Vec<u32>>,
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
        let slot = match pane.find(series) {
            Some(slot) => slot,
            None => {
                let uses = &mut self.uses[series as usize];
                if *uses == 0 && *self.live >= self.series_max {
                    return None;
                }
                if *uses == 0 {
                    *self.live += 1;
                    self.roster.iter_mut().for_each(|roster| roster.push(series));
                }
                *uses += 1;
                pane.add_slot(series)
            }
        };
        self.short_cuts[series as usize][self.odd] = ShortCut { tag: pane.tag, slot };
        Some(slot as usize)
    }
}

impl Pane {
    /// Without series, with room for so many.
    fn new(index: i64, layout: Layout, tag: u32, series: usize) -> Self {
        let mut accumulators = Accumulators::new(layout);
        accumulators.reserve(series);
        let (series, slots) = (Vec::with_capacity(series), HashTable::with_capacity(series));
        Self { index, series, accumulators, emitted: Vec::new(), slots, tag }
    }

    /// The same memory as another pane without series.
    fn again(mut self, index: i64, tag: u32) -> Self {
        self.series.clear();
        self.accumulators.clear();
        self.emitted.clear();
        self.slots.clear();
        Self { index, tag, ..self }
    }

    /// The slot of a series, if it has one.
    pub fn find(&self, series: u32) -> Option<u32> {
        self.slots.find(hash(series), |slot| self.series[*slot as usize] == series).copied()
    }

    fn add_slot(&mut self, series: u32) -> u32 {
        let slot = self.series.len() as u32;
        self.series.push(series);
        self.accumulators.push();
        self.slots.insert_unique(hash(series), slot, |slot| hash(self.series[*slot as usize]));
        slot
    }

    fn index_slots(&mut self) {
        self.slots.clear();
        for (slot, series) in (0..).zip(&self.series) {
            self.slots.insert_unique(hash(*series), slot, |slot| hash(self.series[*slot as usize]));
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
