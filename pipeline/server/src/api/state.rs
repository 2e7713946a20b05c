//! What the API asks.

use std::sync::Arc;

use floodmark_core::ports::{Clock, EventQuery, StoreQuery};
use floodmark_engine::SourceStatus;
use tokio::sync::watch;

/// Everything that requests are answered from.
#[derive(Clone)]
pub struct ApiState {
    /// Raw events.
    pub events: Arc<dyn EventQuery>,
    /// Rollups, series and dead letters.
    pub store: Arc<dyn StoreQuery>,
    /// The sources as they are now, in order of their ids.
    pub sources: Arc<dyn Fn() -> Vec<SourceStatus> + Send + Sync>,
    /// What relative times are taken from.
    pub clock: Arc<dyn Clock>,
    /// What `/metrics` shows.
    pub registry: prometheus::Registry,
    /// Whether the pipeline runs.
    pub ready: watch::Receiver<bool>,
}
