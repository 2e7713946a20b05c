//! Results that no store has: earlier revisions, and scores that are not kept.

use floodmark_core::Result;
use floodmark_schemas::commit::Output;
use floodmark_schemas::{Rollup, Score};

use super::{Explainer, Reading};

/// A result that was found by its id.
#[derive(Clone, Debug, PartialEq)]
pub enum Found {
    /// A rollup, which may have been revised since.
    Rollup(Box<Rollup>),
    /// A score.
    Score(Box<Score>),
}

impl Explainer<'_> {
    /// Looks for a result by running operators, all or one, over everything that they read.
    ///
    /// # Errors
    /// `Unavailable`; `Broken` when retention deletes what is read.
    pub async fn find(&self, operator: Option<&str>, id: &str) -> Result<Option<Found>> {
        for plan in self.jobs.iter().filter(|plan| operator.is_none_or(|operator| operator == plan.operator)) {
            for partition in 0..plan.input.jobs(self.partitions) {
                let (mut operator, mut outputs) = ((plan.make)(partition), Vec::new());
                let mut read = Reading::open(self.logs, &plan.input, partition).await?;
                while let Some(entry) = read.next().await? {
                    outputs.clear();
                    if operator.apply(&entry, &mut outputs).is_err() {
                        continue;
                    }
                    for output in outputs.drain(..) {
                        match output {
                            Output::Rollup(rollup) if rollup.id == id => return Ok(Some(Found::Rollup(Box::new(rollup)))),
                            Output::Score(score) if score.id == id => return Ok(Some(Found::Score(Box::new(score)))),
                            _ => {}
                        }
                    }
                }
            }
        }
        Ok(None)
    }
}
