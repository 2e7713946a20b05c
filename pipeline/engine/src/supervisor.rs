//! Owns every task of a running pipeline: starts them, restarts what fails, and drains in order at the end.

mod source;

use std::sync::Arc;
use std::time::Duration;

use floodmark_core::ports::{Clock, Position, Sink, Source, SourceSpec};
use floodmark_core::{Error, Kind, Result};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::backoff::Backoff;
use crate::ingest::{Logs, Promise};
use crate::job::{Job, JobSpec, OperatorFactory, SNAPSHOT_AFTER_BYTES};
use crate::retention::{self, Floors};
use crate::sink_runner::{Reads, SinkRunner};
use crate::status::Statuses;
use crate::ticker::Ticker;

/// What ran this long has recovered from whatever failed before.
const RECOVERED_AFTER: Duration = Duration::from_secs(60);

/// Makes a source afresh: at the start, and after it failed.
pub type SourceFactory = dyn Fn() -> Result<Box<dyn Source>> + Send + Sync;

/// A source to run.
pub struct SourcePlan {
    /// What the engine has to know of it.
    pub spec: SourceSpec,
    /// Its type, for people.
    pub kind: String,
    /// Makes it.
    pub make: Arc<SourceFactory>,
}

/// An operator to run, on every partition.
pub struct JobPlan {
    /// Its id.
    pub operator: String,
    /// Its definition as a hash.
    pub version: String,
    /// Makes it for a partition.
    pub make: Arc<dyn Fn(u32) -> Box<dyn floodmark_core::ports::Operator> + Send + Sync>,
}

/// A sink to run.
pub struct SinkPlan {
    /// Its id.
    pub id: String,
    /// The sink.
    pub sink: Arc<dyn Sink>,
    /// The log it reads.
    pub reads: Reads,
    /// The subjects it wants.
    pub patterns: Vec<String>,
}

/// Everything that runs.
pub struct Pipeline {
    /// The logs.
    pub logs: Logs,
    /// How many partitions the event log has.
    pub partitions: u32,
    /// The wall clock, for ticks.
    pub clock: Arc<dyn Clock>,
    /// The sources.
    pub sources: Vec<SourcePlan>,
    /// The operators.
    pub jobs: Vec<JobPlan>,
    /// The sinks.
    pub sinks: Vec<SinkPlan>,
    /// How long draining may take.
    pub drain_deadline: Duration,
    /// What becomes known of the sources.
    pub statuses: Statuses,
}

/// Why a pipeline came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It was asked to stop.
    Stopped,
    /// Every source has come to its end, and everything they gave is in the stores.
    SourcesEnded,
}

impl Pipeline {
    /// Runs until `stop` is cancelled or every source has ended, then drains: sources stop, their events become
    /// durable, jobs take them, sinks write what the jobs committed. `ready` becomes true when everything has started.
    ///
    /// # Errors
    /// `Broken` or `Conflict` of a job or sink: the pipeline cannot go on. `Unavailable` when draining took longer than
    /// the deadline: what is in the log is safe and the next start goes on there.
    pub async fn run(self, stop: CancellationToken, ready: watch::Sender<bool>) -> Result<End> {
        let floors = Floors::default();
        let (events_drain, outputs_drain) = (watch::Sender::new(None), watch::Sender::new(None));
        let background = CancellationToken::new();
        let mut keeper = JoinSet::new();
        keeper.spawn(retention::keep(self.logs.clone(), floors.clone(), background.clone()));

        let mut sinks = JoinSet::new();
        for plan in self.sinks {
            let (log, drain) = match plan.reads {
                Reads::Events => (self.logs.events.clone(), events_drain.subscribe()),
                Reads::Outputs => (self.logs.outputs.clone(), outputs_drain.subscribe()),
            };
            let floor = floors.of(format!("sink {}", plan.id));
            let runner = SinkRunner { id: plan.id, sink: plan.sink, log, reads: plan.reads, patterns: plan.patterns, floor };
            sinks.spawn(async move {
                runner.run(drain).await.map_err(|e| Error::new(e.kind(), format!("sink {} stopped", runner.id)).because(e))
            });
        }

        let mut jobs = JoinSet::new();
        for plan in &self.jobs {
            for partition in 0..self.partitions {
                let (operator, version) = (plan.operator.clone(), plan.version.clone());
                let spec = JobSpec { operator, partition, version, snapshot_after_bytes: SNAPSHOT_AFTER_BYTES };
                let make = plan.make.clone();
                let (logs, drain, floors) = (self.logs.clone(), events_drain.subscribe(), floors.clone());
                jobs.spawn(run_job(spec, logs, move || make(partition), drain, floors));
            }
        }

        let promises: Vec<Arc<Promise>> =
            self.sources.iter().map(|plan| Arc::new(Promise::new(&plan.spec.id, plan.spec.disorder))).collect();
        let mut sources = JoinSet::new();
        let stop_sources = stop.child_token();
        let live = self.sources.iter().zip(&promises).filter(|(plan, _)| plan.spec.live).map(|(_, promise)| promise.clone()).collect();
        for (plan, promise) in self.sources.into_iter().zip(promises) {
            let road = source::Road { partitions: self.partitions, logs: self.logs.clone(), promise, statuses: self.statuses.clone() };
            sources.spawn(source::run(plan, road, stop_sources.clone()));
        }
        let claimed = stop.run_until_cancelled(claim_ticks(&self.logs, self.partitions, &self.clock, live)).await;
        let mut ticker = match claimed {
            Some(ticker) => ticker?,
            // Sources may have sent already: what they were told is durable is, and the next start goes on there.
            None => return Ok(End::Stopped),
        };
        ready.send_replace(true);

        // Running.
        let stop_ticks = CancellationToken::new();
        let end = {
            let ticks = ticker.run(&stop_ticks);
            tokio::pin!(ticks);
            loop {
                tokio::select! {
                    // A stop ends the sources too: it must be seen before that.
                    biased;
                    () = stop.cancelled() => break Ok(End::Stopped),
                    outcome = &mut ticks => break outcome.map(|()| End::Stopped),
                    Some(outcome) = sources.join_next(), if !sources.is_empty() => {
                        finished("a source", outcome)?;
                        if sources.is_empty() {
                            break Ok(End::SourcesEnded);
                        }
                    }
                    Some(outcome) = jobs.join_next(), if !jobs.is_empty() => match finished("a job", outcome) {
                        Ok(()) => {}
                        Err(e) => break Err(e),
                    },
                    Some(outcome) = sinks.join_next(), if !sinks.is_empty() => match finished("a sink", outcome) {
                        Ok(()) => {}
                        Err(e) => break Err(e),
                    },
                }
            }
        };

        // Draining, in the direction of the data. A file that has ended may leave more work than a shutdown may take.
        ready.send_replace(false);
        stop_sources.cancel();
        let drain = async {
            let end = end?;
            join_all("a source", &mut sources).await?;
            let tail = ticker.tick().await?;
            events_drain.send_replace(Some(tail));
            join_all("a job", &mut jobs).await?;
            let tail = self.logs.outputs.continuity().await?.tail;
            outputs_drain.send_replace(Some(tail));
            join_all("a sink", &mut sinks).await?;
            Ok(end)
        };
        let deadline = async {
            stop.cancelled().await;
            tokio::time::sleep(self.drain_deadline).await;
        };
        let outcome = tokio::select! {
            outcome = drain => outcome,
            () = deadline => Err(Error::unavailable(format!(
                "draining within {:?}; what was accepted is in the log and the next start goes on there", self.drain_deadline
            ))),
        };
        background.cancel();
        join_all("retention", &mut keeper).await.and(outcome)
    }
}

