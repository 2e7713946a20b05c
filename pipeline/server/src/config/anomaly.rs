//! The settings of `type = "anomaly"`: how unusual each value is.

use floodmark_connectors::settings::{Fault, Span};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::check::CENTURY;
use super::selection::Selecting;

/// How unusual each value is, judged by what its series did before. Nothing has to be tuned.
///
/// A series is learnt for 300 values and 24 hours; until then nothing is called anomalous.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Anomaly {
    /// The operator whose rollups are judged; the events themselves when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Which aggregate of a rollup is judged, by its name, or by its level for a quantile; `"mean"` when absent. Only with `from`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aggregate: Option<String>,
    /// The ids of the sources it reads; all when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sources: Option<Vec<String>>,
    /// The metrics it takes, `*` stands for any text and `?` for one character; all when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metrics: Option<Vec<String>>,
    /// Only samples for which this expression holds, for example `labels.env == "prod" and value > 0`.
    #[serde(rename = "where", default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub condition: Option<String>,
    /// Another value in the place of the sample's: an expression such as `value / 1000`. It needs `metric`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub value: Option<String>,
    /// The name of what `value` gives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub metric: Option<String>,
    /// The unit of what `value` gives; none when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub metric_unit: Option<String>,
    /// From which score on a value is anomalous. Scores do not depend on it.
    #[serde(default)]
    pub sensitivity: Sensitivity,
    /// Which scores are kept.
    #[serde(default)]
    pub emit: Emit,
    /// Which series are counters, of which the growth by the second is judged.
    #[serde(default)]
    pub counters: Counters,
    /// The most series; each takes about 6 KiB of memory. Values of further series are counted and left out; they stay in the event log.
    #[serde(default = "series_max")]
    pub series_max: u32,
    /// After how long a silence a series is forgotten, by the time of its source's events.
    #[serde(default = "forget_after")]
    pub forget_after: Span,
}

/// From which score on a value is anomalous.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Sensitivity {
    /// From 2 on.
    Quiet,
    /// From 1.5 on.
    #[default]
    Normal,
    /// From 1 on.
    Sensitive,
}

impl Sensitivity {
    /// The score at which an episode opens.
    pub fn threshold(self) -> f64 {
        match self {
            Self::Quiet => 2.0,
            Self::Normal => 1.5,
            Self::Sensitive => 1.0,
        }
    }
}

/// Which scores are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Emit {
    /// Every one: for charts with the expected band. As many scores as values.
    All,
    /// Those from 0.5 on, those that open or close an episode, and the one with which learning ends.
    #[default]
    Notable,
}

/// Which series are counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Counters {
    /// Those whose metric ends in `_total`; of rollups only by mean, min, max, first or last.
    #[default]
    Auto,
    /// All.
    All,
    /// None.
    None,
}

impl Anomaly {
    /// What cannot work.
    pub fn validate(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        if self.aggregate.is_some() && self.from.is_none() {
            let remedy = "add `from` with the id of the operator, or remove `aggregate`";
            faults.push(Fault::of("aggregate", "events have no aggregates, rollups have", remedy));
        }
        if self.series_max == 0 {
            faults.push(Fault::of("series_max", "no series could be judged", "write 1 or more"));
        }
        if self.forget_after.0 < Span::secs(3_600).0 {
            faults.push(Fault::of("forget_after", "series would be forgotten before they are known", "write 1h or more"));
        }
        if self.forget_after.0 > CENTURY {
            faults.push(Fault::of("forget_after", "this is more than 100 years", "write for example \"14d\""));
        }
        faults.extend(self.selecting().faults());
        faults
    }

    /// Which samples it takes, and with which value.
    pub fn selecting(&self) -> Selecting<'_> {
        Selecting {
            sources: self.sources.as_deref(),
            metrics: self.metrics.as_deref(),
            condition: self.condition.as_deref(),
            value: self.value.as_deref(),
            metric: self.metric.as_deref(),
            unit: self.metric_unit.as_deref(),
        }
    }
}

fn series_max() -> u32 {
    100_000
}

fn forget_after() -> Span {
    Span::secs(14 * 86_400)
}
