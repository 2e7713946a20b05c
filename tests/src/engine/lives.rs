//! Runs a job over a log, through any number of ends and starts.

use std::sync::Arc;

use floodmark_connectors::logs::{Options, memory};
use floodmark_core::ports::{Clock, Log, Operator, Position};
use floodmark_core::window::{Aggregate, Spec};
use floodmark_core::{BySource, Kind, Result};
use floodmark_engine::ingest::Logs;
use floodmark_engine::input::Input;
use floodmark_engine::job::{Job, JobSpec};
use floodmark_engine::retention::Floors;
use tokio::sync::watch;

use super::crash::Crash;
use super::faulty::{Fault, Faulty};

/// How often a job is started in one life: an append of unknown outcome costs a start.
const STARTS_MAX: usize = 50;

/// How a job lives from one start of the process to the next.
#[derive(Clone, Debug)]
pub struct Life {
    /// How many entries one read gives at most.
    pub read_entries_max: usize,
    /// The process ends when the job was polled this often.
    pub polls: usize,
    /// The job is drained up to this share of the log, in thousandths.
    pub drain_at: u64,
    /// When snapshots are due.
    pub snapshot_after_bytes: usize,
    /// What happens to appends to the output log.
    pub appends: Vec<Fault>,
    /// After how many reads the next one fails.
    pub reads: Vec<usize>,
    /// Entries of the event log that a reader passes over once.
    pub passed_over: Vec<Position>,
}

/// A life without an accident, to the end of the log.
pub const CALM: Life = Life {
    read_entries_max: usize::MAX,
    polls: usize::MAX,
    drain_at: 1_000,
    snapshot_after_bytes: usize::MAX,
    appends: Vec::new(),
    reads: Vec::new(),
    passed_over: Vec::new(),
};

/// An empty log in memory.
pub fn memory_log(clock: Arc<dyn Clock>) -> Arc<dyn Log> {
    Arc::new(memory::Log::new(Options::default(), clock))
}

/// Windows of `size_secs` for the operator `w`, with what the oracle knows.
pub fn windows(size_secs: u64, lateness_secs: u64, idle_secs: u64) -> Spec {
    let secs = std::time::Duration::from_secs;
    let aggregates = Aggregate::USUAL.into_iter().filter(|a| *a != Aggregate::Stddev).collect();
    Spec { allowed_lateness: secs(lateness_secs), idle_timeout: secs(idle_secs), aggregates, ..Spec::new("w", 0, secs(size_secs)) }
}

/// The job of `spec` at version `v`.
pub fn job_spec(spec: &Spec, snapshot_after_bytes: usize) -> JobSpec {
    JobSpec {
        operator: spec.operator.clone(),
        partition: spec.partition,
        jobs: 1,
        input: Input::Partition,
        version: "v".to_owned(),
        snapshot_after_bytes,
    }
}

/// Claims the job; its retention floor is nobody's.
///
/// # Errors
/// As [`Job::claim`].
pub async fn claim(job: JobSpec, spec: &Spec, logs: &Logs) -> Result<Job> {
    let spec = spec.clone();
    let make = move || -> Box<dyn Operator> { Box::new(BySource::new(spec.clone()).expect("the spec can work")) };
    Job::claim(job, logs.clone(), &make, Floors::default().of("job")).await
}

/// Claims the job and drains it up to `until`.
///
/// # Errors
/// As [`Job::claim`] and [`Job::run`].
pub async fn drain(job: JobSpec, spec: &Spec, logs: &Logs, until: Position) -> Result<()> {
    let mut job = claim(job, spec, logs).await?;
    let drain = watch::Sender::new(Some(until));
    job.run(drain.subscribe()).await
}

/// One life. Starts again as the supervisor does, at once.
///
/// # Errors
/// What starting again does not help against.
pub async fn live(spec: &Spec, logs: &Logs, life: &Life) -> Result<()> {
    let events = Faulty::new(logs.events.clone()).reading_at_most(life.read_entries_max);
    let outputs = Faulty::new(logs.outputs.clone()).reading_at_most(life.read_entries_max);
    events.reads(life.reads.iter().copied());
    events.passes_over(life.passed_over.iter().copied());
    outputs.appends(life.appends.iter().copied());
    let faulty = Logs { events: Arc::new(events), outputs: Arc::new(outputs) };
    let tail = logs.events.continuity().await?.tail;
    let until = Position(tail.0 * life.drain_at / 1_000);
    let starts = async {
        let mut starts = 1;
        loop {
            match drain(job_spec(spec, life.snapshot_after_bytes), spec, &faulty, until).await {
                Err(e) if matches!(e.kind(), Kind::Unavailable | Kind::Conflict) && starts < STARTS_MAX => starts += 1,
                outcome => return outcome,
            }
        }
    };
    Crash::after(life.polls, starts).await.unwrap_or(Ok(()))
}

/// All `lives` one after the other, then a calm one.
///
/// # Errors
/// As [`live`].
pub async fn live_all(spec: &Spec, logs: &Logs, lives: &[Life]) -> Result<()> {
    for life in lives {
        live(spec, logs, life).await?;
    }
    live(spec, logs, &CALM).await
}
