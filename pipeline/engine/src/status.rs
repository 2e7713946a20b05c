//! What the supervisor knows of each source, for the API and `tap`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use floodmark_schemas::Timestamp;
use serde::{Deserialize, Serialize};

/// What a source is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceState {
    /// It takes its subjects over.
    #[default]
    Starting,
    /// It runs.
    Running,
    /// It failed and will be tried again.
    BackingOff,
    /// It has come to its end.
    Ended,
    /// Another process runs it, or will.
    Elsewhere,
    /// It failed for good.
    Failed,
}

impl SourceState {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Starting, Self::Running, Self::BackingOff, Self::Ended, Self::Elsewhere, Self::Failed];

    /// Its name in answers and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Running => "running",
            Self::BackingOff => "backing_off",
            Self::Ended => "ended",
            Self::Elsewhere => "elsewhere",
            Self::Failed => "failed",
        }
    }
}

/// One source as seen now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceStatus {
    /// Its id.
    pub id: String,
    /// Its type.
    pub kind: String,
    /// What it is doing.
    pub state: SourceState,
    /// How often it was started again.
    pub restarts: u64,
    /// Why it failed last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// The latest event time that is durable.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_event_time: Option<Timestamp>,
    /// How many events are durable since the process started.
    pub events: u64,
    /// How much input was set aside since the process started.
    pub dead_letters: u64,
}

/// The statuses of all sources, shared.
#[derive(Clone, Debug, Default)]
pub struct Statuses(Arc<Mutex<BTreeMap<String, SourceStatus>>>);

impl Statuses {
    /// Changes the status of `id`.
    pub fn update(&self, id: &str, change: impl FnOnce(&mut SourceStatus)) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !all.contains_key(id) {
            all.insert(id.to_owned(), SourceStatus { id: id.to_owned(), ..SourceStatus::default() });
        }
        all.get_mut(id).map(change);
    }

    /// The same, without keeping them.
    pub(crate) fn weak(&self) -> WeakStatuses {
        WeakStatuses(Arc::downgrade(&self.0))
    }

    /// All statuses in order of their ids.
    pub fn all(&self) -> Vec<SourceStatus> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }
}

/// Statuses that somebody else keeps.
pub(crate) struct WeakStatuses(Weak<Mutex<BTreeMap<String, SourceStatus>>>);

impl WeakStatuses {
    /// The statuses, while they are kept.
    pub(crate) fn upgrade(&self) -> Option<Statuses> {
        self.0.upgrade().map(Statuses)
    }
}
