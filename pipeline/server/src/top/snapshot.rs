//! What a server has answered at one time.

use floodmark_core::coverage::Standing;
use floodmark_schemas::Timestamp;
use serde::Deserialize;

use super::metrics::Metrics;

/// What a server has answered at one time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    /// When, by the clock here.
    pub(super) time: Timestamp,
    pub(super) sources: Vec<Source>,
    /// Absent when a log or a store could not tell: then lags are not known.
    pub(super) units: Option<Vec<Unit>>,
    pub(super) metrics: Metrics,
}

/// A source, as `/api/v1/sources` has it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub(super) struct Source {
    pub(super) id: String,
    #[serde(default)]
    pub(super) kind: String,
    pub(super) state: String,
    #[serde(default)]
    pub(super) restarts: u64,
    #[serde(default)]
    pub(super) last_error: Option<String>,
    #[serde(default)]
    pub(super) last_event_time: Option<Timestamp>,
    #[serde(default)]
    pub(super) events: u64,
    #[serde(default)]
    pub(super) dead_letters: u64,
    #[serde(default)]
    pub(super) polls: Option<Standing>,
}

/// A unit of work, as `/api/v1/units` has it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub(super) struct Unit {
    pub(super) unit: String,
    #[serde(default)]
    pub(super) owner: Option<String>,
    #[serde(default)]
    pub(super) lag: Option<u64>,
    #[serde(default)]
    pub(super) time: Option<Timestamp>,
}

/// What lists look like.
#[derive(Deserialize)]
struct Page<T> {
    items: Vec<T>,
}

impl Snapshot {
    /// From the texts of `/api/v1/sources`, `/api/v1/units` and `/metrics`.
    ///
    /// # Errors
    /// When a list is not what it should be: another program answers, or another version of this one.
    pub fn read(time: Timestamp, sources: &str, units: Option<&str>, metrics: &str) -> Result<Self, serde_json::Error> {
        let sources: Page<Source> = serde_json::from_str(sources)?;
        let units = units.map(serde_json::from_str::<Page<Unit>>).transpose()?;
        Ok(Self { time, sources: sources.items, units: units.map(|page| page.items), metrics: Metrics::parse(metrics) })
    }
}
