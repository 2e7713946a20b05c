//! The store of alerts: what the desk knows, what is to be sent, and what people ask for.
//!
//! One process at a time owns it: [`AlertStore::open`] takes it over, and whoever had it before finds its writes refused. All
//! that the desk gives moves in one transaction with its position in the output log, so that a notification is stored before it
//! is sent, and once.

use std::collections::BTreeMap;

use async_trait::async_trait;
use floodmark_schemas::{Alert, Notification, Severity, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Page, Standing};
use crate::Result;
use crate::alert::desk::{Action, AlertRecord, Answer, Changes, Decision, IncidentRecord, Silence, Stored};

/// A write that the owner makes next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Turn {
    /// The owner: one more than the one before.
    pub owner: u64,
    /// How many writes there were, of all owners.
    pub n: u64,
}

/// A store that has been taken over.
#[derive(Clone, Debug, PartialEq)]
pub struct Opened {
    /// The owner's first write.
    pub turn: Turn,
    /// Where the desk stands in the output log.
    pub standing: Standing,
    /// What the desk knows.
    pub stored: Stored,
}

/// A notification that is to be sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Outgoing {
    /// It.
    pub notification: Notification,
    /// How often that was tried.
    pub attempts: u32,
}

/// What is to be sent to a receiver now.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outbox {
    /// In the order in which they were written; of each incident only the first that waits.
    pub due: Vec<Outgoing>,
    /// When the next of the others is due; absent when there is none, or when more are due than were asked for.
    pub next: Option<Timestamp>,
}

/// One try to send a notification.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// The notification, by its id.
    pub notification: String,
    /// The first is 1.
    pub number: u32,
    /// When it began.
    pub time: Timestamp,
    /// What came of it.
    pub outcome: Outcome,
    /// What the receiver said, or what went wrong.
    pub answer: String,
}

/// What came of a try.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// The receiver has it.
    Delivered,
    /// It is tried again.
    Again {
        /// Not before then.
        at: Timestamp,
    },
    /// The receiver never takes it: it is set aside.
    Rejected,
    /// It was tried for long enough: it is set aside.
    GivenUp,
}

/// A notification and what became of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Sent {
    /// It.
    pub notification: Notification,
    /// Where it stands.
    pub state: SentState,
    /// Every try, in order.
    pub attempts: Vec<Attempt>,
}

/// Where a notification stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SentState {
    /// It is to be sent.
    Waiting,
    /// The receiver has it.
    Delivered,
    /// It was set aside: see the dead letters.
    Dead,
}

impl SentState {
    /// Its name, as in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Delivered => "delivered",
            Self::Dead => "dead",
        }
    }

    /// The state with this name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Waiting, Self::Delivered, Self::Dead].into_iter().find(|state| state.name() == name)
    }
}

impl Outcome {
    /// Where it leaves the notification.
    pub fn state(self) -> SentState {
        match self {
            Self::Delivered => SentState::Delivered,
            Self::Again { .. } => SentState::Waiting,
            Self::Rejected | Self::GivenUp => SentState::Dead,
        }
    }
}

/// How much waits for a receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Depth {
    /// The receiver.
    pub receiver: String,
    /// How many notifications.
    pub waiting: u64,
    /// When the oldest was written.
    pub oldest: Timestamp,
}

/// Keeps what the desk knows, and the outbox.
#[async_trait]
pub trait AlertStore: Send + Sync {
    /// Takes it over, and reads what the owner needs to go on.
    ///
    /// # Errors
    /// `Unavailable`; the owner before may be the owner still, or nobody. `Broken` when it cannot be read.
    async fn open(&self) -> Result<Opened>;

    /// Where the desk stands in the output log, without taking anything over.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn standing(&self) -> Result<Standing>;

    /// Stores what has changed, and that the desk stands there; gives the next turn. Repeating it changes nothing. A notification
    /// that is there stays as it is, and an alert that comes without an incident stays in the one that it was in, with whom it
    /// concerned: a step of a rule that is computed anew knows of neither.
    ///
    /// # Errors
    /// `Unavailable`: repeat. `Conflict`: somebody else owns it.
    async fn commit(&self, turn: Turn, standing: &Standing, changes: &Changes) -> Result<Turn>;

