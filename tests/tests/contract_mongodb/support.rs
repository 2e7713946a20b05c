//! A store in a database of its own.

use std::sync::Arc;

use floodmark_connectors::stores::mongodb::{Config, Rollups, Store};
use floodmark_core::conformance::store::commit_entry;
use floodmark_core::ports::{Entry, Log, Position, RollupFilter, RollupQuery, Sink};
use floodmark_schemas::commit::Output;
use floodmark_schemas::{Aggregates, Rollup, Series, Timestamp, Window};
use floodmark_tests::servers::Mongo;
use floodmark_tests::servers::mongodb::Database;
use mongodb::bson::Document;

/// The settings of a store in this database.
pub fn config(database: &Database) -> Config {
    Config { uri: database.uri().to_owned(), database: database.name().to_owned(), ..Config::default() }
}

/// An empty log in memory.
pub fn log() -> Arc<dyn Log> {
    floodmark_tests::engine::memory::logs().outputs
}

/// A store of this test on a server, its sink, and the log for what is set aside.
pub struct At {
    pub config: Config,
    pub store: Store,
    pub sink: Rollups,
    pub log: Arc<dyn Log>,
    _database: Database,
}

impl At {
    /// On the server of all tests.
    pub async fn new() -> Self {
        Self::on(Mongo::shared().await, log()).await
    }

    /// On this server, with this log.
    pub async fn on(server: &Mongo, log: Arc<dyn Log>) -> Self {
        let database = server.database();
        let config = config(&database);
        let store = Store::open(&config).await.expect("the server takes the store");
        let sink = Rollups::new(store.clone(), "rollups", log.clone());
        Self { config, store, sink, log, _database: database }
    }

    /// The database as any client sees it.
    pub async fn client(&self) -> mongodb::Database {
        let client = mongodb::Client::with_uri_str(&self.config.uri).await.expect("the uri is good");
        client.database(&self.config.database)
    }

    /// The documents as any client sees them.
    pub async fn documents(&self) -> mongodb::Collection<Document> {
        self.client().await.collection("rollups")
    }

    /// Everything that is stored, in order.
    pub async fn stored(&self) -> Vec<Rollup> {
        let page = self.store.rollups(&RollupFilter::default(), None, 10_000).await.expect("an answer");
        assert_eq!(page.next, None);
        page.items
    }

    /// Writes entries that stand one after the other, from where the sink stands.
    pub async fn write(&self, entries: &[Entry]) {
        let from = self.sink.position().await.expect("a position");
        let rest: Vec<Entry> = entries.iter().filter(|entry| entry.position > from).cloned().collect();
        let to = rest.last().map_or(from, |entry| entry.position);
        self.sink.write(&rest, from, to).await.expect("written");
    }
}

/// A rollup of one minute.
pub fn rollup(source: &str, series: Series, start: Timestamp, revision: u32, aggregates: Aggregates) -> Rollup {
    Rollup {
        id: format!("{:032x}", start.micros().cast_unsigned() ^ u64::from(revision)),
        operator: "per_minute".to_owned(),
        version: "00000001".to_owned(),
        source: source.to_owned(),
        series: series.into(),
        window: Window { start, end: start.plus_micros(60_000_000) },
        revision,
        aggregates,
    }
}

/// Aggregates of one value.
pub fn value(value: f64) -> Aggregates {
    Aggregates { count: 1, mean: Some(value), min: Some(value), max: Some(value), ..Aggregates::default() }
}

/// A commit at a position with these rollups.
pub fn commit(position: u64, rollups: impl IntoIterator<Item = Rollup>) -> Entry {
    commit_entry(position, "per_minute", rollups.into_iter().map(Output::Rollup).collect())
}

/// Where a sink stands.
pub fn at(position: u64) -> Position {
    Position(position)
}
