//! What the desk knows of an incident and of an alert, as it is stored.

use std::collections::BTreeMap;

use floodmark_schemas::{Alert, Incident, NotificationReason, Severity, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Escalation, Timings};

/// An incident and how far its receivers have been told of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IncidentRecord {
    /// What people see.
    pub incident: Incident,
    /// What alerts must have in common to belong to it, as a hash.
    pub key: String,
    /// The gravest it has been.
    pub worst: Severity,
    /// Who is told, by receiver.
    pub threads: BTreeMap<String, Thread>,
    /// Incidents of other sources that began at about the same time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub related: Vec<Related>,
    /// Somebody has been told that all is over: what comes now is another incident.
    #[serde(default)]
    pub closing: bool,
    /// All is over and everybody knows: nothing changes any more.
    #[serde(default)]
    pub done: bool,
}

/// What one receiver is told of one incident.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Thread {
    /// The route that leads to the receiver: the first, when there are several.
    pub route: String,
    /// The waits of that route.
    pub timings: Timings,
    /// Who else is told when nobody looks after it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub escalation: Vec<Escalation>,
    /// The number of the next notification.
    pub number: u32,
    /// When it is looked at next.
    pub due: Option<Timestamp>,
    /// When it was looked at last.
    pub looked: Option<Timestamp>,
    /// When it was first told.
    pub first_told: Option<Timestamp>,
    /// When it was last told.
    pub told: Option<Timestamp>,
    /// How many steps of the escalation were taken.
    #[serde(default)]
    pub escalated: u32,
    /// When the next is taken, unless somebody acknowledges the incident.
    pub escalates: Option<Timestamp>,
    /// What the next notification is for, whatever else there is to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<NotificationReason>,
    /// It waits because its receiver has been told too much.
    #[serde(default)]
    pub limited: bool,
}

impl Thread {
    /// When it has to be looked at, for whatever reason.
    pub fn next(&self) -> Option<Timestamp> {
        match (self.due, self.escalates) {
            (Some(due), Some(escalates)) => Some(due.min(escalates)),
            (due, escalates) => due.or(escalates),
        }
    }

    /// Escalation begins anew with what is told next.
    pub(super) fn forget_who_answered(&mut self) {
        (self.first_told, self.escalated, self.escalates) = (None, 0, None);
    }
}

/// An incident of another source that began at about the same time. That is all that is known: not that one caused the other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Related {
    /// Its id.
    pub incident: String,
    /// What it is called.
    pub title: String,
    /// Its source.
    pub source: String,
    /// When it began, next to when this one did: by so many microseconds later, or, when negative, earlier.
    pub later_us: i64,
}

/// An alert at its newest step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AlertRecord {
    /// The step.
    pub alert: Alert,
    /// [`line`](super::line) of it.
    pub line: String,
    /// The job of its rule that said so.
    pub job: u32,
    /// The entry of the output log that said so.
    pub position: u64,
    /// The incident that it belongs to; absent when it never fired.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<String>,
    /// It flaps and is over: until then it counts as active.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<Timestamp>,
    /// Whom it concerns, with what they were told of it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub receivers: BTreeMap<String, Told>,
    /// Whether the desk still has to do with it.
    #[serde(default)]
    pub live: bool,
}

/// What a receiver knows of an alert.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// How grave it was when it was last told; absent when it was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    /// It was told that it is over.
    #[serde(default)]
    pub over: bool,
    /// What has kept it silent when it was last looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub muted: Option<String>,
}

impl Told {
    /// Whether the receiver believes that it is active.
    pub fn is_open(&self) -> bool {
        self.severity.is_some() && !self.over
    }
}

impl AlertRecord {
    /// Whether it counts as active.
    pub fn is_open(&self) -> bool {
        self.alert.state.is_active() || self.held.is_some()
    }

    /// Whether it is over and everybody who has to know does.
    pub fn is_settled(&self) -> bool {
        !self.is_open() && self.receivers.values().all(|told| !told.is_open())
    }
}
