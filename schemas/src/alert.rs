//! Alerts: what a rule says of one series, step by step.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Series, Timestamp, Window};

/// One step of an alert: the rule came to another state, or to another severity. The steps of an alert are numbered; the newest
/// says all that there is to say.
///
/// An alert begins when a condition is met and ends when it is resolved, or is over before it fired. Its id depends on rule,
/// source, series and the time it began, and not on the definition of the rule: a rule that is changed and computed anew finds
/// the same alerts again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Alert {
    /// 32 hex digits: the hash of rule, source, series and `began`.
    pub id: String,
    /// 0 for the first step of the alert, one more for each after it.
    pub step: u32,
    /// The rule, by its id in the configuration.
    pub rule: String,
    /// The rule's definition as a hash, 8 hex digits.
    pub version: String,
    /// The source of what the rule looked at.
    pub source: String,
    /// The series of it.
    pub series: Series,
    /// What it is now.
    pub state: AlertState,
    /// What it was before; [`AlertState::Inactive`] at the first step.
    pub before: AlertState,
    /// How grave it is: of an alert that is over, how grave it was last.
    pub severity: Severity,
    /// When it became so, in event time.
    pub time: Timestamp,
    /// When the condition was first met.
    pub began: Timestamp,
    /// When it fired; absent until it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fired: Option<Timestamp>,
    /// When the log stored the entry that made it known: much later than `time` when the source, or this program, was away.
    pub noticed: Timestamp,
    /// The value that decided, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// The limit that it was held against, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
    /// What decided, and where to find it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
    /// Whether it changes its state too often: nobody is told of its single steps then.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub flapping: bool,
    /// The labels of the series and those of the rule: by them it is grouped, routed and silenced.
    pub labels: BTreeMap<String, String>,
    /// Texts for people, such as `summary`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// What a rule holds of a series.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AlertState {
    /// Nothing is wrong, or it was over before it fired.
    #[default]
    Inactive,
    /// The condition is met, not yet for long enough.
    Pending,
    /// It is an alert.
    Firing,
    /// The condition is not met any more, not yet for long enough.
    Recovering,
    /// It was an alert and is over.
    Resolved,
    /// Nothing comes that the rule could look at.
    NoData,
    /// What comes cannot be judged.
    Error,
}

impl AlertState {
    /// Whether somebody should be told of it while it lasts.
    pub fn is_active(self) -> bool {
        matches!(self, Self::Firing | Self::Recovering | Self::NoData | Self::Error)
    }

    /// Whether the alert is over.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Inactive | Self::Resolved)
    }
}

/// How grave an alert is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Good to know.
    Info,
    /// Somebody should look at it today.
    #[default]
    Warning,
    /// Something does not work.
    Error,
    /// Somebody must look at it now.
    Critical,
}

impl Severity {
    /// All of them, the least grave first.
    pub const ALL: [Self; 4] = [Self::Info, Self::Warning, Self::Error, Self::Critical];

    /// Its name: in configurations, in JSON, and a token of subjects.
    pub fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
            Self::Critical => "critical",
        }
    }
}

impl std::fmt::Display for Severity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// What made a rule take a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Evidence {
    /// An event.
    Event {
        /// The entry of the event log.
        position: u64,
        /// The place within that entry.
        index: u32,
    },
    /// A rollup.
    Rollup {
        /// Its id.
        id: String,
        /// Its window.
        window: Window,
    },
    /// A score.
    Score {
        /// Its id.
        id: String,
    },
    /// That nothing came, or that enough time had passed.
    Time {
        /// The entry with which it was so.
        position: u64,
    },
}
