//! Scores: in order of time, source, series key and operator.

use std::sync::Arc;

use floodmark_core::ports::{Page, ScoreFilter};
use floodmark_core::{Error, Result};
use floodmark_schemas::{Episode, Score, Series, Timestamp, Window};
use rusqlite::types::Type;
use rusqlite::{Row, Transaction};
use serde::de::DeserializeOwned;

use super::filter::Wanted;
use super::in_time::{self, Bounds, Question, Table};
use super::token::Tokens;
use crate::stores::embedded::error::Doing;
use crate::stores::embedded::result_sets::Kind;

/// The table `score`.
pub(super) struct Scores;

impl Table for Scores {
    type Item = Score;
    const KIND: Kind = Kind::Score;
    const WHAT: &'static str = "scores";
    const TIME: &'static str = "time_us";
    const COLUMNS: &'static str = "r.operator, r.series_id, r.time_us, r.time_us, r.revision, r.id, r.window_start_us, r.window_end_us, \
         r.value, r.score, r.novelty, r.jump, r.staleness, r.head, r.baseline, r.lower, r.upper, r.state, \
         r.episode, r.episode_opened_us, r.episode_peak, r.episode_closed, r.version";

    fn item(row: &Row<'_>, source: String, series: Arc<Series>) -> Result<Score> {
        score(row, source, series).doing("reading a score")
    }
}

/// A page of scores, each value at its highest revision.
pub(super) fn page(snapshot: &Transaction<'_>, filter: &ScoreFilter, after: Option<&str>, limit: usize) -> Result<Page<Score>> {
    let (mut conditions, mut values, mut index): (Vec<&str>, Vec<in_time::Named<'_>>, _) = (vec!["1"], Vec::new(), "score_by_time");
    if let Some(least) = &filter.score_min {
        if least.is_nan() {
            return Err(Error::rejected("asking for scores: the least score is not a number"));
        }
        conditions.push("r.score >= :score_min");
        values.push((":score_min", least));
        // The partial index serves only what says so in its own words.
        if *least >= 1.0 {
            conditions.push("r.score >= 1.0");
            index = "score_unusual";
        }
    }
    if filter.only_episodes {
        conditions.push("r.episode IS NOT NULL");
        index = "score_of_episode";
    }
    let question = Question {
        operator: filter.operator.as_deref(),
        version: filter.version.as_deref(),
        wanted: Wanted { source: filter.source.as_deref(), metric: filter.metric.as_deref(), labels: &filter.labels },
        bounds: Bounds::of(filter.from, filter.to, filter.newest_first),
        condition: conditions.join(" AND "),
        values,
        index,
    };
    in_time::page::<Scores>(snapshot, &Tokens::of("c1", filter), question, after, limit)
}

fn score(row: &Row<'_>, source: String, series: Arc<Series>) -> rusqlite::Result<Score> {
    let micros = |column| -> rusqlite::Result<Option<Timestamp>> { Ok(row.get::<_, Option<i64>>(column)?.map(Timestamp::from_micros)) };
    let window = micros(6)?.zip(micros(7)?).map(|(start, end)| Window { start, end });
    let episode = match (row.get(18)?, micros(19)?) {
        (Some(id), Some(opened)) => Some(Episode { id, opened, peak: row.get(20)?, closed: row.get(21)? }),
        _ => None,
    };
    Ok(Score {
        id: row.get(5)?,
        operator: row.get(0)?,
        version: row.get(22)?,
        source,
        series,
        time: Timestamp::from_micros(row.get(2)?),
        window,
        revision: row.get(4)?,
        value: row.get(8)?,
        score: row.get(9)?,
        novelty: row.get(10)?,
        jump: row.get(11)?,
        staleness: row.get(12)?,
        head: named(row, 13)?,
        baseline: row.get(14)?,
        lower: row.get(15)?,
        upper: row.get(16)?,
        state: named(row, 17)?,
        episode,
    })
}

/// Reads the name of a head or a state as it stands in JSON.
fn named<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    let name: String = row.get(column)?;
    let unknown = |e| rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(e));
    serde_json::from_value(serde_json::Value::String(name)).map_err(unknown)
}
