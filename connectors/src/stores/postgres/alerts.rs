//! The store of alerts: one for all of a pipeline, where raw events and dead letters are.
//!
//! The one row of `alert_desk` is locked by whoever writes: of two owners the second waits, and then finds itself replaced.

mod outbox;
mod query;
mod writing;

use std::collections::BTreeMap;

use async_trait::async_trait;
use deadpool_postgres::{GenericClient, Transaction};
use floodmark_core::alert::desk::{Action, Answer, Changes, Stored};
use floodmark_core::ports::alerts::{Attempt, Depth, Opened, Outbox, Turn};
use floodmark_core::ports::{AlertRequests, AlertStore, Mark, Position, Standing};
use floodmark_core::{Error, Result};
use floodmark_schemas::Timestamp;
use serde::de::DeserializeOwned;
use tokio_postgres::Row;

use super::error::Doing;
use super::{Store, begin};
use crate::stores::embedded::alerts::rows::{limit, read, replaced, written};

/// Keeps alerts in PostgreSQL.
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

const READING: &str = "reading alerts";
const WRITING: &str = "storing alerts";

#[async_trait]
impl AlertStore for Alerts {
    async fn open(&self) -> Result<Opened> {
        let doing = "taking the desk of alerts over";
        let mut client = self.store.client().await?;
        let transaction = begin(&mut client).await?;
        let sql = "UPDATE alert_desk SET owner = owner + 1 RETURNING owner, turn, position, mark";
        let (turn, standing) = desk(&transaction.query_one(sql, &[]).await.doing(doing)?);
        let notes = transaction.query("SELECT name, data FROM alert_note", &[]).await.doing(READING)?;
        let stored = Stored {
            incidents: all(&transaction, "SELECT id, data FROM incident WHERE NOT done").await?,
            alerts: all(&transaction, "SELECT id, data FROM alert WHERE live").await?,
            silences: all(&transaction, "SELECT id, data FROM silence WHERE NOT over").await?,
            notes: notes.iter().map(|row| (row.get(0), row.get(1))).collect(),
        };
        transaction.commit().await.doing(doing)?;
        Ok(Opened { turn, standing, stored })
    }

    async fn standing(&self) -> Result<Standing> {
        let client = self.store.client().await?;
        let sql = "SELECT owner, turn, position, mark FROM alert_desk";
        Ok(desk(&client.query_one(sql, &[]).await.doing("reading where the desk of alerts stands")?).1)
    }

    async fn commit(&self, turn: Turn, standing: &Standing, changes: &Changes) -> Result<Turn> {
        let mut client = self.store.client().await?;
        let transaction = begin(&mut client).await?;
        let stored = owned(&transaction, turn.owner).await?;
        let next = Turn { n: turn.n + 1, ..turn };
        // A commit whose outcome was not known is repeated: all of it is there.
        if stored == next {
            return Ok(next);
        }
        if stored != turn {
            let (came, wanted) = (stored.n, turn.n);
            return Err(Error::conflict(format!("{WRITING}: turn {came} has come, not {wanted}: somebody else has moved it")));
        }
        let sql = "UPDATE alert_desk SET turn = $1, position = $2, mark = coalesce($3, mark)";
        let mark = standing.mark.as_ref().map(Mark::to_string);
        let statement = transaction.prepare_cached(sql).await.doing(WRITING)?;
        let (n, position) = (next.n.cast_signed(), standing.position.0.cast_signed());
        transaction.execute(&statement, &[&n, &position, &mark]).await.doing(WRITING)?;
        writing::write(&transaction, changes).await?;
        transaction.commit().await.doing(WRITING)?;
        Ok(next)
    }

    async fn outbox(&self, receiver: &str, now: Timestamp, most: usize) -> Result<Outbox> {
        outbox::due(&self.store.client().await?, receiver, now, most).await
    }

    async fn depths(&self) -> Result<Vec<Depth>> {
        outbox::depths(&self.store.client().await?).await
    }

    async fn attempted(&self, owner: u64, attempts: &[Attempt]) -> Result<()> {
        let mut client = self.store.client().await?;
        let transaction = begin(&mut client).await?;
        owned(&transaction, owner).await?;
        outbox::attempted(&transaction, attempts).await?;
        transaction.commit().await.doing(WRITING)
    }

    async fn requests(&self, most: usize) -> Result<Vec<(u64, Action)>> {
        let sql = "SELECT number, action FROM alert_request WHERE answer IS NULL ORDER BY number LIMIT $1";
        let client = self.store.client().await?;
        let statement = client.prepare_cached(sql).await.doing(READING)?;
        let rows = client.query(&statement, &[&limit(most)]).await.doing(READING)?;
        rows.iter().map(|row| Ok((row.get::<_, i64>(0).cast_unsigned(), read(row.get(1))?))).collect()
    }

    async fn forget(&self, owner: u64, before: Timestamp) -> Result<u64> {
        let mut client = self.store.client().await?;
        let transaction = begin(&mut client).await?;
        owned(&transaction, owner).await?;
        let deleted = writing::forget(&transaction, before).await?;
        transaction.commit().await.doing(WRITING)?;
        Ok(deleted)
    }
}

#[async_trait]
impl AlertRequests for Alerts {
    async fn request(&self, action: &Action, now: Timestamp) -> Result<u64> {
        let sql = "INSERT INTO alert_request (time_us, action) VALUES ($1, $2) RETURNING number";
        let client = self.store.client().await?;
        let row = client.query_one(sql, &[&now.micros(), &written(action)]).await.doing("asking for an action")?;
        Ok(row.get::<_, i64>(0).cast_unsigned())
    }

    async fn answer(&self, request: u64) -> Result<Option<Answer>> {
        let sql = "SELECT answer FROM alert_request WHERE number = $1";
        let client = self.store.client().await?;
        let row = client.query_opt(sql, &[&request.cast_signed()]).await.doing(READING)?;
        row.and_then(|row| row.get::<_, Option<String>>(0)).map(|answer| read(&answer)).transpose()
    }
}

/// Where the desk stands, and whose it is.
fn desk(row: &Row) -> (Turn, Standing) {
    let number = |column| row.get::<_, i64>(column).cast_unsigned();
    let mark = row.get::<_, Option<&str>>(3).and_then(Mark::parse);
    (Turn { owner: number(0), n: number(1) }, Standing { position: Position(number(2)), mark })
}

/// Checks that it is still this owner's, and that it stays so until the transaction ends.
async fn owned(transaction: &Transaction<'_>, owner: u64) -> Result<Turn> {
    let sql = "SELECT owner, turn, position, mark FROM alert_desk FOR UPDATE";
    let statement = transaction.prepare_cached(sql).await.doing(WRITING)?;
    let (turn, _) = desk(&transaction.query_one(&statement, &[]).await.doing(WRITING)?);
    if turn.owner == owner { Ok(turn) } else { Err(replaced(owner, turn.owner)) }
}

/// What stands behind each id.
async fn all<T: DeserializeOwned>(client: &impl GenericClient, sql: &str) -> Result<BTreeMap<String, T>> {
    let rows = client.query(sql, &[]).await.doing(READING)?;
    rows.into_iter().map(|row| Ok((row.get(0), read(row.get(1))?))).collect()
}
