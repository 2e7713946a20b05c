//! The early halves of the windows of one boundary, of all series.
//!
//! An early half is merged from the boundary backwards, pane by pane. Of these steps only those at an edge are kept, every so
//! many panes. The panes between two edges are merged once more when the window that fires comes among them; there each
//! step is noted, and is undone when the window moves on. What is in use stays in the cache, and a window of an hour every
//! second needs not twice the memory of its panes, but a few edges more.

use super::{
    accumulators::{Accumulators, Layout},
    hopping::range,
    pane::{Pane, Panes},
    per_series::PerSeries,
};

/// From one edge to the next there are as many slots as so many panes with all series.
const STRETCH: usize = 16;
/// The most panes from one edge to the next, however few series are in them.
const STRETCH_PANES_MAX: usize = 512;

/// The early halves.
pub(super) struct Early {
    boundary: i64,
    /// What is merged of the panes from an edge to the boundary, which is the first edge. The last is the earliest.
    edges: Vec<(i64, PerSeries)>,
    /// What is merged of the panes from `from` to the boundary; nothing known when there is no such pane.
    halves: PerSeries,
    from: Option<i64>,
    steps: Steps,
}

/// The steps from an edge backwards.
struct Steps {
    edge: i64,
    /// The panes, and the first step of each.
    panes: Vec<(i64, usize)>,
    /// The slot that a step changed.
    slots: Vec<u32>,
    /// What was in it before.
    before: Accumulators,
}

impl Early {
    /// The halves of all windows that start at `oldest` or later.
    pub fn new(panes: &Panes, oldest: i64, boundary: i64) -> Self {
        let layout = panes.layout();
        let mut early = Self {
            boundary,
            edges: vec![(boundary, PerSeries::new(layout))],
            halves: PerSeries::new(layout),
            from: None,
            steps: Steps::new(layout),
        };
        early.merge(panes, oldest);
        early
    }

    /// The same of another boundary, in the same memory.
    pub fn restart(&mut self, panes: &Panes, oldest: i64, boundary: i64) {
        self.boundary = boundary;
        self.edges.truncate(1);
        self.edges[0].0 = boundary;
        self.merge(panes, oldest);
    }

    fn merge(&mut self, panes: &Panes, oldest: i64) {
        self.from = None;
        self.halves.clear();
        let edges = edges(panes, oldest, self.boundary);
        let mut until = self.boundary;
        for edge in edges {
            for pane in range(panes.list(), edge, until).rev() {
                self.steps.clear();
                self.steps.take(&mut self.halves, pane);
            }
            self.edges.push((edge, self.halves.clone()));
            until = edge;
        }
    }

    /// Goes to the window that starts at `from`, which is `oldest` or later.
    pub fn go_to(&mut self, panes: &Panes, from: i64) {
        let from = from.min(self.boundary);
        if self.from.is_none_or(|before| from < before || from > self.steps.edge) {
            let (edge, halves) = &self.edges[self.edge_of(from)];
            self.halves.clone_from(halves);
            self.steps.clear();
            self.steps.edge = *edge;
            range(panes.list(), from, *edge).rev().for_each(|pane| self.steps.take(&mut self.halves, pane));
        } else {
            self.steps.undo_before(&mut self.halves, from);
        }
        self.from = Some(from);
    }

    /// The place of the earliest edge that is not before `from`.
    fn edge_of(&self, from: i64) -> usize {
        self.edges.partition_point(|(edge, _)| *edge >= from) - 1
    }

    /// Forgets what only windows that start before `oldest` need.
    pub fn leave(&mut self, oldest: i64) {
        while self.edges.len() > 1 && self.edges.last().is_some_and(|(edge, _)| *edge < oldest) {
            self.edges.pop();
        }
    }

    /// Takes note of an event of a series that came late into a pane before the boundary.
    pub fn repair(&mut self, panes: &Panes, id: u32, pane: i64) {
        // Edges after it know nothing of it.
        let first = self.edges.partition_point(|(edge, _)| *edge > pane);
        let mut steps = Steps::new(panes.layout());
        for at in first..self.edges.len() {
            let (later, earlier) = self.edges.split_at_mut(at);
            let ((until, known), (edge, halves)) = (&later[at - 1], &mut earlier[0]);
            halves.reset(id);
            if let Some(half) = known.get(id) {
                halves.append(id, half);
            }
            for pane in range(panes.list(), *edge, *until).rev() {
                if let Some(slot) = pane.find(id) {
                    steps.clear();
                    steps.prepend(halves, id, &pane.accumulators, slot as usize);
                }
            }
        }
        self.from = self.from.filter(|from| pane < *from);
    }

    /// The half of a series in the window that it went to.
    pub fn get(&self, id: u32) -> Option<(&Accumulators, usize)> {
        self.halves.get(id)
    }

    /// A half of a series that begins with some pane after `from`, and that pane: those from `from` to before it are missing.
    pub fn since(&self, id: u32, from: i64) -> (Option<(&Accumulators, usize)>, i64) {
        let (edge, halves) = &self.edges[self.edge_of(from.min(self.boundary))];
        (halves.get(id), *edge)
    }
}

/// The edges before the boundary, the latest first.
fn edges(panes: &Panes, oldest: i64, boundary: i64) -> Vec<i64> {
    let mut edges = Vec::new();
    let (mut slots, mut count) = (0, 0);
    for pane in range(panes.list(), oldest, boundary).rev() {
        slots += pane.series.len();
        count += 1;
        if slots >= STRETCH * panes.live() || count == STRETCH_PANES_MAX {
            edges.push(pane.index);
            (slots, count) = (0, 0);
        }
    }
    edges
}

impl Steps {
    fn new(layout: &Layout) -> Self {
        Self { edge: i64::MIN, panes: Vec::new(), slots: Vec::new(), before: Accumulators::sealed(layout.clone()) }
    }

    fn clear(&mut self) {
        self.panes.clear();
        self.slots.clear();
        self.before.clear();
    }

    /// Merges a pane before all that is in `halves`.
    fn take(&mut self, halves: &mut PerSeries, pane: &Pane) {
        self.panes.push((pane.index, self.slots.len()));
        for (slot, id) in pane.series.iter().enumerate() {
            self.prepend(halves, *id, &pane.accumulators, slot);
        }
    }

    /// Merges a slot before the half of a series.
    fn prepend(&mut self, halves: &mut PerSeries, id: u32, from: &Accumulators, slot: usize) {
        let (own, step) = (halves.slot(id), self.slots.len());
        self.slots.push(own as u32);
        if from.is_plain() {
            let before = halves.accumulators.numbers(own);
            self.before.push_numbers(&before);
            halves.accumulators.set_numbers(own, &from.numbers(slot).join(&before, &from.layout));
            return;
        }
        self.before.push();
        self.before.merge(step, from, slot);
        self.before.merge(step, &halves.accumulators, own);
        self.before.swap(step, &mut halves.accumulators, own);
    }

    /// Undoes the steps of the panes before `from`.
    fn undo_before(&mut self, halves: &mut PerSeries, from: i64) {
        while let Some((_, first)) = self.panes.pop_if(|(pane, _)| *pane < from) {
            for step in (first..self.slots.len()).rev() {
                halves.accumulators.swap(self.slots[step] as usize, &mut self.before, step);
            }
            self.slots.truncate(first);
            self.before.truncate(first);
        }
    }
}
