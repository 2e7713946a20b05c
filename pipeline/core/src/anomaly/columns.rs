//! The samples of a frame that are judged, as columns.

use floodmark_schemas::{Event, Series, frame};

use super::spec::Spec;
use crate::{project, series_table::SeriesTable, window::Columns};

/// The series of a row that is not judged. Its time still counts.
pub(super) const NONE: u32 = u32::MAX;

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
