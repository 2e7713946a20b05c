//! Revisions and positions: what stands at the end does not depend on the order, or on who else writes.

use floodmark_connectors::stores::mongodb::Rollups;
use floodmark_core::Kind;
use floodmark_core::conformance::store::entry;
use floodmark_core::ports::{Entry, Position, Sink};
use floodmark_schemas::{Rollup, Series, Timestamp, subject};
use floodmark_tests::engine::chain::entries;
use floodmark_tests::support::rng::Rng;

use crate::support::{At, at, commit, rollup, value};

fn shuffle<T>(items: &mut [T], rng: &mut Rng) {
    for last in (1..items.len()).rev() {
        items.swap(last, rng.pick(0..last as u64 + 1) as usize);
    }
}

fn revision(window: i64, revision: u32) -> Rollup {
    let series = Series::new("load").label("core", (window % 3).to_string());
    rollup("host", series, Timestamp::from_secs(window / 3 * 60), revision, value(window as f64 + f64::from(revision) / 10.0))
}

/// Row M3 of the fault matrix.
#[tokio::test]
async fn shuffled_and_repeated_revisions_end_at_the_highest() {
    let (mut rng, seed) = Rng::from_env();
    println!("FLOODMARK_SEED={seed}");
    let at_server = At::new().await;
    let highest: Vec<u32> = (0..30).map(|_| rng.pick(0..6) as u32).collect();
    let mut all = Vec::new();
    for (window, highest) in (0..).zip(&highest) {
        for each in 0..=*highest {
            all.extend((0..=rng.pick(0..3)).map(|_| revision(window, each)));
        }
    }
    shuffle(&mut all, &mut rng);
    let mut position = 0;
    while !all.is_empty() {
        let count = (rng.pick(1..40) as usize).min(all.len());
        position += 1;
        at_server.write(&[commit(position, all.drain(..count))]).await;
    }
    let mut expected: Vec<Rollup> = (0..).zip(highest).map(|(window, highest)| revision(window, highest)).collect();
    expected.sort_by_key(|r| (r.window.start, r.series.key()));
    assert_eq!(at_server.stored().await, expected);
    assert_eq!(at_server.sink.position().await.unwrap(), Position(position));
}

/// A process that was frozen goes on with an old write: the position is no longer its own, and what it wrote before it
/// notices does not stand in the way of what came later.
#[tokio::test]
async fn a_writer_that_was_overtaken_changes_nothing() {
    let at_server = At::new().await;
    let of = |revision: u32| rollup("host", Series::new("load"), Timestamp::from_secs(0), revision, value(f64::from(revision)));
    at_server.write(&[commit(1, [of(3)]), commit(2, [of(4)])]).await;
    // Under another name the sink has not come so far: what is written again is older.
    let behind = Rollups::new(at_server.store.clone(), "behind", at_server.log.clone());
    behind.write(&[commit(1, [of(3)])], at(0), at(1)).await.unwrap();
    assert_eq!(at_server.stored().await, [of(4)]);
    let error = at_server.sink.write(&[commit(1, [of(9)])], at(0), at(1)).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Conflict);
    assert_eq!(error.chain(), "sink rollups stands at 2, not at 0: somebody else has moved it");
    assert_eq!(at_server.stored().await, [of(4)]);
}

#[tokio::test]
async fn of_two_writers_from_one_position_one_moves_it() {
    let at_server = At::new().await;
    let writes = (0..4).map(|n| {
        let sink = Rollups::new(at_server.store.clone(), "rollups", at_server.log.clone());
        let entries = [commit(n + 1, [revision(n.cast_signed(), 0)])];
        async move { sink.write(&entries, at(0), at(n + 1)).await.map_err(|e| e.kind()) }
    });
    let done = futures_util::future::join_all(writes).await;
    let moved: Vec<u64> = (1..).zip(&done).filter(|(_, done)| done.is_ok()).map(|(to, _)| to).collect();
    assert_eq!(moved.len(), 1, "{done:?}");
    assert_eq!(done.iter().filter(|done| **done == Err(Kind::Conflict)).count(), 3, "{done:?}");
    assert_eq!(at_server.sink.position().await.unwrap(), Position(moved[0]));
}

#[tokio::test]
async fn an_entry_that_cannot_be_read_is_in_the_log_of_dead_letters_once() {
    let at_server = At::new().await;
    let written = [commit(1, [revision(0, 0)]), entry(2, "floodmark.outputs.per_minute.0", "nonsense")];
    for sink in ["rollups", "rollups", "others"] {
        let sink = Rollups::new(at_server.store.clone(), sink, at_server.log.clone());
        sink.write(&written, at(0), at(2)).await.unwrap();
    }
    let dead: Vec<Entry> = entries(&*at_server.log, subject::DEAD).await;
    let subjects: Vec<&str> = dead.iter().map(|entry| entry.subject.as_str()).collect();
    assert_eq!(subjects, ["floodmark.dead.rollups", "floodmark.dead.others"]);
}
