//! Rollups: the aggregates of one series in one window, at one revision.

use std::collections::BTreeMap;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Series, Timestamp};

/// The aggregates of one series in one window. A higher revision replaces a lower one whole.
///
/// A revision with `aggregates.count == 0` is a retraction: the window has no events any more, because they moved into
/// another one, as when two sessions become one. Stores keep it, so that no lower revision comes back, and leave it out of
/// their answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Rollup {
    /// 32 hex digits: the hash of operator, its version, partition, source, series, window and revision.
    pub id: String,
    /// The operator that made it.
    pub operator: String,
    /// The operator's definition as a hash, 8 hex digits. A rollup of another definition replaces this one, whatever its
    /// revision.
    pub version: String,
    /// The source of the events.
    pub source: String,
    /// The series of the events.
    pub series: Arc<Series>,
    /// The window.
    pub window: Window,
    /// 0 when the window fired, one more for each late event after that.
    pub revision: u32,
    /// The values.
    pub aggregates: Aggregates,
}

impl Rollup {
    /// Whether it says that its window has no events any more.
    pub fn is_retraction(&self) -> bool {
        self.aggregates.count == 0
    }
}

/// A half-open interval of event time: `start` belongs to it, `end` does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Window {
    /// First instant inside.
    pub start: Timestamp,
    /// First instant after.
    pub end: Timestamp,
}

/// The values asked for; the others are absent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Aggregates {
    /// How many events.
    pub count: u64,
    /// Their sum, added in the order of the log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sum: Option<f64>,
    /// Sum divided by count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean: Option<f64>,
    /// The least value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// The greatest value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
    /// The standard deviation of the population (divided by count), by Welford's method.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stddev: Option<f64>,
    /// The value with the earliest event time; of equals the first in the log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<f64>,
    /// The value with the latest event time; of equals the last in the log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<f64>,
    /// Quantiles by their level written as a decimal (`"0.99"`), within 1 % of the value (DDSketch).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub quantiles: BTreeMap<String, f64>,
    /// The last value less the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delta: Option<f64>,
    /// By how much a counter grew between the first and the last value; one that fell began anew at 0. Absent of one value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub increase: Option<f64>,
    /// `increase` by the seconds between the first and the last value. Absent when there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<f64>,
    /// How many different values, or values of a label, there were: exact up to 512, beyond that with a standard error of
    /// 1.6 % (HyperLogLog).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distinct: Option<u64>,
    /// The share of the time up, of a series that is above 0 when something is up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub availability: Option<Availability>,
    /// The values, or values of a label, with the greatest amounts, the greatest first (Space-Saving).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub top: Vec<Ranked>,
    /// How many values were up to each bound, the bounds rising. `count` is the bucket without a bound.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub histogram: Vec<Bucket>,
}

/// How much of the time something was up, as far as its checks say.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Availability {
    /// The share of the observed time that was up, 0 to 1.
    pub up: f64,
    /// The share of the window that was observed, 0 to 1: each check speaks until the next one, or for a stated time.
    pub observed: f64,
}

/// One of the greatest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Ranked {
    /// The value, or value of the label; empty for series without the label.
    pub name: String,
    /// How many times it came, or the sum of the values that came with it.
    pub amount: f64,
    /// By how much the amount may be too great; 0 when it is exact.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub error: f64,
}

fn is_zero(number: &f64) -> bool {
    *number == 0.0
}

/// One bucket of a cumulative histogram.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Bucket {
    /// The bound.
    pub le: f64,
    /// How many values were less than the bound or equal to it.
    pub count: u64,
}
