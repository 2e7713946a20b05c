//! What windows that overlap have in common, so that the next one costs three merges a series and not as many as it has
//! panes.
//!
//! A boundary divides a window in two. The early half is merged from the boundary backwards, pane by pane, and every step is
//! kept: when the window moves on, its early half is a step that is there already. The late half is merged forwards, and
//! each pane that comes is added to it; a mark is left every so many panes, so that a late event need not go back to the
//! boundary. After as many panes as a window has, the boundary moves. These are the two stacks of
//! "Low-latency sliding-window aggregation in worst-case constant time" (Tangwongsan, Hirzel, Schneider, DEBS 2017), but
//! their flips stand at multiples of a window's length: the result is a function of the window and its events.

use super::{
    accumulators::{Accumulators, Layout},
    hopping::{Halves, Split, range},
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

    fn clear(&mut self) {
        self.columns.iter_mut().for_each(Accumulators::clear);
        self.slots = [0, 0];
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
        self.step(stack, stack.len())
    }

    /// The first `length` of what is in `stack`, merged.
    fn step(&self, stack: &Stack, length: usize) -> Option<(&Accumulators, usize)> {
        let last = length.checked_sub(1)?;
        Some((&self.columns[last % 2], stack[last].1 as usize))
    }
}

/// One window of all series, ready to become the next.
pub(super) struct View {
    boundary: i64,
    /// The first pane of the early half of the oldest window that may still be asked for.
    from: i64,
    /// The pane after the last of the late half.
    to: i64,
    chains: Chains,
    /// Early halves by series.
    stacks: Vec<Stack>,
    /// How many steps of each series are in the early half of the window that fires.
    tops: Vec<u32>,
    late: Slots,
    /// Late halves that end before a pane, in order of these.
    marks: Vec<(i64, Slots)>,
    /// How many panes came since the last mark.
    unmarked: usize,
    /// Slots that were replaced.
    wasted: usize,
}

/// One slot for each series that has one.
struct Slots {
    accumulators: Accumulators,
    count: u32,
    of: Vec<u32>,
}

const NONE: u32 = u32::MAX;
/// The panes from one mark to the next.
const MARK: usize = 64;

impl Slots {
    fn new(panes: &Panes) -> Self {
        Self { accumulators: Accumulators::sealed(panes.layout().clone()), count: 0, of: Vec::new() }
    }

    fn get(&self, id: u32) -> Option<(&Accumulators, usize)> {
        let slot = self.of.get(id as usize).filter(|slot| **slot != NONE)?;
        Some((&self.accumulators, *slot as usize))
    }

    /// Merges a slot into that of a series.
    fn add(&mut self, id: u32, (from, slot): (&Accumulators, usize)) {
        if self.of.len() <= id as usize {
            self.of.resize(id as usize + 1, NONE);
        }
        let own = &mut self.of[id as usize];
        if *own == NONE {
            *own = self.count;
            self.count += 1;
            self.accumulators.push();
        }
        self.accumulators.merge(*own as usize, from, slot);
    }

    /// Merges the panes from `from` to before `to` into the slot of a series.
    fn add_panes(&mut self, id: u32, panes: &Panes, from: i64, to: i64) {
        for pane in range(panes.list(), from, to) {
            if let Some(slot) = pane.find(id) {
                self.add(id, (&pane.accumulators, slot as usize));
            }
        }
    }

    /// Forgets the slot of a series, if it has one.
    fn forget(&mut self, id: u32) -> usize {
        let slot = self.of.get_mut(id as usize).map_or(NONE, |slot| std::mem::replace(slot, NONE));
        usize::from(slot != NONE)
    }

    /// The same slots, in the order of the series.
    fn copy(&self, panes: &Panes) -> Self {
        let mut copy = Self::new(panes);
        for id in 0..self.of.len() as u32 {
            if let Some(slot) = self.get(id) {
                copy.add(id, slot);
            }
        }
        copy
    }
}

