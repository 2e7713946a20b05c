//! The tables' version and the way from one to the next.
//!
//! Migrations are numbered and only go forward. Each runs in a transaction under a lock, in which it is looked again what is
//! to be done: several processes may start at once. The table `migration` says what was done, with a checksum.

use deadpool_postgres::{Client, GenericClient, Transaction};
use floodmark_core::{Error, Kind, Result};
use twox_hash::XxHash3_64;

use super::error::{Doing, quoted};
use super::{Config, begin, timescale};

/// How raw events are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// In partitions of PostgreSQL.
    Partitions,
    /// In a hypertable of TimescaleDB.
    Hypertable,
}

/// A step from version n to n + 1. Never edit one that was released: add the next.
struct Migration {
    name: &'static str,
    sql: &'static str,
}

const FIRST: Migration = Migration { name: "first", sql: include_str!("migrations/0001_first.sql") };
const EVENTS: Migration = Migration { name: "events", sql: include_str!("migrations/0002_events.sql") };
const EVENTS_TIMESCALE: Migration = Migration { name: "events_timescale", sql: include_str!("migrations/0002_events_timescale.sql") };
const VIEWS: Migration = Migration { name: "indexes_and_views", sql: include_str!("migrations/0003_indexes_and_views.sql") };

const ALERTS: Migration = Migration { name: "alerts", sql: include_str!("migrations/0004_alerts.sql") };
const ALERT_INDEXES: Migration = Migration { name: "alert_indexes", sql: include_str!("migrations/0005_alert_indexes.sql") };

fn migrations(form: Form) -> [Migration; 5] {
    [FIRST, if form == Form::Hypertable { EVENTS_TIMESCALE } else { EVENTS }, VIEWS, ALERTS, ALERT_INDEXES]
}

impl Migration {
    fn checksum(&self) -> String {
        format!("{:016x}", XxHash3_64::oneshot(self.sql.as_bytes()))
    }
}

/// What the database says about its tables.
pub(super) struct Standing {
    /// How many migrations were done.
    pub(super) version: usize,
    /// How raw events are kept; what it would be when there are none yet.
    pub(super) form: Form,
    /// How many there are.
    pub(super) newest: usize,
}

/// Brings the tables to the newest version.
pub(super) async fn migrate(client: &mut Client, config: &Config) -> Result<Form> {
    loop {
        let standing = standing(&***client, config).await?;
        if standing.version == standing.newest {
            if standing.form == Form::Hypertable {
                timescale::settle(client, config).await?;
            }
            return Ok(standing.form);
        }
        if standing.version == 0 {
            timescale::install(client).await?;
        }
        let transaction = begin(client).await?;
        lock(&transaction, config).await?;
        step(&transaction, config).await.map_err(|e| forbidden(e, config))?;
        transaction.commit().await.doing("committing a migration of PostgreSQL")?;
    }
}

/// One migration, if one is left now that others have to wait.
async fn step(transaction: &Transaction<'_>, config: &Config) -> Result<()> {
    let schema = &config.schema;
    let Standing { version, form, newest } = standing(&**transaction, config).await?;
    if version == newest {
        return Ok(());
    }
    if version == 0 {
        let there = "SELECT count(*) FROM pg_namespace WHERE nspname = $1";
        let there: i64 = transaction.query_one(there, &[schema]).await.doing("looking for the schema")?.get(0);
        if there == 0 {
            transaction.batch_execute(&format!("CREATE SCHEMA {schema}")).await.doing(&format!("making the schema {schema}"))?;
        }
        let sql = "CREATE TABLE IF NOT EXISTS migration (number integer PRIMARY KEY, name text NOT NULL, checksum text NOT NULL, \
                   applied_at timestamptz NOT NULL DEFAULT now()); \
                   COMMENT ON TABLE migration IS 'The versions of these tables, and when each was reached.'";
        transaction.batch_execute(sql).await.doing("making the table of migrations")?;
    }
    let migration = &migrations(form)[version];
    let sql = match form {
        Form::Hypertable => migration.sql.replace("{timescale}", &timescale::prefix(&**transaction).await?),
        Form::Partitions => migration.sql.to_owned(),
    };
    transaction.batch_execute(&sql).await.doing(&format!("migrating PostgreSQL to version {}", version + 1))?;
    let number = i32::try_from(version + 1).expect("there are few migrations");
    let sql = "INSERT INTO migration (number, name, checksum) VALUES ($1, $2, $3)";
    transaction.execute(sql, &[&number, &migration.name, &migration.checksum()]).await.doing("writing down a migration")?;
    Ok(())
}

