//! What the API asks.

use std::sync::Arc;

use floodmark_core::ports::{Clock, EventQuery, StoreQuery};
use floodmark_engine::{SourceStatus, Standing};
use futures_util::future::BoxFuture;
use tokio::sync::watch;

use super::situation::AlertState;

/// Asks where each unit of work stands.
pub type Units = dyn Fn() -> BoxFuture<'static, floodmark_core::Result<Vec<Standing>>> + Send + Sync;

/// Everything that requests are answered from.
#[derive(Clone)]
pub struct ApiState {
    /// Raw events.
    pub events: Arc<dyn EventQuery>,
    /// Rollups, series and dead letters.
    pub store: Arc<dyn StoreQuery>,
    /// The sources as they are now, in order of their ids.
    pub sources: Arc<dyn Fn() -> Vec<SourceStatus> + Send + Sync>,
    /// Where each unit of work stands.
    pub units: Arc<Units>,
    /// Alerts, where there are rules.
    pub alerts: Option<Arc<AlertState>>,
    /// What relative times are taken from.
    pub clock: Arc<dyn Clock>,
    /// What `/metrics` shows.
    pub registry: prometheus::Registry,
    /// Whether the pipeline runs.
    pub ready: watch::Receiver<bool>,
}
