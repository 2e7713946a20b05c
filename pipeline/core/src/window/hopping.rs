//! Windows that overlap. Events go into panes of the greatest length that divides size and slide, and a window is a number
//! of panes in a row: an event costs the same however many windows it is in.
//!
//! The aggregates of a window are those of its panes, merged in an order that depends on the window alone (see
//! [`super::view`]), so that a restart, a late event or the cut of frames does not change the last bit of a sum.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;

use super::{
    accumulators::{Accumulators, Layout},
    books::{Books, micros},
    columns::{Batch, NONE},
    one_series::OneSeries,
    pane::{Pane, Panes},
    shape,
    spec::Spec,
    view::View,
};
use crate::ports::Outputs;

/// The open windows. The window `k` is made of the panes from `k * hop` on.
pub(super) struct Hopping {
    pub panes: Panes,
    /// The length of a pane in microseconds.
    pane: i64,
    /// The panes of a window.
    length: i64,
    /// The panes from the start of a window to the start of the next.
    hop: i64,
    lateness: i64,
    watermark: i64,
    /// Windows before this one have fired.
    fired: i64,
    /// Windows before this one are gone.
    gone: i64,
    /// How many revisions of a series in a window that has fired came after its first.
    pub revised: BTreeMap<(i64, u32), u32>,
    /// Never part of the state: it is made anew from the panes.
    view: Option<View>,
}

/// How many merged slots are held before they are forgotten.
const SCRATCH: usize = 256;

/// The first and last panes of a window and the boundary between them: the merge goes from there to both sides.
#[derive(Clone, Copy)]
pub(super) struct Split {
    pub from: i64,
    pub boundary: i64,
    pub to: i64,
}

impl Hopping {
    pub fn new(spec: &Spec, slide: i64) -> Self {
        let size = micros(spec.size);
        let pane = shape::gcd(size.unsigned_abs().into(), slide.unsigned_abs().into());
        let pane = i64::try_from(pane).expect("it divides the size");
        let mut hopping = Self {
            panes: Panes::new(Layout::of(spec), spec.series_max).with_roster(),
            pane,
            length: size / pane,
            hop: slide / pane,
            lateness: micros(spec.allowed_lateness),
            watermark: i64::MIN,
            fired: 0,
            gone: 0,
            revised: BTreeMap::new(),
            view: None,
        };
        hopping.set(i64::MIN);
        hopping
    }

    pub fn watermark(&self) -> i64 {
        self.watermark
    }

    /// Sets the watermark.
    pub fn set(&mut self, watermark: i64) {
        self.watermark = watermark;
        self.fired = self.first_after(watermark);
        self.gone = self.first_after(watermark.saturating_sub(self.lateness));
    }

    /// The first window that does not end by `time`.
    fn first_after(&self, time: i64) -> i64 {
        time.div_euclid(self.pane).saturating_sub(self.length).div_euclid(self.hop) + 1
    }

    /// The first and the last window with this pane.
    fn windows_of(&self, pane: i64) -> (i64, i64) {
        (pane.saturating_sub(self.length).div_euclid(self.hop) + 1, pane.div_euclid(self.hop))
    }

    fn first_pane(&self, window: i64) -> i64 {
        window.saturating_mul(self.hop)
    }

    /// Where a window starts and ends. The outermost ones end where time does.
    fn bounds(&self, window: i64) -> (i64, i64) {
        let first = self.first_pane(window);
        (first.saturating_mul(self.pane), first.saturating_add(self.length).saturating_mul(self.pane))
    }

    /// Boundaries stand at multiples of a window's length: every window has one, and as many windows in a row as there can
    /// be have the same.
    fn split(&self, window: i64) -> Split {
        let from = self.first_pane(window);
        let boundary = from.saturating_add(self.length - 1).div_euclid(self.length).saturating_mul(self.length);
        Split { from, boundary, to: from.saturating_add(self.length) }
    }

    pub fn next(&self) -> i64 {
        self.bounds(self.fired).1.min(self.bounds(self.gone).1.saturating_add(self.lateness))
    }

