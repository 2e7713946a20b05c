//! What is open now, and what keeps it silent.

use std::collections::BTreeMap;

use floodmark_core::Result;
use floodmark_core::alert::desk::{AlertRecord, Desk, IncidentRecord, Policy, Stored, Verdict};
use floodmark_core::ports::{AlertFilter, AlertQuery, IncidentFilter};
use floodmark_schemas::{Alert, Timestamp};
use futures_util::FutureExt;

use crate::migrate::pairs::{PAGE, Pages};

/// What is open, as a desk sees it that is made from what can be asked for. It changes nothing in the store.
pub struct Situation {
    desk: Desk,
    /// Open alerts by incident.
    open: BTreeMap<String, Vec<AlertRecord>>,
}

impl Situation {
    /// Reads all that is open. It takes as much memory as the desk itself.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn read(query: &dyn AlertQuery, policy: Policy) -> Result<Self> {
        let open = IncidentFilter { open: Some(true), ..IncidentFilter::default() };
        let incidents = all_incidents(query, &open).await?;
        // Those that flap count as open for a while after they were over: they are live too.
        let live = AlertFilter { live: Some(true), ..AlertFilter::default() };
        let mut alerts = all_alerts(query, &live).await?;
        alerts.retain(AlertRecord::is_open);
        let mut open: BTreeMap<String, Vec<AlertRecord>> = BTreeMap::new();
        for record in &alerts {
            open.entry(record.incident.clone().unwrap_or_default()).or_default().push(record.clone());
        }
        let silences = query.silences(false).await?.into_iter().map(|silence| (silence.id.clone(), silence)).collect();
        let incidents = incidents.into_iter().map(|record| (record.incident.id.clone(), record)).collect();
        let alerts = alerts.into_iter().map(|record| (record.alert.id.clone(), record)).collect();
        let stored = Stored { incidents, alerts, silences, notes: BTreeMap::new() };
        Ok(Self { desk: Desk::restore(policy, stored)?, open })
    }

    /// When nothing is open, and nobody has silenced anything.
    pub fn nothing(policy: Policy) -> Self {
        Self { desk: Desk::new(policy), open: BTreeMap::new() }
    }

    /// Alerts that are open, by incident.
    pub fn open(&self) -> impl Iterator<Item = &AlertRecord> {
        self.open.values().flatten()
    }

    /// Those of one incident.
    pub fn open_of(&self, incident: &str) -> &[AlertRecord] {
        self.open.get(incident).map_or(&[], Vec::as_slice)
    }

    /// All that keeps an alert silent at a time, if it is active then.
    pub fn mutes(&self, at: Timestamp, alert: &Alert) -> Vec<Verdict> {
        self.desk.mutes(at, alert).collect()
    }
}

/// All incidents that are asked for.
pub(crate) async fn all_incidents(query: &dyn AlertQuery, filter: &IncidentFilter) -> Result<Vec<IncidentRecord>> {
    Pages::new(move |after| async move { query.incidents(filter, after.as_deref(), PAGE).await }.boxed()).all().await
}

/// All alerts that are asked for.
pub(crate) async fn all_alerts(query: &dyn AlertQuery, filter: &AlertFilter) -> Result<Vec<AlertRecord>> {
    Pages::new(move |after| async move { query.alerts(filter, after.as_deref(), PAGE).await }.boxed()).all().await
}
