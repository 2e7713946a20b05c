//! From the outbox to one receiver: each notification until the receiver has it, never takes it, or it was tried for long enough.
//!
//! Those of one incident go one after the other, in order. What came of a try is stored after it: a process that dies in
//! between sends again. Receivers know a notification by its id.

use std::sync::Arc;
use std::time::Duration;

use floodmark_core::ports::alerts::{Attempt, Outbox, Outcome, Outgoing};
use floodmark_core::ports::log::dead_letter_entry;
use floodmark_core::ports::notifier::TIMEOUT_MAX;
use floodmark_core::ports::{AlertStore, Clock, Expect, Log, Notifier, Refusal};
use floodmark_core::{Error, Kind, Result};
use floodmark_schemas::{DeadLetter, Notification, Timestamp};
use futures_util::future::join_all;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::desk::retrying;
use crate::telemetry::ReceiverMeters;

/// Who sets notifications aside, as a component of dead letters.
pub const COMPONENT: &str = "alerts";
/// What takes longer than this has failed. A notifier's own time limit ends before: it knows more of what went wrong, and
/// whether the receiver has taken the notification.
const DELIVERY_MAX: Duration = TIMEOUT_MAX.saturating_add(Duration::from_secs(10));
/// The longest wait that a receiver may ask for: one that names a wrong time does not keep alerts back for a day.
const ASKED_MAX: Duration = Duration::from_secs(3600);
/// How long a lane waits when nothing is due: what somebody else wrote is seen then.
const LOOKS_EVERY: Duration = Duration::from_secs(30);

/// How soon and how often it is tried to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waits {
    /// After the first try that failed; it doubles with each.
    pub first: Duration,
    /// The longest wait, unless the receiver asks for a longer one: up to an hour.
    pub longest: Duration,
    /// So long after it was written it is tried for the last time.
    pub give_up: Duration,
    /// How many are sent at once to one receiver.
    pub at_once: usize,
}

impl Default for Waits {
    fn default() -> Self {
        let (first, longest, give_up) = (Duration::from_secs(1), Duration::from_secs(300), Duration::from_secs(24 * 3600));
        Self { first, longest, give_up, at_once: 8 }
    }
}

impl Waits {
    /// How long to wait after so many tries have failed.
    pub fn after(&self, attempts: u32) -> Duration {
        self.first.saturating_mul(1 << attempts.saturating_sub(1).min(30)).min(self.longest)
    }

    /// What becomes of a notification that was not taken.
    fn outcome(&self, notification: &Notification, attempts: u32, refusal: &Refusal, now: Timestamp) -> Outcome {
        if refusal.error.kind() == Kind::Rejected {
            return Outcome::Rejected;
        }
        let micros = |time: Duration| i64::try_from(time.as_micros()).unwrap_or(i64::MAX);
        let last = notification.time.plus_micros(micros(self.give_up));
        if now >= last {
            return Outcome::GivenUp;
        }
        let wait = self.after(attempts).max(refusal.retry_after.unwrap_or_default().min(ASKED_MAX));
        Outcome::Again { at: now.plus_micros(micros(wait)).min(last) }
    }
}

/// The lane of one receiver.
pub(crate) struct Dispatcher {
    pub(crate) receiver: String,
    /// The way to it; absent when it is not configured any more.
    pub(crate) notifier: Option<Arc<dyn Notifier>>,
    pub(crate) store: Arc<dyn AlertStore>,
    pub(crate) owner: u64,
    /// Where dead letters go.
    pub(crate) outputs: Arc<dyn Log>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) waits: Waits,
}

