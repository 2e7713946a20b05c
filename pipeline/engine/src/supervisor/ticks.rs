//! The ticks of this process under supervision.

use std::sync::Arc;

use floodmark_core::ports::{Clock, Position};
use floodmark_core::{Kind, Result};
use tokio_util::sync::CancellationToken;

use crate::backoff::Backoff;
use crate::ingest::{Logs, Promise};
use crate::ticker::Ticker;

/// What ticks need.
pub(super) struct Ticks {
    pub(super) logs: Logs,
    pub(super) partitions: u32,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) promises: Vec<Arc<Promise>>,
    pub(super) slot: u32,
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
                // A conflict may be this process's own append of unknown outcome: the next claim tells. A rival would have
                // to have the same place: whoever keeps the lease goes on in the end.
                Err(e) if matches!(e.kind(), Kind::Unavailable | Kind::Conflict) => {
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
