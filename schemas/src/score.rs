//! Scores: how unusual one value of a series is, with what a chart needs to show why.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Series, Timestamp, Window};

/// How unusual one value is, judged by what its series did before. A higher revision replaces a lower one whole.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Score {
    /// 32 hex digits: the hash of operator, its version, partition, source, series, time (with the value) or window, and revision.
    pub id: String,
    /// The operator that made it.
    pub operator: String,
    /// The operator's definition as a hash, 8 hex digits.
    pub version: String,
    /// The source of the value.
    pub source: String,
    /// The series of the value.
    pub series: Arc<Series>,
    /// When the value was so: the event's time, or the end of the window.
    pub time: Timestamp,
    /// The window, when it was a rollup that was scored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Window>,
    /// Of a rollup its own revision; of a sample how many of the same time came just before it.
    pub revision: u32,
    /// What was judged: of a counter how much it grew by the second.
    pub value: f64,
    /// The greatest of the heads. The unit is the lowest threshold: an episode opens at 1 where the sensitivity is "sensitive", at 1.5
    /// where it is "normal" and at 2 where it is "quiet". The number itself does not depend on the sensitivity.
    pub score: f64,
    /// How far the value is from all that were seen.
    pub novelty: f64,
    /// How unusual the step from the value before is.
    pub jump: f64,
    /// How unusual it is that the value has not changed for so long.
    pub staleness: f64,
    /// Which of them is the greatest.
    pub head: Head,
    /// What the level and the hour of the day or week make one expect; absent while learning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<f64>,
    /// Below this the value would have had a novelty of 1; absent while learning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lower: Option<f64>,
    /// Above this likewise; absent while learning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upper: Option<f64>,
    /// What the series is to be taken for.
    pub state: ScoreState,
    /// The episode the value belongs to, when there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub episode: Option<Episode>,
}

/// A part of the score that judges one thing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Head {
    /// Unlike anything seen.
    #[default]
    Novelty,
    /// A step unlike those before.
    Jump,
    /// The same value for too long.
    Staleness,
}

/// What a series is to be taken for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ScoreState {
    /// Too little was seen to call anything unusual.
    #[default]
    Learning,
    /// As usual.
    Normal,
    /// An episode is open.
    Anomalous,
}

/// Unusual values that belong together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Episode {
    /// 32 hex digits, the id of the score that opened it.
    pub id: String,
    /// The time of that score.
    pub opened: Timestamp,
    /// The greatest score in it so far.
    pub peak: f64,
    /// Whether this score is its last.
    #[serde(default)]
    pub closed: bool,
}

impl Episode {
    /// How grave it is: the binary logarithm of the peak, one more for each doubling.
    pub fn severity(&self) -> f64 {
        libm::log2(self.peak)
    }
}
