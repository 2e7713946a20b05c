//! What the API asks.

use std::sync::Arc;

use floodmark_core::ports::{Clock, EventQuery, StoreQuery};
use floodmark_schemas::Timestamp;
use serde::Serialize;
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

/// How a source is doing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SourceStatus {
    /// Its id, as in `[sources.<id>]`.
    pub id: String,
    /// Its `type` in the configuration.
    pub kind: String,
    /// What it is doing.
    pub state: SourceState,
    /// How often it was started again after a failure.
    pub restarts: u64,
    /// Why it failed last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// The time of its newest event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_event_time: Option<Timestamp>,
    /// How many of its events this process has accepted.
    pub events: u64,
}

/// What a source is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceState {
    /// It has not said anything yet.
    Starting,
    /// It runs.
    Running,
    /// It failed and waits before it is started again.
    BackingOff,
    /// It has given everything it had, and is done.
    Ended,
    /// It failed and will not be started again.
    Failed,
}
