//! What crosses a process boundary: events, frames, commits, rollups and dead letters, the subjects they travel on,
//! and their encodings. No I/O.
//!
//! Every message carries its version. The samples under `schemas/samples/v1` must decode for ever.

pub mod alert;
pub mod batch;
pub mod commit;
pub mod dead_letter;
pub mod definition;
pub mod event;
pub mod frame;
pub mod headers;
pub mod notification;
pub mod rollup;
pub mod score;
pub mod series;
pub mod subject;
pub mod time;

pub use alert::{Alert, AlertState, Evidence, Severity};
pub use batch::{BatchBuilder, EventBatch, Row};
pub use commit::{Claim, Commit, JobEntry, Presence};
pub use dead_letter::DeadLetter;
pub use definition::Definition;
pub use event::{Check, Event, Payload, Phases, Reason, Record, Sample};
pub use frame::{Encoding, FrameHeader};
pub use headers::Headers;
pub use notification::{Acknowledgement, Incident, Notification, NotificationReason};
pub use rollup::{Aggregates, Availability, Bucket, Ranked, Rollup, Window};
pub use score::{Episode, Head, Score, ScoreState};
pub use series::Series;
pub use time::Timestamp;

/// Why a message could not be read. The text names the field and what was found.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct DecodeError {
    what: String,
    #[source]
    cause: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl DecodeError {
    /// An error with no deeper cause.
    pub fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), cause: None }
    }

    /// An error that something else caused.
    pub fn caused(what: impl Into<String>, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { what: what.into(), cause: Some(cause.into()) }
    }
}
