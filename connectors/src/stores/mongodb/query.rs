//! Questions about rollups and scores: in order of time (of a rollup, where its window starts), source, series key, operator
//! and window end.
//!
//! Pages are cut by key, not by offset, and every step reads an index in its order. Newest first, only the times run
//! backwards; within one time the order stays. An index cannot do both at once, so results are read backwards as a whole,
//! those of one time are turned round, and those of the last time, which may have been cut, are read again forwards.

mod by_id;
mod place;

use std::collections::{BTreeMap, BTreeSet};

use ::mongodb::Collection;
use ::mongodb::bson::{Bson, Document, doc};
use async_trait::async_trait;
use floodmark_core::ports::{Page, RollupFilter, RollupQuery, ScoreFilter, ScoreQuery};
use floodmark_core::result_sets::{ResultSet, State};
use floodmark_core::{Error, Result};
use floodmark_schemas::{Rollup, Score, Timestamp};
use futures_util::TryStreamExt;

use super::document::{self, date};
use super::error::Doing;
use super::{Store, position, score_document, writing};
use crate::stores::embedded::query::token::Tokens;
use place::Place;

/// The most answers on a page; a larger limit is cut to it.
pub const PAGE_MAX: usize = 10_000;

/// Results that are kept in one collection.
struct Kept<T> {
    collection: Collection<Document>,
    /// What they are called in errors.
    what: &'static str,
    /// The fields of the time: the date, and in microseconds.
    time: [&'static str; 2],
    /// Reads a document and its time.
    read: fn(&Document) -> Result<(Timestamp, T)>,
}

/// What is asked of them.
struct Question {
    conditions: Document,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    newest_first: bool,
}

#[async_trait]
impl RollupQuery for Store {
    async fn rollups(&self, filter: &RollupFilter, after: Option<&str>, limit: usize) -> Result<Page<Rollup>> {
        let RollupFilter { operator, source, metric, labels, from, to, version, newest_first } = filter;
        let mut conditions = conditions([operator, source, metric], labels);
        conditions.extend(counting(self, self.rollups().name(), operator, version).await?);
        // A rollup without events is a retraction.
        conditions.insert("count", doc! { "$ne": 0_i64 });
        let question = Question { conditions, from: *from, to: *to, newest_first: *newest_first };
        let read = |document: &Document| document::read(document).map(|rollup| (rollup.window.start, rollup));
        let kept = Kept { collection: self.rollups(), what: "rollups", time: ["window_start", "window_start_us"], read };
        page(self, &kept, &Tokens::of("m1", filter), &question, after, limit).await
    }

    async fn rollup(&self, id: &str) -> Result<Option<Rollup>> {
        by_id::one(self, &self.rollups(), doc! { "rollup_id": id }, document::read).await
    }
}

#[async_trait]
impl ScoreQuery for Store {
    async fn scores(&self, filter: &ScoreFilter, after: Option<&str>, limit: usize) -> Result<Page<Score>> {
        let ScoreFilter { operator, source, metric, labels, from, to, score_min, only_episodes, version, newest_first } = filter;
        let mut conditions = conditions([operator, source, metric], labels);
        conditions.extend(counting(self, self.scores().name(), operator, version).await?);
        if let Some(least) = score_min {
            if least.is_nan() {
                return Err(Error::rejected("asking for scores: the least score is not a number"));
            }
            conditions.insert("score", doc! { "$gte": *least });
        }
        if *only_episodes {
            conditions.insert("episode", doc! { "$exists": true });
        }
        let question = Question { conditions, from: *from, to: *to, newest_first: *newest_first };
        let read = |document: &Document| score_document::read(document).map(|score| (score.time, score));
        let kept = Kept { collection: self.scores(), what: "scores", time: ["time", "time_us"], read };
        page(self, &kept, &Tokens::of("n1", filter), &question, after, limit).await
    }

    async fn score(&self, id: &str) -> Result<Option<Score>> {
        by_id::one(self, &self.scores(), doc! { "score_id": id }, score_document::read).await
    }
}

async fn page<T>(
    store: &Store,
    kept: &Kept<T>,
    tokens: &Tokens,
    question: &Question,
    after: Option<&str>,
    limit: usize,
) -> Result<Page<T>> {
    let limit = limit.clamp(1, PAGE_MAX);
    let after = after.map(|token| Place::read(tokens, token)).transpose()?;
    // One more than asked for tells whether there is another page.
    let mut found = writing::within(store, find(kept, question, after, limit + 1)).await?;
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(|(place, _)| place.write(tokens));
    Ok(Page { items: found.into_iter().map(|(_, item)| item).collect(), next })
}

/// The first `wanted` results after a place, each with its own.
async fn find<T>(kept: &Kept<T>, question: &Question, after: Option<Place>, wanted: usize) -> Result<Vec<(Place, T)>> {
    if question.to == Some(Timestamp::MIN) {
        return Ok(Vec::new());
    }
    let read = |times: Times, later_than: Option<String>, direction: i32, limit: usize| {
        let mut conditions = question.conditions.clone();
        conditions.extend(times.document(kept.time));
        conditions.extend(later_than.map(|id| ("_id".to_owned(), Bson::from(doc! { "$gt": id }))));
        read(kept, conditions, direction, limit)
    };
    let mut bounds = Times::of(question);
    let mut found = Vec::new();
    if let Some(place) = after {
        found = read(Times::at(place.start), Some(place.id), 1, wanted).await?;
        bounds = if question.newest_first { bounds.before(place.start) } else { bounds.after(place.start) };
    }
    let missing = wanted - found.len();
    if missing == 0 || bounds.from > bounds.to {
        return Ok(found);
    }
    if !question.newest_first {
        found.extend(read(bounds, None, 1, missing).await?);
        return Ok(found);
    }
    let mut more = read(bounds, None, -1, missing).await?;
    let cut = more.last().filter(|_| more.len() == missing).map(|(place, _)| place.start);
    more.retain(|(place, _)| Some(place.start) != cut);
    more.sort_by(|(a, _), (b, _)| b.start.cmp(&a.start).then_with(|| a.id.cmp(&b.id)));
    let missing = missing - more.len();
    found.extend(more);
    if let Some(start) = cut {
        found.extend(read(Times::at(start), None, 1, missing).await?);
    }
    Ok(found)
}

/// The times to look at, in microseconds, both ends included.
#[derive(Clone, Copy)]
struct Times {
    from: i64,
    to: i64,
}

impl Times {
    fn of(question: &Question) -> Self {
        // Exclusive in the question, inclusive here, so that no end is also the end of time.
        let to = question.to.map_or(i64::MAX, |to| to.micros().saturating_sub(1));
        Self { from: question.from.unwrap_or(Timestamp::MIN).micros(), to }
    }

