//! The log on JetStream while servers are killed, hang, lose consumers and are full.
#![cfg(test)]

#[path = "jetstream/support.rs"]
mod support;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use floodmark_connectors::logs::jetstream::{Config, Connection, Log};
use floodmark_connectors::settings::{Size, Span};
use floodmark_core::Kind;
use floodmark_core::ports::log::Log as _;
use floodmark_core::ports::{Expect, Limit, Position};
use floodmark_tests::servers::Nats;
use support::{all, bodies, config, entry, open};
use tokio::task::JoinSet;

const APPENDERS: usize = 4;
const APPENDS: usize = 150;
const KILLS: usize = 5;

/// Appends pairs of entries on two subjects, each only after the one before it, and repeats what is not acknowledged.
async fn append_all(log: Arc<Log>, appender: usize, acknowledged: tokio::sync::mpsc::Sender<()>) -> u64 {
    let (x, y) = (format!("a.{appender}.x"), format!("a.{appender}.y"));
    let (mut last_x, mut last_y) = (Position::START, Position::START);
    let mut repetitions = 0;
    for n in 0..APPENDS {
        let id = |subject: &str| format!("{subject}.{n}");
        let expect = Expect::LastOnSubjects([(x.clone(), last_x), (y.clone(), last_y)].into());
        loop {
            let entries = vec![entry(&x, &id(&x), &n.to_string()), entry(&y, &id(&y), &n.to_string())];
            match log.append(entries, expect.clone()).await {
                Ok(appended) => {
                    (last_x, last_y) = (appended[0].position, appended[1].position);
                    break;
                }
                Err(error) => {
                    assert_eq!(error.kind(), Kind::Unavailable, "{}", error.chain());
                    repetitions += 1;
                }
            }
        }
        acknowledged.send(()).await.unwrap();
    }
    repetitions
}

