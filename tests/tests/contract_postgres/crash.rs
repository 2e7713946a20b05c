//! The server is killed while raw events are written: each is there exactly once.

use std::time::Duration;

use floodmark_connectors::stores::postgres::{Raw, Store};
use floodmark_core::Kind;
use floodmark_core::ports::{Entry, EventFilter, Position, Sink};
use floodmark_schemas::Event;
use floodmark_tests::servers::postgres::Postgres;
use floodmark_tests::support::rng::Rng;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::common::{all, config, expected, frame, rows, sample, secs};

fn entries() -> Vec<Entry> {
    let events = |n: u64| (0..250).map(|i| sample("s", &format!("{n}.{i}"), secs(n as i64 * 600 + i), i as f64)).collect::<Vec<Event>>();
    let mut entries = Vec::new();
    for n in 1..=120 {
        let position = entries.len() as u64 + 1;
        entries.push(frame(position, "s", 1, n, events(n)));
        // What a source sent again beyond the log's window of duplicates.
        if n % 7 == 0 {
            entries.push(frame(position + 1, "s", 1, n, events(n)));
        }
    }
    entries
}

fn fresh(entries: &[Entry]) -> Vec<Entry> {
    let mut bodies = std::collections::BTreeSet::new();
    entries.iter().filter(|entry| bodies.insert(entry.body.clone())).cloned().collect()
}

/// Writes all of `entries` as the engine does: what is unavailable is repeated, a new process begins at the position.
async fn copy(sink: &Raw, entries: &[Entry], size: usize) -> u32 {
    let mut failures = 0;
    loop {
        let Ok(position) = sink.position().await else {
            failures += 1;
            tokio::task::yield_now().await;
            continue;
        };
        let rest = &entries[position.0 as usize..];
        let Some(last) = rest.iter().take(size).next_back() else { return failures };
        let part = &rest[..rest.len().min(size)];
        let mut done = sink.write(part, position, last.position).await;
        while let Err(e) = done {
            assert_eq!(e.kind(), Kind::Unavailable, "{}", e.chain());
            failures += 1;
            tokio::task::yield_now().await;
            done = sink.write(part, position, last.position).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_killed_at_any_moment_holds_each_event_once() {
    let (mut rng, seed) = Rng::from_env();
    println!("FLOODMARK_SEED={seed}");
    let mut server = Postgres::start().await;
    let entries = entries();
    let expected = expected(&fresh(&entries));
    let mut failures = 0;
    for round in 0..rounds() {
        let database = server.database().await;
        let uri = database.uri().to_owned();
        let store = Store::open(&config(&uri)).await.unwrap();
        let (sink, list) = (Raw::new(store.clone(), "raw"), entries.clone());
        let size = rng.pick(1..30) as usize;
        let mut copying = JoinSet::new();
        copying.spawn(async move { copy(&sink, &list, size).await });
        let mut kills = 0;
        let copied = loop {
            let pause = if kills < 4 { Duration::from_micros(rng.pick(500..60_000)) } else { Duration::MAX };
            match timeout(pause, copying.join_next()).await {
                Ok(copied) => break copied,
                Err(_) => {
                    server.kill().await;
                    server.restart().await;
                    kills += 1;
                }
            }
        };
        failures += copied.unwrap().unwrap();
        assert_eq!(all(&store, &EventFilter::default(), 5_000).await, expected, "round {round}, seed {seed}");
        assert_eq!(rows(&uri, "SELECT count(*), count(DISTINCT (position, event_index)) FROM event").await, ["30000 | 30000"]);
    }
    println!("{failures} writes failed and were repeated");
}

/// Stops the transaction right before its end: rows and position are there for nobody else, then the server dies.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_killed_between_copy_and_commit_has_written_nothing() {
    let mut server = Postgres::start().await;
    let database = server.database().await;
    let uri = database.uri().to_owned();
    let store = Store::open(&config(&uri)).await.unwrap();
    // The check at the end of the transaction waits for a lock that somebody holds.
    let hold = "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_advisory_xact_lock(7); RETURN NULL; END'; \
                CREATE CONSTRAINT TRIGGER wait AFTER INSERT ON sink_position DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION wait()";
    rows(&uri, hold).await;
    let (holder, connection) = tokio_postgres::connect(&uri, tokio_postgres::NoTls).await.unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move { drop(connection.await) });
    holder.execute("SELECT pg_advisory_lock(7)", &[]).await.unwrap();
    let entries = entries();
    let (sink, part) = (Raw::new(store.clone(), "raw"), entries[..10].to_vec());
    let mut writing = JoinSet::new();
    writing.spawn(async move {
        let done = sink.write(&part, Position(0), Position(10)).await;
        (sink, part, done)
    });
    let waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted";
    floodmark_tests::support::eventually::eventually("the commit waits", || async { (rows(&uri, waiting).await == ["1"]).then_some(()) })
        .await;
    server.kill().await;
    server.restart().await;
    let (sink, part, done) = writing.join_next().await.unwrap().unwrap();
    tasks.join_next().await.unwrap().unwrap();
    assert_eq!(done.unwrap_err().kind(), Kind::Unavailable);
    assert_eq!(sink.position().await.unwrap(), Position(0));
    assert_eq!(all(&store, &EventFilter::default(), 5_000).await, []);
    sink.write(&part, Position(0), Position(10)).await.unwrap();
    assert_eq!(all(&store, &EventFilter::default(), 5_000).await, expected(&fresh(&part)));
}

/// How often all is written while the server is killed: more with `FLOODMARK_ROUNDS`.
fn rounds() -> u64 {
    std::env::var("FLOODMARK_ROUNDS").ok().map_or(2, |text| text.parse().expect("FLOODMARK_ROUNDS is a number"))
}
