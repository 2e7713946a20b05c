//! Entries of rules as the desk takes them.

use floodmark_core::alert::desk::RuleEntry;
use floodmark_core::ports::Entry;
use floodmark_core::{Error, Result};
use floodmark_schemas::{Alert, Definition, subject};
use serde::Deserialize;

/// Of a claim or commit no more than its alerts.
#[derive(Deserialize)]
struct Body {
    #[serde(default)]
    outputs: Vec<Output>,
}

#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Output {
    Alert(Box<Alert>),
    #[serde(other)]
    Other,
}

/// What an entry says; `None` when it is not of a job.
///
/// # Errors
/// `Broken` when it cannot be read: who passed it over would tell nobody of its alerts.
pub(super) fn rule_entry(entry: &Entry) -> Result<Option<RuleEntry>> {
    let Some(((rule, job), definition)) = subject::parse_outputs(&entry.subject).zip(Definition::of(&entry.headers)) else {
        return Ok(None);
    };
    let body: Body = serde_json::from_slice(&entry.body)
        .map_err(|e| Error::broken(format!("reading alerts of entry {} on {}", entry.position, entry.subject)).because(e))?;
    let alerts = body.outputs.into_iter().filter_map(|output| if let Output::Alert(alert) = output { Some(*alert) } else { None });
    Ok(Some(RuleEntry {
        rule: rule.to_owned(),
        job,
        jobs: definition.jobs,
        version: definition.version.to_owned(),
        rebuilding: definition.rebuilding,
        position: entry.position.0,
        time: entry.time,
        alerts: alerts.collect(),
    }))
}
