//! The store of alerts: one for all of a pipeline, in the file where everything else is.

mod outbox;
mod query;
pub(in crate::stores) mod rows;
#[cfg(test)]
mod tests;
mod writing;

use std::collections::BTreeMap;

use async_trait::async_trait;
use floodmark_core::alert::desk::{Action, Answer, Changes, Stored};
use floodmark_core::ports::alerts::{Attempt, Depth, Opened, Outbox, Turn};
use floodmark_core::ports::{AlertRequests, AlertStore, Mark, Position, Standing};
use floodmark_core::{Error, Result};
use floodmark_schemas::Timestamp;
use rusqlite::{OptionalExtension, Transaction, params};
use serde::de::DeserializeOwned;

use super::Store;
use super::error::Doing;
use rows::{read, written};

/// Keeps alerts in the embedded store.
#[derive(Clone)]
pub struct Alerts {
    store: Store,
}

impl Alerts {
    /// The alerts of this store.
    pub fn new(store: Store) -> Self {
        Self { store }
    }
}

#[async_trait]
impl AlertStore for Alerts {
    async fn open(&self) -> Result<Opened> {
        self.store.blocking(|inner| inner.transaction(|transaction, _| open(transaction))).await
    }

    async fn standing(&self) -> Result<Standing> {
        self.store.read(|snapshot| desk(snapshot).map(|(_, standing)| standing)).await
    }

    async fn commit(&self, turn: Turn, standing: &Standing, changes: &Changes) -> Result<Turn> {
        let (standing, changes) = (standing.clone(), changes.clone());
        self.store.blocking(move |inner| inner.transaction(|transaction, _| commit(transaction, turn, &standing, &changes))).await
    }

    async fn outbox(&self, receiver: &str, now: Timestamp, limit: usize) -> Result<Outbox> {
        let receiver = receiver.to_owned();
        self.store.read(move |snapshot| outbox::due(snapshot, &receiver, now, limit)).await
    }

    async fn depths(&self) -> Result<Vec<Depth>> {
        self.store.read(outbox::depths).await
    }

    async fn attempted(&self, owner: u64, attempts: &[Attempt]) -> Result<()> {
        let attempts = attempts.to_vec();
        let work = move |transaction: &Transaction<'_>| {
            owned(transaction, owner)?;
            outbox::attempted(transaction, &attempts)
        };
        self.store.blocking(move |inner| inner.transaction(|transaction, _| work(transaction))).await
    }

    async fn requests(&self, limit: usize) -> Result<Vec<(u64, Action)>> {
        self.store
            .read(move |snapshot| {
                let sql = "SELECT number, action FROM alert_request WHERE answer IS NULL ORDER BY number LIMIT ?1";
                let mut statement = snapshot.prepare_cached(sql).doing(READING)?;
                let rows = statement.query_map([rows::limit(limit)], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?)));
                let rows = rows.doing(READING)?.map(|row| {
                    let (number, action) = row.doing(READING)?;
                    Ok((number.cast_unsigned(), read(&action)?))
                });
                rows.collect()
            })
            .await
    }

    async fn forget(&self, owner: u64, before: Timestamp) -> Result<u64> {
        let work = move |transaction: &Transaction<'_>| {
            owned(transaction, owner)?;
            writing::forget(transaction, before)
        };
        self.store.blocking(move |inner| inner.transaction(|transaction, _| work(transaction))).await
    }
}

#[async_trait]
impl AlertRequests for Alerts {
    async fn request(&self, action: &Action, now: Timestamp) -> Result<u64> {
        let action = written(action);
        let work = move |transaction: &Transaction<'_>| {
            let sql = "INSERT INTO alert_request (time_us, action) VALUES (?1, ?2)";
            transaction.execute(sql, params![now.micros(), action]).doing("asking for an action")?;
            Ok(transaction.last_insert_rowid().cast_unsigned())
        };
        self.store.blocking(move |inner| inner.transaction(|transaction, _| work(transaction))).await
    }

    async fn answer(&self, request: u64) -> Result<Option<Answer>> {
        self.store
            .read(move |snapshot| {
                let sql = "SELECT answer FROM alert_request WHERE number = ?1";
                let answer = snapshot.query_row(sql, [request.cast_signed()], |row| row.get::<_, Option<String>>(0));
                answer.optional().doing(READING)?.flatten().map(|answer| read(&answer)).transpose()
            })
            .await
    }
}

const READING: &str = "reading alerts";

/// Where the desk stands, and whose it is.
fn desk(transaction: &Transaction<'_>) -> Result<(Turn, Standing)> {
    let sql = "SELECT owner, turn, position, mark FROM alert_desk";
    let row = transaction.query_row(sql, [], |row| {
        let number = |column| row.get::<_, i64>(column).map(i64::cast_unsigned);
        let mark = row.get::<_, Option<String>>(3)?.as_deref().and_then(Mark::parse);
        Ok((Turn { owner: number(0)?, n: number(1)? }, Standing { position: Position(number(2)?), mark }))
    });
    row.doing("reading where the desk of alerts stands")
}

/// Checks that it is still this owner's.
fn owned(transaction: &Transaction<'_>, owner: u64) -> Result<Turn> {
    let (turn, _) = desk(transaction)?;
    if turn.owner == owner { Ok(turn) } else { Err(rows::replaced(owner, turn.owner)) }
}

fn open(transaction: &Transaction<'_>) -> Result<Opened> {
    transaction.execute("UPDATE alert_desk SET owner = owner + 1", []).doing("taking the desk of alerts over")?;
    let (turn, standing) = desk(transaction)?;
    let mut statement = transaction.prepare_cached("SELECT name, data FROM alert_note").doing(READING)?;
    let notes = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).doing(READING)?;
    let stored = Stored {
        incidents: all(transaction, "SELECT id, data FROM incident WHERE done = 0")?,
        alerts: all(transaction, "SELECT id, data FROM alert WHERE live = 1")?,
        silences: all(transaction, "SELECT id, data FROM silence WHERE over = 0")?,
        notes: notes.collect::<rusqlite::Result<_>>().doing(READING)?,
    };
    Ok(Opened { turn, standing, stored })
}

/// What stands behind each id.
fn all<T: DeserializeOwned>(transaction: &Transaction<'_>, sql: &str) -> Result<BTreeMap<String, T>> {
    let mut statement = transaction.prepare_cached(sql).doing(READING)?;
    let rows = statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))).doing(READING)?;
    let read = |row: rusqlite::Result<(String, String)>| {
        let (id, data) = row.doing(READING)?;
        Ok((id, read(&data)?))
    };
    rows.map(read).collect()
}

fn commit(transaction: &Transaction<'_>, turn: Turn, standing: &Standing, changes: &Changes) -> Result<Turn> {
    let stored = owned(transaction, turn.owner)?;
    let next = Turn { n: turn.n + 1, ..turn };
    // A commit whose outcome was not known is repeated: all of it is there.
    if stored == next {
        return Ok(next);
    }
    if stored != turn {
        return Err(Error::conflict(format!("storing alerts: turn {} has come, not {}: somebody else has moved it", stored.n, turn.n)));
    }
    let sql = "UPDATE alert_desk SET turn = ?1, position = ?2, mark = ifnull(?3, mark)";
    let mark = standing.mark.as_ref().map(Mark::to_string);
    transaction.execute(sql, params![next.n.cast_signed(), standing.position.0.cast_signed(), mark]).doing("moving the desk of alerts")?;
    writing::write(transaction, changes)?;
    Ok(next)
}
