//! The questions about alerts.

use async_trait::async_trait;
use deadpool_postgres::GenericClient;
use floodmark_core::alert::desk::{AlertRecord, Decision, IncidentRecord, Silence};
use floodmark_core::ports::alerts::{Attempt, Sent, SentState};
use floodmark_core::ports::{AlertFilter, AlertQuery, IncidentFilter, Page};
use floodmark_core::{Error, Result};
use floodmark_schemas::{Alert, Timestamp};
use serde::de::DeserializeOwned;
use tokio_postgres::types::ToSql;

use super::{Alerts, READING};
use crate::stores::embedded::alerts::rows::{ambiguous, is_beginning, label, limit, read};
use crate::stores::embedded::query::token::{self, Tokens};
use crate::stores::postgres::error::Doing;
use crate::stores::postgres::{PAGE_MAX, text};

/// Conditions with their values: the place of a value stands as `?`.
#[derive(Default)]
struct Conditions {
    sql: String,
    values: Vec<Box<dyn ToSql + Sync + Send>>,
}

impl Conditions {
    fn add(&mut self, condition: &str, value: Option<impl ToSql + Sync + Send + 'static>) {
        if let Some(value) = value {
            self.values.push(Box::new(value));
            self.sql.push_str(&condition.replace('?', &format!("${}", self.values.len())));
            self.sql.push_str(" AND ");
        }
    }

    fn says(&mut self, condition: Option<&'static str>) {
        if let Some(condition) = condition {
            self.sql.push_str(condition);
            self.sql.push_str(" AND ");
        }
    }
}

#[async_trait]
impl AlertQuery for Alerts {
    async fn incidents(&self, filter: &IncidentFilter, after: Option<&str>, most: usize) -> Result<Page<IncidentRecord>> {
        let mut conditions = Conditions::default();
        conditions.add("(resolved_us IS NULL) = ?", filter.open);
        conditions.add("severity >= ?", filter.severity_min.map(|least| least as i16));
        conditions.add("opened_us >= ?", filter.from.map(Timestamp::micros));
        conditions.add("opened_us < ?", filter.to.map(Timestamp::micros));
        self.page("incident", "opened_us", conditions, &Tokens::of("i1", filter), after, most).await
    }

    async fn incident(&self, id: &str) -> Result<Option<IncidentRecord>> {
        self.one("incident", id).await
    }

    async fn alerts(&self, filter: &AlertFilter, after: Option<&str>, most: usize) -> Result<Page<AlertRecord>> {
        let mut conditions = Conditions::default();
        conditions.add("rule = ?", filter.rule.clone());
        conditions.add("source = ?", filter.source.clone());
        conditions.add("incident = ?", filter.incident.clone());
        // Not as values: the indexes of those that are active, or live, are only used when the text says so.
        conditions.says(filter.active.map(|active| if active { "active" } else { "NOT active" }));
        conditions.says(filter.live.map(|live| if live { "live" } else { "NOT live" }));
        conditions.add("severity >= ?", filter.severity_min.map(|least| least as i16));
        conditions.add("began_us >= ?", filter.from.map(Timestamp::micros));
        conditions.add("began_us < ?", filter.to.map(Timestamp::micros));
        filter.labels.iter().for_each(|(name, value)| conditions.add("strpos(labels, ?) > 0", Some(label(name, value))));
        self.page("alert", "began_us", conditions, &Tokens::of("a1", filter), after, most).await
    }

    async fn alert(&self, id: &str) -> Result<Option<AlertRecord>> {
        self.one("alert", id).await
    }

    async fn steps(&self, alert: &str) -> Result<Vec<(u64, Alert)>> {
        let client = self.store.client().await?;
        let sql = "SELECT position, data FROM alert_step WHERE alert = $1 ORDER BY version, step";
        let rows = client.query(sql, &[&alert]).await.doing(READING)?;
        rows.iter().map(|row| Ok((row.get::<_, i64>(0).cast_unsigned(), read(row.get(1))?))).collect()
    }

    async fn decisions(&self, incident: &str, most: usize) -> Result<Vec<Decision>> {
        let sql = "SELECT data FROM alert_decision WHERE incident = $1 ORDER BY number DESC LIMIT $2";
        let mut found = self.list(sql, &[&incident, &limit(most)]).await?;
        found.reverse();
        Ok(found)
    }

