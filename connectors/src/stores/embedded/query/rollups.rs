//! Rollups: in order of window start, source, series key, operator and window end.
//!
//! A question about few series reads each of them in the order of the table's key and merges them. A question about
//! many or all reads the index by time; there only the rollups of one window start are sorted at a time.

use std::cmp::Ordering;

use floodmark_core::ports::{Page, RollupFilter};
use floodmark_core::{Error, Result};
use floodmark_schemas::{Aggregates, Rollup, Series, Timestamp, Window};
use hashbrown::HashSet;
use rusqlite::{Row, Transaction, named_params};

use super::filter::Wanted;
use super::merge;
use super::series::source_and_key;
use super::token::{self, Tokens};
use crate::stores::embedded::error::Doing;

/// Up to this many pairs of operator and series are read one by one and merged.
const STREAMS_MAX: usize = 64;

/// The columns of a rollup, without its series.
pub(super) const COLUMNS: &str = "r.operator, r.series_id, r.window_start_us, r.window_end_us, r.revision, r.id, \
     r.count, r.sum, r.mean, r.min, r.max, r.stddev, r.first, r.last, r.quantiles, r.version";

/// Where a rollup stands in the order of the answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) start: i64,
    pub(super) source: String,
    pub(super) key: String,
    pub(super) operator: String,
    pub(super) end: i64,
}

impl Place {
    /// The order of the answers.
    pub(super) fn order(&self, other: &Self, newest_first: bool) -> Ordering {
        let start = self.start.cmp(&other.start);
        (if newest_first { start.reverse() } else { start }).then_with(|| self.within_start().cmp(&other.within_start()))
    }

    fn within_start(&self) -> (&str, &str, &str, i64) {
        (&self.source, &self.key, &self.operator, self.end)
    }
}

/// What all ways of reading need: the window starts to look at and the place the page begins after.
pub(super) struct Bounds {
    pub(super) from: i64,
    pub(super) to: i64,
    pub(super) after: Option<Place>,
    pub(super) newest_first: bool,
}

impl Bounds {
    fn of(filter: &RollupFilter, after: Option<Place>) -> Self {
        let mut from = filter.from.unwrap_or(Timestamp::MIN).micros();
        // Exclusive in the question, inclusive here, so that no end is also the end of time.
        let mut to = filter.to.map_or(i64::MAX, |to| to.micros().saturating_sub(1));
        if filter.to == Some(Timestamp::MIN) {
            (from, to) = (i64::MAX, i64::MIN);
        }
        match &after {
            Some(place) if filter.newest_first => to = to.min(place.start),
            Some(place) => from = from.max(place.start),
            None => {}
        }
        Self { from, to, after, newest_first: filter.newest_first }
    }

    /// Whether `place` is on this page or a later one.
    pub(super) fn holds(&self, place: &Place) -> bool {
        self.after.as_ref().is_none_or(|after| place.order(after, self.newest_first) == Ordering::Greater)
    }

    /// The direction of window starts in SQL.
    pub(super) fn direction(&self) -> &'static str {
        if self.newest_first { "DESC" } else { "ASC" }
    }
}

/// A page of rollups, each window at its highest revision.
pub(super) fn page(snapshot: &Transaction<'_>, filter: &RollupFilter, after: Option<&str>, limit: usize) -> Result<Page<Rollup>> {
    let tokens = Tokens::of("r1", filter);
    let bounds = Bounds::of(filter, after.map(|token| place(snapshot, &tokens, token)).transpose()?);
    let wanted = Wanted { source: filter.source.as_deref(), metric: filter.metric.as_deref(), labels: &filter.labels };
    let mut rows = if wanted.everything() {
        by_time(snapshot, &bounds, filter.operator.as_deref(), |_| true, limit + 1)?
    } else {
        let series = wanted.resolve(snapshot)?;
        let operators = match &filter.operator {
            Some(operator) => vec![operator.clone()],
            None => operators(snapshot)?,
        };
        if series.len() * operators.len() <= STREAMS_MAX {
            merge::read(snapshot, &bounds, &operators, &series, limit + 1)?
        } else {
            let ids: HashSet<i64> = series.iter().map(|row| row.id).collect();
            by_time(snapshot, &bounds, filter.operator.as_deref(), |id| ids.contains(&id), limit + 1)?
        }
    };
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next =
        rows.last().filter(|_| more).map(|(id, r)| tokens.write(&[&r.window.start.micros(), &r.window.end.micros(), id, &r.operator]));
    Ok(Page { items: rows.into_iter().map(|(_, rollup)| rollup).collect(), next })
}

