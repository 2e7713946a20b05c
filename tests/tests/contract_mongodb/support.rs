//! A store in a database of its own.

use std::sync::Arc;

use floodmark_connectors::stores::mongodb::{Config, Rollups, Store};
use floodmark_core::ports::Log;
use floodmark_schemas::Timestamp;
use floodmark_tests::servers::Mongo;
use floodmark_tests::servers::mongodb::Database;

/// The settings of a store in this database.
pub fn config(database: &Database) -> Config {
    Config { uri: database.uri().to_owned(), database: database.name().to_owned(), ..Config::default() }
}

/// An empty log in memory.
pub fn log() -> Arc<dyn Log> {
    floodmark_tests::engine::memory::logs().outputs
}

/// A store of this test on the server of all tests, its sink, and the log for what is set aside.
pub struct At {
    pub config: Config,
    pub store: Store,
    pub sink: Rollups,
    pub log: Arc<dyn Log>,
    pub _database: Database,
}

impl At {
    pub async fn new() -> Self {
        Self::on(Mongo::shared().await).await
    }

    pub async fn on(server: &Mongo) -> Self {
        let database = server.database();
        let (config, log) = (config(&database), log());
        let store = Store::open(&config).await.expect("the server takes the store");
        let sink = Rollups::new(store.clone(), "rollups", log.clone());
        Self { config, store, sink, log, _database: database }
    }

    /// The database as any client sees it.
    pub async fn client(&self) -> mongodb::Database {
        let client = mongodb::Client::with_uri_str(&self.config.uri).await.expect("the uri is good");
        client.database(&self.config.database)
    }
}

pub fn secs(secs: i64) -> Timestamp {
    Timestamp::from_secs(secs)
}
