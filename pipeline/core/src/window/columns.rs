//! The events of a frame as columns, ready to be folded.

use floodmark_schemas::{Event, Series, frame};

use super::spec::Spec;
use crate::{project, series_table::SeriesTable};

/// The series of a row that has none: an event that gives no number, or none that is asked for. Its time still counts.
pub(super) const NONE: u32 = u32::MAX;

/// Samples in the order of the log: one row for each number that an event gives, or one without a series when it gives
/// none. All columns have one length.
#[derive(Clone, Debug, Default)]
pub struct Columns {
    /// The place of the event in its frame.
    pub index: Vec<u32>,
    /// Event time in microseconds.
    pub time: Vec<i64>,
    /// The series, as [`super::Tumbling::series`] numbers it.
    pub series: Vec<u32>,
    /// The value; finite.
    pub value: Vec<f64>,
    /// How many events the rows come from.
    pub events: u64,
}

/// The columns of one frame, with what its entry says.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    /// The lane of its source, as [`super::Tumbling::lane`] numbers it.
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
        self.events = 0;
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
    pub source: u32,
    pub columns: &'a mut Columns,
}

impl frame::Visitor for Filling<'_> {
    fn series(&mut self, key: &str) -> u32 {
        let wanted = self.spec.metrics.is_none() || Series::from_key(key).is_ok_and(|series| self.spec.takes_metric(&series.metric));
        if wanted { self.table.intern(self.source, key) } else { NONE }
    }

    #[inline]
    fn sample(&mut self, index: u32, time: i64, series: u32, value: f64) {
        self.columns.events += 1;
        self.columns.push(index, time, series, value);
    }

    fn event(&mut self, index: u32, event: Event) {
        self.columns.events += 1;
        let time = event.time.micros();
        let rows = self.columns.time.len();
        for (series, value) in project::samples_of(&event).filter(|(series, _)| self.spec.takes_metric(&series.metric)) {
            let series = self.table.intern(self.source, &series.key());
            self.columns.push(index, time, series, value);
        }
        if self.columns.time.len() == rows {
            self.columns.push(index, time, NONE, 0.0);
        }
    }
}
