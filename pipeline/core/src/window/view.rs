//! What windows that overlap have in common, so that the next one costs three merges a series and not as many as it has
//! panes.
//!
//! A boundary divides a window in two. The early half is merged from the boundary backwards, pane by pane, and every step is
//! kept: when the window moves on, its early half is a step that is there already. The late half is merged forwards, and
//! each pane that comes is added to it. After as many panes as a window has, the boundary moves. These are the two stacks of
//! "Low-latency sliding-window aggregation in worst-case constant time" (Tangwongsan, Hirzel, Schneider, DEBS 2017), but
//! their flips stand at multiples of a window's length: the result is a function of the window and its events.

use super::{
    accumulators::{Accumulators, Layout},
    hopping::{Halves, range},
    pane::{Pane, Panes},
};

/// The steps of the early half of one series: how far before the boundary the pane is that came last, and the slot. The last
/// is the one that reaches furthest back.
pub(super) type Stack = Vec<(u32, u32)>;

/// Slots of the steps of early halves. Each is merged out of the one before, so they lie by turns in two columns.
pub(super) struct Chains {
    columns: [Accumulators; 2],
    slots: [u32; 2],
}

impl Chains {
    pub fn new(layout: &Layout) -> Self {
        let column = || Accumulators::sealed(layout.clone());
        Self { columns: [column(), column()], slots: [0, 0] }
    }

    /// Adds the slot of a pane before all that is in `stack`.
    pub fn push(&mut self, stack: &mut Stack, boundary: i64, pane: &Pane, slot: u32) {
        let turn = stack.len() % 2;
        let [even, odd] = &mut self.columns;
        let (mine, other) = if turn == 0 { (even, odd) } else { (odd, even) };
        let fresh = self.slots[turn] as usize;
        mine.push();
        mine.merge(fresh, &pane.accumulators, slot as usize);
        if let Some((_, later)) = stack.last() {
            mine.merge(fresh, other, *later as usize);
        }
        self.slots[turn] += 1;
        let before = u32::try_from(boundary - pane.index).expect("a window has so many panes at most");
        stack.push((before, fresh as u32));
    }

    /// All that is in `stack`, merged.
    pub fn top(&self, stack: &Stack) -> Option<(&Accumulators, usize)> {
        stack.last().map(|(_, slot)| (&self.columns[(stack.len() - 1) % 2], *slot as usize))
    }
}

/// One window of all series, ready to become the next.
pub(super) struct View {
    boundary: i64,
    /// The first pane of the early half.
    from: i64,
    /// The pane after the last of the late half.
    to: i64,
    chains: Chains,
    /// Early halves by series.
    stacks: Vec<Stack>,
    late: Accumulators,
    late_slots: u32,
    /// Late halves by series.
    late_of: Vec<u32>,
    /// Slots that were replaced.
    wasted: usize,
}

const NONE: u32 = u32::MAX;

impl View {
    /// The early half from `from` to `boundary`, and an empty late one.
    pub fn new(panes: &Panes, from: i64, boundary: i64) -> Self {
        let mut chains = Chains::new(panes.layout());
        let mut stacks = vec![Stack::new(); panes.series()];
        for pane in range(panes.list(), from, boundary).rev() {
            for (slot, id) in (0..).zip(&pane.series) {
                chains.push(&mut stacks[*id as usize], boundary, pane, slot);
            }
        }
        let late = Accumulators::sealed(panes.layout().clone());
        let late_of = vec![NONE; panes.series()];
        Self { boundary, from, to: boundary, chains, stacks, late, late_slots: 0, late_of, wasted: 0 }
    }

    pub fn boundary(&self) -> i64 {
        self.boundary
    }

    /// Whether so many slots were replaced that it is time to begin anew.
    pub fn is_wasteful(&self) -> bool {
        let slots: u32 = self.chains.slots.iter().sum::<u32>() + self.late_slots;
        self.wasted > slots as usize / 2 + 65_536
    }

    /// Leaves out what comes before `from`.
    pub fn leave(&mut self, panes: &Panes, from: i64) {
        let from = from.min(self.boundary);
        for id in range(panes.list(), self.from, from).flat_map(|pane| &pane.series) {
            // A series that is new since it began has no early half.
            if let Some(stack) = self.stacks.get_mut(*id as usize) {
                Self::drop_before(stack, self.boundary, from);
            }
        }
        self.from = self.from.max(from);
    }

    /// Drops the steps of panes before `from`.
    pub fn drop_before(stack: &mut Stack, boundary: i64, from: i64) {
        while stack.last().is_some_and(|(before, _)| boundary - i64::from(*before) < from) {
            stack.pop();
        }
    }

    /// Takes the panes to before `to` into the late half.
    pub fn extend(&mut self, panes: &Panes, to: i64) {
        self.fit(panes);
        for pane in range(panes.list(), self.to, to) {
            for (slot, id) in pane.series.iter().enumerate() {
                self.add(*id, pane, slot);
            }
        }
        self.to = self.to.max(to);
    }

    fn fit(&mut self, panes: &Panes) {
        self.stacks.resize_with(panes.series(), Stack::new);
        self.late_of.resize(panes.series(), NONE);
    }

    fn add(&mut self, id: u32, pane: &Pane, slot: usize) {
        let late = &mut self.late_of[id as usize];
        if *late == NONE {
            *late = self.late_slots;
            self.late_slots += 1;
            self.late.push();
        }
        self.late.merge(*late as usize, &pane.accumulators, slot);
    }

    /// Takes note of an event of a series that came late into a pane.
    pub fn repair(&mut self, panes: &Panes, id: u32, pane: i64) {
        self.fit(panes);
        if (self.from..self.boundary).contains(&pane) {
            let stack = &mut self.stacks[id as usize];
            self.wasted += stack.len();
            stack.clear();
            for pane in range(panes.list(), self.from, self.boundary).rev() {
                if let Some(slot) = pane.find(id) {
                    self.chains.push(stack, self.boundary, pane, slot);
                }
            }
        } else if (self.boundary..self.to).contains(&pane) {
            self.wasted += usize::from(self.late_of[id as usize] != NONE);
            self.late_of[id as usize] = NONE;
            for pane in range(panes.list(), self.boundary, self.to) {
                if let Some(slot) = pane.find(id) {
                    self.add(id, pane, slot as usize);
                }
            }
        }
    }

    /// Both halves of a series.
    pub fn get(&self, id: u32) -> Halves<'_> {
        let early = self.stacks.get(id as usize).and_then(|stack| self.chains.top(stack));
        let late = self.late_of.get(id as usize).filter(|late| **late != NONE);
        (early, late.map(|late| (&self.late, *late as usize)))
    }
}