    /// Moves the watermark to `target`, which is later: windows that end by then fire, and those whose lateness is over go.
    pub fn advance(&mut self, books: &mut Books, target: i64, outputs: &mut Outputs) {
        let (mut window, gone) = (self.fired, self.gone);
        self.set(target);
        loop {
            let panes = self.panes.list();
            let Some(pane) = panes.get(panes.partition_point(|pane| pane.index < self.first_pane(window))) else { break };
            // Windows without a pane are passed over: there may be millions of them.
            window = window.max(self.windows_of(pane.index).0);
            if window >= self.fired {
                break;
            }
            self.fire(books, window, outputs);
            window += 1;
        }
        if self.gone != gone {
            let first = self.first_pane(self.gone);
            if let Some(view) = &mut self.view {
                view.leave(first);
            }
            self.panes.drop_before(first);
            self.revised = self.revised.split_off(&(self.gone, 0));
        }
    }

    /// Emits the first revision of all series of a window.
    fn fire(&mut self, books: &mut Books, window: i64, outputs: &mut Outputs) {
        let (bounds, split) = (self.bounds(window), self.split(window));
        let Split { from, boundary, .. } = split;
        // Late events may still ask for the windows before it.
        let oldest = from.min(self.first_pane(self.gone).max(boundary - self.length));
        let view = self.view.get_or_insert_with(|| View::new(&self.panes, oldest, boundary));
        if view.boundary() != boundary {
            view.restart(&self.panes, oldest, boundary);
        }
        view.leave(oldest);
        view.go_to(&self.panes, split);
        outputs.reserve(self.panes.roster().len());
        let mut scratch = Scratch::new(self.panes.layout());
        for id in self.panes.roster() {
            scratch.emit(books, *id, bounds, 0, view.get(*id), outputs);
        }
    }

    /// Folds rows from `row` on, as far as they go the same way, and returns the first that does not.
    pub fn take(&mut self, books: &mut Books, batch: &Batch<'_>, row: usize, alarm: i64, outputs: &mut Outputs) -> usize {
        let index = batch.columns.time[row].div_euclid(self.pane);
        let (first, last) = self.windows_of(index);
        if first >= self.fired {
            return self.fold_run(books, batch, row, index, alarm);
        }
        if first < self.gone {
            // One of its windows will never have it, even if others do.
            books.emit_late(batch, row, outputs);
        }
        if last >= self.gone {
            self.revise(books, batch, row, index, outputs);
        }
        row + 1
    }

    /// Folds rows from `row` on for as long as they fall into the pane `index`, no window of which has fired, and raise no
    /// alarm. Returns the first row that does not.
    fn fold_run(&mut self, books: &mut Books, batch: &Batch<'_>, mut row: usize, index: i64, alarm: i64) -> usize {
        let at = self.panes.open(index);
        let (start, end) = (index.saturating_mul(self.pane), index.saturating_add(1).saturating_mul(self.pane));
        let (pane, mut slots) = self.panes.at(at);
        let columns = batch.columns;
        let first = row;
        while let (Some(time), Some(series)) = (columns.time.get(row), columns.series.get(row)) {
            let stays = *time >= start && *time < end && *time < alarm || row == first;
            if !stays || *series == NONE {
                break;
            }
            match slots.find_or_add(pane, *series) {
                Some(slot) => books.add(&mut pane.accumulators, slot, batch, row),
                None => books.counts.overflow += 1,
            }
            row += 1;
        }
        row
    }

    /// Takes a late row, and emits the next revision of every window with it that has fired and is not gone.
    fn revise(&mut self, books: &mut Books, batch: &Batch<'_>, row: usize, index: i64, outputs: &mut Outputs) {
        let id = batch.columns.series[row];
        let at = self.panes.open(index);
        let (pane, mut slots) = self.panes.at(at);
        let Some(slot) = slots.find_or_add(pane, id) else {
            books.counts.overflow += 1;
            return;
        };
        books.add(&mut pane.accumulators, slot, batch, row);
        if let Some(view) = &mut self.view {
            view.repair(&self.panes, id, index);
        }

        let (first, last) = self.windows_of(index);
        let (mut window, end) = (first.max(self.gone), last.min(self.fired - 1) + 1);
        let mut scratch = Scratch::new(self.panes.layout());
        while window < end {
            // The view knows most of them: not those of another boundary, nor those that came after it without an event.
            let (split, view) = (self.split(window), self.view.as_ref());
            let knows = |split: Split| view.is_some_and(|view| view.reaches(split));
            let is_other = |other: Split| other.boundary != split.boundary || knows(other) != knows(split);
            let stop = (window..end).find(|window| is_other(self.split(*window))).unwrap_or(end);
            let mut series = OneSeries::new(&self.panes, id, (split, self.split(stop - 1)), view.filter(|_| knows(split)));
            for window in window..stop {
                series.go_to(self.split(window));
                let revision = revision(&mut self.revised, window, id, series.halves());
                scratch.emit(books, id, self.bounds(window), revision, series.halves(), outputs);
            }
            window = stop;
        }
    }

