//! One source, or one of its shards, under supervision: a failure or a panic of it is reported and answered by a fresh start after a wait.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use floodmark_core::ports::{Ingest, SourceSpec};
use floodmark_core::{Error, Kind, Result};
use futures_util::FutureExt;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::SourcePlan;
use crate::backoff::{Backoff, RECOVERED_AFTER};
use crate::ingest::{self, Logs, Promise};
use crate::status::{SourceState, SourceStatus, Statuses};
use crate::telemetry::SourceMeters;

/// What a source needs to get its events into the log.
pub(super) struct Road {
    pub(super) partitions: u32,
    pub(super) logs: Logs,
    pub(super) promise: Arc<Promise>,
    pub(super) statuses: Statuses,
}

/// Tells what became of a source, and how many of its shards run here.
pub(super) fn show(statuses: &Statuses, spec: &SourceSpec, change: impl FnOnce(&mut SourceStatus)) {
    statuses.update(spec, change);
    if let Some(shards) = statuses.shards(&spec.id) {
        SourceMeters::new(&spec.id).shards(shards);
    }
}

/// How one start of a source ended.
enum Ending {
    Stopped,
    Ended,
    Failed(Error),
}

/// Runs a source until it ends, fails for good, or `stop` is cancelled. Everything it handed over is then durable.
pub(super) async fn run(plan: &SourcePlan, road: Road, stop: CancellationToken) {
    let (spec, writer) = (&plan.spec, plan.spec.writer());
    let mut backoff = Backoff::new(&writer);
    let meters = SourceMeters::new(&spec.id);
    while !stop.is_cancelled() {
        let started = Instant::now();
        let ending = start(plan, &road, &stop).await.unwrap_or_else(Ending::Failed);
        if started.elapsed() >= RECOVERED_AFTER {
            backoff.reset();
        }
        match ending {
            Ending::Stopped => return,
            Ending::Ended => {
                tracing::info!(source = writer, "source has come to its end");
                return show(&road.statuses, spec, |status| status.state = SourceState::Ended);
            }
            Ending::Failed(e) => {
                let for_good = e.kind() == Kind::Broken;
                let state = if for_good { SourceState::Failed } else { SourceState::BackingOff };
                meters.restarted();
                tracing::error!(source = writer, attempt = backoff.attempt(), error = e.chain(), for_good, "source failed");
                show(&road.statuses, spec, |status| {
                    status.state = state;
                    status.restarts += u64::from(!for_good);
                    status.last_error = Some(e.chain());
                });
                if for_good {
                    // The others go on; this one waits for a person.
                    return stop.cancelled().await;
                }
                stop.run_until_cancelled(backoff.wait()).await;
            }
        }
    }
}

async fn start(plan: &SourcePlan, road: &Road, stop: &CancellationToken) -> Result<Ending> {
    let made = std::panic::catch_unwind(AssertUnwindSafe(|| (plan.make)()));
    let mut source = made.unwrap_or_else(|panic| Err(Error::unavailable(format!("making the source: it panicked: {}", text(&*panic)))))?;
    let (input, mut pump) =
        ingest::open(plan.spec.clone(), road.partitions, &road.logs, road.promise.clone(), road.statuses.clone()).await?;
    show(&road.statuses, &plan.spec, |status| status.state = SourceState::Running);
    let ending = {
        let pumping = pump.run();
        tokio::pin!(pumping);
        let ending = {
            let running = AssertUnwindSafe(source.run(&input as &dyn Ingest)).catch_unwind();
            tokio::pin!(running);
            tokio::select! {
                outcome = &mut pumping => return Err(outcome.err().unwrap_or_else(|| Error::broken("the pump ended before its source"))),
                outcome = &mut running => match outcome {
                    Ok(Ok(())) => Ending::Ended,
                    Ok(Err(e)) => Ending::Failed(e),
                    Err(panic) => Ending::Failed(Error::unavailable(format!("running the source: it panicked: {}", text(&*panic)))),
                },
                () = stop.cancelled() => Ending::Stopped,
            }
        };
        drop(input);
        pumping.await?;
        ending
    };
    if matches!(ending, Ending::Ended) {
        pump.end().await?;
    }
    Ok(ending)
}

fn text(panic: &(dyn std::any::Any + Send)) -> &str {
    panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}
