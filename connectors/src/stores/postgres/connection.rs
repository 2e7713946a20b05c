//! Connections: how they are made, how many there are, and what the server must be.

use deadpool_postgres::{Client, Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};
use floodmark_core::{Error, Result};
use tokio_postgres::config::SslMode;

use super::error::{self, Doing};
use super::{Config, Tls, tls};
use crate::settings::Fault;

/// The oldest server, as `server_version_num`.
const SERVER_VERSION_MIN: i32 = 130_000;

/// A pool that connects when somebody asks.
pub(super) fn pool(config: &Config) -> Result<Pool> {
    let faults: Vec<String> = config.validate().iter().map(Fault::to_string).collect();
    if !faults.is_empty() {
        return Err(Error::broken(format!("settings of PostgreSQL: {}", faults.join("; "))));
    }
    let mut settings = tokio_postgres::Config::new();
    settings
        .host(&config.host)
        .port(config.port)
        .dbname(&config.database)
        .user(&config.user)
        .application_name("floodmark")
        .connect_timeout(config.connect_timeout.0)
        .keepalives_idle(std::time::Duration::from_secs(30))
        .ssl_mode(match config.tls() {
            Tls::Disable => SslMode::Disable,
            Tls::Prefer => SslMode::Prefer,
            Tls::Require | Tls::Verify => SslMode::Require,
        })
        // The schema is a plain name: `Config::validate` has seen to it.
        .options(format!(
            "-c search_path={} -c timezone=UTC -c statement_timeout={} -c client_min_messages=warning",
            config.schema,
            config.statement_timeout.0.as_millis()
        ));
    if let Some(password) = &config.password {
        settings.password(password.read()?.expose());
    }
    let manager = Manager::from_config(settings, tls::connector(config)?, ManagerConfig { recycling_method: RecyclingMethod::Fast });
    Pool::builder(manager)
        .max_size(config.pool_max)
        .runtime(Runtime::Tokio1)
        .wait_timeout(Some(config.connect_timeout.0))
        .create_timeout(Some(config.connect_timeout.0))
        .build()
        .map_err(|e| Error::broken("making the connections to PostgreSQL").because(e))
}

/// A connection from the pool.
pub(super) async fn client(pool: &Pool, config: &Config) -> Result<Client> {
    pool.get().await.map_err(|e| error::connecting(e, config))
}

/// Refuses servers and databases that cannot hold what is written.
pub(super) async fn check_server(client: &Client) -> Result<()> {
    let sql = "SELECT current_setting('server_version_num')::int, current_setting('server_version'), \
               current_setting('server_encoding'), current_database()::text";
    let row = client.query_one(sql, &[]).await.doing("asking PostgreSQL for its version")?;
    let (number, version, encoding): (i32, String, String) = (row.get(0), row.get(1), row.get(2));
    if number < SERVER_VERSION_MIN {
        return Err(Error::broken(format!("PostgreSQL {version} is too old; use 13 or newer")));
    }
    if encoding != "UTF8" {
        let database = error::quoted(row.get(3));
        let remedy = format!("make another: CREATE DATABASE {database} ENCODING 'UTF8' TEMPLATE template0");
        return Err(Error::broken(format!("the database has the encoding {encoding}, which cannot hold every text; {remedy}")));
    }
    Ok(())
}