    /// The end of the last window of a time.
    pub fn end_of(&self, time: i64) -> i64 {
        self.bounds(self.windows_of(time.div_euclid(self.pane)).1).1
    }

    /// How many windows of series have not fired and start in this span.
    pub fn open(&self, starts: Range<i64>) -> u64 {
        let slide = self.pane * self.hop;
        // The first window that starts at a time or later.
        let from = |time: i64| time.div_euclid(slide) + i64::from(time.rem_euclid(slide) > 0);
        let wanted = self.fired.max(from(starts.start))..from(starts.end);
        // A window is counted with the first of its panes that holds the series: those before were counted with others.
        let mut counted = vec![i64::MIN; self.panes.series()];
        let mut open = 0;
        for pane in self.panes.list() {
            let (first, last) = self.windows_of(pane.index);
            let end = wanted.end.min(last.saturating_add(1));
            for id in &pane.series {
                let counted = &mut counted[*id as usize];
                let begin = wanted.start.max(first).max(*counted);
                if begin < end {
                    open += begin.abs_diff(end);
                    *counted = end;
                }
            }
        }
        open
    }

    /// The end of the last window.
    pub fn last_end(&self) -> Option<i64> {
        self.panes.list().back().map(|pane| self.bounds(self.windows_of(pane.index).1).1)
    }

    /// Gives every series the id that `moved` says.
    pub fn renumber(&mut self, moved: &[Option<u32>], series: usize) {
        self.panes.renumber(moved, series);
        self.view = None;
        let new = |id: u32| moved[id as usize].expect("a series in a window is kept");
        self.revised = self.revised.iter().map(|((window, id), more)| ((*window, new(*id)), *more)).collect();
    }
}

/// The panes from `from` to before `to`.
pub(super) fn range(panes: &VecDeque<Pane>, from: i64, to: i64) -> impl DoubleEndedIterator<Item = &Pane> {
    let start = panes.partition_point(|pane| pane.index < from);
    let end = panes.partition_point(|pane| pane.index < to);
    panes.range(start..end.max(start))
}

/// The two halves of a window of one series, before its boundary and from it on.
pub(super) type Halves<'a> = (Option<(&'a Accumulators, usize)>, Option<(&'a Accumulators, usize)>);

/// Joins two halves.
struct Scratch {
    joined: Accumulators,
    slots: usize,
}

impl Scratch {
    fn new(layout: &Layout) -> Self {
        Self { joined: Accumulators::sealed(layout.clone()), slots: 0 }
    }

    /// Emits a revision of what both halves hold, if they hold anything.
    fn emit(&mut self, books: &mut Books, id: u32, window: (i64, i64), revision: u32, halves: Halves<'_>, outputs: &mut Outputs) {
        match halves {
            (None, None) => {}
            (Some(only), None) | (None, Some(only)) => books.emit(id, window, revision, only, outputs),
            (Some(early), Some(late)) if early.0.is_plain() => {
                let joined = early.0.numbers(early.1).join(&late.0.numbers(late.1), &early.0.layout);
                books.emit_values(id, window, revision, early.0.layout.read(&joined), outputs);
            }
            (Some(early), Some(late)) => {
                if self.slots == SCRATCH {
                    self.joined.clear();
                    self.slots = 0;
                }
                self.joined.push();
                self.joined.merge(self.slots, early.0, early.1);
                self.joined.merge(self.slots, late.0, late.1);
                books.emit(id, window, revision, (&self.joined, self.slots), outputs);
                self.slots += 1;
            }
        }
    }
}

/// The number of the revision of a window that a late event makes: the first of all when no other event is in it.
fn revision(revised: &mut BTreeMap<(i64, u32), u32>, window: i64, id: u32, halves: Halves<'_>) -> u32 {
    let events: u64 = [halves.0, halves.1].into_iter().flatten().map(|(from, slot)| from.basic[slot].count).sum();
    if events == 1 {
        return 0;
    }
    let more = revised.entry((window, id)).or_insert(0);
    *more += 1;
    *more
}
