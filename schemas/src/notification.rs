//! Notifications: what one receiver is told of one incident.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Alert, Severity, Timestamp};

/// Alerts that belong together, from the first that fired until all are over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Incident {
    /// 32 hex digits: the hash of its group and of the alert that opened it.
    pub id: String,
    /// The labels that its alerts have in common because they were grouped by them.
    pub group: BTreeMap<String, String>,
    /// One line for people.
    pub title: String,
    /// The gravest of the alerts that are active; when none is, the gravest that was.
    pub severity: Severity,
    /// When the first alert fired.
    pub opened: Timestamp,
    /// When the last alert was over; absent before that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved: Option<Timestamp>,
    /// Who looks after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged: Option<Acknowledgement>,
}

/// Somebody looks after an incident.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Acknowledgement {
    /// Who.
    pub owner: String,
    /// What they say.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// Since when.
    pub time: Timestamp,
    /// Whether the alert was worth it: `None` when nothing was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub useful: Option<bool>,
}

/// What one receiver is told of one incident. It is stored before it is sent; whoever gets it twice knows it by its id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Notification {
    /// 32 hex digits: the hash of receiver, incident, reason, number and the newest steps of its alerts.
    pub id: String,
    /// The receiver, by its id in the configuration.
    pub receiver: String,
    /// Why it is sent.
    pub reason: NotificationReason,
    /// When it was written.
    pub time: Timestamp,
    /// The number of this notification in the incident for this receiver, from 0: those after the first are replies to it.
    pub number: u32,
    /// The incident.
    pub incident: Incident,
    /// Its alerts with their newest steps: those that are active first, the gravest first, then by id.
    pub alerts: Vec<Alert>,
    /// How many more there are, when they were too many to list.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub left_out: u32,
    /// Of alerts in `alerts` that the receiver was told of with another severity: that one, by the id of the alert.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub severity_before: BTreeMap<String, Severity>,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// Why a notification is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NotificationReason {
    /// The incident was opened.
    Opened,
    /// Alerts have come or gone, or are graver.
    Changed,
    /// It goes on, and nobody looks after it.
    Repeated,
    /// It goes on, and those who were told before did not answer.
    Escalated,
    /// Somebody looks after it.
    Acknowledged,
    /// All is over.
    Resolved,
    /// A person asked for it, to see whether it arrives.
    Test,
}
