//! Incidents, alerts and silences as lists show them.

use floodmark_core::alert::desk::{AlertRecord, IncidentRecord, Silence, Verdict};
use floodmark_core::ports::Page;
use floodmark_schemas::{Alert, Incident, Timestamp};
use serde::Serialize;

use super::Situation;

/// An incident in a list.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Overview {
    /// It.
    #[serde(flatten)]
    pub incident: Incident,
    /// How many of its alerts are open.
    pub alerts: usize,
    /// How many of those are kept silent now.
    pub muted: usize,
    /// What keeps them silent, each once.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub muted_by: Vec<Verdict>,
}

/// An alert in a list.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AlertOverview {
    /// Its newest step.
    #[serde(flatten)]
    pub alert: Alert,
    /// The incident that it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub incident: Option<String>,
    /// What keeps it silent, while it is open.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub muted_by: Vec<Verdict>,
}

/// A silence in a list.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SilenceOverview {
    /// It.
    #[serde(flatten)]
    pub silence: Silence,
    /// Whether it holds now.
    pub state: SilenceState,
    /// How many open alerts it means.
    pub alerts: usize,
}

/// Whether a silence holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SilenceState {
    /// Not yet.
    Pending,
    /// Now.
    Active,
    /// Not any more.
    Over,
}

impl Overview {
    /// An incident as it is at `now`.
    pub fn of(record: IncidentRecord, situation: &Situation, now: Timestamp) -> Self {
        let open = situation.open_of(&record.incident.id);
        let (mut muted, mut muted_by) = (0, Vec::new());
        for record in open {
            let mutes = situation.mutes(now, &record.alert);
            muted += usize::from(!mutes.is_empty());
            for mute in mutes {
                if !muted_by.contains(&mute) {
                    muted_by.push(mute);
                }
            }
        }
        Self { alerts: open.len(), muted, muted_by, incident: record.incident }
    }

    /// A page of them.
    pub fn page(page: Page<IncidentRecord>, situation: &Situation, now: Timestamp) -> Page<Self> {
        let items = page.items.into_iter().map(|record| Self::of(record, situation, now)).collect();
        Page { items, next: page.next }
    }
}

impl AlertOverview {
    /// An alert as it is at `now`.
    pub fn of(record: AlertRecord, situation: &Situation, now: Timestamp) -> Self {
        let muted_by = if record.is_open() { situation.mutes(now, &record.alert) } else { Vec::new() };
        Self { incident: record.incident, muted_by, alert: record.alert }
    }

    /// A page of them.
    pub fn page(page: Page<AlertRecord>, situation: &Situation, now: Timestamp) -> Page<Self> {
        let items = page.items.into_iter().map(|record| Self::of(record, situation, now)).collect();
        Page { items, next: page.next }
    }
}

impl SilenceOverview {
    /// A silence as it is at `now`.
    pub fn of(silence: Silence, situation: &Situation, now: Timestamp) -> Self {
        let alerts = situation.open().filter(|record| silence.matchers.matches(&record.alert)).count();
        let state = match (silence.holds(now), silence.over || silence.ends <= now) {
            (true, _) => SilenceState::Active,
            (false, true) => SilenceState::Over,
            (false, false) => SilenceState::Pending,
        };
        Self { state, alerts, silence }
    }
}