    async fn sent(&self, incident: &str, most: usize) -> Result<Vec<Sent>> {
        let client = self.store.client().await?;
        let sql = "SELECT id, state, data FROM notification WHERE incident = $1 ORDER BY number DESC LIMIT $2";
        let rows = client.query(sql, &[&incident, &limit(most)]).await.doing(READING)?;
        let ids: Vec<&str> = rows.iter().map(|row| row.get(0)).collect();
        let mut tried = attempts(&client, &ids).await?;
        let sent = rows.iter().rev().map(|row| {
            let (id, state): (&str, &str) = (row.get(0), row.get(1));
            let state = SentState::named(state).ok_or_else(|| Error::broken(format!("{READING}: {state:?} is no state")))?;
            let attempts = tried.extract_if(.., |attempt| attempt.notification == id).collect();
            Ok(Sent { notification: read(row.get(2))?, state, attempts })
        });
        sent.collect()
    }

    async fn silences(&self, all: bool) -> Result<Vec<Silence>> {
        self.list("SELECT data FROM silence WHERE NOT over OR $1 ORDER BY ends_us, id", &[&all]).await
    }
}

impl Alerts {
    /// A page of records, the newest first.
    async fn page<T: DeserializeOwned>(
        &self,
        table: &str,
        time: &str,
        mut conditions: Conditions,
        tokens: &Tokens,
        after: Option<&str>,
        most: usize,
    ) -> Result<Page<T>> {
        let most = most.clamp(1, PAGE_MAX);
        if let Some(token) = after {
            let [at, id] = tokens.read(token)?;
            let at = token::number(token, at)?;
            conditions.add(&format!("{time} <= ?"), Some(at));
            conditions.add(&format!("({time} < ${} OR id > ?)", conditions.values.len()), Some(id.to_owned()));
        }
        let wanted = &conditions.sql;
        let sql = format!("SELECT {time}, id, data FROM {table} WHERE {wanted} true ORDER BY {time} DESC, id LIMIT {}", most + 1);
        let values: Vec<&(dyn ToSql + Sync)> = conditions.values.iter().map(|value| &**value as &(dyn ToSql + Sync)).collect();
        let client = self.store.client().await?;
        let statement = client.prepare_cached(&sql).await.doing(READING)?;
        let rows = client.query(&statement, &values).await.doing(READING)?;
        let next = rows.get(most).map(|_| tokens.write(&[&rows[most - 1].get::<_, i64>(0), &rows[most - 1].get::<_, &str>(1)]));
        let items = rows.iter().take(most).map(|row| read(row.get(2))).collect::<Result<_>>()?;
        Ok(Page { items, next })
    }

    /// The one whose id begins so.
    async fn one<T: DeserializeOwned>(&self, table: &str, id: &str) -> Result<Option<T>> {
        if !is_beginning(id) {
            return Ok(None);
        }
        // `g` comes after every hex digit.
        let sql = format!("SELECT data FROM {table} WHERE id >= $1 AND id < $2 LIMIT 2");
        let mut found: Vec<T> = self.list(&sql, &[&id, &format!("{id}g")]).await?;
        if found.len() > 1 { Err(ambiguous(table, id)) } else { Ok(found.pop()) }
    }

    async fn list<T: DeserializeOwned>(&self, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Result<Vec<T>> {
        let rows = self.store.client().await?.query(sql, values).await.doing(READING)?;
        rows.iter().map(|row| read(row.get(0))).collect()
    }
}

/// Every try of these notifications, in order of their numbers.
async fn attempts(client: &impl GenericClient, notifications: &[&str]) -> Result<Vec<Attempt>> {
    let sql = "SELECT notification, number, time_us, outcome, answer FROM notification_attempt WHERE notification = ANY($1::text[]) \
               ORDER BY notification, number";
    let rows = client.query(sql, &[&notifications]).await.doing(READING)?;
    let attempt = |row: &tokio_postgres::Row| {
        let number = u32::try_from(row.get::<_, i64>(1)).unwrap_or(u32::MAX);
        let (time, answer) = (Timestamp::from_micros(row.get(2)), text::whole(row.get(4)));
        Ok(Attempt { notification: row.get(0), number, time, outcome: read(row.get(3))?, answer })
    };
    rows.iter().map(attempt).collect()
}
