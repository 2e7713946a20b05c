//! What `floodmark check --connect` asks of a server.

use deadpool_postgres::Client;
use floodmark_core::{Error, Result};

use super::error::{Doing, quoted};
use super::schema::{self, Form};
use super::{Config, Tls, connection};
use crate::findings::Finding;

fn failed(what: &str, error: &Error) -> Finding {
    Finding::bad(what, error.chain(), "see docs/guides/postgres.md")
}

pub(super) async fn findings(config: &Config) -> Vec<Finding> {
    let connected = async { connection::client(&connection::pool(config)?, config).await };
    let client = match connected.await {
        Ok(client) => client,
        Err(e) => return vec![Finding::bad("reachable", e.chain(), "start the server, or correct host, port, tls, user and password")],
    };
    let mut findings = vec![Finding::good("reachable", format!("{}:{} as {}", config.host, config.port, config.user))];
    match version(&client).await {
        Ok(text) => findings.push(Finding::good("version", text)),
        Err(e) => {
            findings.push(failed("version", &e));
            return findings;
        }
    }
    for (what, found) in [
        ("tls", tls(&client, config).await),
        ("durability", durability(&client).await),
        ("permissions", permissions(&client, config).await),
        ("tables", tables(&client, config).await),
        ("partitions", partitions(&client, config).await),
    ] {
        findings.push(found.unwrap_or_else(|e| failed(what, &e)));
    }
    findings
}

async fn version(client: &Client) -> Result<String> {
    connection::check_server(client).await?;
    let row = client.query_one("SELECT current_setting('server_version')", &[]).await.doing("asking for the version")?;
    Ok(row.get(0))
}

async fn tls(client: &Client, config: &Config) -> Result<Finding> {
    let sql = "SELECT coalesce((SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid() AND ssl), '')";
    let version: String = client.query_one(sql, &[]).await.doing("asking for TLS")?.get(0);
    Ok(match (version.as_str(), config.tls()) {
        ("", Tls::Prefer) => Finding::bad("tls", "the connection is not protected: the server has no TLS", "switch ssl on at the server"),
        ("", _) => Finding::good("tls", "not used"),
        (version, Tls::Verify) => Finding::good("tls", format!("{version}, certificate verified")),
        (version, _) => Finding::good("tls", format!("{version}, certificate not verified")),
    })
}

/// The log may delete what every sink has passed: a position must not go back when the power fails.
async fn durability(client: &Client) -> Result<Finding> {
    let sql = "SELECT current_setting('synchronous_commit'), current_setting('fsync')";
    let row = client.query_one(sql, &[]).await.doing("asking for the durability")?;
    let (synchronous, fsync): (String, String) = (row.get(0), row.get(1));
    Ok(match (synchronous.as_str(), fsync.as_str()) {
        ("off", _) => {
            Finding::bad("durability", "synchronous_commit is off: a power failure loses what the log may have deleted", "switch it on")
        }
        (_, "off") => Finding::bad("durability", "fsync is off: a power failure damages the database", "switch it on"),
        _ => Finding::good("durability", format!("synchronous_commit is {synchronous}")),
    })
}

async fn permissions(client: &Client, config: &Config) -> Result<Finding> {
    let Config { schema, database, user, .. } = config;
    let sql = "SELECT (SELECT has_schema_privilege(oid, 'CREATE, USAGE') FROM pg_namespace WHERE nspname = $1), \
               has_database_privilege(current_database(), 'CREATE')";
    let row = client.query_one(sql, &[schema]).await.doing("asking for permissions")?;
    let (database, user) = (quoted(database), quoted(user));
    Ok(match (row.get::<_, Option<bool>>(0), row.get(1)) {
        (Some(true), _) => Finding::good("permissions", format!("the role may make tables in schema {schema}")),
        (None, true) => Finding::good("permissions", format!("the role may make the schema {schema}")),
        (Some(false), _) => Finding::bad(
            "permissions",
            format!("the role may not make tables in schema {schema}: no partitions could be made"),
            format!("GRANT USAGE, CREATE ON SCHEMA {schema} TO {user}"),
        ),
        (None, _) => Finding::bad(
            "permissions",
            format!("there is no schema {schema}, and the role may not make it"),
            format!("GRANT CREATE ON DATABASE {database} TO {user}, or CREATE SCHEMA {schema} AUTHORIZATION {user}"),
        ),
    })
}

async fn tables(client: &Client, config: &Config) -> Result<Finding> {
    Ok(match schema::standing(&***client, config).await {
        Ok(standing) if standing.version == standing.newest => Finding::good("tables", format!("version {}", standing.version)),
        Ok(standing) => {
            Finding::good("tables", format!("version {} of {}; `floodmark run` brings them up to date", standing.version, standing.newest))
        }
        Err(e) => Finding::bad("tables", e.chain(), "use another schema or the newer program"),
    })
}

async fn partitions(client: &Client, config: &Config) -> Result<Finding> {
    let standing = schema::standing(&***client, config).await?;
    if standing.form == Form::Hypertable {
        return Ok(Finding::good("partitions", "kept by TimescaleDB"));
    }
    if standing.version < standing.newest {
        return Ok(Finding::good("partitions", "none yet; TimescaleDB is not used"));
    }
    let sql = "SELECT count(*), (SELECT count(*) FROM (SELECT FROM event_default LIMIT 1000000) AS found) FROM event_partition";
    let row = client.query_one(sql, &[]).await.doing("counting partitions")?;
    let (count, default): (i64, i64) = (row.get(0), row.get(1));
    Ok(match default {
        1_000_000 => Finding::bad(
            "partitions",
            format!("{count}, and a million events or more in event_default"),
            "events come with times far from now: correct the clocks or the source",
        ),
        n => Finding::good("partitions", format!("{count}, and {n} events in event_default; TimescaleDB is not used")),
    })
}
