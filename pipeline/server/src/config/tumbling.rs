//! The settings of `type = "tumbling"`: windows that follow each other without gaps.

use floodmark_connectors::settings::Span;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Windows of fixed length that follow each other without gaps, for each series on its own.
///
/// They begin at the Unix epoch and its multiples of `size`, so that minutes, hours and days (UTC) are what they seem.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tumbling {
    /// How long a window is.
    pub size: Span,
    /// How long after its end a window still takes late events; each gives a new revision.
    #[serde(default = "allowed_lateness")]
    pub allowed_lateness: Span,
    /// After how much silence a source is no longer waited for.
    #[serde(default = "idle_timeout")]
    pub idle_timeout: Span,
    /// The ids of the sources it reads; all when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sources: Option<Vec<String>>,
    /// The metrics it takes, `*` stands for any text and `?` for one character; all when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metrics: Option<Vec<String>>,
    /// What is computed of each window.
    #[serde(default = "aggregates")]
    pub aggregates: Vec<Aggregate>,
    /// Which quantiles are computed besides, each between 0 and 1, within 1 % of the value.
    #[serde(default)]
    pub quantiles: Vec<Quantile>,
    /// The most series with an open window; samples of further series are counted and left out; they stay in the event log.
    #[serde(default = "series_max")]
    pub series_max: u32,
}

fn allowed_lateness() -> Span {
    Span::secs(600)
}

fn idle_timeout() -> Span {
    Span::secs(30)
}

fn aggregates() -> Vec<Aggregate> {
    vec![Aggregate::Count, Aggregate::Mean, Aggregate::Min, Aggregate::Max, Aggregate::Last]
}

fn series_max() -> u32 {
    1_000_000
}

/// What can be computed of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Aggregate {
    /// How many values.
    Count,
    /// Their sum.
    Sum,
    /// Sum divided by count.
    Mean,
    /// The least.
    Min,
    /// The greatest.
    Max,
    /// The standard deviation (of the population).
    Stddev,
    /// The value with the earliest time.
    First,
    /// The value with the latest time.
    Last,
}

/// The level of a quantile: from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "f64")]
#[schemars(inline, extend("minimum" = 0, "maximum" = 1))]
pub struct Quantile(f64);

impl Quantile {
    /// The number.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl TryFrom<f64> for Quantile {
    type Error = String;
    fn try_from(level: f64) -> Result<Self, String> {
        match level {
            _ if (0.0..=1.0).contains(&level) => Ok(Self(level)),
            _ if (1.0..=100.0).contains(&level) => {
                Err(format!("a quantile lies between 0 and 1, not at {level:?}; for the percentile write {}", level / 100.0))
            }
            _ => Err(format!("a quantile lies between 0 and 1, not at {level:?}; write for example 0.99")),
        }
    }
}