/// Takes the ticks over, waiting for the log. A conflict may be an own append of unknown outcome: the next claim tells.
async fn claim_ticks(logs: &Logs, partitions: u32, clock: &Arc<dyn Clock>, promises: Vec<Arc<Promise>>) -> Result<Ticker> {
    let mut backoff = Backoff::new("ticker");
    loop {
        match Ticker::claim(logs.clone(), partitions, clock.clone(), promises.clone()).await {
            Err(e) if may_pass(&e, &backoff) => {
                tracing::warn!(attempt = backoff.attempt(), error = e.chain(), "ticker could not start, will start again");
                backoff.wait().await;
            }
            outcome => return outcome,
        }
    }
}

/// Whether another start may help.
fn may_pass(e: &Error, backoff: &Backoff) -> bool {
    e.kind() == Kind::Unavailable || (e.kind() == Kind::Conflict && backoff.attempt() < 3)
}

/// Runs a job, starting it again when the log was not available. Losing it to another owner, or a broken log, ends it.
async fn run_job(
    spec: JobSpec,
    logs: Logs,
    make: impl Fn() -> Box<dyn floodmark_core::ports::Operator> + Send + Sync + 'static,
    drain: watch::Receiver<Option<Position>>,
    floors: Floors,
) -> Result<()> {
    let make: Box<OperatorFactory> = Box::new(make);
    let name = format!("{}/{}", spec.operator, spec.partition);
    let mut backoff = Backoff::new(&name);
    loop {
        let started = Instant::now();
        let attempt = async {
            let mut job = Job::claim(spec.clone(), logs.clone(), &*make, floors.of(format!("job {name}"))).await?;
            job.run(drain.clone()).await
        };
        let outcome = attempt.await;
        if started.elapsed() >= RECOVERED_AFTER {
            backoff.reset();
        }
        match outcome {
            // A conflict may be this process's own append of unknown outcome: the next claim tells.
            Err(e) if may_pass(&e, &backoff) => {
                tracing::warn!(job = name, attempt = backoff.attempt(), error = e.chain(), "job failed, will start again");
                backoff.wait().await;
            }
            outcome => return outcome.map_err(|e| Error::new(e.kind(), format!("job {name} stopped")).because(e)),
        }
    }
}

async fn join_all(what: &str, tasks: &mut JoinSet<impl IntoOutcome + 'static>) -> Result<()> {
    let mut first = Ok(());
    while let Some(outcome) = tasks.join_next().await {
        first = first.and(finished(what, outcome));
    }
    first
}

fn finished(what: &str, outcome: Result<impl IntoOutcome, tokio::task::JoinError>) -> Result<()> {
    match outcome {
        Ok(outcome) => outcome.into_outcome(),
        Err(e) => Err(Error::broken(format!("{what} panicked")).because(e)),
    }
}

/// What a task ends with.
trait IntoOutcome {
    fn into_outcome(self) -> Result<()>;
}

impl IntoOutcome for () {
    fn into_outcome(self) -> Result<()> {
        Ok(())
    }
}

impl IntoOutcome for Result<()> {
    fn into_outcome(self) -> Result<()> {
        self
    }
}
