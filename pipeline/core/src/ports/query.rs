//! Questions that the CLI and the API ask of the stores.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use floodmark_schemas::{DeadLetter, Event, Rollup, Score, Series, Timestamp};
use serde::Serialize;

use crate::Result;
use crate::result_sets::ResultSet;

/// A page of answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Page<T> {
    /// The answers, in the order the question states.
    pub items: Vec<T>,
    /// Give this back to get the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// Which events. Newest log position last. Empty fields ask for everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// Only of this source.
    pub source: Option<String>,
    /// Only samples of this metric.
    pub metric: Option<String>,
    /// Only events of this CloudEvents type.
    pub kind: Option<String>,
    /// Only events with these labels (a check's target is its label `target`).
    pub labels: BTreeMap<String, String>,
    /// Not before this event time.
    pub from: Option<Timestamp>,
    /// Before this event time.
    pub to: Option<Timestamp>,
}

/// Which rollups, in order of window start, series and revision. Only the highest revision is given; a window whose highest
/// revision is a retraction ([`Rollup::is_retraction`]) is not. Of operators whose definition has changed, only the results
/// that count are given (see [`crate::result_sets`]), or those by the definition that is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RollupFilter {
    /// Only of this operator.
    pub operator: Option<String>,
    /// Only of this source.
    pub source: Option<String>,
    /// Only of this metric.
    pub metric: Option<String>,
    /// Only with these labels.
    pub labels: BTreeMap<String, String>,
    /// Windows that start at this time or later.
    pub from: Option<Timestamp>,
    /// Windows that start before this time.
    pub to: Option<Timestamp>,
    /// Only by this definition of the operator, whether it counts or not.
    pub version: Option<String>,
    /// Newest window first.
    pub newest_first: bool,
}

/// Which scores, in order of time, series and operator. Only the highest revision is given, and of definitions as of rollups.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ScoreFilter {
    /// Only of this operator.
    pub operator: Option<String>,
    /// Only of this source.
    pub source: Option<String>,
    /// Only of this metric.
    pub metric: Option<String>,
    /// Only with these labels.
    pub labels: BTreeMap<String, String>,
    /// Not before this time of the value.
    pub from: Option<Timestamp>,
    /// Before this time of the value.
    pub to: Option<Timestamp>,
    /// Only scores of at least this.
    pub score_min: Option<f64>,
    /// Only scores that belong to an episode.
    pub only_episodes: bool,
    /// Only by this definition of the operator, whether it counts or not.
    pub version: Option<String>,
    /// Newest value first.
    pub newest_first: bool,
}

/// Which series, in order of source and key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SeriesFilter {
    /// Only of this source.
    pub source: Option<String>,
    /// Only of this metric.
    pub metric: Option<String>,
    /// Only with these labels.
    pub labels: BTreeMap<String, String>,
}

/// A series that has been seen.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct KnownSeries {
    /// The source.
    pub source: String,
    /// The series.
    #[serde(flatten)]
    pub series: Series,
    /// The earliest event time.
    pub first_seen: Timestamp,
    /// The latest event time.
    pub last_seen: Timestamp,
}

/// Where an event stands, with the event: the identity of an event for ever.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StoredEvent {
    /// The entry of the event log.
    pub position: u64,
    /// The place within that entry.
    pub index: u32,
    /// When the log stored it.
    pub log_time: Timestamp,
    /// The event.
    pub event: Event,
}

/// Answers from raw events.
#[async_trait]
pub trait EventQuery: Send + Sync {
    /// Events in the order of the log, at most `limit`, from the page that `after` names.
    ///
    /// # Errors
    /// `Unavailable`; `Rejected` when `after` is not a page of this question.
    async fn events(&self, filter: &EventFilter, after: Option<&str>, limit: usize) -> Result<Page<StoredEvent>>;
}

/// Which results of an operator a store holds: by one definition, and whether they count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KnownResultSet {
    /// `rollups` or `scores`.
    pub of: &'static str,
    /// The operator, its definition, and whether the results count.
    #[serde(flatten)]
    pub set: ResultSet,
    /// How many there are.
    pub results: u64,
    /// The earliest time of them: of a rollup, where its window starts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first: Option<Timestamp>,
    /// The latest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<Timestamp>,
}

/// Answers about result sets.
#[async_trait]
pub trait ResultSetQuery: Send + Sync {
    /// Those of rollups, then those of scores, by operator and version.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn result_sets(&self) -> Result<Vec<KnownResultSet>>;