impl Dispatcher {
    /// Sends until `stop`; what is under way then is brought to its end. `written` tells that there may be more.
    ///
    /// # Errors
    /// `Conflict` when somebody else has taken the store over; `Broken`. What is `Unavailable` is retried.
    pub(crate) async fn run(&self, mut written: watch::Receiver<()>, stop: CancellationToken) -> Result<()> {
        let meters = ReceiverMeters::new(&self.receiver);
        loop {
            written.mark_unchanged();
            let now = self.clock.now();
            let at_once = self.waits.at_once.max(1);
            let Outbox { due, next } = retrying(&self.receiver, || self.store.outbox(&self.receiver, now, at_once)).await?;
            if stop.is_cancelled() {
                return Ok(());
            }
            if due.is_empty() {
                let wait =
                    next.map_or(LOOKS_EVERY, |next| Duration::from_micros(next.micros().saturating_sub(now.micros()).cast_unsigned()));
                tokio::select! {
                    biased;
                    () = stop.cancelled() => return Ok(()),
                    changed = written.changed() => changed.map_err(|e| Error::broken("waiting for notifications").because(e))?,
                    () = tokio::time::sleep(wait.min(LOOKS_EVERY)) => {}
                }
                continue;
            }
            let tried = join_all(due.iter().map(|outgoing| self.attempt(outgoing, &meters))).await;
            let attempts: Vec<Attempt> = tried.into_iter().collect::<Result<_>>()?;
            retrying(&self.receiver, || self.store.attempted(self.owner, &attempts)).await?;
            attempts.iter().for_each(|attempt| meters.tried(attempt.outcome));
        }
    }

    async fn attempt(&self, outgoing: &Outgoing, meters: &ReceiverMeters) -> Result<Attempt> {
        let Outgoing { notification, attempts } = outgoing;
        let (time, number) = (self.clock.now(), attempts + 1);
        let outcome = self.deliver(notification).await;
        let now = self.clock.now();
        let (outcome, answer) = match outcome {
            Ok(answer) => {
                notification.alerts.iter().map(|alert| alert.noticed).max().into_iter().for_each(|known| meters.handed_over(known, now));
                (Outcome::Delivered, answer)
            }
            Err(refusal) => {
                let outcome = self.waits.outcome(notification, number, &refusal, now);
                (outcome, refusal.error.chain())
            }
        };
        let (receiver, incident) = (&self.receiver, &notification.incident.id);
        match outcome {
            Outcome::Delivered => tracing::debug!(receiver, incident, number, answer, "a notification was sent"),
            Outcome::Again { .. } => {
                tracing::warn!(receiver, incident, number, error = answer, "sending a notification failed, will retry")
            }
            Outcome::Rejected | Outcome::GivenUp => {
                tracing::error!(receiver, incident, number, error = answer, "a notification could not be sent and was set aside");
                self.set_aside(notification, number, &answer, now).await?;
            }
        }
        Ok(Attempt { notification: notification.id.clone(), number, time, outcome, answer })
    }

    async fn deliver(&self, notification: &Notification) -> Result<String, Refusal> {
        let Some(notifier) = &self.notifier else {
            return Err(Error::rejected(format!("sending to {}: this receiver is not configured any more", self.receiver)).into());
        };
        match tokio::time::timeout(DELIVERY_MAX, notifier.deliver(notification)).await {
            Ok(outcome) => outcome.map(|receipt| receipt.answer),
            Err(_) => Err(Error::unavailable(format!("sending to {}: no answer within {DELIVERY_MAX:?}", self.receiver)).into()),
        }
    }

    /// Into the dead letters: repeating it adds nothing.
    async fn set_aside(&self, notification: &Notification, tries: u32, answer: &str, now: Timestamp) -> Result<()> {
        let Notification { id, receiver, incident, .. } = notification;
        let origin = format!("notification to {receiver} of incident {}", incident.id);
        let reason = format!("not sent after {tries} tries: {answer}");
        let original = serde_json::to_vec(notification).map_err(|e| Error::broken("writing a notification as JSON").because(e))?;
        let entry = dead_letter_entry(&DeadLetter::new(COMPONENT, id, origin, reason, now, &original))?;
        retrying(receiver, || self.outputs.append(vec![entry.clone()], Expect::Anything)).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest() {
        let waits = Waits { first: Duration::from_secs(2), longest: Duration::from_secs(60), ..Waits::default() };
        let secs: Vec<u64> = [1, 2, 3, 5, 6, 7, 100].into_iter().map(|n| waits.after(n).as_secs()).collect();
        assert_eq!(secs, [2, 4, 8, 32, 60, 60, 60]);
    }
}
