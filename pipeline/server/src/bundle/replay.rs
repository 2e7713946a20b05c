//! What a bundle gives on this machine.

use std::collections::BTreeMap;
use std::sync::Arc;

use floodmark_connectors::clock::SystemClock;
use floodmark_connectors::logs::{self, memory};
use floodmark_core::ports::{Entry, Limit, Log, Position};
use floodmark_core::{Error, Result};
use floodmark_engine::JobPlan;
use floodmark_engine::input::Input;
use floodmark_engine::replay::{Past, Period, Replay};
use floodmark_schemas::commit::Output;
use floodmark_schemas::{Alert, JobEntry, subject};
use serde::Serialize;
use serde_json::{Value, json};

use super::file::Bundle;
use super::recorded::Recorded;
use crate::assemble::past;
use crate::config::{self, Config};

/// What came of a bundle.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Outcome {
    /// Whether the alert is the same.
    pub same: bool,
    /// The alert.
    pub alert: String,
    /// Its rule.
    pub rule: String,
    /// How many steps it has.
    pub steps: usize,
    /// The first difference.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first: Option<Difference>,
}

/// The first difference between the steps of a bundle and what came out.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// The number of the step; absent when it is not about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<usize>,
    /// What differs.
    pub what: String,
    /// What the bundle says.
    pub expected: Value,
    /// What came out.
    pub found: Value,
}

/// Makes the alert of a bundle again.
///
/// # Errors
/// `Rejected` when its configuration cannot be read here; otherwise those of the operators.
pub async fn replay(name: &str, bundle: &Bundle) -> Result<Outcome> {
    let Bundle { header, entries, steps } = bundle;
    let read = config::from_text(&format!("{name} (its configuration)"), &header.config);
    let config = read.map_err(|report| Error::rejected(report.render(false)))?;
    let jobs = needed(&config, &header.rule)?;
    let version = jobs.iter().find(|job| job.operator == header.rule).map(|job| job.version.clone()).unwrap_or_default();
    let found = made(entries.clone(), jobs, &config, &header.alert).await?;
    let first = match version == header.version {
        true => difference(steps, &found),
        // Most likely a program that knows other settings, or other time zones.
        false => Some(Difference {
            step: None,
            what: "the definition of the rule".to_owned(),
            expected: json!(header.version),
            found: json!(version),
        }),
    };
    Ok(Outcome { same: first.is_none(), alert: header.alert.clone(), rule: header.rule.clone(), steps: steps.len(), first })
}

/// A rule and the operators that it reads.
///
/// # Errors
/// `Rejected` when there is no such rule.
pub(super) fn needed(config: &Config, rule: &str) -> Result<Vec<JobPlan>> {
    let mut all: BTreeMap<String, JobPlan> = past::jobs(config)?.into_iter().map(|job| (job.operator.clone(), job)).collect();
    let (mut next, mut needed) = (Some(rule.to_owned()), Vec::new());
    while let Some(id) = next {
        let job = all.remove(&id).ok_or_else(|| Error::rejected(format!("there is no rule or operator {id:?} in the configuration")))?;
        next = if let Input::Operator { id, .. } = &job.input { Some(id.clone()) } else { None };
        needed.push(job);
    }
    Ok(needed)
}

/// The steps of an alert that jobs make of entries.
///
/// # Errors
/// Those of the jobs.
pub(super) async fn made(entries: Vec<Entry>, jobs: Vec<JobPlan>, config: &Config, alert: &str) -> Result<Vec<Alert>> {
    let past = Arc::new(Past::whole(Arc::new(Recorded::new(entries))).await?);
    let outputs: Arc<dyn Log> = Arc::new(memory::Log::new(logs::Options::default(), Arc::new(SystemClock)));
    let (partitions, sinks, stops) = (config.partitions.get(), Vec::new(), BTreeMap::new());
    let by_outputs = jobs.iter().any(|job| job.input.level() > 1);
    let run = Replay { past, outputs: outputs.clone(), partitions, jobs, sinks, keep: Period::default(), stops, jobs_at_once: 1 };
    run.run().await?;
    let found = steps(&*outputs, alert).await?;
    Ok(found.into_iter().map(|(_, step)| if by_outputs { Alert { evidence: None, ..step } } else { step }).collect())
}

/// The steps of an alert in an output log, by the newest definition of its rule, each with the job that made it.
///
/// # Errors
/// Those of the log.
pub(super) async fn steps(outputs: &dyn Log, alert: &str) -> Result<Vec<(u32, Alert)>> {
    let limit = Limit { until: Some(outputs.continuity().await?.tail), ..Limit::default() };
    let mut reader = outputs.reader(vec![subject::OUTPUTS.to_owned()], Position::START).await?;
    let mut steps: BTreeMap<u32, (u32, Alert)> = BTreeMap::new();
    loop {
        let entries = reader.next(limit).await?;
        if entries.is_empty() {
            return Ok(steps.into_values().collect());
        }
        for entry in entries.iter().filter(|entry| memchr::memmem::find(&entry.body, alert.as_bytes()).is_some()) {
            let Ok(JobEntry::Commit(commit)) = serde_json::from_slice::<JobEntry>(&entry.body) else { continue };
            let job = subject::parse_outputs(&entry.subject).map_or(0, |(_, job)| job);
            for output in commit.outputs {
                if let Output::Alert(step) = output
                    && step.id == alert
                {
                    if steps.values().next().is_some_and(|(_, known)| known.version != step.version) {
                        steps.clear();
                    }
                    steps.insert(step.step, (job, step));
                }
            }
        }
    }
}

/// Where two lists of steps differ first.
pub(super) fn difference(expected: &[Alert], found: &[Alert]) -> Option<Difference> {
    for step in 0..expected.len().max(found.len()) {
        let (old, new) = (expected.get(step), found.get(step));
        let whole = |alert: Option<&Alert>| alert.map_or(Value::Null, |alert| json!(alert));
        let (old, new) = (whole(old), whole(new));
        if old == new {
            continue;
        }
        let field = old.as_object().into_iter().flatten().map(|(name, _)| name.as_str()).chain(["fired", "value", "threshold", "flapping"]);
        let field = field.filter(|_| new.is_object()).find(|name| old.get(*name) != new.get(*name));
        let part = |value: &Value| field.map_or_else(|| value.clone(), |name| value.get(name).cloned().unwrap_or_default());
        let what = field.map_or_else(|| "the step".to_owned(), str::to_owned);
        return Some(Difference { step: Some(step), what, expected: part(&old), found: part(&new) });
    }
    None
}
