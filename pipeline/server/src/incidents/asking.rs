//! Asking the desk for something, and waiting for its answer.

use std::time::Duration;

use floodmark_core::Result;
use floodmark_core::alert::desk::{Action, Answer};
use floodmark_core::ports::AlertRequests;
use floodmark_schemas::Timestamp;
use serde::Serialize;
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

/// What programs are told of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reply {
    /// The number of the request.
    pub request: u64,
    /// Whether it was done.
    pub done: bool,
    /// What was made or changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

impl Asked {
    /// The same for programs; why something was refused is not in it.
    pub fn reply(&self) -> Reply {
        match self {
            Self::Answered(answer) => Reply { request: answer.request, done: answer.done, id: answer.done.then(|| answer.text.clone()) },
            Self::Waiting(request) => Reply { request: *request, done: false, id: None },
        }
    }
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
