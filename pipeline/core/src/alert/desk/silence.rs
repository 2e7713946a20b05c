//! Silences: somebody knows, and wants to hear no more of it for a while.

use floodmark_schemas::{Alert, Timestamp};
use serde::{Deserialize, Serialize};

use super::Matchers;

/// Alerts that match are not told from `starts` until `ends`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Silence {
    /// 32 hex digits.
    pub id: String,
    /// Which alerts.
    pub matchers: Matchers,
    /// Who silenced them.
    pub owner: String,
    /// Why.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub comment: String,
    /// From when.
    pub starts: Timestamp,
    /// Until when; the instant itself is no longer silent.
    pub ends: Timestamp,
    /// Who ended it before its time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_by: Option<String>,
    /// Whether its end has been noticed: it has no effect any more.
    #[serde(default)]
    pub over: bool,
}

impl Silence {
    /// Whether it holds at a time.
    pub fn holds(&self, now: Timestamp) -> bool {
        !self.over && self.starts <= now && now < self.ends
    }

    /// Whether it keeps an alert silent at a time.
    pub fn mutes(&self, alert: &Alert, now: Timestamp) -> bool {
        self.holds(now) && self.matchers.matches(alert)
    }
}
