//! Notifiers: the way to one receiver.

use std::time::Duration;

use async_trait::async_trait;
use floodmark_schemas::Notification;

use crate::Error;

/// The longest time limit of one attempt: those behind it wait, and so does a process that is asked to stop.
pub const TIMEOUT_MAX: Duration = Duration::from_secs(60);

/// Hands notifications to one receiver.
#[async_trait]
pub trait Notifier: Send + Sync {
    /// Hands one over, once: who calls this repeats it. A receiver that is told the same notification again knows it by its id.
    /// It ends by itself within [`TIMEOUT_MAX`] and a moment for a farewell.
    ///
    /// # Errors
    /// See [`Refusal`].
    async fn deliver(&self, notification: &Notification) -> Result<Receipt, Refusal>;
}

/// What the receiver answered when it took a notification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// In its own words, in one line: `250 2.0.0 OK`, `202 Accepted`.
    pub answer: String,
}

/// A notification that was not taken.
#[derive(Debug)]
pub struct Refusal {
    /// `Unavailable`: try again later; whether the receiver has it is not known. `Rejected`: it never takes it.
    pub error: Error,
    /// Not before this has passed, when the receiver said so.
    pub retry_after: Option<Duration>,
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self { error, retry_after: None }
    }
}
