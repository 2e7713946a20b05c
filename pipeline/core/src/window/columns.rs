//! The events of a frame as columns, ready to be folded.

use floodmark_schemas::{Event, Series, frame};

use super::{accumulators::Layout, grouping::Grouping, spec::Spec};
use crate::selection::{Inputs, Taken};
use crate::{project, series_table::SeriesTable};

/// The series of a row that has none: an event that gives no number, or none that is asked for. Its time still counts.
pub(super) use crate::selection::NONE;

/// Samples in the order of the log: one row for each number that an event gives, or one without a series when it gives
/// none. All columns have one length.
#[derive(Clone, Debug, Default)]
pub struct Columns {
    /// The place of the event in its frame.
    pub index: Vec<u32>,
    /// Event time in microseconds.
    pub time: Vec<i64>,
    /// The series, as [`super::Windows::series`] numbers it.
    pub series: Vec<u32>,
    /// The value; finite.
    pub value: Vec<f64>,
    /// Which member of its group the series is. Empty when nobody asks.
    pub member: Vec<u32>,
    /// How many events the rows come from.
    pub events: u64,
    /// Numbers left out because a formula made nothing finite of them.
    pub undefined: u64,
}

/// The columns of one frame, with what its entry says.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    /// The lane of its source, as [`super::Windows::lane`] numbers it.
    pub lane: u32,
    /// When the log stored it, in microseconds.
    pub log_time: i64,
    /// Where it stands in the log.
    pub position: u64,
    /// By how much event times of the source may go backwards.
    pub disorder_us: i64,
    /// The events.
    pub columns: &'a Columns,
}

impl Columns {
    /// Forgets all rows and keeps the room.
    pub fn clear(&mut self) {
        self.index.clear();
        self.time.clear();
        self.series.clear();
        self.value.clear();
        self.member.clear();
        self.events = 0;
        self.undefined = 0;
    }

    /// Adds a row.
    #[inline]
    pub fn push(&mut self, index: u32, time: i64, series: u32, value: f64) {
        self.index.push(index);
        self.time.push(time);
        self.series.push(series);
        self.value.push(value);
    }
}

/// Fills columns from a frame of one source.
pub(super) struct Filling<'a> {
    pub spec: &'a Spec,
    pub table: &'a mut SeriesTable,
    pub inputs: &'a mut Inputs,
    /// The number and the name of the source.
    pub source: (u32, &'a str),
    pub columns: &'a mut Columns,
    pub grouping: Option<&'a mut Grouping>,
    pub layout: &'a Layout,
}

impl Filling<'_> {
    /// The number of a series for [`Self::row`]: of an input, or, when all is taken as it is, what stands for the series.
    fn number(&mut self, key: &str) -> u32 {
        let Self { spec, table, inputs, source: (number, name), grouping, layout, .. } = self;
        let wanted = |series: &Series| spec.takes_metric(&series.metric);
        let mut intern = |key: &str| match grouping {
            None => table.intern(*number, key),
            Some(grouping) => grouping.member(*number, key, table, layout),
        };
        match spec.selection.is_everything() {
            false => inputs.series(&spec.selection, (*number, name), key, wanted, intern),
            true if spec.metrics.is_none() || Series::from_key(key).is_ok_and(|series| wanted(&series)) => intern(key),
            true => NONE,
        }
    }

    /// What stands for the series that a number counts for, and its value; `None` when it does not count.
    #[inline]
    fn row(&mut self, time: i64, series: u32, value: f64) -> Option<(u32, f64)> {
        if self.spec.selection.is_everything() {
            return (series != NONE).then_some((series, value));
        }
        match self.inputs.take(&self.spec.selection, series, time, value) {
            Taken::Yes(series, value) => Some((series, value)),
            Taken::No => None,
            Taken::Undefined => {
                self.columns.undefined += 1;
                None
            }
        }
    }

    #[inline]
    fn push(&mut self, index: u32, time: i64, series: u32, value: f64) {
        match &self.grouping {
            Some(grouping) => {
                self.columns.push(index, time, if series == NONE { NONE } else { grouping.group(series) }, value);
                if self.layout.asks_labels() {
                    self.columns.member.push(series);
                }
            }
            None => self.columns.push(index, time, series, value),
        }
    }
}

impl frame::Visitor for Filling<'_> {
    fn series(&mut self, key: &str) -> u32 {
        self.number(key)
    }

    #[inline]
    fn sample(&mut self, index: u32, time: i64, series: u32, value: f64) {
        self.columns.events += 1;
        let (series, value) = self.row(time, series, value).unwrap_or((NONE, 0.0));
        self.push(index, time, series, value);
    }

    fn event(&mut self, index: u32, event: Event) {
        self.columns.events += 1;
        let time = event.time.micros();
        let rows = self.columns.time.len();
        for (series, value) in project::samples_of(&event).filter(|(series, _)| self.spec.takes_metric(&series.metric)) {
            let series = self.number(&series.key());
            if let Some((series, value)) = self.row(time, series, value) {
                self.push(index, time, series, value);
            }
        }
        if self.columns.time.len() == rows {
            self.push(index, time, NONE, 0.0);
        }
    }
}