    /// Deletes the results of an operator by a definition that others have replaced; gives how many there were. Repeating it
    /// changes nothing.
    ///
    /// # Errors
    /// `Rejected` when they count, or will; `Unavailable`: repeat.
    async fn drop_result_set(&self, operator: &str, version: &str) -> Result<u64>;
}

/// Answers about rollups.
#[async_trait]
pub trait RollupQuery: Send + Sync {
    /// Rollups.
    ///
    /// # Errors
    /// As [`EventQuery::events`].
    async fn rollups(&self, filter: &RollupFilter, after: Option<&str>, limit: usize) -> Result<Page<Rollup>>;

    /// The rollup with this id while it is the highest revision of its window: by whatever definition of its operator, and
    /// also a retraction. It may take as long as reading all of them.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn rollup(&self, id: &str) -> Result<Option<Rollup>>;
}

/// Answers about scores.
#[async_trait]
pub trait ScoreQuery: Send + Sync {
    /// Scores.
    ///
    /// # Errors
    /// As [`EventQuery::events`].
    async fn scores(&self, filter: &ScoreFilter, after: Option<&str>, limit: usize) -> Result<Page<Score>>;

    /// The score with this id while it is the highest revision of its value; see [`RollupQuery::rollup`].
    ///
    /// # Errors
    /// `Unavailable`.
    async fn score(&self, id: &str) -> Result<Option<Score>>;
}

/// Answers about the series that were seen.
#[async_trait]
pub trait SeriesQuery: Send + Sync {
    /// Series.
    ///
    /// # Errors
    /// As [`EventQuery::events`].
    async fn series(&self, filter: &SeriesFilter, after: Option<&str>, limit: usize) -> Result<Page<KnownSeries>>;
}

/// Answers about what was set aside.
#[async_trait]
pub trait DeadLetterQuery: Send + Sync {
    /// Dead letters, newest first.
    ///
    /// # Errors
    /// As [`EventQuery::events`].
    async fn dead_letters(&self, component: Option<&str>, after: Option<&str>, limit: usize) -> Result<Page<DeadLetter>>;

    /// One dead letter.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn dead_letter(&self, component: &str, id: &str) -> Result<Option<DeadLetter>>;
}

/// Answers from all that is derived from the logs.
pub trait StoreQuery: RollupQuery + ScoreQuery + SeriesQuery + DeadLetterQuery {}

impl<T: RollupQuery + ScoreQuery + SeriesQuery + DeadLetterQuery> StoreQuery for T {}

/// Answers from several stores: each question goes to the one that knows.
#[derive(Clone)]
pub struct Answers {
    /// Who knows rollups.
    pub rollups: Arc<dyn RollupQuery>,
    /// Who knows scores.
    pub scores: Arc<dyn ScoreQuery>,
    /// Who knows series.
    pub series: Arc<dyn SeriesQuery>,
    /// Who knows dead letters.
    pub dead_letters: Arc<dyn DeadLetterQuery>,
}

#[async_trait]
impl RollupQuery for Answers {
    async fn rollups(&self, filter: &RollupFilter, after: Option<&str>, limit: usize) -> Result<Page<Rollup>> {
        self.rollups.rollups(filter, after, limit).await
    }

    async fn rollup(&self, id: &str) -> Result<Option<Rollup>> {
        self.rollups.rollup(id).await
    }
}

#[async_trait]
impl ScoreQuery for Answers {
    async fn scores(&self, filter: &ScoreFilter, after: Option<&str>, limit: usize) -> Result<Page<Score>> {
        self.scores.scores(filter, after, limit).await
    }

    async fn score(&self, id: &str) -> Result<Option<Score>> {
        self.scores.score(id).await
    }
}

#[async_trait]
impl SeriesQuery for Answers {
    async fn series(&self, filter: &SeriesFilter, after: Option<&str>, limit: usize) -> Result<Page<KnownSeries>> {
        self.series.series(filter, after, limit).await
    }
}

#[async_trait]
impl DeadLetterQuery for Answers {
    async fn dead_letters(&self, component: Option<&str>, after: Option<&str>, limit: usize) -> Result<Page<DeadLetter>> {
        self.dead_letters.dead_letters(component, after, limit).await
    }

    async fn dead_letter(&self, component: &str, id: &str) -> Result<Option<DeadLetter>> {
        self.dead_letters.dead_letter(component, id).await
    }
}