    fn at(start: Timestamp) -> Self {
        Self { from: start.micros(), to: start.micros() }
    }

    fn after(self, start: Timestamp) -> Self {
        // Nothing starts after the end of time: then the ends cross.
        start.micros().checked_add(1).map_or(Self { from: i64::MAX, to: i64::MIN }, |next| Self { from: self.from.max(next), ..self })
    }

    fn before(self, start: Timestamp) -> Self {
        start.micros().checked_sub(1).map_or(Self { from: i64::MAX, to: i64::MIN }, |last| Self { to: self.to.min(last), ..self })
    }

    /// The dates let the index begin and end at the right places, the microseconds are exact.
    fn document(self, [date_field, exact]: [&str; 2]) -> Document {
        let Self { from, to } = self;
        let dates = [from, to].map(|micros| date(Timestamp::from_micros(micros)));
        match (from == to, from == i64::MIN, to == i64::MAX) {
            (true, _, _) => doc! { date_field: dates[0], exact: from },
            (_, true, true) => doc! {},
            (_, false, true) => doc! { date_field: { "$gte": dates[0] }, exact: { "$gte": from } },
            (_, true, false) => doc! { date_field: { "$lte": dates[1] }, exact: { "$lte": to } },
            (_, false, false) => {
                doc! { date_field: { "$gte": dates[0], "$lte": dates[1] }, exact: { "$gte": from, "$lte": to } }
            }
        }
    }
}

/// The results that count, or those by the definition that is asked for.
async fn counting(store: &Store, collection: &str, operator: &Option<String>, version: &Option<String>) -> Result<Document> {
    if let Some(version) = version {
        return Ok(doc! { "version": version });
    }
    let sets = position::result_sets(store, collection).await?;
    let counts = |set: &&ResultSet| set.state == State::Current && operator.as_ref().is_none_or(|operator| set.operator == *operator);
    let of = |set: &ResultSet| doc! { "operator": &set.operator, "version": &set.version };
    let versions: BTreeSet<&str> = sets.iter().filter(counts).map(|set| set.version.as_str()).collect();
    // Operators may have the same settings, of which one has been changed since.
    let ambiguous = sets.iter().any(|set| set.state != State::Current && versions.contains(&*set.version));
    Ok(match ambiguous {
        false => doc! { "version": { "$in": versions.into_iter().collect::<Vec<_>>() } },
        true => doc! { "$or": sets.iter().filter(counts).map(of).collect::<Vec<_>>() },
    })
}

/// What is asked for of operator, source, metric and labels.
fn conditions([operator, source, metric]: [&Option<String>; 3], labels: &BTreeMap<String, String>) -> Document {
    let mut conditions = Document::new();
    for (name, value) in [("operator", operator), ("source", source), ("metric", metric)] {
        conditions.extend(value.as_ref().map(|value| (name.to_owned(), Bson::from(value))));
    }
    let mut labels: Vec<Document> = labels.iter().map(|(k, v)| doc! { "$elemMatch": { "k": k, "v": v } }).collect();
    match labels.len() {
        0 => {}
        1 => drop(conditions.insert("labels", labels.remove(0))),
        _ => drop(conditions.insert("labels", doc! { "$all": labels })),
    }
    conditions
}

async fn read<T>(kept: &Kept<T>, filter: Document, direction: i32, limit: usize) -> Result<Vec<(Place, T)>> {
    let doing = format!("asking MongoDB for {}", kept.what);
    let [date_field, exact] = kept.time;
    let order = doc! { date_field: direction, exact: direction, "_id": direction };
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let cursor = kept.collection.find(filter).sort(order).limit(limit).await.doing(&doing)?;
    let documents: Vec<Document> = cursor.try_collect().await.doing(&doing)?;
    let read = |document: &Document| {
        let (start, item) = (kept.read)(document)?;
        Ok((Place { start, id: document.get_str("_id").unwrap_or_default().to_owned() }, item))
    };
    documents.iter().map(read).collect()
}
