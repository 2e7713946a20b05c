//! The ticks of this process under supervision.

use std::sync::Arc;

use floodmark_core::Result;
use floodmark_core::ports::{Clock, Position};
use tokio_util::sync::CancellationToken;

use super::job::may_pass;
use crate::backoff::Backoff;
use crate::ingest::{Logs, Promise};
use crate::tenure::Tenure;
use crate::ticker::Ticker;

/// What ticks need.
pub(super) struct Ticks {
    pub(super) logs: Logs,
    pub(super) partitions: u32,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) promises: Vec<Arc<Promise>>,
    pub(super) slot: u32,
    pub(super) tenure: Tenure,
}

impl Ticks {
    /// Ticks until `stop`, and once more then; gives where that stands. `claimed` is called when ticking begins.
    ///
    /// # Errors
    /// What another start does not help against.
    pub(super) async fn run(self, stop: CancellationToken, claimed: impl Fn() + Send) -> Result<Option<Position>> {
        let mut backoff = Backoff::new("ticker");
        loop {
            let (logs, clock, promises) = (self.logs.clone(), self.clock.clone(), self.promises.clone());
            let attempt = async {
                let claim = Ticker::claim(logs, self.partitions, clock, promises, self.slot);
                let Some(ticker) = stop.run_until_cancelled(claim).await else { return Ok(None) };
                let mut ticker = ticker?;
                claimed();
                backoff.reset();
                ticker.run(&stop).await?;
                ticker.tick().await.map(Some)
            };
            match attempt.await {
                Err(e) if may_pass(&e, &backoff, &self.tenure) => {
                    tracing::warn!(attempt = backoff.attempt(), error = e.chain(), "ticker failed, will start again");
                    if stop.run_until_cancelled(backoff.wait()).await.is_none() {
                        return Ok(None);
                    }
                }
                outcome => return outcome,
            }
        }
    }
}
