//! What the desk gives to be stored, and what it needs again.

use std::collections::BTreeMap;

use floodmark_schemas::{Alert, Notification};
use serde::{Deserialize, Serialize};

use super::{AlertRecord, Answer, Decision, IncidentRecord, Silence};

/// What has changed: it is stored whole or not at all.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Changes {
    /// Incidents as they are now, by id.
    pub incidents: BTreeMap<String, IncidentRecord>,
    /// Alerts as they are now, by id.
    pub alerts: BTreeMap<String, AlertRecord>,
    /// Every step that came, in order.
    pub steps: Vec<StepRecord>,
    /// What is to be sent, in order.
    pub notifications: Vec<Notification>,
    /// Why, in order.
    pub decisions: Vec<Decision>,
    /// Silences as they are now, by id.
    pub silences: BTreeMap<String, Silence>,
    /// What else the desk has to know again: texts by name, and names that are no longer needed.
    pub notes: BTreeMap<String, Option<String>>,
    /// What became of requested actions.
    pub answers: Vec<Answer>,
}

/// A step, and the entry of the output log that it came from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepRecord {
    /// The entry.
    pub position: u64,
    /// The step.
    pub alert: Alert,
}

impl Changes {
    /// Whether there is nothing to store.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Both, where `later` comes after these.
    pub fn extend(&mut self, later: Self) {
        self.incidents.extend(later.incidents);
        self.alerts.extend(later.alerts);
        self.steps.extend(later.steps);
        self.notifications.extend(later.notifications);
        self.decisions.extend(later.decisions);
        self.silences.extend(later.silences);
        self.notes.extend(later.notes);
        self.answers.extend(later.answers);
    }
}

/// What a desk is made of again: incidents that are not done, their live alerts, silences that are not over, and all notes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stored {
    /// By id.
    pub incidents: BTreeMap<String, IncidentRecord>,
    /// By id.
    pub alerts: BTreeMap<String, AlertRecord>,
    /// By id.
    pub silences: BTreeMap<String, Silence>,
    /// By name.
    pub notes: BTreeMap<String, String>,
}

impl Stored {
    /// What is stored after `changes`.
    pub fn apply(&mut self, changes: &Changes) {
        for (id, incident) in &changes.incidents {
            if incident.done {
                self.incidents.remove(id)
            } else {
                self.incidents.insert(id.clone(), incident.clone())
            };
        }
        for (id, alert) in &changes.alerts {
            if alert.live {
                self.alerts.insert(id.clone(), alert.clone())
            } else {
                self.alerts.remove(id)
            };
        }
        for (id, silence) in &changes.silences {
            if silence.over {
                self.silences.remove(id)
            } else {
                self.silences.insert(id.clone(), silence.clone())
            };
        }
        for (name, note) in &changes.notes {
            match note {
                Some(note) => self.notes.insert(name.clone(), note.clone()),
                None => self.notes.remove(name),
            };
        }
    }
}
