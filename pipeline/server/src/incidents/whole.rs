//! All that is known of one incident or one alert.

use std::collections::BTreeMap;

use floodmark_core::Result;
use floodmark_core::alert::desk::{AlertRecord, Decision, IncidentRecord, Related, Thread};
use floodmark_core::ports::alerts::{Attempt, Outcome, Sent, SentState};
use floodmark_core::ports::{AlertFilter, AlertQuery};
use floodmark_schemas::{Alert, NotificationReason, Severity, Timestamp};
use serde::Serialize;

use super::{AlertOverview, Overview, Situation};

/// An incident with all that belongs to it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Whole {
    /// As lists show it.
    #[serde(flatten)]
    pub overview: Overview,
    /// The gravest it has been.
    pub worst: Severity,
    /// Who is told, by receiver.
    pub receivers: BTreeMap<String, Concerned>,
    /// Incidents of other sources that began at about the same time.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub related: Vec<Related>,
    /// Its newest alerts, those that began last first.
    pub members: Vec<AlertOverview>,
    /// Whether there are more.
    pub more_members: bool,
    /// The newest decisions, in order.
    pub decisions: Vec<Decision>,
    /// The newest notifications, in order.
    pub notifications: Vec<Notified>,
}

/// Who is told of an incident.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Concerned {
    /// The route that leads there; the root is empty.
    pub route: String,
    /// How many notifications were written.
    pub told: u32,
    /// When the last was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_told: Option<Timestamp>,
    /// When it is looked at next whether there is something to tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due: Option<Timestamp>,
    /// When somebody else is told, unless somebody acknowledges it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub escalates: Option<Timestamp>,
}

impl From<&Thread> for Concerned {
    fn from(thread: &Thread) -> Self {
        let Thread { route, number, told, due, escalates, .. } = thread;
        Self { route: route.clone(), told: *number, last_told: *told, due: *due, escalates: *escalates }
    }
}

/// A notification and what became of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Notified {
    /// Its id.
    pub id: String,
    /// To whom.
    pub receiver: String,
    /// Why.
    pub reason: NotificationReason,
    /// When it was written.
    pub time: Timestamp,
    /// Its number in the incident for the receiver.
    pub number: u32,
    /// The alerts that it lists, by id.
    pub alerts: Vec<String>,
    /// Where it stands.
    pub state: SentState,
    /// Every try, in order.
    pub attempts: Vec<Attempted>,
}

/// A try to send it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Attempted {
    /// The first is 1.
    pub number: u32,
    /// When it began.
    pub time: Timestamp,
    /// What came of it.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// What the receiver said, or what went wrong.
    pub answer: String,
}

/// An alert with all its steps.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WholeAlert {
    /// As lists show it.
    #[serde(flatten)]
    pub overview: AlertOverview,
    /// Every step, by definition and number.
    pub steps: Vec<Alert>,
    /// What was decided of it, in order.
    pub decisions: Vec<Decision>,
}

impl Whole {
    /// Asks for it: at most `limit` of each list.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn of(query: &dyn AlertQuery, record: IncidentRecord, situation: &Situation, now: Timestamp, limit: usize) -> Result<Self> {
        let id = record.incident.id.clone();
        let filter = AlertFilter { incident: Some(id.clone()), ..AlertFilter::default() };
        let members = query.alerts(&filter, None, limit).await?;
        let more_members = members.next.is_some();
        let mut members = AlertOverview::page(members, situation, now).items;
        members.iter_mut().for_each(|member| member.incident = None);
        Ok(Self {
            members,
            more_members,
            decisions: query.decisions(&id, limit).await?,
            notifications: query.sent(&id, limit).await?.into_iter().map(Notified::from).collect(),
            worst: record.worst,
            receivers: record.threads.iter().map(|(receiver, thread)| (receiver.clone(), Concerned::from(thread))).collect(),
            related: record.related.clone(),
            overview: Overview::of(record, situation, now),
        })
    }
}

impl WholeAlert {
    /// Asks for it; of its incident the newest `limit` decisions are looked through.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn of(query: &dyn AlertQuery, record: AlertRecord, situation: &Situation, now: Timestamp, limit: usize) -> Result<Self> {
        let id = record.alert.id.clone();
        let steps = query.steps(&id).await?.into_iter().map(|(_, step)| step).collect();
        let mut decisions = match &record.incident {
            Some(incident) => query.decisions(incident, limit).await?,
            None => Vec::new(),
        };
        decisions.retain(|decision| decision.alert.as_ref() == Some(&id));
        Ok(Self { overview: AlertOverview::of(record, situation, now), steps, decisions })
    }
}

impl From<Sent> for Notified {
    fn from(Sent { notification, state, attempts }: Sent) -> Self {
        let attempted = |Attempt { number, time, outcome, answer, .. }| Attempted { number, time, outcome, answer };
        Self {
            id: notification.id,
            receiver: notification.receiver,
            reason: notification.reason,
            time: notification.time,
            number: notification.number,
            alerts: notification.alerts.into_iter().map(|alert| alert.id).collect(),
            state,
            attempts: attempts.into_iter().map(attempted).collect(),
        }
    }
}
