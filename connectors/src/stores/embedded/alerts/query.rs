//! The questions about alerts.

use async_trait::async_trait;
use floodmark_core::Result;
use floodmark_core::alert::desk::{AlertRecord, Decision, IncidentRecord, Silence};
use floodmark_core::ports::alerts::{Attempt, Sent, SentState};
use floodmark_core::ports::{AlertFilter, AlertQuery, IncidentFilter, Page};
use floodmark_core::{Error, ports};
use floodmark_schemas::{Alert, Timestamp};
use rusqlite::{ToSql, Transaction};
use serde::de::DeserializeOwned;

use super::rows::{ambiguous, is_beginning, label, limit, read};
use super::{Alerts, READING};
use crate::stores::embedded::PAGE_MAX;
use crate::stores::embedded::error::Doing;
use crate::stores::embedded::query::token::{self, Tokens};

/// Conditions with their values, in order.
#[derive(Default)]
struct Conditions(Vec<&'static str>, Vec<Box<dyn ToSql + Send>>);

impl Conditions {
    fn add(&mut self, condition: &'static str, value: Option<impl ToSql + Send + 'static>) {
        if let Some(value) = value {
            self.0.push(condition);
            self.1.push(Box::new(value));
        }
    }

    fn says(&mut self, condition: Option<&'static str>) {
        self.0.extend(condition);
    }
}

#[async_trait]
impl AlertQuery for Alerts {
    async fn incidents(&self, filter: &IncidentFilter, after: Option<&str>, most: usize) -> Result<Page<IncidentRecord>> {
        let mut conditions = Conditions::default();
        conditions.add("(resolved_us IS NULL) = ?", filter.open);
        conditions.add("severity >= ?", filter.severity_min.map(|least| least as i64));
        conditions.add("opened_us >= ?", filter.from.map(Timestamp::micros));
        conditions.add("opened_us < ?", filter.to.map(Timestamp::micros));
        let (tokens, after) = (Tokens::of("i1", filter), after.map(str::to_owned));
        self.store.read(move |snapshot| page(snapshot, "incident", "opened_us", conditions, &tokens, after.as_deref(), most)).await
    }

    async fn incident(&self, id: &str) -> Result<Option<IncidentRecord>> {
        let id = id.to_owned();
        self.store.read(move |snapshot| one(snapshot, "incident", &id)).await
    }

    async fn alerts(&self, filter: &AlertFilter, after: Option<&str>, most: usize) -> Result<Page<AlertRecord>> {
        let mut conditions = Conditions::default();
        conditions.add("rule = ?", filter.rule.clone());
        conditions.add("source = ?", filter.source.clone());
        conditions.add("incident = ?", filter.incident.clone());
        // Not as values: the indexes of those that are active, or live, are only used when the text says so.
        conditions.says(filter.active.map(|active| if active { "active = 1" } else { "active = 0" }));
        conditions.says(filter.live.map(|live| if live { "live = 1" } else { "live = 0" }));
        conditions.add("severity >= ?", filter.severity_min.map(|least| least as i64));
        conditions.add("began_us >= ?", filter.from.map(Timestamp::micros));
        conditions.add("began_us < ?", filter.to.map(Timestamp::micros));
        filter.labels.iter().for_each(|(name, value)| conditions.add("instr(labels, ?) > 0", Some(label(name, value))));
        let (tokens, after) = (Tokens::of("a1", filter), after.map(str::to_owned));
        self.store.read(move |snapshot| page(snapshot, "alert", "began_us", conditions, &tokens, after.as_deref(), most)).await
    }

    async fn alert(&self, id: &str) -> Result<Option<AlertRecord>> {
        let id = id.to_owned();
        self.store.read(move |snapshot| one(snapshot, "alert", &id)).await
    }

    async fn steps(&self, alert: &str) -> Result<Vec<(u64, Alert)>> {
        let alert = alert.to_owned();
        self.store
            .read(move |snapshot| {
                let sql = "SELECT position, data FROM alert_step WHERE alert = ?1 ORDER BY version, step";
                let mut statement = snapshot.prepare_cached(sql).doing(READING)?;
                let rows = statement.query_map([alert], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?))).doing(READING)?;
                let rows = rows.collect::<rusqlite::Result<Vec<_>>>().doing(READING)?;
                rows.into_iter().map(|(position, data)| Ok((position.cast_unsigned(), read(&data)?))).collect()
            })
            .await
    }

    async fn decisions(&self, incident: &str, most: usize) -> Result<Vec<Decision>> {
        let incident = incident.to_owned();
        self.store
            .read(move |snapshot| {
                let sql = "SELECT data FROM alert_decision WHERE incident = ?1 ORDER BY number DESC LIMIT ?2";
                let mut found = list(snapshot, sql, &[&incident, &limit(most)])?;
                found.reverse();
                Ok(found)
            })
            .await
    }

    async fn sent(&self, incident: &str, most: usize) -> Result<Vec<Sent>> {
        let incident = incident.to_owned();
        self.store.read(move |snapshot| sent(snapshot, &incident, most)).await
    }

    async fn silences(&self, all: bool) -> Result<Vec<Silence>> {
        let sql = "SELECT data FROM silence WHERE over = 0 OR ?1 ORDER BY ends_us, id";
        self.store.read(move |snapshot| list(snapshot, sql, &[&all])).await
    }
}