/// Reads until every entry has come, as often as the server is killed meanwhile.
async fn read_all(log: Arc<Log>) -> Vec<(u64, String, String)> {
    let mut reader = log.reader(vec!["a.>".to_owned()], Position::START).await.unwrap();
    let mut seen = Vec::new();
    while seen.len() < 2 * APPENDERS * APPENDS {
        match reader.next(Limit::default()).await {
            Ok(page) => seen.extend(page.into_iter().map(|e| (e.position.0, e.subject, String::from_utf8(e.body.to_vec()).unwrap()))),
            Err(error) => assert_eq!(error.kind(), Kind::Unavailable, "{}", error.chain()),
        }
    }
    seen
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_killed_again_and_again_loses_and_doubles_nothing() {
    let mut server = Nats::start().await;
    let config = Config { request_timeout: Span::secs(2), ..config(&server) };
    let (_connection, log) = open(&config).await;
    let (sender, mut acknowledged) = tokio::sync::mpsc::channel(16);
    let mut appenders = JoinSet::new();
    for appender in 0..APPENDERS {
        appenders.spawn(append_all(log.clone(), appender, sender.clone()));
    }
    drop(sender);
    let mut readers = JoinSet::new();
    readers.spawn(read_all(log.clone()));
    let mut count = 0;
    while acknowledged.recv().await.is_some() {
        count += 1;
        if count % (APPENDERS * APPENDS / (KILLS + 1)) == 0 {
            server.kill().await;
            server.restart().await;
        }
    }
    let repetitions: u64 = appenders.join_all().await.into_iter().sum();
    assert!(repetitions > 0, "no kill hit an append");

    let seen = readers.join_all().await.remove(0);
    assert!(seen.is_sorted_by_key(|(position, ..)| *position), "a reader does not go back");
    let mut read: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (_, subject, body) in seen {
        read.entry(subject).or_default().push(body);
    }
    let expected: Vec<String> = (0..APPENDS).map(|n| n.to_string()).collect();
    assert_eq!(read.len(), 2 * APPENDERS);
    for (subject, bodies) in read {
        assert_eq!(bodies, expected, "{subject}");
    }
    assert_eq!(all(&log).await.len(), 2 * APPENDERS * APPENDS, "nothing is there twice");
}

#[tokio::test]
async fn a_reader_whose_consumer_is_deleted_goes_on() {
    let server = Nats::start().await;
    let (connection, log) = open(&config(&server)).await;
    let mut reader = log.reader(vec!["a.*".to_owned()], Position::START).await.unwrap();
    let stream = async_nats::jetstream::new(connection.client()).get_stream(log.stream()).await.unwrap();
    for n in 1..=3 {
        log.append(vec![entry("a.x", &n.to_string(), &n.to_string())], Expect::Anything).await.unwrap();
        let page = reader.next(Limit::default()).await.unwrap();
        assert_eq!(bodies(&page), [n.to_string()]);
        let names: Vec<String> = futures_util::TryStreamExt::try_collect(stream.consumer_names()).await.unwrap();
        assert_eq!(names.len(), 1);
        stream.delete_consumer(&names[0]).await.unwrap();
    }
}

#[tokio::test]
async fn a_server_that_hangs_is_unavailable_and_acknowledges_nothing() {
    let mut server = Nats::start().await;
    let config = Config { request_timeout: Span::millis(300), ..config(&server) };
    let (_connection, log) = open(&config).await;
    log.append(vec![entry("a.x", "1", "1")], Expect::Anything).await.unwrap();
    server.freeze().await;
    let two = || vec![entry("a.x", "2", "2")];
    let after_one = || Expect::LastOnSubject(Position(1));
    let error = log.append(two(), after_one()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable);
    assert!(error.chain().contains("may be stored or not"), "{}", error.chain());
    for error in [log.last("a.x").await.map(drop), log.continuity().await.map(drop)].map(Result::unwrap_err) {
        assert_eq!(error.kind(), Kind::Unavailable, "{}", error.chain());
    }
    server.thaw();
    let appended = log.append(two(), after_one()).await.unwrap();
    assert_eq!(appended[0].position, Position(2));
    assert_eq!(bodies(&all(&log).await), ["1", "2"]);
}

#[tokio::test]
async fn a_full_stream_is_unavailable_and_goes_on_after_a_purge() {
    let server = Nats::start().await;
    let config = Config { retention_size: Size(1 << 20), size_max: Some(Size(2 << 20)), ..config(&server) };
    let (_connection, log) = open(&config).await;
    let body = "x".repeat(100_000);
    let mut stored = 0;
    let error = loop {
        let id = stored.to_string();
        match log.append(vec![entry("a.x", &id, &body)], Expect::Anything).await {
            Ok(_) => stored += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(stored, 20);
    assert_eq!(error.kind(), Kind::Unavailable);
    assert!(error.chain().contains("raise `size_max`"), "{}", error.chain());
    assert_eq!(log.last("a.x").await.unwrap().unwrap().position, Position(20), "nothing was deleted to make room");

    let deleted = log.retain(Position(15)).await.unwrap();
    assert!((10..=12).contains(&deleted), "{deleted}");
    let appended = log.append(vec![entry("a.x", "20", &body)], Expect::LastOnSubject(Position(20))).await.unwrap();
    assert_eq!(appended[0].position, Position(21));
}

#[tokio::test]
async fn a_server_that_is_away_is_unavailable_until_it_is_back() {
    let mut server = Nats::start().await;
    let config = Config { request_timeout: Span::millis(200), ..config(&server) };
    let (_connection, log) = open(&config).await;
    server.kill().await;
    let append = || log.append(vec![entry("a.x", "1", "1")], Expect::LastOnSubject(Position::START));
    let error = append().await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable, "{}", error.chain());
    let Err(error) = Connection::open(&config).await else { panic!("there is no server") };
    assert_eq!(error.kind(), Kind::Unavailable, "{}", error.chain());
    server.restart().await;
    let appended = loop {
        match append().await {
            Ok(appended) => break appended,
            Err(error) => assert_eq!(error.kind(), Kind::Unavailable, "{}", error.chain()),
        }
    };
    assert_eq!(appended[0].position, Position(1));
}

#[tokio::test]
async fn log_time_passes_by_retention_of_age() {
    let server = Nats::start().await;
    let config = Config { retention_age: Span::millis(400), duplicate_window: Span::millis(100), ..config(&server) };
    let (_connection, log) = open(&config).await;
    for n in 0..7 {
        log.append(vec![entry("a.x", &format!("old.{n}"), "old")], Expect::Anything).await.unwrap();
    }
    log.purge("a.x", Position(3)).await.unwrap();
    // Until the last old one is too old.
    tokio::time::timeout(Duration::from_secs(20), async {
        let mut deleted = 0;
        while deleted < 5 {
            deleted += log.retain(Position(u64::MAX)).await.unwrap();
        }
        assert_eq!(deleted, 5);
    })
    .await
    .unwrap();
    log.append(vec![entry("a.x", "young", "young")], Expect::Anything).await.unwrap();
    assert_eq!(log.retain(Position(u64::MAX)).await.unwrap(), 0);
    assert_eq!(bodies(&all(&log).await), ["young"]);
    assert_eq!(log.continuity().await.unwrap().first, Position(8));
}

#[tokio::test]
async fn bodies_and_headers_of_any_text_come_back_and_plain_ones_are_plain_on_the_wire() {
    let server = Nats::start().await;
    let (connection, log) = open(&config(&server)).await;
    let mut new = entry("a.x", "größe 1", "");
    new.body = Bytes::from_static(&[0, 13, 10, 255]);
    for (name, value) in [("Floodmark-Plain", "page: 7"), ("Floodmark-Text", " städte\t%"), ("Floodmark-Empty", "")] {
        new.headers.set(name, value);
    }
    log.append(vec![new.clone()], Expect::Anything).await.unwrap();
    for found in [all(&log).await.remove(0), log.get(Position(1)).await.unwrap().unwrap(), log.last("a.x").await.unwrap().unwrap()] {
        assert_eq!((&found.subject, &found.id, &found.body), (&new.subject, &new.id, &new.body));
        for (name, value) in new.headers.iter() {
            assert_eq!(found.headers.get(name), Some(value), "{name}");
        }
        assert_eq!(found.headers.iter().count(), 3);
    }
    let stream = async_nats::jetstream::new(connection.client()).get_stream(log.stream()).await.unwrap();
    let raw = stream.get_raw_message(1).await.unwrap();
    assert_eq!(raw.headers.get("Floodmark-Plain").unwrap().as_str(), "page: 7");
    assert_eq!(raw.headers.get("Floodmark-Text").unwrap().as_str(), "UTF-8''%20st%C3%A4dte%09%25");
}
