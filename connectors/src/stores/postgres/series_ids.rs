//! The rows of series. Their ids are computed, so that writing an event needs no look-up.

use std::collections::BTreeMap;

use deadpool_postgres::Transaction;
use floodmark_core::Result;
use floodmark_schemas::{Series, Timestamp};
use twox_hash::XxHash3_64;

use super::error::Doing;
use super::text;
use super::times::Time;

/// The id of a series: two of a million series share one with a chance of 1 in 37 million. Events and answers do not depend
/// on it, the views do.
pub(super) fn id(source: &str, key: &str) -> i64 {
    use std::hash::Hasher;
    let mut hasher = XxHash3_64::new();
    hasher.write(source.as_bytes());
    hasher.write(&[0]);
    hasher.write(key.as_bytes());
    hasher.finish().cast_signed()
}

/// What is to be known of a series.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) source: String,
    pub(super) key: String,
    /// Earliest and latest event time in microseconds.
    pub(super) seen: Option<(i64, i64)>,
}

/// Adds the series that are not there, and widens the times of those that are; gives back the times that stand there now.
/// In the order of their ids, so that two sinks that add the same series do not wait for each other in a circle.
pub(super) async fn upsert(transaction: &Transaction<'_>, rows: &BTreeMap<i64, Row>) -> Result<Vec<(i64, i64, i64)>> {
    let doing = "adding series";
    let sql = "INSERT INTO series AS s (id, source, key, metric, unit, labels, first_seen, last_seen, first_seen_us, last_seen_us) \
               SELECT id, source, key, metric, unit, labels::jsonb, first_seen, last_seen, first_seen_us, last_seen_us FROM unnest(\
               $1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::timestamptz[], $8::timestamptz[], \
               $9::bigint[], $10::bigint[]) \
               AS n (id, source, key, metric, unit, labels, first_seen, last_seen, first_seen_us, last_seen_us) \
               ON CONFLICT (id) DO UPDATE SET \
               first_seen = least(s.first_seen, excluded.first_seen), first_seen_us = least(s.first_seen_us, excluded.first_seen_us), \
               last_seen = greatest(s.last_seen, excluded.last_seen), last_seen_us = greatest(s.last_seen_us, excluded.last_seen_us) \
               WHERE excluded.first_seen_us IS NOT NULL \
               RETURNING id, first_seen_us, last_seen_us";
    let statement = transaction.prepare_cached(sql).await.doing(doing)?;
    let mut stored = Vec::with_capacity(rows.len());
    for part in rows.iter().collect::<Vec<_>>().chunks(ROWS_AT_ONCE) {
        let series: Vec<Series> = part.iter().map(|(_, row)| Series::from_key(&row.key).expect("a key was made from a series")).collect();
        let ids: Vec<i64> = part.iter().map(|(id, _)| **id).collect();
        let sources: Vec<_> = part.iter().map(|(_, row)| row.source.as_str()).collect();
        let keys: Vec<_> = part.iter().map(|(_, row)| row.key.as_str()).collect();
        let metrics: Vec<_> = series.iter().map(|series| text::held(&series.metric)).collect();
        let units: Vec<_> = series.iter().map(|series| text::held(&series.unit)).collect();
        let labels: Vec<String> = series.iter().map(|series| labels(&series.labels)).collect();
        let seen = |of: fn((i64, i64)) -> i64| part.iter().map(|(_, row)| row.seen.map(of)).collect::<Vec<Option<i64>>>();
        let (first, last) = (seen(|(first, _)| first), seen(|(_, last)| last));
        let time = |times: &[Option<i64>]| times.iter().map(|t| t.map(|t| Time(Timestamp::from_micros(t)))).collect::<Vec<_>>();
        let (first_time, last_time) = (time(&first), time(&last));
        let values: [&(dyn tokio_postgres::types::ToSql + Sync); 10] =
            [&ids, &sources, &keys, &metrics, &units, &labels, &first_time, &last_time, &first, &last];
        let rows = transaction.query(&statement, &values).await.doing(doing)?;
        let times = rows.iter().map(|row| (row.get(0), row.get::<_, Option<i64>>(1), row.get::<_, Option<i64>>(2)));
        stored.extend(times.filter_map(|(id, first, last)| Some((id, first?, last?))));
    }
    Ok(stored)
}

/// How many rows one statement adds.
const ROWS_AT_ONCE: usize = 5_000;

/// The labels as a JSON object that PostgreSQL can hold.
pub(super) fn labels(labels: &BTreeMap<String, String>) -> String {
    let held: BTreeMap<_, _> = labels.iter().map(|(name, value)| (text::held(name), text::held(value))).collect();
    serde_json::to_string(&held).expect("texts by name are JSON")
}
