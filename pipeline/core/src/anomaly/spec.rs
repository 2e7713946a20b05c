//! What an anomaly operator is asked to do.

use std::time::Duration;

use floodmark_schemas::subject;

use crate::selection::Selection;
use crate::taking::takes_metric;
use crate::upstream::Upstream;
use crate::{Error, Result};

/// The configuration of one anomaly operator on one partition.
#[derive(Clone, Debug, PartialEq)]
pub struct Spec {
    /// The operator's id.
    pub operator: String,
    /// Its version: scores of another version have other ids.
    pub version: u32,
    /// The partition it works on.
    pub partition: u32,
    /// The score at which an episode opens.
    pub threshold: f64,
    /// Which scores are emitted.
    pub emit: Emit,
    /// Which series are counters.
    pub counters: Counters,
    /// Rollups that are judged; samples when absent.
    pub from: Option<Rollups>,
    /// Only metrics whose name matches one of these patterns (`*` any text, `?` one character); `None` takes all.
    pub metrics: Option<Vec<String>>,
    /// Only events of these sources; `None` takes all.
    pub sources: Option<Vec<String>>,
    /// Which samples of them, and with which value.
    pub selection: Selection,
    /// The most series. A sample of one more is counted and skipped: it is still in the event log.
    pub series_max: usize,
    /// A series without an event for so long, by the watermark of its source, is forgotten.
    pub forget_after: Duration,
}

/// Which rollups are judged, and by what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rollups {
    /// The operator that makes them.
    pub upstream: Upstream,
    /// The aggregate, as it is called in a rollup, or the level of a quantile.
    pub aggregate: String,
}

/// Which scores are emitted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Emit {
    /// Every one.
    All,
    /// Those of at least 0.5, those that open or close an episode, and the one with which learning ends.
    #[default]
    Notable,
}

/// A score that is worth a look.
pub const NOTABLE: f64 = 0.5;

/// Which series are counters, of which the growth is judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Counters {
    /// Those whose metric is called `.._total`, as is the custom of Prometheus; of rollups only where the aggregate is a level of the
    /// counter and not a number of events or a sum.
    #[default]
    Auto,
    /// All.
    All,
    /// None.
    None,
}

impl Spec {
    /// A spec for samples with defaults for the rest: threshold 1.5, notable scores, counters by their names, all metrics of all sources,
    /// at most 100,000 series, forgotten after 14 days.
    pub fn new(operator: impl Into<String>, partition: u32) -> Self {
        Self {
            operator: operator.into(),
            version: 1,
            partition,
            threshold: 1.5,
            emit: Emit::default(),
            counters: Counters::default(),
            from: None,
            metrics: None,
            sources: None,
            selection: Selection::default(),
            series_max: 100_000,
            forget_after: Duration::from_secs(14 * 86_400),
        }
    }

    /// Checks what types cannot.
    ///
    /// # Errors
    /// `Broken` when the threshold is not greater than 0, or a time does not fit.
    pub(super) fn check(&self) -> Result<()> {
        let broken = |what: String| Err(Error::broken(format!("setting up operator {:?}: {what}", self.operator)));
        if !(self.threshold > 0.0 && self.threshold.is_finite()) {
            return broken(format!("the threshold {} is not a number greater than 0", self.threshold));
        }
        if self.forget_after > Duration::from_secs(36_600 * 86_400) {
            return broken(format!("{:?} is more than 100 years", self.forget_after));
        }
        Ok(())
    }

    pub(super) fn takes_source(&self, source: &str) -> bool {
        subject::takes(self.sources.as_deref(), source)
    }

    pub(super) fn takes_metric(&self, metric: &str) -> bool {
        takes_metric(self.metrics.as_deref(), metric)
    }

    /// Whether the growth of a metric is judged, and not its value.
    pub(super) fn is_counter(&self, metric: &str) -> bool {
        let is_level = |aggregate: &str| matches!(aggregate, "mean" | "min" | "max" | "first" | "last");
        match self.counters {
            Counters::All => true,
            Counters::None => false,
            Counters::Auto => metric.ends_with("_total") && self.from.as_ref().is_none_or(|from| is_level(&from.aggregate)),
        }
    }
}
