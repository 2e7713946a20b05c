//! Tables of results: in order of time, source, series key, operator and end.
//!
//! A question about few series reads each of them in the order of the table's key and merges them. A question about
//! many or all reads an index by time; there only the results of one time are sorted at a time.

use std::cmp::Ordering;
use std::sync::Arc;

use floodmark_core::ports::Page;
use floodmark_core::result_sets::{ResultSet, State};
use floodmark_core::{Error, Result};
use floodmark_schemas::{Series, Timestamp};
use hashbrown::{HashMap, HashSet};
use rusqlite::{Row, ToSql, Transaction};

use super::filter::Wanted;
use super::merge;
use super::series::source_and_key;
use super::token::{self, Tokens};
use crate::stores::embedded::error::Doing;
use crate::stores::embedded::result_sets::{self, Kind};

/// Up to this many pairs of operator and series are read one by one and merged.
const STREAMS_MAX: usize = 64;

/// A table of results of operators.
pub(super) trait Table {
    /// What a row is read as.
    type Item;
    /// Which it is.
    const KIND: Kind;
    /// What its rows are called in errors.
    const WHAT: &'static str;
    /// Its column of the time.
    const TIME: &'static str;
    /// The columns of a row called `r`, without its series. The first are operator, series, time and end.
    const COLUMNS: &'static str;

    /// Reads a row with [`Self::COLUMNS`].
    fn item(row: &Row<'_>, source: String, series: Arc<Series>) -> Result<Self::Item>;
}

/// Where a result stands in the order of the answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) time: i64,
    pub(super) source: String,
    pub(super) key: String,
    pub(super) operator: String,
    pub(super) end: i64,
}

impl Place {
    /// The order of the answers.
    pub(super) fn order(&self, other: &Self, newest_first: bool) -> Ordering {
        let time = self.time.cmp(&other.time);
        (if newest_first { time.reverse() } else { time }).then_with(|| self.within_time().cmp(&other.within_time()))
    }

    fn within_time(&self) -> (&str, &str, &str, i64) {
        (&self.source, &self.key, &self.operator, self.end)
    }

    /// The place of a row of a [`Table`].
    pub(super) fn of(row: &Row<'_>, source: String, key: String) -> rusqlite::Result<Self> {
        Ok(Self { time: row.get(2)?, source, key, operator: row.get(0)?, end: row.get(3)? })
    }

    fn read(snapshot: &Transaction<'_>, tokens: &Tokens, token: &str) -> Result<Self> {
        let [time, end, id, operator] = tokens.read(token)?;
        let (time, end, id) = (token::number(token, time)?, token::number(token, end)?, token::number(token, id)?);
        let (source, key) = source_and_key(snapshot, id)?.ok_or_else(|| token::invalid(token))?;
        Ok(Self { time, source, key, operator: operator.to_owned(), end })
    }
}

/// The times to look at and the place the page begins after.
pub(super) struct Bounds {
    pub(super) from: i64,
    pub(super) to: i64,
    pub(super) after: Option<Place>,
    pub(super) newest_first: bool,
}

impl Bounds {
    /// From `from` on and before `to`.
    pub(super) fn of(from: Option<Timestamp>, to: Option<Timestamp>, newest_first: bool) -> Self {
        let first = from.unwrap_or(Timestamp::MIN).micros();
        // Exclusive in the question, inclusive here, so that no end is also the end of time.
        let last = to.map_or(i64::MAX, |to| to.micros().saturating_sub(1));
        let (from, to) = if to == Some(Timestamp::MIN) { (i64::MAX, i64::MIN) } else { (first, last) };
        Self { from, to, after: None, newest_first }
    }

    fn after(self, place: Place) -> Self {
        let (from, to) = match self.newest_first {
            true => (self.from, self.to.min(place.time)),
            false => (self.from.max(place.time), self.to),
        };
        Self { from, to, after: Some(place), ..self }
    }

    /// Whether `place` is on this page or a later one.
    pub(super) fn holds(&self, place: &Place) -> bool {
        self.after.as_ref().is_none_or(|after| place.order(after, self.newest_first) == Ordering::Greater)
    }

    /// The direction of times in SQL.
    pub(super) fn direction(&self) -> &'static str {
        if self.newest_first { "DESC" } else { "ASC" }
    }
}

/// A value that a condition names.
pub(super) type Named<'a> = (&'static str, &'a dyn ToSql);

/// A question to a [`Table`].
pub(super) struct Question<'a> {
    pub(super) operator: Option<&'a str>,
    /// Instead of the definition that counts.
    pub(super) version: Option<&'a str>,
    pub(super) wanted: Wanted<'a>,
    pub(super) bounds: Bounds,
    /// What must hold of a row called `r`, in SQL.
    pub(super) condition: String,
    /// The values that the condition names.
    pub(super) values: Vec<Named<'a>>,
    /// The index by time that serves the condition.
    pub(super) index: &'static str,
}

