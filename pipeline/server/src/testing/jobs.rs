//! Runs the operators of a test as jobs, and gathers what they committed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use floodmark_core::ports::{Limit, Log, Position};
use floodmark_core::{Error, Kind, Result};
use floodmark_engine::JobPlan;
use floodmark_engine::ingest::Logs;
use floodmark_engine::input::Input;
use floodmark_engine::job::{Job, JobSpec};
use floodmark_engine::retention::Floors;
use floodmark_engine::sink_runner::Reads;
use floodmark_schemas::commit::Output;
use floodmark_schemas::{DeadLetter, JobEntry, Timestamp, subject};
use tokio::sync::watch;

use crate::assemble::alerts::all_plans;
use crate::config::Config;

/// A test has one partition: results do not depend on their number.
const PARTITIONS: u32 = 1;

/// What came out.
#[derive(Clone, Debug, Default)]
pub(super) struct Results {
    /// The outputs of all operators, in the order in which they were run.
    pub(super) outputs: Vec<Output>,
    /// What no operator could read.
    pub(super) dead_letters: Vec<DeadLetter>,
}

/// The plans of the operators and rules asked for (all, if none is) and of those that they read, in the order in which they can
/// be run.
///
/// # Errors
/// `Broken` when an operator cannot be made.
pub(super) fn plans(config: &Config, asked: &BTreeSet<&str>) -> Result<Vec<JobPlan>> {
    let plans = all_plans(config, PARTITIONS)?;
    let mut all: BTreeMap<String, JobPlan> = plans.into_iter().map(|plan| (plan.operator.clone(), plan)).collect();
    let mut wanted: Vec<String> = match asked.is_empty() {
        true => all.keys().cloned().collect(),
        false => asked.iter().map(|id| (*id).to_owned()).collect(),
    };
    let mut taken = Vec::new();
    while let Some(id) = wanted.pop() {
        let Some(plan) = all.remove(&id) else { continue };
        if let Input::Operator { id, .. } = &plan.input {
            wanted.push(id.clone());
        }
        taken.push(plan);
    }
    taken.sort_by(|a, b| (a.input.level(), &a.operator).cmp(&(b.input.level(), &b.operator)));
    Ok(taken)
}

/// Runs a job to the end of what it reads.
///
/// # Errors
/// Those of the job.
pub(super) async fn run(plan: &JobPlan, logs: &Logs) -> Result<()> {
    let spec = JobSpec {
        operator: plan.operator.clone(),
        partition: 0,
        jobs: 1,
        input: plan.input.clone(),
        version: plan.version.clone(),
        snapshot_after_bytes: usize::MAX,
    };
    let make = plan.make.clone();
    let mut job = Job::claim(spec, logs.clone(), &move || make(0), Floors::default().of(&plan.operator)).await?;
    let tail = match plan.input.reads() {
        Reads::Events => logs.events.continuity().await?.tail,
        Reads::Outputs => logs.outputs.continuity().await?.tail,
    };
    let (_drain, until) = watch::channel(Some(tail));
    job.run(until).await
}

/// What stands in the output log.
///
/// # Errors
/// `Broken` when an entry cannot be read.
pub(super) async fn results(outputs: &Arc<dyn Log>) -> Result<Results> {
    let until = Some(outputs.continuity().await?.tail);
    let patterns = vec![subject::OUTPUTS.to_owned(), subject::DEAD.to_owned()];
    let mut reader = outputs.reader(patterns, Position::START).await?;
    let mut results = Results::default();
    loop {
        let entries = reader.next(Limit { until, ..Limit::default() }).await?;
        if entries.is_empty() {
            return Ok(results);
        }
        for entry in entries {
            let broken = |e| Error::broken(format!("reading entry {} of the output log of a test", entry.position)).because(e);
            if subject::parse_outputs(&entry.subject).is_none() {
                results.dead_letters.push(serde_json::from_slice(&entry.body).map_err(broken)?);
            } else if let JobEntry::Commit(commit) = serde_json::from_slice(&entry.body).map_err(broken)? {
                results.outputs.extend(commit.outputs);
            }
        }
    }
}

/// How far event time has come for an operator at the very end, by source. The newest commit does not tell: nothing is
/// committed for the end's sake.
///
/// # Errors
/// Those of the log.
pub(super) async fn event_time(plan: &JobPlan, logs: &Logs) -> Result<BTreeMap<String, Timestamp>> {
    let (log, pattern) = match &plan.input {
        Input::Partition | Input::Partitions => (&logs.events, subject::EVENTS.to_owned()),
        Input::Operator { id, .. } => (&logs.outputs, subject::outputs_of(id)),
    };
    let until = Some(log.continuity().await?.tail);
    let mut reader = log.reader(vec![pattern], Position::START).await?;
    let (mut operator, mut outputs) = ((plan.make)(0), Vec::new());
    loop {
        let entries = reader.next(Limit { until, ..Limit::default() }).await?;
        if entries.is_empty() {
            break;
        }
        for entry in &entries {
            match operator.apply(entry, &mut outputs) {
                Err(e) if e.kind() != Kind::Rejected => return Err(e),
                _ => outputs.clear(),
            }
        }
    }
    let by_source = operator.watermarks();
    Ok(if by_source.is_empty() {
        operator.watermark().map(|time| ("all sources".to_owned(), time)).into_iter().collect()
    } else {
        by_source
    })
}