impl View {
    /// The early half from `from` to `boundary`, and an empty late one, in the memory of the view before.
    pub fn new(panes: &Panes, from: i64, boundary: i64, before: Option<Self>) -> Self {
        let (mut chains, mut stacks) = before.map_or_else(|| (Chains::new(panes.layout()), Vec::new()), |view| (view.chains, view.stacks));
        chains.clear();
        stacks.iter_mut().for_each(Vec::clear);
        stacks.resize_with(panes.series(), Stack::new);
        for pane in range(panes.list(), from, boundary).rev() {
            for (slot, id) in (0..).zip(&pane.series) {
                chains.push(&mut stacks[*id as usize], boundary, pane, slot);
            }
        }
        let tops = stacks.iter().map(|stack| stack.len() as u32).collect();
        Self { boundary, from, to: boundary, chains, stacks, tops, late: Slots::new(panes), marks: Vec::new(), unmarked: 0, wasted: 0 }
    }

    pub fn boundary(&self) -> i64 {
        self.boundary
    }

    /// Whether it can give the halves of a window that is not the one that fires.
    pub fn reaches(&self, split: Split) -> bool {
        split.boundary == self.boundary && split.from >= self.from && split.to <= self.to
    }

    /// Whether so many slots were replaced that it is time to begin anew.
    pub fn is_wasteful(&self) -> bool {
        let slots: u32 = self.chains.slots.iter().sum::<u32>() + self.late.count;
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
        for pane in range(panes.list(), self.to, to) {
            if self.unmarked == MARK {
                self.marks.push((pane.index, self.late.copy(panes)));
                self.unmarked = 0;
            }
            self.unmarked += 1;
            for (slot, id) in pane.series.iter().enumerate() {
                self.late.add(*id, (&pane.accumulators, slot));
            }
        }
        self.to = self.to.max(to);
    }

    /// Takes note of an event of a series that came late into a pane.
    pub fn repair(&mut self, panes: &Panes, id: u32, pane: i64) {
        if (self.from..self.boundary).contains(&pane) {
            self.fit(panes);
            let stack = &mut self.stacks[id as usize];
            // Steps of later panes know nothing of it.
            let kept = stack.partition_point(|(before, _)| self.boundary - i64::from(*before) > pane);
            self.wasted += stack.len() - kept;
            stack.truncate(kept);
            for pane in range(panes.list(), self.from, pane + 1).rev() {
                if let Some(slot) = pane.find(id) {
                    self.chains.push(stack, self.boundary, pane, slot);
                }
            }
            self.tops[id as usize] = stack.len() as u32;
        } else if (self.boundary..self.to).contains(&pane) {
            let Self { late, marks, .. } = self;
            let first = marks.partition_point(|(end, _)| *end <= pane);
            let (before, after) = marks.split_at_mut(first);
            self.wasted += late.forget(id) + after.iter_mut().map(|(_, mark)| mark.forget(id)).sum::<usize>();
            let mut start = before.last().map_or(self.boundary, |(end, _)| *end);
            if let Some(slot) = before.last().and_then(|(_, mark)| mark.get(id)) {
                late.add(id, slot);
            }
            for (end, mark) in after {
                late.add_panes(id, panes, start, *end);
                if let Some(slot) = late.get(id) {
                    mark.add(id, slot);
                }
                start = *end;
            }
            late.add_panes(id, panes, start, self.to);
        }
    }

    fn fit(&mut self, panes: &Panes) {
        self.stacks.resize_with(panes.series(), Stack::new);
        self.tops.resize(panes.series(), 0);
    }

    /// Both halves of a series in the window that fires, which starts at `from`.
    pub fn get(&mut self, id: u32, from: i64) -> Halves<'_> {
        let early = self.stacks.get(id as usize).and_then(|stack| {
            let top = &mut self.tops[id as usize];
            *top = (*top).min(stack.len() as u32);
            while *top > 0 && self.boundary - i64::from(stack[*top as usize - 1].0) < from {
                *top -= 1;
            }
            self.chains.step(stack, *top as usize)
        });
        (early, self.late.get(id))
    }

    /// The early half of a series in a window that starts at `from`.
    pub fn early(&self, id: u32, from: i64) -> Option<(&Accumulators, usize)> {
        let stack = self.stacks.get(id as usize)?;
        self.chains.step(stack, stack.partition_point(|(before, _)| self.boundary - i64::from(*before) >= from))
    }

    /// A late half of a series that reaches up to a pane by `to`, and that pane: panes from it to before `to` are missing.
    pub fn late(&self, id: u32, to: i64) -> (Option<(&Accumulators, usize)>, i64) {
        let mark = self.marks[..self.marks.partition_point(|(end, _)| *end <= to)].last();
        mark.map_or((None, self.boundary), |(end, mark)| (mark.get(id), *end))
    }
}
