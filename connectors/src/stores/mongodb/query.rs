//! Questions about rollups: in order of window start, source, series key, operator and window end.
//!
//! Pages are cut by key, not by offset, and every step reads an index in its order. Newest first, only the window starts
//! run backwards; within one start the order stays. An index cannot do both at once, so windows are read backwards as a
//! whole, those of one start are turned round, and those of the last start, which may have been cut, are read again forwards.

mod place;

use std::cmp::Ordering;

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
        let next = found.last().filter(|_| more).map(|last| Place::of(last).write(&tokens));
        Ok(Page { items: found, next })
    }
}

async fn find(store: &Store, filter: &RollupFilter, after: Option<Place>, wanted: usize) -> Result<Vec<Rollup>> {
    if filter.to == Some(Timestamp::MIN) {
        return Ok(Vec::new());
    }
    let conditions = conditions(filter);
    let direction = if filter.newest_first { -1 } else { 1 };
    let mut found = Vec::new();
    if let Some(place) = &after {
        found = read(store, &conditions, &[at(place.start), place.later_within_start()], within_start(1), wanted).await?;
    }
    if found.len() == wanted {
        return Ok(found);
    }
    let beyond = after.map(|place| beyond(place.start, direction));
    let missing = wanted - found.len();
    // The index by label holds no more of the order than the start.
    let sorted = filter.labels.is_empty();
    let mut order = doc! { "window_start": direction, "window_start_us": direction };
    if sorted {
        order.extend(within_start(direction));
    }
    let mut more = read(store, &conditions, beyond.as_slice(), order, missing).await?;
    if sorted && !filter.newest_first {
        found.extend(more);
        return Ok(found);
    }
    let cut = more.last().filter(|_| more.len() == missing).map(|last| last.window.start);
    more.retain(|rollup| Some(rollup.window.start) != cut);
    more.sort_by(|a, b| order_of(a, b, filter.newest_first));
    let missing = missing - more.len();
    found.extend(more);
    if let Some(start) = cut {
        found.extend(read(store, &conditions, &[at(start)], within_start(1), missing).await?);
    }
    Ok(found)
}

fn order_of(a: &Rollup, b: &Rollup, newest_first: bool) -> Ordering {
    let start = a.window.start.cmp(&b.window.start);
    (if newest_first { start.reverse() } else { start }).then_with(|| Place::of(a).within_start().cmp(&Place::of(b).within_start()))
}

/// The order within one start.
fn within_start(direction: i32) -> Document {
    doc! { "source": direction, "series": direction, "operator": direction, "window_end_us": direction }
}

/// Windows that start at `start`. The date lets the index begin at the right place, the microseconds are exact.
fn at(start: Timestamp) -> Document {
    doc! { "window_start": date(start), "window_start_us": start.micros() }
}

/// Windows that start after `start`, or before it when the `direction` is backwards.
fn beyond(start: Timestamp, direction: i32) -> Document {
    let (not_before, after) = if direction < 0 { ("$lte", "$lt") } else { ("$gte", "$gt") };
    doc! { "window_start": { not_before: date(start) }, "window_start_us": { after: start.micros() } }
}

/// What the filter asks for.
fn conditions(filter: &RollupFilter) -> Vec<Document> {
    let mut conditions = Vec::new();
    for (name, value) in [("operator", &filter.operator), ("source", &filter.source), ("metric", &filter.metric)] {
        conditions.extend(value.as_ref().map(|value| doc! { name: { "$eq": value } }));
    }
    conditions.extend(filter.labels.iter().map(|(k, v)| doc! { "labels": { "$elemMatch": { "k": { "$eq": k }, "v": { "$eq": v } } } }));
    if let Some(from) = filter.from {
        conditions.push(doc! { "window_start": { "$gte": date(from) }, "window_start_us": { "$gte": from.micros() } });
    }
    if let Some(to) = filter.to {
        conditions.push(doc! { "window_start": { "$lte": date(to) }, "window_start_us": { "$lt": to.micros() } });
    }
    conditions
}

async fn read(store: &Store, conditions: &[Document], and: &[Document], order: Document, limit: usize) -> Result<Vec<Rollup>> {
    let all: Vec<Bson> = conditions.iter().chain(and).cloned().map(Bson::Document).collect();
    let filter = if all.is_empty() {
        Document::new()
    } else {
        doc! { "$and": all }
    };
    let doing = "asking MongoDB for rollups";
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let cursor = store.rollups().find(filter).sort(order).limit(limit).await.doing(doing)?;
    let documents: Vec<Document> = cursor.try_collect().await.doing(doing)?;
    documents.iter().map(document::read).collect()
}