/// A page of records, the newest first.
fn page<T: DeserializeOwned>(
    snapshot: &Transaction<'_>,
    table: &str,
    time: &str,
    mut conditions: Conditions,
    tokens: &Tokens,
    after: Option<&str>,
    most: usize,
) -> Result<Page<T>> {
    let most = most.clamp(1, PAGE_MAX);
    let mut place = String::from("1");
    if let Some(token) = after {
        let [at, id] = tokens.read(token)?;
        let at = token::number(token, at)?;
        place = format!("({time} < ? OR ({time} = ? AND id > ?))");
        conditions.1.extend([Box::new(at) as Box<dyn ToSql + Send>, Box::new(at), Box::new(id.to_owned())]);
    }
    let wanted: String = conditions.0.iter().map(|condition| format!("{condition} AND ")).collect();
    let sql = format!("SELECT {time}, id, data FROM {table} WHERE {wanted}{place} ORDER BY {time} DESC, id LIMIT {}", most + 1);
    let mut statement = snapshot.prepare_cached(&sql).doing(READING)?;
    let values = rusqlite::params_from_iter(conditions.1.iter().map(|value| &**value as &dyn ToSql));
    let rows = statement.query_map(values, |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?)));
    let rows = rows.doing(READING)?.collect::<rusqlite::Result<Vec<_>>>().doing(READING)?;
    let next = rows.get(most).map(|_| tokens.write(&[&rows[most - 1].0, &rows[most - 1].1]));
    let items = rows.iter().take(most).map(|(.., data)| read(data)).collect::<Result<_>>()?;
    Ok(Page { items, next })
}

/// The one whose id begins so.
fn one<T: DeserializeOwned>(snapshot: &Transaction<'_>, table: &str, id: &str) -> Result<Option<T>> {
    if !is_beginning(id) {
        return Ok(None);
    }
    // `g` comes after every hex digit.
    let sql = format!("SELECT data FROM {table} WHERE id >= ?1 AND id < ?1 || 'g' LIMIT 2");
    let mut found: Vec<T> = list(snapshot, &sql, &[&id])?;
    if found.len() > 1 { Err(ambiguous(table, id)) } else { Ok(found.pop()) }
}

fn list<T: DeserializeOwned>(snapshot: &Transaction<'_>, sql: &str, values: &[&dyn ToSql]) -> Result<Vec<T>> {
    let mut statement = snapshot.prepare_cached(sql).doing(READING)?;
    let rows = statement.query_map(values, |row| row.get::<_, String>(0)).doing(READING)?;
    rows.collect::<rusqlite::Result<Vec<_>>>().doing(READING)?.iter().map(|data| read(data)).collect()
}

fn sent(snapshot: &Transaction<'_>, incident: &str, most: usize) -> Result<Vec<Sent>> {
    let sql = "SELECT state, data FROM notification WHERE incident = ?1 ORDER BY number DESC LIMIT ?2";
    let mut statement = snapshot.prepare_cached(sql).doing(READING)?;
    let values: [&dyn ToSql; 2] = [&incident, &limit(most)];
    let rows = statement.query_map(values.as_slice(), |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))).doing(READING)?;
    let mut rows = rows.collect::<rusqlite::Result<Vec<_>>>().doing(READING)?;
    rows.reverse();
    let sent = rows.into_iter().map(|(state, data)| {
        let notification: floodmark_schemas::Notification = read(&data)?;
        let state = SentState::named(&state).ok_or_else(|| Error::broken(format!("reading notifications: {state:?} is no state")))?;
        let attempts = attempts(snapshot, &notification.id)?;
        Ok(Sent { notification, state, attempts })
    });
    sent.collect()
}

fn attempts(snapshot: &Transaction<'_>, notification: &str) -> Result<Vec<Attempt>> {
    let sql = "SELECT number, time_us, outcome, answer FROM notification_attempt WHERE notification = ?1 ORDER BY number";
    let mut statement = snapshot.prepare_cached(sql).doing(READING)?;
    let rows = statement
        .query_map([notification], |row| Ok((row.get(0)?, row.get(1).map(Timestamp::from_micros)?, row.get::<_, String>(2)?, row.get(3)?)));
    let rows = rows.doing(READING)?.map(|row| {
        let (number, time, outcome, answer) = row.doing(READING)?;
        let outcome: ports::alerts::Outcome = read(&outcome)?;
        Ok(Attempt { notification: notification.to_owned(), number, time, outcome, answer })
    });
    rows.collect()
}
