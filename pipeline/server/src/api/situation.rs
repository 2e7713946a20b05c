//! What is open now, read once for all who ask within a second.
//!
//! Making it takes as much time and memory as the desk has to do with: however many pages are asked for, one is made at a time,
//! and it answers all of them. What this API has changed is seen at once, what others have changed within a second.

use std::sync::Arc;
use std::time::Duration;

use floodmark_core::alert::desk::Policy;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::error::ApiError;
use crate::incidents::{Alerts, Situation};

/// How long answers are given from what was read.
const FRESH_FOR: Duration = Duration::from_secs(1);

/// The alerts of a pipeline.
pub struct AlertState {
    /// Their store.
    pub of: Alerts,
    policy: Arc<Policy>,
    /// What was read last, and when. It is locked while it is read: others wait, and have it then.
    shared: Mutex<Option<(Instant, Arc<Situation>)>>,
}

impl AlertState {
    /// The alerts of a store, of a desk that goes by this.
    pub fn new(of: Alerts, policy: Arc<Policy>) -> Self {
        Self { of, policy, shared: Mutex::new(None) }
    }

    /// What is open, where that matters for the answer. When it is dropped, the next who asks reads.
    pub(super) async fn situation(&self, matters: bool) -> Result<Arc<Situation>, ApiError> {
        if !matters {
            return Ok(Arc::new(Situation::nothing((*self.policy).clone())));
        }
        let mut shared = self.shared.lock().await;
        if let Some((read, situation)) = &*shared
            && read.elapsed() < FRESH_FOR
        {
            return Ok(situation.clone());
        }
        // Two would need twice the memory.
        *shared = None;
        let situation = Arc::new(Situation::read(&*self.of.query, (*self.policy).clone()).await?);
        *shared = Some((Instant::now(), situation.clone()));
        Ok(situation)
    }

    /// The next who asks reads: something was changed.
    pub(super) async fn changed(&self) {
        *self.shared.lock().await = None;
    }
}
