//! The sink of scores, by their highest revision.

use std::sync::Arc;

use async_trait::async_trait;
use floodmark_core::Result;
use floodmark_core::ports::{Entry, Log, Position, Sink, Standing};

use super::Store;
use super::plan::Plan;
use super::writing::Writing;

/// Keeps the scores in the commits of `floodmark.outputs.>`, one document for each operator, series and time.
///
/// Revisions, definitions and entries that cannot be read or written are dealt with as by [`super::Rollups`].
pub struct Scores(Writing);

impl Scores {
    /// A sink that keeps its position under the name `sink` and appends dead letters to the log `outputs`.
    pub fn new(store: Store, sink: impl Into<String>, outputs: Arc<dyn Log>) -> Self {
        let collection = store.inner.config.scores();
        Self(Writing { store, sink: sink.into(), outputs, collection, what: "scores" })
    }
}

#[async_trait]
impl Sink for Scores {
    async fn standing(&self) -> Result<Standing> {
        self.0.standing().await
    }

    async fn write(&self, entries: &[Entry], from: Position, to: Position) -> Result<()> {
        self.0.write(entries, from, to, Plan::of_scores).await
    }
}