fn place(snapshot: &Transaction<'_>, tokens: &Tokens, token: &str) -> Result<Place> {
    let [start, end, id, operator] = tokens.read(token)?;
    let (start, end, id) = (token::number(token, start)?, token::number(token, end)?, token::number(token, id)?);
    let (source, key) = source_and_key(snapshot, id)?.ok_or_else(|| token::invalid(token))?;
    Ok(Place { start, source, key, operator: operator.to_owned(), end })
}

/// The operators that have rollups, found by skipping through the key.
fn operators(snapshot: &Transaction<'_>) -> Result<Vec<String>> {
    let mut statement = snapshot.prepare_cached("SELECT min(operator) FROM rollup WHERE operator > ?1").doing("finding operators")?;
    let mut operators: Vec<String> = Vec::new();
    loop {
        let last = operators.last().map_or("", String::as_str);
        match statement.query_row([last], |row| row.get::<_, Option<String>>(0)).doing("finding operators")? {
            Some(operator) => operators.push(operator),
            None => return Ok(operators),
        }
    }
}

fn by_time(
    snapshot: &Transaction<'_>,
    bounds: &Bounds,
    operator: Option<&str>,
    wanted: impl Fn(i64) -> bool,
    limit: usize,
) -> Result<Vec<(i64, Rollup)>> {
    let sql = format!(
        "SELECT {COLUMNS}, s.source, s.key FROM rollup r INDEXED BY rollup_by_time CROSS JOIN series s ON s.id = r.series_id \
         WHERE r.window_start_us BETWEEN :from AND :to AND (:operator IS NULL OR r.operator = :operator) \
         ORDER BY r.window_start_us {}, s.source, s.key, r.operator, r.window_end_us",
        bounds.direction()
    );
    let mut statement = snapshot.prepare_cached(&sql).doing("asking for rollups")?;
    let values = named_params! { ":from": bounds.from, ":to": bounds.to, ":operator": operator };
    let mut rows = statement.query(values).doing("asking for rollups")?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().doing("reading rollups")? {
        let columns = || Ok((row.get("series_id")?, row.get("source")?, row.get("key")?));
        let (id, source, key): (i64, String, String) = columns().doing("reading rollups")?;
        if !wanted(id) {
            continue;
        }
        let place = place_of(row, source, key).doing("reading rollups")?;
        if bounds.holds(&place) {
            let series = Series::from_key(&place.key).map_err(|e| Error::broken(format!("reading series {id} of the store")).because(e))?;
            found.push((id, rollup(row, place.source, series)?));
            if found.len() == limit {
                break;
            }
        }
    }
    Ok(found)
}

/// The place of a row with [`COLUMNS`].
pub(super) fn place_of(row: &Row<'_>, source: String, key: String) -> rusqlite::Result<Place> {
    Ok(Place { start: row.get(2)?, source, key, operator: row.get(0)?, end: row.get(3)? })
}

/// Reads a row with [`COLUMNS`].
pub(super) fn rollup(row: &Row<'_>, source: String, series: Series) -> Result<Rollup> {
    let quantiles: Option<String> = row.get(14).doing("reading a rollup")?;
    let quantiles = match quantiles {
        None => Default::default(),
        Some(text) => {
            serde_json::from_str(&text).map_err(|e| Error::broken(format!("reading quantiles {text:?} of the store")).because(e))?
        }
    };
    let read = || {
        Ok(Rollup {
            id: row.get(5)?,
            operator: row.get(0)?,
            version: row.get(15)?,
            source,
            series,
            window: Window { start: Timestamp::from_micros(row.get(2)?), end: Timestamp::from_micros(row.get(3)?) },
            revision: row.get(4)?,
            aggregates: Aggregates {
                count: row.get::<_, i64>(6)?.cast_unsigned(),
                sum: row.get(7)?,
                mean: row.get(8)?,
                min: row.get(9)?,
                max: row.get(10)?,
                stddev: row.get(11)?,
                first: row.get(12)?,
                last: row.get(13)?,
                quantiles,
            },
        })
    };
    read().doing("reading a rollup")
}
