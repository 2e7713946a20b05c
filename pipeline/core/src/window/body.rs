//! The windows of an operator, whatever their shape: one `match` arm for each.

use std::ops::Range;

use super::{
    aligned::Aligned,
    books::{Books, micros},
    calendar::Calendar,
    columns::Batch,
    fold::Cursor,
    grid::Grid,
    hopping::Hopping,
    session::Sessions,
    shape::Shape,
    spec::Spec,
};
use crate::ports::Outputs;

/// The windows that are open, and the watermark.
pub(super) enum Body {
    /// Tumbling windows, and those of a calendar.
    Aligned(Box<Aligned>),
    /// Windows that overlap.
    Hopping(Box<Hopping>),
    /// Windows that each series has for itself.
    Session(Box<Sessions>),
}

/// Calls one method of whichever it is.
macro_rules! each {
    ($body:expr, $windows:ident => $call:expr) => {
        match $body {
            Body::Aligned($windows) => $call,
            Body::Hopping($windows) => $call,
            Body::Session($windows) => $call,
        }
    };
}

impl Body {
    pub fn new(spec: &Spec) -> Self {
        match &spec.shape {
            Shape::Tumbling => Self::Aligned(Box::new(Aligned::new(spec, Grid::Fixed(micros(spec.size))))),
            Shape::Calendar { unit, zone } => {
                Self::Aligned(Box::new(Aligned::new(spec, Grid::Calendar(Calendar::new(*unit, zone.clone())))))
            }
            Shape::Hopping { slide } => Self::Hopping(Box::new(Hopping::new(spec, micros(*slide)))),
            Shape::Session => Self::Session(Box::new(Sessions::new(spec))),
        }
    }

    /// The watermark.
    pub fn watermark(&self) -> i64 {
        match self {
            Self::Aligned(windows) => windows.clock.watermark,
            Self::Hopping(windows) => windows.watermark(),
            Self::Session(windows) => windows.watermark(),
        }
    }

    /// The next watermark at which a window may fire or go.
    pub fn next(&self) -> i64 {
        match self {
            Self::Aligned(windows) => windows.clock.next(),
            Self::Hopping(windows) => windows.next(),
            Self::Session(windows) => windows.next(),
        }
    }

    /// Whether an event can bring [`Body::next`] forward.
    pub fn boundaries_come_with_events(&self) -> bool {
        matches!(self, Self::Session(_))
    }

    /// Moves the watermark to `target`, unless it is there already: windows that end by then fire, and those whose lateness
    /// is over go.
    pub fn advance(&mut self, books: &mut Books, target: i64, outputs: &mut Outputs) {
        if target > self.watermark() {
            each!(self, windows => windows.advance(books, target, outputs));
        }
    }

    /// Folds rows from `row` on, as far as they go the same way, and returns the first that does not. No row but the first
    /// may reach `alarm`.
    pub fn take(
        &mut self,
        books: &mut Books,
        batch: &Batch<'_>,
        cursor: &mut Cursor,
        row: usize,
        alarm: i64,
        outputs: &mut Outputs,
    ) -> usize {
        match self {
            Self::Aligned(windows) => windows.take(books, batch, row, alarm, outputs),
            Self::Hopping(windows) => windows.take(books, batch, row, alarm, outputs),
            Self::Session(windows) => windows.take(books, batch, cursor, row, alarm, outputs),
        }
    }

    /// The end of the last window that a time can be in.
    pub fn end_of(&self, time: i64) -> i64 {
        each!(self, windows => windows.end_of(time))
    }

    /// The end of the last window.
    pub fn last_end(&self) -> Option<i64> {
        each!(self, windows => windows.last_end())
    }

    /// How many windows of series hold events, have not fired and start in this span.
    pub fn open(&self, starts: Range<i64>) -> u64 {
        each!(self, windows => windows.open(starts))
    }

    /// Makes room for series ids below `series`.
    pub fn fit(&mut self, series: usize) {
        match self {
            Self::Aligned(windows) => windows.panes.fit(series),
            Self::Hopping(windows) => windows.panes.fit(series),
            Self::Session(windows) => windows.fit(series),
        }
    }

    /// How many series have an event in an open window.
    pub fn live(&self) -> usize {
        match self {
            Self::Aligned(windows) => windows.panes.live(),
            Self::Hopping(windows) => windows.panes.live(),
            Self::Session(windows) => windows.live(),
        }
    }

    /// Whether a series has.
    pub fn is_live(&self, series: u32) -> bool {
        match self {
            Self::Aligned(windows) => windows.panes.is_live(series),
            Self::Hopping(windows) => windows.panes.is_live(series),
            Self::Session(windows) => windows.is_live(series),
        }
    }

    /// Gives every series the id that `moved` says. All live ones must have one.
    pub fn renumber(&mut self, moved: &[Option<u32>], series: usize) {
        match self {
            Self::Aligned(windows) => windows.panes.renumber(moved, series),
            Self::Hopping(windows) => windows.renumber(moved, series),
            Self::Session(windows) => windows.renumber(moved, series),
        }
    }
}
