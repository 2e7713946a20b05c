//! The samples of a frame that are judged, as columns.

use floodmark_schemas::{Event, frame};

use crate::selection::Taken;
use crate::taking::Taking;
use crate::{project, window::Columns};

/// The series of a row that is not judged. Its time still counts.
pub(super) use crate::selection::NONE;

/// Fills columns from a frame of one source.
pub(super) struct Filling<'a> {
    pub taking: Taking<'a>,
    pub columns: &'a mut Columns,
}

impl Filling<'_> {
    /// The series and the value that are judged, if any.
    #[inline]
    fn row(&mut self, time: i64, series: u32, value: f64) -> Option<(u32, f64)> {
        match self.taking.row(time, series, value) {
            Taken::Yes(series, value) => Some((series, value)),
            Taken::No => None,
            Taken::Undefined => {
                self.columns.undefined += 1;
                None
            }
        }
    }
}

impl frame::Visitor for Filling<'_> {
    fn series(&mut self, key: &str) -> u32 {
        self.taking.number(key)
    }

    fn sample(&mut self, index: u32, time: i64, series: u32, value: f64) {
        self.columns.events += 1;
        let (series, value) = self.row(time, series, value).unwrap_or((NONE, 0.0));
        self.columns.push(index, time, series, value);
    }

    fn event(&mut self, index: u32, event: Event) {
        self.columns.events += 1;
        let time = event.time.micros();
        let rows = self.columns.time.len();
        for (series, value) in project::samples_of(&event) {
            if !self.taking.takes_metric(&series.metric) {
                continue;
            }
            let series = self.taking.number(&series.key());
            if let Some((series, value)) = self.row(time, series, value) {
                self.columns.push(index, time, series, value);
            }
        }
        if self.columns.time.len() == rows {
            self.columns.push(index, time, NONE, 0.0);
        }
    }
}
