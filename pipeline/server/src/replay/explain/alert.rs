//! The steps of an alert, as they stand in the output log.

use std::collections::BTreeMap;

use floodmark_core::Result;
use floodmark_core::ports::{Limit, Position};
use floodmark_schemas::commit::Output;
use floodmark_schemas::{Alert, JobEntry, Timestamp, subject};
use serde::Serialize;

use super::Explainer;

/// A step of an alert.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AlertStep {
    /// The entry of the output log that it was committed in.
    pub position: u64,
    /// When that was stored.
    pub committed: Timestamp,
    /// The step.
    pub alert: Alert,
}

impl Explainer<'_> {
    /// The steps of an alert in order: those by the definition of its rule that has told of it last. None when there is no such alert.
    ///
    /// # Errors
    /// Those of the log.
    pub async fn alert(&self, rule: Option<&str>, id: &str) -> Result<Vec<AlertStep>> {
        let pattern = rule.map_or_else(|| subject::OUTPUTS.to_owned(), subject::outputs_of);
        let outputs = &self.logs.outputs;
        let limit = Limit { until: Some(outputs.continuity().await?.tail), ..Limit::default() };
        let mut reader = outputs.reader(vec![pattern], Position::START).await?;
        let (mut steps, mut newest) = (BTreeMap::new(), String::new());
        loop {
            let entries = reader.next(limit).await?;
            if entries.is_empty() {
                break;
            }
            for entry in entries {
                let Ok(JobEntry::Commit(commit)) = serde_json::from_slice::<JobEntry>(&entry.body) else { continue };
                for output in commit.outputs {
                    if let Output::Alert(alert) = output
                        && alert.id == id
                    {
                        newest.clone_from(&alert.version);
                        let (position, committed) = (entry.position.0, entry.time);
                        steps.insert((alert.version.clone(), alert.step), AlertStep { position, committed, alert });
                    }
                }
            }
        }
        Ok(steps.into_iter().filter(|((version, _), _)| *version == newest).map(|(_, step)| step).collect())
    }
}
