//! The PostgreSQL store: raw events, dead letters and the series catalog, for people who ask in SQL.
//!
//! It is derived: everything in it comes from the log. Each sink moves its position in the transaction of its rows, so that
//! after a crash at any moment rows and position are together: an event is there exactly once without a unique index over
//! all of them. Tables and views are described in `docs/guides/postgres.md` and by comments in the database.

mod alerts;
mod catalog;
mod check;
mod config;
mod connection;
mod dead_letters;
mod error;
mod fields;
mod partitions;
mod position;
mod query;
mod raw;
mod schema;
mod series_ids;
mod text;
mod times;
mod timescale;
mod tls;

use std::sync::Arc;

use deadpool_postgres::{Client, Pool, Transaction};
use floodmark_core::{Error, Result};

pub use alerts::Alerts;
pub use catalog::{Catalog, LAST_SEEN_STEP_US};
pub use config::{Config, Tls};
pub use dead_letters::DeadLetters;
pub use query::PAGE_MAX;
pub use raw::Raw;

use error::Doing;
use partitions::Partitions;
use schema::Form;

/// The store. Clones share its connections.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    pool: Pool,
    config: Config,
    form: Form,
    partitions: Partitions,
}

impl Store {
    /// Connects, and makes the tables or brings older ones up to date. Several processes may do so at once.
    ///
    /// # Errors
    /// `Unavailable` when the server does not answer. `Broken`, with what to do, when the settings, the password, the
    /// database, permissions, the server's version or that of the tables do not fit.
    pub async fn open(config: &Config) -> Result<Self> {
        let pool = connection::pool(config)?;
        let mut client = connection::client(&pool, config).await?;
        connection::check_server(&client).await?;
        let form = schema::migrate(&mut client, config).await?;
        drop(client);
        let inner = Inner { pool, config: config.clone(), form, partitions: Partitions::default() };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// What `floodmark check --connect` says about the server that `config` names, in order; after the first that makes the
    /// others meaningless nothing follows. Changes nothing in the database.
    pub async fn check(config: &Config) -> Vec<crate::findings::Finding> {
        check::findings(config).await
    }

    async fn client(&self) -> Result<Client> {
        connection::client(&self.inner.pool, &self.inner.config).await
    }
}

async fn begin(client: &mut Client) -> Result<Transaction<'_>> {
    client.transaction().await.doing("beginning a transaction")
}

/// Commits. When the connection breaks at that moment nobody knows whether it was done: the position, which moved in the
/// same transaction, says it.
async fn commit(store: &Store, transaction: Transaction<'_>, sink: &str, to: floodmark_core::ports::Position) -> Result<()> {
    let Err(e) = transaction.commit().await else { return Ok(()) };
    let error: Error = Err::<(), _>(e).doing("committing to PostgreSQL").expect_err("it is an error");
    match position::read(store, sink).await {
        Ok(standing) if standing.position == to => Ok(()),
        _ => Err(error),
    }
}