    /// What is to be sent to a receiver at a time, at most so many.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn outbox(&self, receiver: &str, now: Timestamp, limit: usize) -> Result<Outbox>;

    /// How much waits for each receiver for whom something waits, by receiver.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn depths(&self) -> Result<Vec<Depth>>;

    /// Stores what came of tries. Repeating it changes nothing.
    ///
    /// # Errors
    /// `Unavailable`: repeat. `Conflict`: this is no longer the owner.
    async fn attempted(&self, owner: u64, attempts: &[Attempt]) -> Result<()>;

    /// Actions that were asked for and have no answer, in order, at most so many.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn requests(&self, limit: usize) -> Result<Vec<(u64, Action)>>;

    /// Deletes some incidents that are done and were over before a time, with their alerts and notifications, and of what belongs
    /// to no incident what is as old; gives how many rows. What waits to be sent stays. Repeat it until nothing is left.
    ///
    /// # Errors
    /// `Unavailable`. `Conflict`: this is no longer the owner.
    async fn forget(&self, owner: u64, before: Timestamp) -> Result<u64>;
}

/// What people ask for; the owner does it.
#[async_trait]
pub trait AlertRequests: Send + Sync {
    /// Asks for an action; gives its number.
    ///
    /// # Errors
    /// `Unavailable`: it may have been asked for.
    async fn request(&self, action: &Action, now: Timestamp) -> Result<u64>;

    /// The answer, when there is one.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn answer(&self, request: u64) -> Result<Option<Answer>>;
}

/// Which incidents are asked for. Every field that is there must match.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IncidentFilter {
    /// Open ones, or those that are over.
    pub open: Option<bool>,
    /// At least as grave.
    pub severity_min: Option<Severity>,
    /// Opened then or later.
    pub from: Option<Timestamp>,
    /// Opened before.
    pub to: Option<Timestamp>,
}

/// Which alerts are asked for. Every field that is there must match.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AlertFilter {
    /// Of this rule.
    pub rule: Option<String>,
    /// Of this source.
    pub source: Option<String>,
    /// Of this incident, by its full id.
    pub incident: Option<String>,
    /// Active ones, or all others.
    pub active: Option<bool>,
    /// Those that the desk has to do with, or all others: every open alert is among them, also one that flaps and is held.
    pub live: Option<bool>,
    /// At least as grave.
    pub severity_min: Option<Severity>,
    /// With these labels.
    pub labels: BTreeMap<String, String>,
    /// Begun then or later.
    pub from: Option<Timestamp>,
    /// Begun before.
    pub to: Option<Timestamp>,
}

/// Answers questions about alerts.
#[async_trait]
pub trait AlertQuery: Send + Sync {
    /// Incidents, the newest first, then by id: a page after the one that gave `after`.
    ///
    /// # Errors
    /// `Unavailable`. `Rejected` when `after` is no page of this question.
    async fn incidents(&self, filter: &IncidentFilter, after: Option<&str>, limit: usize) -> Result<Page<IncidentRecord>>;

    /// The incident whose id begins so.
    ///
    /// # Errors
    /// `Unavailable`. `Rejected` when several do.
    async fn incident(&self, id: &str) -> Result<Option<IncidentRecord>>;

    /// Alerts at their newest step, those that began last first, then by id: a page after the one that gave `after`.
    ///
    /// # Errors
    /// As [`Self::incidents`].
    async fn alerts(&self, filter: &AlertFilter, after: Option<&str>, limit: usize) -> Result<Page<AlertRecord>>;

    /// The alert whose id begins so.
    ///
    /// # Errors
    /// As [`Self::incident`].
    async fn alert(&self, id: &str) -> Result<Option<AlertRecord>>;

    /// All steps of an alert, with the entries of the output log: by definition and number.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn steps(&self, alert: &str) -> Result<Vec<(u64, Alert)>>;

    /// The newest decisions in an incident, in order, at most so many.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn decisions(&self, incident: &str, limit: usize) -> Result<Vec<Decision>>;

    /// The newest notifications of an incident, in order, with every try, at most so many.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn sent(&self, incident: &str, limit: usize) -> Result<Vec<Sent>>;

    /// Silences that are not over, or all, by their end and id.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn silences(&self, all: bool) -> Result<Vec<Silence>>;
}
