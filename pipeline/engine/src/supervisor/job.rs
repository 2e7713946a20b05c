//! Jobs and sinks under supervision: what may pass is tried again.

use floodmark_core::ports::{Operator, Position};
use floodmark_core::{Error, Kind, Result};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::backoff::{Backoff, RECOVERED_AFTER};
use crate::ingest::Logs;
use crate::job::{Job, JobSpec, OperatorFactory};
use crate::retention::Floor;
use crate::sink_runner::SinkRunner;
use crate::tenure::Tenure;

/// After so many failures in a row a conflict is no accident: a rival that nobody knows of is at work.
const CONFLICTS_MAX: u32 = 3;

/// Whether another start may help. A conflict may be this process's own append of unknown outcome: the next claim tells.
/// Under a lease it may be of an owner before, or of the next: whoever has the lease goes on in the end.
fn may_pass(e: &Error, backoff: &Backoff, tenure: &Tenure) -> bool {
    match e.kind() {
        Kind::Unavailable => true,
        Kind::Conflict => tenure.is_lease() || backoff.attempt() < CONFLICTS_MAX,
        Kind::Rejected | Kind::Broken => false,
    }
}

/// Runs a job, starting it again when the log was not available. Losing it to another owner, or a broken log, ends it.
pub(super) async fn run(
    spec: JobSpec,
    logs: Logs,
    make: impl Fn() -> Box<dyn Operator> + Send + Sync + 'static,
    drain: watch::Receiver<Option<Position>>,
    floor: Floor,
    tenure: Tenure,
) -> Result<()> {
    let make: Box<OperatorFactory> = Box::new(make);
    let name = format!("{}/{}", spec.operator, spec.partition);
    let mut backoff = Backoff::new(&name);
    loop {
        let started = Instant::now();
        let attempt = async {
            let mut job = Job::claim(spec.clone(), logs.clone(), &*make, floor.clone()).await?;
            job.run(drain.clone()).await
        };
        let outcome = attempt.await;
        if started.elapsed() >= RECOVERED_AFTER {
            backoff.reset();
        }
        match outcome {
            Err(e) if may_pass(&e, &backoff, &tenure) => {
                tracing::warn!(job = name, attempt = backoff.attempt(), error = e.chain(), "job failed, will start again");
                backoff.wait().await;
            }
            outcome => return outcome.map_err(|e| Error::new(e.kind(), format!("job {name} stopped")).because(e)),
        }
    }
}

/// Runs a sink. Under a lease, one whose position was moved by another owner reads it again.
pub(super) async fn run_sink(runner: SinkRunner, drain: watch::Receiver<Option<Position>>, tenure: Tenure) -> Result<()> {
    let mut backoff = Backoff::new(&runner.id);
    loop {
        let started = Instant::now();
        let outcome = runner.run(drain.clone()).await;
        if started.elapsed() >= RECOVERED_AFTER {
            backoff.reset();
        }
        match outcome {
            Err(e) if e.kind() == Kind::Conflict && tenure.is_lease() => {
                tracing::warn!(sink = runner.id, attempt = backoff.attempt(), error = e.chain(), "sink failed, will start again");
                backoff.wait().await;
            }
            outcome => return outcome.map_err(|e| Error::new(e.kind(), format!("sink {} stopped", runner.id)).because(e)),
        }
    }
}
