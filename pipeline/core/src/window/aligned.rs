//! Windows without overlap that are the same for all series: tumbling and calendar windows. A pane is a window.

use std::ops::Range;

use super::{
    accumulators::Layout,
    books::{Books, micros},
    columns::{Batch, NONE},
    grid::{Grid, WindowClock},
    pane::Panes,
    spec::Spec,
};
use crate::ports::Outputs;

/// The open windows.
pub(super) struct Aligned {
    pub panes: Panes,
    pub clock: WindowClock,
}

impl Aligned {
    pub fn new(spec: &Spec, grid: Grid) -> Self {
        Self { panes: Panes::new(Layout::of(spec), spec.series_max), clock: WindowClock::new(grid, micros(spec.allowed_lateness)) }
    }

    /// Moves the watermark to `target`, which is later: windows that end by then fire, and those whose lateness is over go.
    pub fn advance(&mut self, books: &mut Books, target: i64, outputs: &mut Outputs) {
        let before = (self.clock.fired, self.clock.gone);
        self.clock.set(target);
        if self.clock.fired != before.0 {
            for at in 0..self.panes.list().len() {
                let index = self.panes.list()[at].index;
                if (before.0..self.clock.fired).contains(&index) {
                    let slots = self.panes.list()[at].series.len();
                    outputs.reserve(slots);
                    (0..slots).for_each(|slot| self.emit(books, at, slot, outputs));
                }
            }
        }
        if self.clock.gone != before.1 {
            self.panes.drop_before(self.clock.gone);
        }
    }

    /// Emits the next revision of one series in one window.
    fn emit(&mut self, books: &mut Books, at: usize, slot: usize, outputs: &mut Outputs) {
        let (pane, _) = self.panes.at(at);
        let revision = pane.next_revision(slot);
        let window = self.clock.grid.bounds(pane.index);
        books.emit(pane.series[slot], window, revision, (&pane.accumulators, slot), outputs);
    }

    /// Folds rows from `row` on, as far as they go the same way, and returns the first that does not.
    pub fn take(&mut self, books: &mut Books, batch: &Batch<'_>, row: usize, alarm: i64, outputs: &mut Outputs) -> usize {
        let index = self.clock.grid.index(batch.columns.time[row]);
        if index < self.clock.gone {
            books.emit_late(batch, row, outputs);
            row + 1
        } else if index < self.clock.fired {
            self.revise(books, batch, row, index, outputs);
            row + 1
        } else {
            self.fold_run(books, batch, row, index, alarm)
        }
    }

    /// Folds rows from `row` on for as long as they fall into the window `index`, which has not fired, and raise no alarm.
    /// Returns the first row that does not.
    fn fold_run(&mut self, books: &mut Books, batch: &Batch<'_>, mut row: usize, index: i64, alarm: i64) -> usize {
        let at = self.panes.open(index);
        let (start, end) = self.clock.grid.bounds(index);
        let (pane, mut slots) = self.panes.at(at);
        let columns = batch.columns;
        let rows = columns.time.iter().zip(&columns.series).zip(&columns.value).skip(row);
        let (first, plain) = (row, columns.member.is_empty());
        for ((time, series), value) in rows {
            let stays = *time >= start && *time < end && *time < alarm || row == first;
            if !stays || *series == NONE {
                break;
            }
            match slots.find_or_add(pane, *series) {
                Some(slot) if plain => pane.accumulators.add(slot, *time, *value),
                Some(slot) => books.add(&mut pane.accumulators, slot, batch, row),
                None => books.counts.overflow += 1,
            }
            row += 1;
        }
        row
    }

    /// Takes a late row into a window that has fired.
    fn revise(&mut self, books: &mut Books, batch: &Batch<'_>, row: usize, index: i64, outputs: &mut Outputs) {
        let at = self.panes.open(index);
        let (pane, mut slots) = self.panes.at(at);
        match slots.find_or_add(pane, batch.columns.series[row]) {
            Some(slot) => {
                books.add(&mut pane.accumulators, slot, batch, row);
                self.emit(books, at, slot, outputs);
            }
            None => books.counts.overflow += 1,
        }
    }

    /// The end of the window of a time.
    pub fn end_of(&self, time: i64) -> i64 {
        self.clock.grid.bounds(self.clock.grid.index(time)).1
    }

    /// How many windows of series have not fired and start in this span.
    pub fn open(&self, starts: Range<i64>) -> u64 {
        let waits = |index: i64| index >= self.clock.fired && starts.contains(&self.clock.grid.bounds(index).0);
        self.panes.list().iter().filter(|pane| waits(pane.index)).map(|pane| pane.series.len() as u64).sum()
    }

    /// The end of the last window.
    pub fn last_end(&self) -> Option<i64> {
        self.panes.list().back().map(|pane| self.clock.grid.bounds(pane.index).1)
    }
}
