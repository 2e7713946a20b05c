//! Raw events: in the order of the log, by the rules of [`crate::stores::frames`].

use std::collections::BTreeMap;

use async_trait::async_trait;
use floodmark_core::ports::query::StoredEvent;
use floodmark_core::ports::{EventFilter, EventQuery, Page};
use floodmark_core::{Error, Result};
use floodmark_schemas::{Event, Payload, Sample, Series, event};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::token::Tokens;
use super::{PAGE_MAX, rows};
use crate::stores::postgres::Store;
use crate::stores::postgres::error::Doing;
use crate::stores::postgres::times::Time;

#[async_trait]
impl EventQuery for Store {
    async fn events(&self, filter: &EventFilter, after: Option<&str>, limit: usize) -> Result<Page<StoredEvent>> {
        let doing = "asking for raw events";
        let limit = limit.clamp(1, PAGE_MAX);
        let tokens = Tokens::of("e1", filter);
        let place = |place: &str| {
            let (position, index) = place.split_once('.')?;
            Some((position.parse::<u64>().ok()?, index.parse::<u32>().ok()?))
        };
        let after = after.map(|token| tokens.read(token, place)).transpose()?;
        // No row holds such a text, and no parameter can.
        let labels = filter.labels.iter().flat_map(|(name, value)| [name, value]);
        if [&filter.source, &filter.metric, &filter.kind].into_iter().flatten().chain(labels).any(|text| text.contains('\0')) {
            return Ok(Page { items: Vec::new(), next: None });
        }
        let question = Question::of(filter, after, rows(limit));
        let values: Vec<&(dyn ToSql + Sync)> = question.values.iter().map(|value| &**value as &(dyn ToSql + Sync)).collect();
        let client = self.client().await?;
        let statement = client.prepare_cached(&question.sql).await.doing(doing)?;
        let found = client.query(&statement, &values).await.doing(doing)?;
        let items = found.iter().take(limit).map(stored).collect::<Result<Vec<_>>>()?;
        let last = items.last().filter(|_| found.len() > limit);
        let next = last.map(|last| tokens.write(format_args!("{}.{}", last.position, last.index)));
        Ok(Page { items, next })
    }
}

/// A statement for each combination of filters, so that the planner sees only those that are there.
struct Question {
    sql: String,
    values: Vec<Box<dyn ToSql + Sync + Send>>,
}

impl Question {
    fn of(filter: &EventFilter, after: Option<(u64, u32)>, rows: i64) -> Self {
        let sql = "SELECT position, event_index, log_time, time, source, type, id, subject, metric, unit, labels::text AS labels, value, \
                   data::text AS data, original FROM event WHERE true";
        let mut question = Self { sql: sql.to_owned(), values: Vec::new() };
        if let Some((position, index)) = after {
            let n = question.value(position.cast_signed());
            let i = question.value(i64::from(index));
            question.sql.push_str(&format!(" AND position >= ${n} AND (position > ${n} OR event_index::bigint > ${i})"));
        }
        question.equals("source", filter.source.as_ref());
        question.equals("metric", filter.metric.as_ref());
        question.equals("type", filter.kind.as_ref());
        if !filter.labels.is_empty() {
            let labels = serde_json::to_string(&filter.labels).expect("texts by name are JSON");
            let n = question.value(labels);
            question.sql.push_str(&format!(" AND labels @> ${n}::text::jsonb"));
        }
        for (time, comparison) in [(filter.from, ">="), (filter.to, "<")] {
            if let Some(time) = time {
                let n = question.value(Time(time));
                question.sql.push_str(&format!(" AND time {comparison} ${n}"));
            }
        }
        let n = question.value(rows);
        question.sql.push_str(&format!(" ORDER BY position, event_index LIMIT ${n}"));
        question
    }

    fn equals(&mut self, column: &str, value: Option<&String>) {
        if let Some(value) = value {
            let n = self.value(value.clone());
            self.sql.push_str(&format!(" AND {column} = ${n}"));
        }
    }

    /// Adds a parameter; its number.
    fn value(&mut self, value: impl ToSql + Sync + Send + 'static) -> usize {
        self.values.push(Box::new(value));
        self.values.len()
    }
}

fn stored(row: &Row) -> Result<StoredEvent> {
    let position = row.get::<_, i64>("position").cast_unsigned();
    let index = row.get::<_, i32>("event_index").cast_unsigned();
    let read = event_of(row).map_err(|e| Error::broken(format!("reading event {index} of entry {position} from PostgreSQL")).because(e));
    Ok(StoredEvent { position, index, log_time: row.get::<_, Time>("log_time").0, event: read? })
}

fn event_of(row: &Row) -> Result<Event, serde_json::Error> {
    if let Some(original) = row.get::<_, Option<&str>>("original") {
        return serde_json::from_str(original);
    }
    let data = || row.get::<_, Option<&str>>("data").unwrap_or("null");
    let payload = match row.get("type") {
        event::CHECK => Payload::Check(serde_json::from_str(data())?),
        event::RECORD => Payload::Record(serde_json::from_str(data())?),
        _ => {
            let labels: BTreeMap<String, String> = serde_json::from_str(row.get("labels"))?;
            let text = |column| row.get::<_, Option<String>>(column).unwrap_or_default();
            let series = Series { metric: text("metric"), unit: text("unit"), labels };
            Payload::Sample(Sample { value: row.get::<_, Option<f64>>("value").unwrap_or(f64::NAN), series })
        }
    };
    Ok(Event {
        specversion: "1.0".to_owned(),
        id: row.get("id"),
        source: row.get("source"),
        time: row.get::<_, Time>("time").0,
        subject: row.get("subject"),
        datacontenttype: None,
        payload,
    })
}
