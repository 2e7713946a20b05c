//! A desk in virtual time: what the steps of rules would have made of incidents and notifications.
//!
//! The desk takes each step at the time that the step says it was noticed, and looks at what is due at the very moment it is due. Silences and
//! acknowledgements of people are not known to it.

use std::collections::BTreeMap;

use floodmark_core::alert::desk::{Changes, Decision, Desk, Policy, RuleEntry};
use floodmark_schemas::{Alert, Incident, NotificationReason, Severity, Timestamp};
use serde::Serialize;

/// A notification that would have been written.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Telling {
    /// When.
    pub time: Timestamp,
    /// To whom.
    pub receiver: String,
    /// Why.
    pub reason: NotificationReason,
    /// Of which incident.
    pub incident: String,
    /// What it is called.
    pub title: String,
    /// How grave it was then.
    pub severity: Severity,
    /// The rules of its alerts.
    pub rules: Vec<String>,
}

/// What a desk made of the past.
#[derive(Clone, Debug, Default)]
pub struct Played {
    /// Every incident as it was last, by id.
    pub incidents: BTreeMap<String, Incident>,
    /// In order.
    pub told: Vec<Telling>,
    /// In order.
    pub decisions: Vec<Decision>,
}

impl Played {
    fn takes(&mut self, changes: Changes) {
        self.incidents.extend(changes.incidents.into_iter().map(|(id, record)| (id, record.incident)));
        self.decisions.extend(changes.decisions);
        for notification in changes.notifications {
            let incident = notification.incident;
            let mut rules: Vec<String> = notification.alerts.into_iter().map(|alert| alert.rule).collect();
            rules.sort();
            rules.dedup();
            self.told.push(Telling {
                time: notification.time,
                receiver: notification.receiver,
                reason: notification.reason,
                incident: incident.id,
                title: incident.title,
                severity: incident.severity,
                rules,
            });
        }
    }
}

/// Plays steps, which are in the order in which they were noticed, until a time.
pub fn play(policy: Policy, steps: &[Alert], until: Timestamp) -> Played {
    let (mut desk, mut played) = (Desk::new(policy), Played::default());
    let mut position = 0;
    for steps in steps.chunk_by(|one, next| one.noticed == next.noticed) {
        let now = steps[0].noticed;
        pass(&mut desk, &mut played, now.plus_micros(-1));
        let entries: Vec<RuleEntry> = steps
            .chunk_by(|one, next| one.rule == next.rule)
            .map(|steps| {
                position += 1;
                let Alert { rule, version, .. } = steps[0].clone();
                RuleEntry { rule, version, job: 0, jobs: 1, rebuilding: false, position, time: now, alerts: steps.to_vec() }
            })
            .collect();
        desk.take(now, &entries);
        desk.tick(now);
        played.takes(desk.changes());
    }
    pass(&mut desk, &mut played, until);
    played
}

/// Lets time pass, deadline by deadline.
fn pass(desk: &mut Desk, played: &mut Played, until: Timestamp) {
    while let Some(due) = desk.next_due().filter(|due| *due <= until) {
        desk.tick(due);
        played.takes(desk.changes());
    }
}
