//! Each event is there once, however often its frame comes.

use floodmark_core::Kind;
use floodmark_core::conformance::store::{entry, frame_entry, shard_entry};
use floodmark_core::ports::{DeadLetterQuery, Entry, Position, Sink};
use floodmark_schemas::{Encoding, Event, FrameHeader, Timestamp, subject};

use crate::common::{There, expected, frame, sample, secs, write};

fn events(source: &str, n: i64) -> Vec<Event> {
    (0..3).map(|i| sample(source, &format!("{n}.{i}"), secs(n * 10 + i), n as f64)).collect()
}

#[tokio::test]
async fn a_repeated_write_changes_nothing() {
    let there = There::new().await;
    let entries = [frame(1, "a", 1, 1, events("a", 1)), entry(2, "floodmark.events.0.a", "nonsense"), frame(3, "a", 1, 2, events("a", 2))];
    for again in [false, true] {
        let sink = there.raw();
        for _ in 0..2 {
            write(&sink, &entries, 0, 3).await;
            assert_eq!(sink.position().await.unwrap(), Position(3), "{again}");
        }
    }
    assert_eq!(there.events().await, expected(&[entries[0].clone(), entries[2].clone()]));
    let letters = there.store.dead_letters(None, None, 9).await.unwrap().items;
    assert_eq!(
        letters.iter().map(|l| (l.origin.as_str(), l.original.as_str())).collect::<Vec<_>>(),
        [("entry 2 on floodmark.events.0.a", "nonsense")]
    );
}

#[tokio::test]
async fn frames_that_come_again_and_those_of_a_replaced_writer_are_passed_over() {
    let there = There::new().await;
    // Epoch, number and whether it is new, by the rule of the jobs.
    let steps =
        [(1, 1, true), (1, 2, true), (1, 2, false), (1, 1, false), (1, 5, true), (2, 6, true), (1, 7, false), (2, 6, false), (3, 1, true)];
    let mut kept = Vec::new();
    let mut sink = there.raw();
    for (at, (epoch, number, fresh)) in (1..).zip(steps) {
        let entry = frame(at, "a", epoch, number, events("a", at as i64));
        if at % 3 == 0 {
            // As after a start: what was seen is in the database.
            sink = there.raw();
        }
        write(&sink, std::slice::from_ref(&entry), at - 1, at).await;
        kept.extend(fresh.then_some(entry));
    }
    assert_eq!(there.events().await, expected(&kept));
}

#[tokio::test]
async fn sources_and_partitions_are_counted_apart_and_ticks_are_not() {
    let there = There::new().await;
    let of_partition = |entry: Entry, partition| Entry { subject: subject::events(partition, "a"), ..entry };
    let mut tick = frame(4, subject::TICKER, 9, 9, Vec::new());
    let promise = vec![("a".to_owned(), Timestamp::from_secs(1))];
    tick.headers = FrameHeader { watermarks: promise, ..FrameHeader::from_headers(&tick.headers).unwrap() }.to_headers();
    let entries = [
        frame(1, "a", 1, 1, events("a", 1)),
        of_partition(frame(2, "a", 1, 1, events("a", 2)), 1),
        frame(3, "b", 1, 1, events("b", 3)),
        tick,
        // The end of a source counts as a frame.
        frame(5, "b", 1, 2, Vec::new()),
        frame(6, "b", 1, 2, events("b", 6)),
    ];
    write(&there.raw(), &entries, 0, 6).await;
    assert_eq!(there.events().await, expected(&entries[..3]));
    let seen = there.rows("SELECT source, partition, epoch, number FROM frame_seen ORDER BY 1, 2").await;
    assert_eq!(seen, ["a | 0 | 1 | 1", "a | 1 | 1 | 1", "b | 0 | 1 | 2"]);
}

#[tokio::test]
async fn shards_that_use_the_same_frame_numbers_are_counted_apart() {
    let there = There::new().await;
    // Shard, epoch, number and whether it is new.
    let steps = [
        (0, 9, 1, true),
        (1, 4, 1, true),
        (1, 4, 2, true),
        (0, 9, 2, true),
        (1, 4, 2, false),
        // Taken over: what the owner before still writes is passed over, and only of this shard.
        (1, 12, 3, true),
        (1, 4, 3, false),
        (0, 9, 3, true),
        (0, 9, 2, false),
    ];
    let mut kept = Vec::new();
    let mut sink = there.raw();
    for (at, (shard, epoch, number, fresh)) in (1..).zip(steps) {
        let entry = shard_entry(frame(at, "web", epoch, number, events("web", at as i64)), shard, number);
        if at % 3 == 0 {
            // As after a start: what was seen is in the database.
            sink = there.raw();
        }
        write(&sink, std::slice::from_ref(&entry), at - 1, at).await;
        kept.extend(fresh.then_some(entry));
    }
    // The source as it was before it was split, and another one with the name of the shard's number.
    let whole = [frame(10, "web", 1, 1, events("web", 10)), frame(11, "web-1", 1, 1, events("web-1", 11))];
    write(&sink, &whole, 9, 11).await;
    kept.extend(whole);
    assert_eq!(there.events().await, expected(&kept));
    let seen = there.rows("SELECT source, partition, epoch, number FROM frame_seen ORDER BY 1, 2").await;
    assert_eq!(seen, ["web | 0 | 1 | 1", "web-1 | 0 | 1 | 1", "web.0 | 0 | 9 | 3", "web.1 | 0 | 12 | 3"]);
}

#[tokio::test]
async fn a_sink_that_was_overtaken_writes_nothing() {
    let there = There::new().await;
    let (first, second) = (there.raw(), there.raw());
    let entries: Vec<Entry> = (1..=3).map(|n| frame(n, "a", 1, n, events("a", n as i64))).collect();
    write(&first, &entries[..1], 0, 1).await;
    write(&second, &entries[1..2], 1, 2).await;
    for (from, to) in [(0, 3), (1, 3), (3, 4)] {
        let error = first.write(&entries[2..], Position(from), Position(to)).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Conflict, "{from} to {to}");
    }
    assert_eq!(there.events().await, expected(&entries[..2]));
    // The other one goes on.
    write(&second, &entries[2..], 2, 3).await;
    assert_eq!(there.events().await, expected(&entries));
}

#[tokio::test]
async fn of_two_sinks_that_write_the_same_at_once_one_does_it() {
    let there = There::new().await;
    let entries: Vec<Entry> = (1..=40).map(|n| frame_entry(n, "a", Encoding::Json, events("a", n as i64))).collect();
    let (first, second) = (there.raw(), there.raw());
    for (at, part) in (0..).step_by(4).zip(entries.chunks(4)) {
        let (a, b) = tokio::join!(first.write(part, Position(at), Position(at + 4)), second.write(part, Position(at), Position(at + 4)));
        a.unwrap();
        b.unwrap();
    }
    assert_eq!(there.events().await, expected(&entries));
}
