//! The real servers under one configuration, and what is in the stores and logs of a configuration.
#![allow(dead_code, reason = "each test program uses its part")]

use std::path::Path;
use std::sync::Arc;

use floodmark::config::{Config, LogKind, SinkKind, load};
use floodmark::data_dir::DataDir;
use floodmark_connectors::logs::embedded::Log as EmbeddedLog;
use floodmark_connectors::logs::jetstream::Connection;
use floodmark_connectors::stores::embedded::Store;
use floodmark_connectors::stores::frames::Frames;
use floodmark_connectors::stores::{mongodb, postgres};
use floodmark_core::ports::query::{KnownSeries, StoredEvent};
use floodmark_core::ports::{DeadLetterQuery, Entry, EventFilter, EventQuery, Limit, Log, Position, RollupFilter, RollupQuery};
use floodmark_core::ports::{SeriesFilter, SeriesQuery};
use floodmark_schemas::{DeadLetter, Rollup};
use floodmark_tests::servers::{Mongo, Nats, Postgres};
use tokio::sync::OnceCell;

/// NATS, a database in PostgreSQL and one in MongoDB, all of this test.
pub struct Stack {
    pub nats: Nats,
    postgres: floodmark_tests::servers::postgres::Database,
    mongo: floodmark_tests::servers::mongodb::Database,
}

impl Stack {
    pub async fn start() -> Self {
        // Not the server of all tests: that one does without fsync, which the check of servers does not let pass.
        static POSTGRES: OnceCell<Postgres> = OnceCell::const_new();
        let postgres = POSTGRES.get_or_init(Postgres::start).await.database().await;
        Self { nats: Nats::start().await, postgres, mongo: Mongo::shared().await.database() }
    }

    /// `[log]` and `[sinks]` for all three.
    pub fn config(&self) -> String {
        format!("{}{}{}", self.log(), self.raw(), self.rollups())
    }

    /// Asks PostgreSQL as psql does, with texts for all values.
    pub async fn sql(&self, question: &str) -> Vec<Vec<String>> {
        let (client, connection) = tokio_postgres::connect(self.postgres.uri(), tokio_postgres::NoTls).await.unwrap();
        let asking = async {
            client.batch_execute("SET search_path = floodmark; SET TIME ZONE 'UTC'").await.unwrap();
            client.simple_query(question).await.unwrap()
        };
        tokio::select! {
            answers = asking => {
                let row = |row: &tokio_postgres::SimpleQueryRow| (0..row.len()).map(|i| row.get(i).unwrap_or_default().to_owned()).collect();
                let rows = answers.iter().filter_map(|answer| match answer {
                    tokio_postgres::SimpleQueryMessage::Row(found) => Some(row(found)),
                    _ => None,
                });
                rows.collect()
            }
            ended = connection => panic!("the connection has ended: {ended:?}"),
        }
    }

    /// What a stream may take is set aside by the server.
    pub fn log(&self) -> String {
        format!("[log]\ntype = \"jetstream\"\nservers = [{:?}]\nretention_size = \"64MiB\"\nretention_age = \"90d\"\n", self.nats.url())
    }

    pub fn raw(&self) -> String {
        // postgres://user@host:port/database
        let (_, rest) = self.postgres.uri().split_once("://").unwrap();
        let (user, rest) = rest.split_once('@').unwrap();
        let (address, database) = rest.split_once('/').unwrap();
        let (host, port) = address.split_once(':').unwrap();
        let database = database.split('?').next().unwrap();
        format!("[sinks.raw]\ntype = \"postgres\"\nhost = {host:?}\nport = {port}\nuser = {user:?}\ndatabase = {database:?}\n")
    }

    pub fn rollups(&self) -> String {
        format!("[sinks.results]\ntype = \"mongodb\"\nuri = {:?}\ndatabase = {:?}\n", self.mongo.uri(), self.mongo.name())
    }
}

/// Everything that can be asked for.
#[derive(Debug, Default, PartialEq)]
pub struct Contents {
    pub rollups: Vec<Rollup>,
    pub dead_letters: Vec<DeadLetter>,
    pub series: Vec<KnownSeries>,
    pub events: Vec<StoredEvent>,
}

impl Contents {
    /// Of the stores that the configuration `name` in `directory` names.
    pub async fn of(directory: &Path, name: &str) -> Self {
        let config = config(directory, name);
        let data = DataDir::new(directory.join(&config.data_dir));
        let (mut rollups, mut all): (Option<Arc<dyn RollupQuery>>, Option<postgres::Store>) = (None, None);
        for sink in config.sinks.values() {
            match &sink.kind {
                SinkKind::Mongodb(settings) => rollups = Some(Arc::new(mongodb::Store::open(settings).await.unwrap())),
                SinkKind::Postgres(settings) => all = Some(postgres::Store::open(settings).await.unwrap()),
                SinkKind::Embedded(_) => {}
            }
        }
        let embedded = || Arc::new(Store::open_read_only(data.store()).unwrap());
        let rollups = rollups.unwrap_or_else(|| embedded());
        let (letters, series, events): (Arc<dyn DeadLetterQuery>, Arc<dyn SeriesQuery>, Arc<dyn EventQuery>) = match all {
            Some(store) => (Arc::new(store.clone()), Arc::new(store.clone()), Arc::new(store)),
            None => (embedded(), embedded(), Arc::new(Frames::new(log(directory, &config).await))),
        };
        let mut contents = Self::default();
        let mut after = None;
        loop {
            let page = rollups.rollups(&RollupFilter::default(), after.as_deref(), 5_000).await.unwrap();
            contents.rollups.extend(page.items);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        loop {
            let page = letters.dead_letters(None, after.as_deref(), 5_000).await.unwrap();
            contents.dead_letters.extend(page.items);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        loop {
            let page = series.series(&SeriesFilter::default(), after.as_deref(), 5_000).await.unwrap();
            contents.series.extend(page.items);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        loop {
            let page = events.events(&EventFilter::default(), after.as_deref(), 5_000).await.unwrap();
            contents.events.extend(page.items);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        contents
    }
}

pub fn config(directory: &Path, name: &str) -> Config {
    load(&directory.join(name)).unwrap_or_else(|report| panic!("{report}"))
}

/// The event log of a configuration.
pub async fn log(directory: &Path, config: &Config) -> Arc<dyn Log> {
    match &config.log {
        LogKind::Embedded(_) => Arc::new(EmbeddedLog::open_read_only(&DataDir::new(directory.join(&config.data_dir)).events()).unwrap()),
        LogKind::Jetstream(settings) => Connection::open(settings).await.unwrap().events(),
    }
}

/// All entries of a log.
pub async fn entries(log: &dyn Log) -> Vec<Entry> {
    let until = Some(log.continuity().await.unwrap().tail);
    let mut reader = log.reader(vec![">".to_owned()], Position::START).await.unwrap();
    let mut entries = Vec::new();
    loop {
        match reader.next(Limit { until, ..Limit::default() }).await.unwrap() {
            page if page.is_empty() => return entries,
            page => entries.extend(page),
        }
    }
}
