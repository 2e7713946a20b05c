//! Past entries through jobs once more: from the oldest entry to a fixed position, into logs and stores of their own.
//!
//! The jobs are those of a running pipeline: they claim, commit and save their state, but in the output log of the
//! replay. A replay that was killed therefore goes on by the commits of its own jobs and writes nothing twice. The event
//! log is only read.

mod kept;
mod past;
mod shown;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use floodmark_core::ports::{Log, Position};
use floodmark_core::{Error, Kind, Result};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use crate::backoff::Backoff;
use crate::ingest::Logs;
use crate::input::Input;
use crate::job::{Job, JobSpec};
use crate::retention::Floors;
use crate::sink_runner::{Reads, SinkRunner};
use crate::supervisor::{JobPlan, SinkPlan};

pub use kept::{Kept, Period};
pub use past::{Pace, Past};
use shown::Shown;

/// The usual [`JobSpec::snapshot_after_bytes`] of a replay: less than that of a pipeline, because what was read since is
/// computed again after a kill, and a replay reads as fast as it can.
const SNAPSHOT_AFTER_BYTES: usize = 16 * 1024 * 1024;
/// How often in a row a job may fail for want of a log before the replay gives up.
const ATTEMPTS_MAX: u32 = 8;

/// What is run again.
pub struct Replay {
    /// What is read.
    pub past: Arc<Past>,
    /// Where commits go.
    pub outputs: Arc<dyn Log>,
    /// How many partitions the event log has.
    pub partitions: u32,
    /// The operators.
    pub jobs: Vec<JobPlan>,
    /// What takes their results; only sinks that read outputs.
    pub sinks: Vec<SinkPlan>,
    /// Which results are kept.
    pub keep: Period,
    /// Jobs that read events and stop before the end of what is read, by [`job_name`].
    pub stops: BTreeMap<String, Position>,
    /// How many jobs run at the same time; all when the replay is paced.
    pub jobs_at_once: usize,
}

/// What a job is called.
pub fn job_name(operator: &str, partition: u32) -> String {
    format!("{operator}/{partition}")
}

impl Replay {
    /// How many jobs read events.
    pub fn readers(&self) -> u64 {
        let readers = self.jobs.iter().filter(|plan| plan.input.reads() == Reads::Events);
        readers.map(|plan| u64::from(plan.input.jobs(self.partitions))).sum()
    }

