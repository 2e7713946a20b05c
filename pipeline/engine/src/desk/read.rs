//! Entries of rules as the desk takes them.

use floodmark_core::alert::desk::RuleEntry;
use floodmark_core::ports::Entry;
use floodmark_core::{Error, Result};
use floodmark_schemas::commit::Output;
use floodmark_schemas::{Alert, Definition, JobEntry, subject};

/// What an entry says; `None` when it is not of a job.
///
/// # Errors
/// `Broken` when it cannot be read: who passed it over would tell nobody of its alerts.
pub(super) fn rule_entry(entry: &Entry) -> Result<Option<RuleEntry>> {
    let Some(((rule, job), definition)) = subject::parse_outputs(&entry.subject).zip(Definition::of(&entry.headers)) else {
        return Ok(None);
    };
    let body: JobEntry = serde_json::from_slice(&entry.body)
        .map_err(|e| Error::broken(format!("reading alerts of entry {} on {}", entry.position, entry.subject)).because(e))?;
    Ok(Some(RuleEntry {
        rule: rule.to_owned(),
        job,
        jobs: definition.jobs,
        version: definition.version.to_owned(),
        rebuilding: definition.rebuilding,
        position: entry.position.0,
        time: entry.time,
        alerts: alerts(body),
    }))
}

/// A claim has none, and a rule gives nothing else.
fn alerts(body: JobEntry) -> Vec<Alert> {
    let JobEntry::Commit(commit) = body else { return Vec::new() };
    commit.outputs.into_iter().filter_map(|output| if let Output::Alert(alert) = output { Some(alert) } else { None }).collect()
}