/// A row of the answer with the id of its series.
pub(super) type Found<T> = (i64, Place, T);

/// A page of the results that are asked for.
pub(super) fn page<T: Table>(
    snapshot: &Transaction<'_>,
    tokens: &Tokens,
    mut question: Question<'_>,
    after: Option<&str>,
    limit: usize,
) -> Result<Page<T::Item>> {
    if let Some(token) = after {
        question.bounds = question.bounds.after(Place::read(snapshot, tokens, token)?);
    }
    let mut rows = if question.wanted.everything() {
        by_time::<T>(snapshot, &question, |_| true, limit + 1)?
    } else {
        let series = question.wanted.resolve(snapshot)?;
        let definitions = definitions::<T>(snapshot, &question)?;
        if series.len() * definitions.len() <= STREAMS_MAX {
            merge::read::<T>(snapshot, &question, &definitions, &series, limit + 1)?
        } else {
            let ids: HashSet<i64> = series.iter().map(|row| row.id).collect();
            by_time::<T>(snapshot, &question, |id| ids.contains(&id), limit + 1)?
        }
    };
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| more).map(|(id, place, _)| tokens.write(&[&place.time, &place.end, id, &place.operator]));
    Ok(Page { items: rows.into_iter().map(|(_, _, item)| item).collect(), next })
}

/// The operators and definitions that a question is about.
fn definitions<T: Table>(snapshot: &Transaction<'_>, question: &Question<'_>) -> Result<Vec<(String, String)>> {
    let sets = result_sets::read(snapshot, T::KIND)?;
    let wanted = |set: &&ResultSet| {
        let counts = question.version.map_or(set.state == State::Current, |version| set.version == version);
        counts && question.operator.is_none_or(|operator| set.operator == operator)
    };
    Ok(sets.iter().filter(wanted).map(|set| (set.operator.clone(), set.version.clone())).collect())
}

fn by_time<T: Table>(
    snapshot: &Transaction<'_>,
    question: &Question<'_>,
    wanted: impl Fn(i64) -> bool,
    limit: usize,
) -> Result<Vec<Found<T::Item>>> {
    let Question { operator, version, bounds, condition, values, index, .. } = question;
    let (name, columns, time, direction) = (T::KIND.table(), T::COLUMNS, T::TIME, bounds.direction());
    let end = columns.split(", ").nth(3).unwrap_or(time);
    let sql = format!(
        "SELECT {columns}, s.source AS of_source, s.key AS of_key FROM {name} r INDEXED BY {index} \
         CROSS JOIN series s ON s.id = r.series_id \
         WHERE r.{time} BETWEEN :from AND :to AND (:operator IS NULL OR r.operator = :operator) AND r.version = ifnull(:version, \
         (SELECT version FROM result_set c WHERE c.kind = '{name}' AND c.operator = r.operator AND c.state = 'current')) AND {condition} \
         ORDER BY r.{time} {direction}, s.source, s.key, r.operator, {end}"
    );
    let (asking, reading) = (format!("asking for {}", T::WHAT), format!("reading {}", T::WHAT));
    let mut statement = snapshot.prepare_cached(&sql).doing(&asking)?;
    let mut named: Vec<Named<'_>> = vec![(":from", &bounds.from), (":to", &bounds.to), (":operator", operator), (":version", version)];
    named.extend(values.iter().copied());
    let mut rows = statement.query(named.as_slice()).doing(&asking)?;
    let mut found = Vec::new();
    // Each series is read once, however many of its results are on the page.
    let mut known: HashMap<i64, Arc<Series>> = HashMap::new();
    let width = columns.split(", ").count();
    while let Some(row) = rows.next().doing(&reading)? {
        let id: i64 = row.get(1).doing(&reading)?;
        if !wanted(id) {
            continue;
        }
        let texts = || Ok((row.get(width)?, row.get(width + 1)?));
        let (source, key): (String, String) = texts().doing(&reading)?;
        let place = Place::of(row, source, key).doing(&reading)?;
        if bounds.holds(&place) {
            let series = match known.get(&id) {
                Some(series) => series.clone(),
                None => {
                    let series = Series::from_key(&place.key);
                    let series = series.map_err(|e| Error::broken(format!("reading series {id} of the store")).because(e))?;
                    known.entry(id).or_insert(series.into()).clone()
                }
            };
            let item = T::item(row, place.source.clone(), series)?;
            found.push((id, place, item));
            if found.len() == limit {
                break;
            }
        }
    }
    Ok(found)
}