/// What has been done, checked against what this program knows.
///
/// # Errors
/// `Broken` when the tables are newer than the program, or were made by other migrations.
pub(super) async fn standing(client: &(impl tokio_postgres::GenericClient + Sync), config: &Config) -> Result<Standing> {
    let doing = "reading the version of the tables";
    let schema = &config.schema;
    let exists = relation(client, config, "migration").await?.is_some();
    let rows = match exists {
        true => client.query("SELECT number, name, checksum FROM migration ORDER BY number", &[]).await,
        false => Ok(Vec::new()),
    };
    let rows = rows.doing(doing).map_err(|e| forbidden(e, config))?;
    let form = form(client, config).await?;
    let known = migrations(form);
    for (n, row) in rows.iter().enumerate() {
        let (number, name, checksum): (i32, String, String) = (row.get(0), row.get(1), row.get(2));
        let Some(migration) = known.get(n) else {
            let last: i32 = rows[rows.len() - 1].get(0);
            return Err(Error::broken(format!(
                "the tables in schema {schema} are of version {last}, newer than version {} of this program; use the newer program or \
                 another schema",
                known.len()
            )));
        };
        if (number, name.as_str(), checksum) != (n as i32 + 1, migration.name, migration.checksum()) {
            let text = format!("migration {number} ({name}) of schema {schema} is not the one of this program; use another schema");
            return Err(Error::broken(text));
        }
    }
    Ok(Standing { version: rows.len(), form, newest: known.len() })
}

/// How raw events are kept, or would be.
async fn form(client: &(impl tokio_postgres::GenericClient + Sync), config: &Config) -> Result<Form> {
    let sql = "SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb')";
    let timescale: bool = client.query_one(sql, &[]).await.doing("looking for TimescaleDB")?.get(0);
    Ok(match (relation(client, config, "event").await?.as_deref(), timescale) {
        (Some("r"), _) | (None, true) => Form::Hypertable,
        _ => Form::Partitions,
    })
}

/// What kind of relation has this name in the schema, if one has. It reads the catalog as a table: a look-up by name may
/// answer from what the server remembered before it waited for the lock.
async fn relation(client: &(impl tokio_postgres::GenericClient + Sync), config: &Config, name: &str) -> Result<Option<String>> {
    let sql = "SELECT relkind::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE nspname = $1 AND relname = $2";
    let row = client.query_opt(sql, &[&config.schema, &name]).await.doing("looking for the tables")?;
    Ok(row.map(|row| row.get(0)))
}

/// Held by whoever changes tables of this schema, until its transaction ends.
pub(super) async fn lock(transaction: &Transaction<'_>, config: &Config) -> Result<()> {
    let key = XxHash3_64::oneshot(format!("floodmark {}", config.schema).as_bytes()).cast_signed();
    transaction.execute("SELECT pg_advisory_xact_lock($1)", &[&key]).await.doing("waiting for others that change the tables")?;
    Ok(())
}

/// Says what to grant when the role may not.
fn forbidden(e: Error, config: &Config) -> Error {
    if e.kind() != Kind::Broken || !e.chain().contains("(42501)") {
        return e;
    }
    let Config { schema, database, user, .. } = config;
    let (database, user) = (quoted(database), quoted(user));
    let grants = format!("GRANT CREATE ON DATABASE {database} TO {user}, or CREATE SCHEMA {schema} AUTHORIZATION {user}");
    Error::broken(format!("the role {user} may not make its tables; let somebody who may run: {grants}")).because(e)
}
