//! The sink of rollups, by their highest revision.

use std::sync::Arc;

use async_trait::async_trait;
use floodmark_core::Result;
use floodmark_core::ports::{Entry, Log, Position, Sink, Standing};

use super::Store;
use super::plan::Plan;
use super::writing::Writing;

/// Keeps the rollups in the commits of `floodmark.outputs.>`, one document for each operator, series and window.
///
/// A rollup replaces one of a lower revision and is ignored beside one of the same or a higher revision. Those of another
/// definition of the operator stand beside it (see [`floodmark_core::result_sets`]). Late events and claims are passed. An entry that cannot be read or written
/// becomes a dead letter in the output log before the position moves.
pub struct Rollups(Writing);

impl Rollups {
    /// A sink that keeps its position under the name `sink` and appends dead letters to the log `outputs`.
    pub fn new(store: Store, sink: impl Into<String>, outputs: Arc<dyn Log>) -> Self {
        let collection = store.inner.config.collection.clone();
        Self(Writing { store, sink: sink.into(), outputs, collection, what: "rollups" })
    }
}

#[async_trait]
impl Sink for Rollups {
    async fn standing(&self) -> Result<Standing> {
        self.0.standing().await
    }

    async fn write(&self, entries: &[Entry], from: Position, to: Position) -> Result<()> {
        self.0.write(entries, from, to, Plan::of_rollups).await
    }
}
