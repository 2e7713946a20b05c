//! What people see of incidents and alerts, and what they ask to be done: the same for the command line and the API.
//!
//! It only reads the store of alerts and writes requests to it. What is asked for is done by the desk of the running pipeline.

mod asking;
mod finding;
mod overview;
mod preview;
pub(crate) mod sentence;
mod situation;
mod whole;
pub(crate) mod words;

use std::sync::Arc;

use floodmark_core::ports::{AlertQuery, AlertRequests};

use crate::assemble::desk;

pub use asking::{Asked, Reply, ask};
pub use finding::{Found, alert, incident, silence};
pub use overview::{AlertOverview, Overview, SilenceOverview, SilenceState};
pub use preview::{PREVIEW_DAYS, Past, past};
pub use situation::Situation;
pub(crate) use situation::{all_alerts, all_incidents};
pub use whole::{Attempted, Concerned, Notified, Whole, WholeAlert};

/// The store of alerts, for those who ask.
#[derive(Clone)]
pub struct Alerts {
    /// Who answers.
    pub query: Arc<dyn AlertQuery>,
    /// Who takes what is asked for.
    pub requests: Arc<dyn AlertRequests>,
}

impl From<Arc<dyn desk::Alerts>> for Alerts {
    fn from(store: Arc<dyn desk::Alerts>) -> Self {
        Self { query: store.clone(), requests: store }
    }
}
