//! The sink of scores, by their highest revision.

pub(in crate::stores) mod rows;

use async_trait::async_trait;
use floodmark_core::Result;
use floodmark_core::ports::{Entry, Position, Sink, Standing};
use floodmark_schemas::Score;
use rusqlite::{Transaction, params};
use serde::Serialize;

use super::error::Doing;
use super::position::{self, Turn};
use super::result_sets::{self, Kind};
use super::series_ids::SeriesIds;
use super::{Inner, Store, dead_letters};
use rows::Scored;

/// Keeps the scores in the commits of `floodmark.outputs.>` in the table `score`.
///
/// A score replaces one of a lower revision and is ignored beside one of the same or a higher revision. Those of another
/// definition of the operator stand beside it. What else is in a commit is passed. A score that cannot be read makes its
/// entry a dead letter.
pub struct Scores {
    store: Store,
    sink: String,
}

impl Scores {
    /// A sink that keeps its position under the name `sink`.
    pub fn new(store: Store, sink: impl Into<String>) -> Self {
        Self { store, sink: sink.into() }
    }
}

#[async_trait]
impl Sink for Scores {
    async fn standing(&self) -> Result<Standing> {
        let sink = self.sink.clone();
        self.store.read(move |snapshot| position::of(snapshot, &sink)).await
    }

    async fn write(&self, entries: &[Entry], from: Position, to: Position) -> Result<()> {
        let (sink, entries) = (self.sink.clone(), entries.to_vec());
        self.store.blocking(move |inner| write(inner, &sink, &entries, from, to)).await
    }
}

fn write(inner: &Inner, sink: &str, entries: &[Entry], from: Position, to: Position) -> Result<()> {
    let Scored { scores, dead } = Scored::of(sink, entries);
    inner.transaction(|transaction, series| {
        if position::advance(transaction, sink, entries, from, to)? == Turn::Done {
            return Ok(());
        }
        result_sets::follow(transaction, Kind::Score, entries)?;
        upsert(transaction, series, &scores)?;
        dead.iter().try_for_each(|letter| dead_letters::insert(transaction, letter))
    })
}

const UPSERT: &str = "INSERT INTO score (operator, series_id, time_us, revision, id, window_start_us, window_end_us, \
     value, score, novelty, jump, staleness, head, baseline, lower, upper, state, \
     episode, episode_opened_us, episode_peak, episode_closed, version) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22) \
     ON CONFLICT (operator, version, series_id, time_us) DO UPDATE SET revision = excluded.revision, id = excluded.id, \
     window_start_us = excluded.window_start_us, window_end_us = excluded.window_end_us, value = excluded.value, \
     score = excluded.score, novelty = excluded.novelty, jump = excluded.jump, staleness = excluded.staleness, \
     head = excluded.head, baseline = excluded.baseline, lower = excluded.lower, upper = excluded.upper, \
     state = excluded.state, episode = excluded.episode, episode_opened_us = excluded.episode_opened_us, \
     episode_peak = excluded.episode_peak, episode_closed = excluded.episode_closed \
     WHERE excluded.revision > score.revision";

fn upsert(transaction: &Transaction<'_>, series: &mut SeriesIds, scores: &[(usize, Score)]) -> Result<()> {
    let mut statement = transaction.prepare_cached(UPSERT).doing("writing scores")?;
    for (_, s) in scores {
        let id = series.id(transaction, &s.source, &s.series)?;
        let (start, end) = (s.window.map(|window| window.start.micros()), s.window.map(|window| window.end.micros()));
        let (head, state, episode) = (name(&s.head), name(&s.state), s.episode.as_ref());
        let values = params![
            s.operator,
            id,
            s.time.micros(),
            s.revision,
            s.id,
            start,
            end,
            s.value,
            s.score,
            s.novelty,
            s.jump,
            s.staleness,
            head,
            s.baseline,
            s.lower,
            s.upper,
            state,
            episode.map(|episode| &episode.id),
            episode.map(|episode| episode.opened.micros()),
            episode.map(|episode| episode.peak),
            episode.map(|episode| episode.closed),
            s.version
        ];
        statement.execute(values).doing("writing scores")?;
    }
    Ok(())
}

/// The name of a head or a state as it stands in JSON.
pub(in crate::stores) fn name(value: &impl Serialize) -> String {
    let json = serde_json::to_value(value).expect("a plain name is JSON");
    json.as_str().unwrap_or_default().to_owned()
}
