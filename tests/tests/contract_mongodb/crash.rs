//! Row M1 of the fault matrix: the server is killed in the middle of a bulk, and after it before the position moves.

use std::sync::Arc;

use floodmark_core::Kind;
use floodmark_core::conformance::store::entry;
use floodmark_core::ports::{Position, Sink};
use floodmark_schemas::{Rollup, Series, Timestamp, subject};
use floodmark_tests::engine::chain::entries;
use floodmark_tests::engine::faulty::{Fault, Faulty};
use floodmark_tests::servers::Mongo;
use floodmark_tests::support::eventually::eventually;
use mongodb::bson::doc;

use crate::support::{At, at, commit, log, rollup, value};

fn windows(count: i64, revision: u32) -> Vec<Rollup> {
    let of = |n| rollup("host", Series::new("load"), Timestamp::from_secs(n * 60), revision, value(n as f64 + f64::from(revision)));
    (0..count).map(of).collect()
}

#[tokio::test]
async fn a_server_killed_in_the_middle_of_a_bulk_ends_with_every_rollup_once() {
    let mut server = Mongo::start().await;
    let at_server = At::on(&server, log()).await;
    at_server.write(&[commit(1, windows(100, 0))]).await;
    // Enough that the bulk is not over when its first documents are seen.
    let entries = [commit(2, windows(600, 1))];
    let documents = at_server.documents().await;
    let some_written = eventually("the first documents of the bulk", || async {
        let raised = documents.count_documents(doc! { "revision": 1 }).await.ok()?;
        (raised >= 20).then_some(raised)
    });
    let mut write = at_server.sink.write(&entries, at(1), at(2));
    tokio::select! {
        written = &mut write => panic!("the bulk was over before it was seen: {written:?}"),
        seen = some_written => println!("killed after {seen} of 600"),
    }
    server.kill().await;
    let error = write.await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable, "{}", error.chain());
    server.restart().await;
    at_server.write(&[commit(1, windows(100, 0)), entries[0].clone()]).await;
    assert_eq!(at_server.stored().await, windows(600, 1));
    assert_eq!(at_server.sink.position().await.unwrap(), Position(2));
}

#[tokio::test]
async fn a_server_killed_between_the_bulk_and_the_position_ends_with_every_rollup_once() {
    let mut server = Mongo::start().await;
    let faulty = Arc::new(Faulty::new(log()));
    let at_server = At::on(&server, faulty.clone()).await;
    let written = [commit(1, windows(20, 0)), entry(2, "floodmark.outputs.per_minute.0", "nonsense"), commit(3, windows(30, 1))];
    // What is set aside comes between the two: there the write stops.
    for fault in [Fault::Before, Fault::After] {
        faulty.appends([fault]);
        let error = at_server.sink.write(&written, at(0), at(3)).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Unavailable);
        // They are there, and count with the position.
        assert_eq!(at_server.documents().await.count_documents(doc! { "revision": 1 }).await.unwrap(), 30);
        assert_eq!(at_server.stored().await, []);
        server.restart().await;
        assert_eq!(at_server.sink.position().await.unwrap(), Position::START);
    }
    at_server.write(&written).await;
    assert_eq!(at_server.stored().await, windows(30, 1));
    assert_eq!(at_server.sink.position().await.unwrap(), Position(3));
    assert_eq!(entries(&*at_server.log, subject::DEAD).await.len(), 1);
}
