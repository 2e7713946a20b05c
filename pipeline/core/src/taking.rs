//! Which samples of a frame an operator takes: by metric, by condition, and with a derived value.

use floodmark_schemas::Series;

use crate::selection::{Inputs, NONE, Selection, Taken};
use crate::series_table::SeriesTable;
use crate::window::glob;

/// Whether a metric matches one of these patterns; every one does when there are none.
pub(crate) fn takes_metric(metrics: Option<&[String]>, metric: &str) -> bool {
    metrics.is_none_or(|patterns| patterns.iter().any(|pattern| glob(pattern, metric)))
}

/// Takes samples of one source, one after the other.
pub(crate) struct Taking<'a> {
    pub selection: &'a Selection,
    pub metrics: Option<&'a [String]>,
    pub table: &'a mut SeriesTable,
    pub inputs: &'a mut Inputs,
    /// The number and the name of the source.
    pub source: (u32, &'a str),
}

impl Taking<'_> {
    pub fn takes_metric(&self, metric: &str) -> bool {
        takes_metric(self.metrics, metric)
    }

    /// The number of a series for [`Self::row`]: its own when all is taken as it is, otherwise that of an input.
    pub fn number(&mut self, key: &str) -> u32 {
        let Self { selection, metrics, table, inputs, source: (number, name) } = self;
        let wanted = |series: &Series| takes_metric(*metrics, &series.metric);
        match selection.is_everything() {
            false => inputs.series(selection, (*number, name), key, wanted, |key| table.intern(*number, key)),
            true if metrics.is_none() || Series::from_key(key).is_ok_and(|series| wanted(&series)) => table.intern(*number, key),
            true => NONE,
        }
    }

    /// What becomes of a sample of a series that [`Self::number`] has numbered.
    #[inline]
    pub fn row(&mut self, time: i64, series: u32, value: f64) -> Taken {
        match self.selection.is_everything() {
            true if series == NONE => Taken::No,
            true => Taken::Yes(series, value),
            false => self.inputs.take(self.selection, series, time, value),
        }
    }
}
