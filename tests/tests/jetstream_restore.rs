//! Another log is copied into a stream: what a reader can see stays the same.
#![cfg(test)]

#[path = "jetstream/support.rs"]
mod support;

use std::sync::Arc;

use floodmark_connectors::clock::SystemClock;
use floodmark_connectors::logs::jetstream::{Connection, Spec};
use floodmark_connectors::logs::{Options, memory};
use floodmark_core::Kind;
use floodmark_core::ports::log::Log as _;
use floodmark_core::ports::{Entry, Expect, Position};
use floodmark_tests::servers::Nats;
use support::{all, bodies, config, entry};

const HOST: &str = "floodmark.events.0.host";
const WEB: &str = "floodmark.events.1.web";

/// A log that begins at 4, has a gap of 2, and whose tail is deleted.
async fn original() -> (impl floodmark_core::ports::Log, Vec<Entry>) {
    let log = memory::Log::new(Options::default(), Arc::new(SystemClock));
    for n in 1..=12 {
        let subject = if matches!(n, 1..=3 | 6 | 7 | 12) { WEB } else { HOST };
        let mut new = entry(subject, &format!("id {n}"), &n.to_string());
        new.headers.set("Floodmark-Number", n);
        log.append(vec![new], Expect::Anything).await.unwrap();
    }
    log.purge(WEB, Position(u64::MAX)).await.unwrap();
    let mut entries = Vec::new();
    for position in 1..=12 {
        entries.extend(log.get(Position(position)).await.unwrap());
    }
    (log, entries)
}

#[tokio::test]
async fn a_copied_log_has_the_same_positions_times_and_fingerprints() {
    let server = Nats::start().await;
    let connection = Connection::open(&config(&server)).await.unwrap();
    let (original, entries) = original().await;
    let continuity = original.continuity().await.unwrap();
    assert_eq!((continuity.first, continuity.tail), (Position(4), Position(12)));

    let spec = Spec::events();
    let create = || connection.create_at(&spec, 4, continuity.first, continuity.created);
    let mut copy = create().await.unwrap();
    assert_eq!(copy.next(), Position(4));
    copy.put(entries[0].clone()).await.unwrap();
    copy.put(entries[1].clone()).await.unwrap();
    copy.put(entries[2].clone()).await.unwrap();
    let error = connection.ensure(4).await.unwrap_err();
    assert!(error.to_string().contains("`metadata.floodmark.partitions` is copying, not 4"), "{error}");
    drop(copy);

    // Interrupted: it goes on where it was.
    let mut copy = loop {
        let copy = create().await.unwrap();
        if copy.next() == Position(entries[2].position.0 + 1) {
            break copy;
        }
    };
    for entry in &entries[3..] {
        copy.put(entry.clone()).await.unwrap();
    }
    copy.finish(continuity.tail).await.unwrap();

    connection.ensure(4).await.unwrap();
    let log = connection.events();
    assert_eq!(log.continuity().await.unwrap(), continuity);
    let copied = all(&log).await;
    assert_eq!(bodies(&copied), ["4", "5", "8", "9", "10", "11"]);
    for (copied, entry) in copied.iter().zip(&entries) {
        assert_eq!((copied.position, copied.time, &copied.subject, &copied.id), (entry.position, entry.time, &entry.subject, &entry.id));
        assert_eq!((&copied.headers, copied.fingerprint()), (&entry.headers, entry.fingerprint()));
    }
    let last = Expect::LastOnSubject(Position(11));
    assert_eq!(log.append(vec![entry(HOST, "id 13", "13")], last).await.unwrap()[0].position, Position(13));
    assert_eq!(connection.apply(4).await.unwrap().changed, []);
    assert_eq!(create().await.err().map(|e| e.kind()), Some(Kind::Broken), "it is complete");
}
