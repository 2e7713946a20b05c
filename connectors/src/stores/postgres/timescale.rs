//! TimescaleDB, where the server has it: raw events in a hypertable with compression in place of partitions.
//!
//! Functions by <https://docs.timescale.com/api/latest/>. The tests have no server with the extension: this is all there is of
//! it, and the rest of the store sees only an ordinary table `event`.

use deadpool_postgres::{Client, GenericClient};
use floodmark_core::Result;
use floodmark_schemas::Timestamp;
use tracing::info;

use super::Config;
use super::error::{Doing, quoted};
use super::times::Time;

/// Installs the extension when the server has it and the role may; otherwise partitions of PostgreSQL do as well.
pub(super) async fn install(client: &Client) -> Result<()> {
    let sql = "SELECT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'timescaledb' AND installed_version IS NULL)";
    let available: bool = client.query_one(sql, &[]).await.doing("looking for TimescaleDB")?.get(0);
    if available && let Err(e) = client.batch_execute("CREATE EXTENSION IF NOT EXISTS timescaledb SCHEMA public").await {
        let error = Err::<(), _>(e).doing("installing TimescaleDB").expect_err("it is an error");
        info!(error = error.chain(), "the server has TimescaleDB, but it cannot be installed; partitions of PostgreSQL are used");
    }
    Ok(())
}

/// The prefix of the extension's functions: the schema it was installed in is not in the search path.
pub(super) async fn prefix(client: &impl tokio_postgres::GenericClient) -> Result<String> {
    let sql = "SELECT nspname::text FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE extname = 'timescaledb'";
    let row = client.query_opt(sql, &[]).await.doing("looking for TimescaleDB")?;
    Ok(row.map_or_else(String::new, |row| format!("{}.", quoted(row.get(0)))))
}

/// Brings width and compression of the hypertable to what the settings say.
pub(super) async fn settle(client: &Client, config: &Config) -> Result<()> {
    let doing = "setting up the hypertable of TimescaleDB";
    let prefix = prefix(&***client).await?;
    let mut sql = format!("SELECT {prefix}set_chunk_time_interval('event', interval '{} seconds');", config.partition.0.as_secs());
    if let Some(after) = config.compress_after {
        sql.push_str(&format!(
            "ALTER TABLE event SET (timescaledb.compress, timescaledb.compress_segmentby = 'series_id', \
             timescaledb.compress_orderby = 'time'); \
             SELECT {prefix}remove_compression_policy('event', if_exists => true); \
             SELECT {prefix}add_compression_policy('event', interval '{} seconds');",
            after.0.as_secs()
        ));
    }
    client.batch_execute(&sql).await.doing(doing)
}

/// Drops the chunks that hold only events before `before`.
pub(super) async fn drop_chunks(client: &Client, before: Timestamp) -> Result<()> {
    let sql = format!("SELECT {}drop_chunks('event', older_than => $1::timestamptz)", prefix(&***client).await?);
    GenericClient::query(client, &sql, &[&Time(before)]).await.doing("dropping old chunks").map(|_| ())
}
