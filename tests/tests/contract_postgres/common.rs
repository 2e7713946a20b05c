//! What the tests share: a store in a database of its own, frames, and rows as text.

use floodmark_connectors::stores::postgres::{Config, Raw, Store};
use floodmark_core::conformance::store::frame_entry;
use floodmark_core::ports::query::StoredEvent;
use floodmark_core::ports::{Entry, EventFilter, EventQuery, Position, Sink};
use floodmark_schemas::{Encoding, Event, FrameHeader, Series, Timestamp};
use floodmark_tests::servers::postgres::{Database, Postgres};
use tokio_postgres::{NoTls, SimpleQueryMessage};

/// A database of the shared server with a store in it.
pub struct There {
    pub database: Database,
    pub config: Config,
    pub store: Store,
}

impl There {
    pub async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// With other settings.
    pub async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let database = Postgres::shared().await.database().await;
        let mut config = config(database.uri());
        change(&mut config);
        let store = Store::open(&config).await.unwrap_or_else(|e| panic!("{}", e.chain()));
        Self { database, config, store }
    }

    pub fn raw(&self) -> Raw {
        Raw::new(self.store.clone(), "raw")
    }

    /// What psql would say.
    pub async fn rows(&self, sql: &str) -> Vec<String> {
        rows(self.database.uri(), sql).await
    }

    pub async fn events(&self) -> Vec<StoredEvent> {
        all(&self.store, &EventFilter::default(), 1_000).await
    }
}

/// The settings that lead to `uri`.
pub fn config(uri: &str) -> Config {
    let parsed: tokio_postgres::Config = uri.parse().unwrap();
    let host = match &parsed.get_hosts()[0] {
        tokio_postgres::config::Host::Tcp(host) => host.clone(),
        tokio_postgres::config::Host::Unix(path) => path.display().to_string(),
    };
    let database = parsed.get_dbname().unwrap().to_owned();
    let user = parsed.get_user().unwrap().to_owned();
    Config { host, port: parsed.get_ports()[0], database, user, ..Config::default() }
}

/// The answer of SQL in the store's schema as rows of cells parted by ` | `.
pub async fn rows(uri: &str, sql: &str) -> Vec<String> {
    let (client, connection) = tokio_postgres::connect(uri, NoTls).await.unwrap();
    let asking = async move {
        client.batch_execute("SET search_path = floodmark; SET timezone = 'UTC'").await.unwrap();
        client.simple_query(sql).await.unwrap_or_else(|e| panic!("{sql}: {:?}", e.as_db_error()))
    };
    let (answer, ended) = tokio::join!(asking, connection);
    ended.unwrap();
    let cells = |row: tokio_postgres::SimpleQueryRow| {
        (0..row.len()).map(|i| row.get(i).unwrap_or("null").to_owned()).collect::<Vec<_>>().join(" | ")
    };
    answer.into_iter().filter_map(|message| if let SimpleQueryMessage::Row(row) = message { Some(cells(row)) } else { None }).collect()
}

/// Page after page.
pub async fn all(query: &dyn EventQuery, filter: &EventFilter, limit: usize) -> Vec<StoredEvent> {
    let mut items = Vec::new();
    let mut token = None;
    loop {
        let page = query.events(filter, token.as_deref(), limit).await.unwrap_or_else(|e| panic!("{}", e.chain()));
        assert!(page.items.len() == limit || page.next.is_none());
        items.extend(page.items);
        token = page.next;
        if token.is_none() {
            return items;
        }
    }
}

pub fn secs(n: i64) -> Timestamp {
    Timestamp::from_secs(n)
}

/// A sample of `load`.
pub fn sample(source: &str, id: &str, time: Timestamp, value: f64) -> Event {
    Event::sample(source, id, time, Series::new("load").label("core", "0"), value)
}

/// A frame of `events` with this epoch and number.
pub fn frame(position: u64, source: &str, epoch: u64, number: u64, events: Vec<Event>) -> Entry {
    let mut entry = frame_entry(position, source, Encoding::Json, events);
    let header = FrameHeader { epoch, number, ..FrameHeader::from_headers(&entry.headers).unwrap() };
    entry.headers = header.to_headers();
    entry
}

/// What the store must give back of `entries`.
pub fn expected(entries: &[Entry]) -> Vec<StoredEvent> {
    let mut all = Vec::new();
    for entry in entries {
        let header = FrameHeader::from_headers(&entry.headers).unwrap();
        let id = entry.position.to_string();
        let events = floodmark_schemas::frame::decode(header.encoding, &entry.body, &header.source, &id).unwrap();
        let stored = |(index, event)| StoredEvent { position: entry.position.0, index, log_time: entry.time, event };
        all.extend((0..).zip(events).map(stored));
    }
    all
}

pub async fn write(sink: &dyn Sink, entries: &[Entry], from: u64, to: u64) {
    sink.write(entries, Position(from), Position(to)).await.unwrap_or_else(|e| panic!("{}", e.chain()));
}
