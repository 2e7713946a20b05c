//! Asking the desk for something, and waiting for its answer.

use std::time::Duration;

use floodmark_core::Result;
use floodmark_core::alert::desk::{Action, Answer};
use floodmark_core::ports::AlertRequests;
use floodmark_schemas::Timestamp;
use tokio::time::Instant;

/// How often it is looked whether there is an answer.
const LOOKS_EVERY: Duration = Duration::from_millis(100);

/// What came of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// The desk has done it, or says why not.
    Answered(Answer),
    /// The request with this number is stored, and nobody has looked at it yet. It is done when a pipeline runs.
    Waiting(u64),
}

/// Asks for an action and waits so long for the answer. When it is dropped the request may be stored.
///
/// # Errors
/// `Unavailable`: it may have been asked for.
pub async fn ask(requests: &dyn AlertRequests, action: &Action, now: Timestamp, wait: Duration) -> Result<Asked> {
    let number = requests.request(action, now).await?;
    let end = Instant::now() + wait;
    loop {
        if let Some(answer) = requests.answer(number).await? {
            return Ok(Asked::Answered(answer));
        }
        if Instant::now() >= end {
            return Ok(Asked::Waiting(number));
        }
        tokio::time::sleep(LOOKS_EVERY).await;
    }
}
