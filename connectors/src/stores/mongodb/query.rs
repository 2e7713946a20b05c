//! Questions about rollups: in order of window start, source, series key, operator and window end.
//!
//! Pages are cut by key, not by offset, and every step reads an index in its order. Newest first, only the window starts
//! run backwards; within one start the order stays. An index cannot do both at once, so windows are read backwards as a
//! whole, those of one start are turned round, and those of the last start, which may have been cut, are read again forwards.

mod place;

use ::mongodb::bson::{Bson, Document, doc};
use async_trait::async_trait;
use floodmark_core::Result;
use floodmark_core::ports::{Page, RollupFilter, RollupQuery};
use floodmark_schemas::{Rollup, Timestamp};
use futures_util::TryStreamExt;

use super::document::{self, date};
use super::error::Doing;
use super::{Store, rollups};
use crate::stores::embedded::query::token::Tokens;
use place::Place;

/// The most answers on a page; a larger limit is cut to it.
pub const PAGE_MAX: usize = 10_000;

#[async_trait]
impl RollupQuery for Store {
    async fn rollups(&self, filter: &RollupFilter, after: Option<&str>, limit: usize) -> Result<Page<Rollup>> {
        let limit = limit.clamp(1, PAGE_MAX);
        let tokens = Tokens::of("m1", filter);
        let after = after.map(|token| Place::read(&tokens, token)).transpose()?;
        // One more than asked for tells whether there is another page.
        let mut found = rollups::within(self, find(self, filter, after, limit + 1)).await?;
        let more = found.len() > limit;
        found.truncate(limit);
        let next = found.last().filter(|_| more).map(|(place, _)| place.write(&tokens));
        Ok(Page { items: found.into_iter().map(|(_, rollup)| rollup).collect(), next })
    }
}

/// The first `wanted` rollups after a place, each with its own.
async fn find(store: &Store, filter: &RollupFilter, after: Option<Place>, wanted: usize) -> Result<Vec<(Place, Rollup)>> {
    if filter.to == Some(Timestamp::MIN) {
        return Ok(Vec::new());
    }
    let conditions = conditions(filter);
    let read = |starts: Starts, later_than: Option<String>, direction: i32, limit: usize| {
        let mut conditions = conditions.clone();
        conditions.extend(starts.document());
        conditions.extend(later_than.map(|id| ("_id".to_owned(), Bson::from(doc! { "$gt": id }))));
        read(store, conditions, direction, limit)
    };
    let mut bounds = Starts::of(filter);
    let mut found = Vec::new();
    if let Some(place) = after {
        found = read(Starts::at(place.start), Some(place.id), 1, wanted).await?;
        bounds = if filter.newest_first { bounds.before(place.start) } else { bounds.after(place.start) };
    }
    let missing = wanted - found.len();
    if missing == 0 || bounds.from > bounds.to {
        return Ok(found);
    }
    if !filter.newest_first {
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
        found.extend(read(Starts::at(start), None, 1, missing).await?);
    }
    Ok(found)
}

/// The window starts to look at, in microseconds, both ends included.
#[derive(Clone, Copy)]
struct Starts {
    from: i64,
    to: i64,
}

impl Starts {
    fn of(filter: &RollupFilter) -> Self {
        // Exclusive in the question, inclusive here, so that no end is also the end of time.
        let to = filter.to.map_or(i64::MAX, |to| to.micros().saturating_sub(1));
        Self { from: filter.from.unwrap_or(Timestamp::MIN).micros(), to }
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
    fn document(self) -> Document {
        let Self { from, to } = self;
        let dates = [from, to].map(|micros| date(Timestamp::from_micros(micros)));
        match (from == to, from == i64::MIN, to == i64::MAX) {
            (true, _, _) => doc! { "window_start": dates[0], "window_start_us": from },
            (_, true, true) => doc! {},
            (_, false, true) => doc! { "window_start": { "$gte": dates[0] }, "window_start_us": { "$gte": from } },
            (_, true, false) => doc! { "window_start": { "$lte": dates[1] }, "window_start_us": { "$lte": to } },
            (_, false, false) => {
                doc! { "window_start": { "$gte": dates[0], "$lte": dates[1] }, "window_start_us": { "$gte": from, "$lte": to } }
            }
        }
    }
}

/// What the filter asks for, but for times.
fn conditions(filter: &RollupFilter) -> Document {
    let mut conditions = Document::new();
    for (name, value) in [("operator", &filter.operator), ("source", &filter.source), ("metric", &filter.metric)] {
        conditions.extend(value.as_ref().map(|value| (name.to_owned(), Bson::from(value))));
    }
    let mut labels: Vec<Document> = filter.labels.iter().map(|(k, v)| doc! { "$elemMatch": { "k": k, "v": v } }).collect();
    match labels.len() {
        0 => {}
        1 => drop(conditions.insert("labels", labels.remove(0))),
        _ => drop(conditions.insert("labels", doc! { "$all": labels })),
    }
    conditions
}

async fn read(store: &Store, filter: Document, direction: i32, limit: usize) -> Result<Vec<(Place, Rollup)>> {
    let doing = "asking MongoDB for rollups";
    let order = doc! { "window_start": direction, "window_start_us": direction, "_id": direction };
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let cursor = store.rollups().find(filter).sort(order).limit(limit).await.doing(doing)?;
    let documents: Vec<Document> = cursor.try_collect().await.doing(doing)?;
    let read = |document: &Document| {
        let rollup = document::read(document)?;
        let id = document.get_str("_id").unwrap_or_default().to_owned();
        Ok((Place { start: rollup.window.start, id }, rollup))
    };
    documents.iter().map(read).collect()
}
