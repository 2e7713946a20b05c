//! What windows that overlap have in common, so that the next one costs three merges a series and not as many as it has
//! panes.
//!
//! A boundary divides a window in two. The early half is merged from the boundary backwards, pane by pane: when the window
//! moves on, its early half is a step that is there already (see [`super::early`]). The late half is merged forwards, and
//! each pane that comes is added to it; a mark is left every so many panes, so that a late event need not go back to the
//! boundary. After as many panes as a window has, the boundary moves. These are the two stacks of
//! "Low-latency sliding-window aggregation in worst-case constant time" (Tangwongsan, Hirzel, Schneider, DEBS 2017), but
//! their flips stand at multiples of a window's length: the result is a function of the window and its events.

use super::{
    accumulators::Accumulators,
    early::Early,
    hopping::{Halves, Split, range},
    pane::Panes,
    per_series::PerSeries,
};

/// One window of all series, ready to become the next.
pub(super) struct View {
    boundary: i64,
    /// The first pane of the early half of the oldest window that may still be asked for.
    from: i64,
    /// The pane after the last of the late half.
    to: i64,
    early: Early,
    late: PerSeries,
    /// Late halves that end before a pane, in order of these.
    marks: Vec<(i64, PerSeries)>,
    /// How many panes came since the last mark.
    unmarked: usize,
}

/// The panes from one mark to the next.
const MARK: usize = 64;

impl View {
    /// The early halves of windows from `from` on, and an empty late one.
    pub fn new(panes: &Panes, from: i64, boundary: i64) -> Self {
        let (early, late) = (Early::new(panes, from, boundary), PerSeries::new(panes.layout()));
        Self { boundary, from, to: boundary, early, late, marks: Vec::new(), unmarked: 0 }
    }

    /// The same of another boundary, in the same memory.
    pub fn restart(&mut self, panes: &Panes, from: i64, boundary: i64) {
        self.early.restart(panes, from, boundary);
        self.late.clear();
        self.marks.clear();
        (self.boundary, self.from, self.to, self.unmarked) = (boundary, from, boundary, 0);
    }

    pub fn boundary(&self) -> i64 {
        self.boundary
    }

    /// Whether it knows of a window other than the one that fires.
    pub fn reaches(&self, split: Split) -> bool {
        split.boundary == self.boundary && split.from >= self.from && split.to <= self.to
    }

    /// Leaves out what comes before `from`.
    pub fn leave(&mut self, from: i64) {
        self.from = self.from.max(from.min(self.boundary));
        self.early.leave(self.from);
    }

    /// Goes to the window that fires.
    pub fn go_to(&mut self, panes: &Panes, split: Split) {
        self.early.go_to(panes, split.from);
        for pane in range(panes.list(), self.to, split.to) {
            if self.unmarked == MARK {
                self.marks.push((pane.index, self.late.clone()));
                self.unmarked = 0;
            }
            self.unmarked += 1;
            for (slot, id) in pane.series.iter().enumerate() {
                self.late.append(*id, (&pane.accumulators, slot));
            }
        }
        self.to = self.to.max(split.to);
    }

    /// Takes note of an event of a series that came late into a pane.
    pub fn repair(&mut self, panes: &Panes, id: u32, pane: i64) {
        if (self.from..self.boundary).contains(&pane) {
            self.early.repair(panes, id, pane);
        } else if (self.boundary..self.to).contains(&pane) {
            let Self { late, marks, .. } = self;
            let first = marks.partition_point(|(end, _)| *end <= pane);
            let (before, after) = marks.split_at_mut(first);
            let mut start = before.last().map_or(self.boundary, |(end, _)| *end);
            late.reset(id);
            if let Some(half) = before.last().and_then(|(_, mark)| mark.get(id)) {
                late.append(id, half);
            }
            for (end, mark) in after {
                append(late, id, panes, start, *end);
                mark.reset(id);
                if let Some(half) = late.get(id) {
                    mark.append(id, half);
                }
                start = *end;
            }
            append(late, id, panes, start, self.to);
        }
    }

    /// Both halves of a series in the window that fires.
    pub fn get(&self, id: u32) -> Halves<'_> {
        (self.early.get(id), self.late.get(id))
    }

    /// An early half of a series that begins with some pane after `from`, and that pane: those from `from` to before it are missing.
    pub fn early(&self, id: u32, from: i64) -> (Option<(&Accumulators, usize)>, i64) {
        self.early.since(id, from)
    }

    /// A late half of a series that reaches up to a pane by `to`, and that pane: panes from it to before `to` are missing.
    pub fn late(&self, id: u32, to: i64) -> (Option<(&Accumulators, usize)>, i64) {
        let mark = self.marks[..self.marks.partition_point(|(end, _)| *end <= to)].last();
        mark.map_or((None, self.boundary), |(end, mark)| (mark.get(id), *end))
    }
}

/// Merges the panes from `from` to before `to` after the half of a series.
fn append(halves: &mut PerSeries, id: u32, panes: &Panes, from: i64, to: i64) {
    for pane in range(panes.list(), from, to) {
        if let Some(slot) = pane.find(id) {
            halves.append(id, (&pane.accumulators, slot as usize));
        }
    }
}
