//! The samples of a frame that are judged, as columns.

use floodmark_schemas::{Event, Series, frame};

use super::spec::Spec;
use crate::selection::{Inputs, Taken};
use crate::{project, series_table::SeriesTable, window::Columns};

/// The series of a row that is not judged. Its time still counts.
pub(super) use crate::selection::NONE;

/// Fills columns from a frame of one source.
pub(super) struct Filling<'a> {
    pub spec: &'a Spec,
    pub table: &'a mut SeriesTable,
    pub inputs: &'a mut Inputs,
    /// The number and the name of the source.
    pub source: (u32, &'a str),
    pub columns: &'a mut Columns,
}

impl Filling<'_> {
    /// The number of a series for [`Self::row`]: its own when all is taken as it is, otherwise that of an input.
    fn number(&mut self, key: &str) -> u32 {
        let Self { spec, table, inputs, source: (number, name), .. } = self;
        let wanted = |series: &Series| spec.takes_metric(&series.metric);
        match spec.selection.is_everything() {
            false => inputs.series(&spec.selection, (*number, name), key, wanted, |key| table.intern(*number, key)),
            true if spec.metrics.is_none() || Series::from_key(key).is_ok_and(|series| wanted(&series)) => table.intern(*number, key),
            true => NONE,
        }
    }

    /// The series and the value that are judged, if any.
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
}

impl frame::Visitor for Filling<'_> {
    fn series(&mut self, key: &str) -> u32 {
        self.number(key)
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
        for (series, value) in project::samples_of(&event).filter(|(series, _)| self.spec.takes_metric(&series.metric)) {
            let series = self.number(&series.key());
            if let Some((series, value)) = self.row(time, series, value) {
                self.columns.push(index, time, series, value);
            }
        }
        if self.columns.time.len() == rows {
            self.columns.push(index, time, NONE, 0.0);
        }
    }
}
