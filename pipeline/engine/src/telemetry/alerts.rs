//! What the desk of alerts and the dispatcher do.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use floodmark_core::ports::alerts::{Depth, Outcome};
use floodmark_schemas::{Severity, Timestamp};
use opentelemetry::KeyValue;

use super::{Count, Durations, Labelled, Level};

/// What one receiver is sent.
#[derive(Clone, Debug)]
pub struct ReceiverMeters {
    delivered: Count,
    again: Count,
    rejected: Count,
    given_up: Count,
    waiting: Level,
    oldest: Level,
    handover: Durations,
}

impl ReceiverMeters {
    /// The meters of the receiver with this id.
    pub fn new(receiver: &str) -> Self {
        let receiver = KeyValue::new("receiver", receiver.to_owned());
        let tries = |outcome: &'static str| {
            let labels = [receiver.clone(), KeyValue::new("outcome", outcome)];
            Labelled::new(labels).count("floodmark_notification_attempts_total", "Tries to send a notification, by what came of them.")
        };
        let of = Labelled::new([receiver.clone()]);
        Self {
            delivered: tries("delivered"),
            again: tries("again"),
            rejected: tries("rejected"),
            given_up: tries("given_up"),
            waiting: of.level("floodmark_outbox_notifications", "", "Notifications that wait to be sent."),
            oldest: of.level("floodmark_outbox_oldest_age_seconds", "s", "How long the oldest of them has waited; 0 when none does."),
            handover: of.long_durations(
                "floodmark_notification_handover_seconds",
                "From when the log stored what made the newest alert of a notification known until its receiver had it.",
            ),
        }
    }

    /// This came of a try.
    pub fn tried(&self, outcome: Outcome) {
        let count = match outcome {
            Outcome::Delivered => &self.delivered,
            Outcome::Again { .. } => &self.again,
            Outcome::Rejected => &self.rejected,
            Outcome::GivenUp => &self.given_up,
        };
        count.add(1);
    }

    /// It was handed over so long after it became known.
    pub fn handed_over(&self, known: Timestamp, now: Timestamp) {
        self.handover.record_us(now.micros().saturating_sub(known.micros()).max(0).cast_unsigned());
    }

    fn waits(&self, waiting: u64, oldest: Option<Timestamp>, now: Timestamp) {
        self.waiting.set_count(waiting);
        self.oldest.set_micros(oldest.map_or(0, |oldest| now.micros().saturating_sub(oldest.micros()).max(0)));
    }
}

/// What the desk holds.
#[derive(Clone, Debug)]
pub struct DeskMeters {
    steps: Count,
    incidents: Vec<Level>,
    shown: Arc<Mutex<BTreeSet<String>>>,
}

impl Default for DeskMeters {
    fn default() -> Self {
        let incidents = Severity::ALL.map(|severity| {
            let of = Labelled::new([KeyValue::new("severity", severity.name())]);
            of.level("floodmark_incidents_open", "", "Incidents that are not over.")
        });
        let steps = Labelled::new([]).count("floodmark_alert_steps_total", "Steps of alerts that the desk has taken.");
        Self { steps, incidents: incidents.into(), shown: Arc::default() }
    }
}

impl DeskMeters {
    /// The desk took so many steps, and so many incidents are open by severity.
    pub fn took(&self, steps: u64, open: [u64; Severity::ALL.len()]) {
        self.steps.add(steps);
        self.incidents.iter().zip(open).for_each(|(level, open)| level.set_count(open));
    }

    /// So much waits to be sent.
    pub fn waits(&self, depths: &[Depth], now: Timestamp) {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        for Depth { receiver, waiting, oldest } in depths {
            ReceiverMeters::new(receiver).waits(*waiting, Some(*oldest), now);
            shown.insert(receiver.clone());
        }
        for receiver in shown.iter().filter(|receiver| !depths.iter().any(|depth| depth.receiver == **receiver)) {
            ReceiverMeters::new(receiver).waits(0, None, now);
        }
    }
}