    /// Runs all jobs to their end and brings what they made into the store. Gives how many results of the period are not
    /// due yet, by operator: their windows have begun and not ended. May be dropped at any await: the next run on the same
    /// output log goes on.
    ///
    /// # Errors
    /// `Unavailable` when a log or the store does not answer again and again; `Conflict` when somebody else writes the
    /// same results; `Broken` when a log has lost entries, or a re-run does not give what is committed.
    pub async fn run(self) -> Result<BTreeMap<String, u64>> {
        let drain = watch::Sender::new(None);
        let (floors, mut sinks) = (Floors::default(), JoinSet::new());
        let fed: BTreeSet<String> = self.jobs.iter().filter_map(|plan| feeds(&plan.input)).collect();
        let shown: Arc<dyn Log> = match fed.is_empty() {
            true => self.outputs.clone(),
            false => Arc::new(Shown::new(self.outputs.clone(), self.keep)),
        };
        for SinkPlan { id, sink, reads, patterns } in self.sinks {
            let floor = floors.of(format!("sink.{id}"));
            let runner = SinkRunner { id, sink, log: shown.clone(), reads, patterns, floor };
            let drain = drain.subscribe();
            sinks.spawn(async move { runner.run(drain).await });
        }
        let at_once = if self.past.is_paced() { Semaphore::MAX_PERMITS } else { self.jobs_at_once.clamp(1, Semaphore::MAX_PERMITS) };
        let turns = Arc::new(Semaphore::new(at_once));
        let mut open = BTreeMap::new();
        let levels = self.jobs.iter().map(|plan| plan.input.level()).max().unwrap_or(0);
        let plans: Vec<Arc<JobPlan>> = self.jobs.into_iter().map(Arc::new).collect();
        for level in 0..=levels {
            // Jobs of a level read all that those below it have committed.
            let end = if level == 0 { self.past.until() } else { self.outputs.continuity().await?.tail };
            let mut jobs = JoinSet::new();
            for plan in plans.iter().filter(|plan| plan.input.level() == level) {
                // What another operator reads must be whole.
                let keep = if fed.contains(&plan.operator) { Period::default() } else { self.keep };
                let of = plan.input.jobs(self.partitions);
                for partition in 0..of {
                    let logs = Logs { events: self.past.clone(), outputs: self.outputs.clone() };
                    let (plan, turns, floors) = (plan.clone(), turns.clone(), floors.clone());
                    let stop = self.stops.get(&job_name(&plan.operator, partition)).filter(|_| plan.input.reads() == Reads::Events);
                    let until = stop.map_or(end, |stop| end.min(*stop));
                    let starts = self.keep.range();
                    jobs.spawn(async move {
                        let _turn = turns.acquire().await.map_err(|e| Error::broken("waiting for the turn of a job").because(e))?;
                        let job = job(&plan, partition, of, logs, keep, until, &floors).await?;
                        Ok((plan.operator.clone(), job.open(starts)))
                    });
                }
            }
            // A sink ends before the jobs only when it has failed.
            loop {
                tokio::select! {
                    Some(ended) = sinks.join_next(), if !sinks.is_empty() => joined(ended)?,
                    ended = jobs.join_next() => match ended {
                        Some(ended) => {
                            let (operator, results) = joined(ended)?;
                            *open.entry(operator).or_default() += results;
                        }
                        None => break,
                    },
                }
            }
        }
        drain.send_replace(Some(self.outputs.continuity().await?.tail));
        while let Some(ended) = sinks.join_next().await {
            joined(ended)?;
        }
        Ok(open)
    }
}

/// The operator that is read, if it is one.
fn feeds(input: &Input) -> Option<String> {
    match input {
        Input::Partition | Input::Partitions => None,
        Input::Operator { id, .. } => Some(id.clone()),
    }
}

fn joined<T>(ended: std::result::Result<Result<T>, tokio::task::JoinError>) -> Result<T> {
    ended.map_err(|e| Error::broken("a part of the replay panicked").because(e))?
}

/// Runs one job to `until`: the only place where a replay touches [`Job`].
async fn job(plan: &JobPlan, partition: u32, jobs: u32, logs: Logs, keep: Period, until: Position, floors: &Floors) -> Result<Job> {
    let name = job_name(&plan.operator, partition);
    let (operator, version, input) = (plan.operator.clone(), plan.version.clone(), plan.input.clone());
    let spec = JobSpec { operator, partition, jobs, input, version, snapshot_after_bytes: SNAPSHOT_AFTER_BYTES };
    let make = {
        let make = plan.make.clone();
        move || -> Box<dyn floodmark_core::ports::Operator> { Box::new(Kept::new(make(partition), keep)) }
    };
    let drain = watch::Sender::new(Some(until));
    let mut backoff = Backoff::new(&name);
    loop {
        let attempt = async {
            let mut job = Job::claim(spec.clone(), logs.clone(), &make, floors.of(format!("job.{name}"))).await?;
            job.run(drain.subscribe()).await.map(|()| job)
        };
        match attempt.await {
            Err(e) if e.kind() == Kind::Unavailable && backoff.attempt() < ATTEMPTS_MAX => {
                tracing::warn!(job = name, attempt = backoff.attempt(), error = e.chain(), "job of a replay failed, will start again");
                backoff.wait().await;
            }
            outcome => return outcome.map_err(|e| Error::new(e.kind(), format!("replaying job {name}")).because(e)),
        }
    }
}
