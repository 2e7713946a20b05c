//! What the tests of the log on JetStream share.
#![allow(dead_code, reason = "each test program uses its part")]

use std::sync::Arc;

use bytes::Bytes;
use floodmark_connectors::logs::jetstream::{Config, Connection, Log, Spec};
use floodmark_connectors::settings::Size;
use floodmark_core::ports::log::Log as _;
use floodmark_core::ports::{Entry, Limit, NewEntry, Position};
use floodmark_schemas::Headers;
use floodmark_tests::servers::Nats;

pub fn config(server: &Nats) -> Config {
    // The server sets aside what a stream may take.
    Config { servers: vec![server.url().to_owned()], retention_size: Size(64 << 20), ..Config::default() }
}

/// A stream of any subjects.
pub fn anything() -> Spec {
    Spec::new("ANYTHING", &[">"])
}

pub async fn open(config: &Config) -> (Connection, Arc<Log>) {
    let connection = Connection::open(config).await.unwrap();
    connection.ensure_stream(&anything(), 1).await.unwrap();
    let log = connection.log(&anything());
    (connection, log)
}

pub fn entry(subject: &str, id: &str, body: &str) -> NewEntry {
    NewEntry {
        subject: subject.to_owned(),
        id: Some(id.to_owned()),
        headers: Headers::default(),
        body: Bytes::copy_from_slice(body.as_bytes()),
    }
}

/// All entries there are.
pub async fn all(log: &Log) -> Vec<Entry> {
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

pub fn bodies(entries: &[Entry]) -> Vec<&str> {
    entries.iter().map(|entry| std::str::from_utf8(&entry.body).unwrap()).collect()
}
