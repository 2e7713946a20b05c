//! From a source to the log: framed within limits, in order, once, and durable before anybody is told so.
#![cfg(test)]

use std::sync::Arc;
use std::time::Duration;

use floodmark_core::Kind;
use floodmark_core::ports::{Ingest, Position, SourceSpec};
use floodmark_engine::ingest::Logs;
use floodmark_schemas::frame::{BYTES_MAX, EVENTS_MAX};
use floodmark_schemas::{DeadLetter, Encoding, Event, EventBatch, FrameHeader, Record, Timestamp, subject};
use floodmark_tests::engine::chain::entries;
use floodmark_tests::engine::crash::Crash;
use floodmark_tests::engine::faulty::{Fault, Faulty};
use floodmark_tests::engine::memory::{dead_letters, logs, with_faults};
use floodmark_tests::engine::road::{Road, Stored, batch, frames, ids, numbered, numbers, source};
use proptest::prelude::*;

/// The frames that hold events, by how many.
fn sizes(frames: &[Stored]) -> Vec<usize> {
    frames.iter().map(|frame| frame.events.len()).filter(|events| *events > 0).collect()
}

/// A record with a text of this length.
fn record(id: &str, bytes: usize) -> Event {
    let fact = serde_json::Map::from_iter([("text".to_owned(), "x".repeat(bytes).into())]);
    Event::record("s", id, Timestamp::from_secs(1), Record { name: "note".to_owned(), fact })
}

fn cursor(n: u64) -> Option<String> {
    Some(n.to_string())
}

#[tokio::test(start_paused = true)]
async fn a_frame_holds_at_most_a_thousand_events() {
    let logs = logs();
    let road = Road::open(&source("s"), 1, &logs).await.unwrap();
    road.input.send(batch("s", 0..2_500), None).await.unwrap();
    road.close().await.unwrap();
    assert_eq!(sizes(&frames(&*logs.events, 0, "s").await), [EVENTS_MAX, EVENTS_MAX, 500]);
    assert_eq!(ids(&*logs.events, 0, "s").await, numbers(0..2_500));
}

#[tokio::test(start_paused = true)]
async fn a_frame_holds_at_most_256_kib_unless_one_event_is_larger() {
    let logs = logs();
    let road = Road::open(&source("s"), 1, &logs).await.unwrap();
    let sizes: Vec<usize> = (0..60).map(|n| if n == 30 { 500_000 } else { n * 700 }).collect();
    let events: EventBatch = sizes.iter().enumerate().map(|(n, bytes)| record(&format!("e{n}"), *bytes)).collect();
    road.input.send(events, None).await.unwrap();
    road.close().await.unwrap();
    let frames = frames(&*logs.events, 0, "s").await;
    for frame in &frames {
        let events = frame.events.len();
        assert!(frame.entry.body.len() <= BYTES_MAX || events == 1, "{events} events have {} bytes", frame.entry.body.len());
    }
    assert_eq!(ids(&*logs.events, 0, "s").await, numbers(0..60));
}

#[tokio::test(start_paused = true)]
async fn events_wait_a_millisecond_for_company() {
    let logs = logs();
    let road = Road::open(&source("s"), 1, &logs).await.unwrap();
    for n in 0..6 {
        road.input.send(batch("s", 2 * n..2 * n + 1), None).await.unwrap();
        road.input.send(batch("s", 2 * n + 1..2 * n + 2), None).await.unwrap();
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    tokio::time::sleep(Duration::from_millis(20)).await;
    let frames = frames(&*logs.events, 0, "s").await;
    // The first of a frame waits 1 ms; what comes in the very millisecond of the end is still taken.
    assert_eq!(sizes(&frames), [4, 4, 4]);
    let stored = [&frames[1], &frames[2], &frames[3]].map(|frame| frame.entry.time.micros() - 1_000_000_000);
    assert_eq!(stored, [1_000, 3_000, 5_000]);
    road.close().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn many_small_batches_become_one_frame() {
    let logs = logs();
    let (faulty, road_logs) = with_faults(&logs);
    let road = Road::open(&source("s"), 1, &road_logs).await.unwrap();
    let appends = faulty.asked();
    for n in 0..EVENTS_MAX as u64 {
        road.input.send(batch("s", n..n + 1), cursor(n)).await.unwrap();
    }
    road.input.flush().await.unwrap();
    assert_eq!(faulty.asked() - appends, 1);
    let frames = frames(&*logs.events, 0, "s").await;
    assert_eq!(sizes(&frames), [EVENTS_MAX]);
    assert_eq!(frames[1].header.cursor, cursor(999));
    assert_eq!(ids(&*logs.events, 0, "s").await, numbers(0..1_000));
    road.close().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_cursor_is_told_as_durable_only_when_its_events_are() {
    let logs = logs();
    let (faulty, road_logs) = with_faults(&logs);
    let road = Road::open(&source("s"), 1, &road_logs).await.unwrap();
    assert_eq!(road.input.cursor(), None);
    road.input.send(batch("s", 0..3), cursor(3)).await.unwrap();
    road.input.flush().await.unwrap();
    assert_eq!(road.input.cursor(), cursor(3));
    faulty.hang();
    road.input.send(batch("s", 3..6), cursor(6)).await.unwrap();
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(road.input.cursor(), cursor(3), "the log has not answered");
    let mut flush = road.input.flush();
    assert!(tokio::time::timeout(Duration::from_secs(5), &mut flush).await.is_err(), "nothing is durable yet");
    faulty.answer();
    flush.await.unwrap();
    assert_eq!(road.input.cursor(), cursor(6));
    // A batch without events moves the cursor; one without a cursor leaves it.
    road.input.send(EventBatch::default(), cursor(7)).await.unwrap();
    road.input.send(batch("s", 6..7), None).await.unwrap();
    road.input.flush().await.unwrap();
    assert!(road.input.publish(batch("s", 7..8), "k").await.unwrap());
    assert_eq!(road.input.cursor(), cursor(7));
    road.close().await.unwrap();
    let road = Road::open(&source("s"), 1, &logs).await.unwrap();
    assert_eq!(road.input.cursor(), cursor(7));
    assert_eq!(frames(&*logs.events, 0, "s").await.last().unwrap().header.cursor, cursor(7));
    assert_eq!(ids(&*logs.events, 0, "s").await, numbers(0..8));
}

/// A source that goes on from the cursor after any accident has everything in the log, and once; but for what a log that
/// is not atomic stored of a batch right before the crash, which comes again.
async fn resumes(spec: &SourceSpec, partitions: u32, faults: Vec<Fault>, polls: Vec<usize>) {
    let logs = logs();
    let total = 3_000;
    let (faulty, road_logs) = with_faults(&logs);
    let atomic = !faults.iter().any(|fault| matches!(fault, Fault::Prefix(_)));
    faulty.appends(faults);
    for polls in polls.into_iter().chain(std::iter::repeat(usize::MAX)) {
        let life = async {
            // An append of unknown outcome makes a conflict of the repeated claim: the next start goes on.
            let Ok(road) = Road::open(spec, partitions, &road_logs).await else { return false };
            let mut next = road.input.cursor().map_or(0, |text| text.parse().unwrap());
            while next < total {
                let to = total.min(next + 1 + next * 7 % 1_300);
                road.input.send(batch("s", next..to), cursor(to)).await.unwrap();
                next = to;
            }
            road.close().await.unwrap();
            true
        };
        if Crash::after(polls, life).await == Some(true) {
            break;
        }
    }
    let road = Road::open(spec, partitions, &logs).await.unwrap();
    assert_eq!(road.input.cursor(), cursor(total));
    let mut all = Vec::new();
    for partition in 0..partitions {
        all.extend(ids(&*logs.events, partition, "s").await);
    }
    all.sort_by_key(|id| id[1..].parse::<u64>().unwrap());
    if !atomic {
        all.dedup();
    }
    assert_eq!(all, numbers(0..total));
}

fn atomic_fault() -> impl Strategy<Value = Fault> {
    prop_oneof![2 => Just(Fault::None), 1 => Just(Fault::Before), 1 => Just(Fault::After)]
}

fn any_fault() -> impl Strategy<Value = Fault> {
    prop_oneof![2 => atomic_fault(), 1 => (0..6usize).prop_map(Fault::Prefix)]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(32) })]

    #[test]
    fn nothing_is_lost_or_doubled_by_faults_and_restarts(
        partitions in prop_oneof![Just(1u32), Just(4)],
        faults in prop_oneof![prop::collection::vec(atomic_fault(), 0..20), prop::collection::vec(any_fault(), 0..20)],
        polls in prop::collection::vec(1..40usize, 0..6),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(resumes(&source("s"), partitions, faults, polls));
    }
}

/// A batch may become several frames; the process may end when only some of them are stored.
#[tokio::test(start_paused = true)]
async fn a_cursor_never_passes_events_that_are_not_stored() {
    for stored in 0..4 {
        let logs = logs();
        let (faulty, road_logs) = with_faults(&logs);
        let road = Road::open(&source("s"), 1, &road_logs).await.unwrap();
        faulty.appends([Fault::Prefix(stored)]);
        road.input.send(batch("s", 0..2_500), cursor(2_500)).await.unwrap();
        // The repeat comes after 50 ms at the earliest.
        tokio::time::sleep(Duration::from_millis(20)).await;
        drop(road);
        let road = Road::open(&source("s"), 1, &logs).await.unwrap();
        let expected = if stored == 3 { cursor(2_500) } else { None };
        assert_eq!(road.input.cursor(), expected, "{stored} of 3 frames are stored");
    }
}

#[tokio::test(start_paused = true)]
async fn a_second_request_with_the_same_key_stores_nothing() {
    let logs = logs();
    let road = Road::open(&source("s"), 4, &logs).await.unwrap();
    assert!(road.input.publish(batch("s", 0..20), "a").await.unwrap());
    assert!(!road.input.publish(batch("s", 0..20), "a").await.unwrap());
    assert!(road.input.publish(batch("s", 20..40), "b").await.unwrap());
    road.close().await.unwrap();
    // Another owner, too.
    let road = Road::open(&source("s"), 4, &logs).await.unwrap();
    assert!(!road.input.publish(batch("s", 20..40), "b").await.unwrap());
    assert!(road.input.publish(batch("s", 40..50), "c").await.unwrap());
    road.close().await.unwrap();
    let mut all = Vec::new();
    for partition in 0..4 {
        all.extend(ids(&*logs.events, partition, "s").await);
    }
    all.sort_by_key(|id| id[1..].parse::<u64>().unwrap());
    assert_eq!(all, numbers(0..50));
}

/// The frames that such a request left are counted by readers, and so is what comes after them.
#[tokio::test(start_paused = true)]
async fn a_request_of_unknown_outcome_is_stored_once_and_counted() {
    for fault in [Fault::Before, Fault::After, Fault::Prefix(1)] {
        let logs = logs();
        let (faulty, road_logs) = with_faults(&logs);
        let road = Road::open(&source("s"), 1, &road_logs).await.unwrap();
        faulty.appends([Fault::None, fault]);
        assert!(road.input.publish(batch("s", 0..5), "a").await.unwrap());
        assert!(road.input.publish(batch("s", 5..2_005), "b").await.unwrap(), "{fault:?}");
        assert!(!road.input.publish(batch("s", 5..2_005), "b").await.unwrap());
        assert!(road.input.publish(batch("s", 2_005..2_010), "c").await.unwrap());
        assert_eq!(road.statuses.all()[0].events, 2_010);
        road.close().await.unwrap();
        assert_eq!(ids(&*logs.events, 0, "s").await, numbers(0..2_010), "{fault:?}");
    }
}

/// Another request under a key that was used: what was not stored before is, and nothing after it is lost.
#[tokio::test(start_paused = true)]
async fn a_key_used_for_something_else_loses_nothing_that_follows() {
    let logs = logs();
    let road = Road::open(&source("s"), 1, &logs).await.unwrap();
    road.input.publish(batch("s", 0..10), "a").await.unwrap();
    road.input.publish(batch("s", 0..2_000), "a").await.unwrap();
    road.input.publish(batch("s", 5_000..5_001), "b").await.unwrap();
    road.close().await.unwrap();
    let entries = entries(&*logs.events, &subject::events(0, "s")).await;
    let numbers: Vec<u64> = entries.iter().map(|e| FrameHeader::from_headers(&e.headers).unwrap().number).collect();
    assert!(numbers.is_sorted_by(|a, b| a < b), "a number taken twice is dropped by readers: {numbers:?}");
}

#[tokio::test(start_paused = true)]
async fn an_event_too_large_for_any_frame_is_a_dead_letter() {
    let logs = logs();
    let spec = SourceSpec { encoding: Encoding::Arrow(Default::default()), ..source("s") };
    let road = Road::open(&spec, 1, &logs).await.unwrap();
    let events = vec![record("big1", 900_000), record("small", 10), record("big2", 900_000), record("big3", 900_001)];
    road.input.send(events.clone().into_iter().collect(), cursor(4)).await.unwrap();
    road.input.send([record("big4", 900_000)].into_iter().collect(), cursor(5)).await.unwrap();
    road.input.flush().await.unwrap();
    assert_eq!(road.statuses.all()[0].dead_letters, 4);
    assert!(road.input.publish([record("big5", 900_000)].into_iter().collect(), "key").await.unwrap());
    road.close().await.unwrap();
    // The same input read again is the same dead letter, and the cursor is behind it.
    let road = Road::open(&spec, 1, &logs).await.unwrap();
    assert_eq!(road.input.cursor(), cursor(5));
    road.input.send(events.into_iter().collect(), cursor(4)).await.unwrap();
    road.close().await.unwrap();
    let letters = dead_letters(&logs).await;
    let found: Vec<&str> = letters.iter().map(|letter| letter.original.split('"').nth(7).unwrap()).collect();
    assert_eq!(found, ["big1", "big2", "big3", "big4", "big5"]);
    assert!(letters[0].reason.starts_with("the event has 90"), "{}", letters[0].reason);
    assert_eq!(ids(&*logs.events, 0, "s").await, ["small", "small"]);
}

#[tokio::test(start_paused = true)]
async fn two_owners_at_the_same_time_never_share_an_epoch() {
    for polls in 0..12 {
        let logs = logs();
        let (_, slow) = with_faults(&logs);
        let (spec, other) = (source("s"), source("s"));
        let first = Road::open(&spec, 2, &slow);
        tokio::pin!(first);
        let early = Crash::after(polls, &mut first).await;
        let second = Road::open(&other, 2, &slow).await;
        let first = match early {
            Some(first) => first,
            None => first.await,
        };
        let mut epochs = Vec::new();
        let owners = [first, second].into_iter().filter_map(|road| road.inspect_err(|e| assert_eq!(e.kind(), Kind::Conflict)).ok());
        let mut owning = 0;
        for road in owners {
            road.input.send(batch("s", 0..50), None).await.unwrap();
            match road.close().await {
                Ok(_) => owning += 1,
                Err(e) => assert_eq!(e.kind(), Kind::Conflict),
            }
        }
        for entry in entries(&*logs.events, &subject::events(0, "s")).await {
            let header = FrameHeader::from_headers(&entry.headers).unwrap();
            if header.count > 0 {
                epochs.push(header.epoch);
            }
        }
        assert!(owning > 0, "one of them goes on");
        assert_eq!(epochs.len(), owning, "what each was told is durable is in the log");
        let distinct: std::collections::BTreeSet<u64> = epochs.iter().copied().collect();
        assert_eq!(distinct.len(), epochs.len(), "each has its own epoch: {epochs:?}");
    }
}

/// Retention may take all frames of a source that was silent for long; what comes then must not look old.
#[tokio::test(start_paused = true)]
async fn an_epoch_is_never_given_twice_even_when_all_frames_are_gone() {
    let logs = logs();
    for _ in 0..5 {
        Road::open(&source("s"), 1, &logs).await.unwrap().close().await.unwrap();
    }
    let before = frames(&*logs.events, 0, "s").await.last().unwrap().header.epoch;
    logs.events.purge(&subject::events(0, "s"), Position(u64::MAX)).await.unwrap();
    let road = Road::open(&source("s"), 1, &logs).await.unwrap();
    road.close().await.unwrap();
    assert!(frames(&*logs.events, 0, "s").await.last().unwrap().header.epoch > before);
}

#[tokio::test(start_paused = true)]
async fn each_series_keeps_its_order_in_one_of_four_partitions() {
    let logs = logs();
    let road = Road::open(&source("s"), 4, &logs).await.unwrap();
    let mut next = 0;
    for (n, size) in [1, 700, 3, 1_200, 40, 999, 1].into_iter().enumerate() {
        let events: EventBatch = (next..next + size).map(|n| numbered("s", n, 50)).collect();
        next += size;
        match n % 3 {
            2 => assert!(road.input.publish(events, &n.to_string()).await.unwrap()),
            _ => road.input.send(events, None).await.unwrap(),
        }
    }
    road.close().await.unwrap();
    let mut homes = std::collections::BTreeMap::new();
    let mut count = 0;
    for partition in 0..4 {
        for event in frames(&*logs.events, partition, "s").await.into_iter().flat_map(|frame| frame.events) {
            let floodmark_schemas::Payload::Sample(sample) = event.payload else { panic!("they are samples") };
            let (home, newest) = homes.entry(sample.series).or_insert((partition, -1.0));
            assert_eq!(*home, partition);
            assert!(sample.value > *newest, "{} after {newest}", sample.value);
            (*newest, count) = (sample.value, count + 1);
        }
    }
    assert_eq!((count, homes.len()), (next, 50));
    assert_eq!(homes.values().map(|(home, _)| *home).collect::<std::collections::BTreeSet<_>>().len(), 4, "all partitions are used");
}

/// How many batches a source can hand over while the log does not answer.
async fn accepted_while_hanging(make: impl Fn(u64) -> EventBatch) -> u64 {
    let logs = logs();
    let (faulty, road_logs) = with_faults(&logs);
    let road = Road::open(&source("s"), 1, &road_logs).await.unwrap();
    faulty.hang();
    let mut accepted = 0;
    // An hour of trying: each batch comes after the linger of the one before.
    while accepted < 100_000 {
        let send = road.input.send(make(accepted), cursor(accepted));
        if tokio::time::timeout(Duration::from_secs(3_600), send).await.is_err() {
            break;
        }
        accepted += 1;
        tokio::time::sleep(Duration::from_millis(6)).await;
    }
    faulty.answer();
    road.close().await.unwrap();
    accepted
}

#[tokio::test(start_paused = true)]
async fn a_source_waits_when_the_log_does_not_answer() {
    let large = accepted_while_hanging(|n| [record(&format!("e{n}"), 100_000)].into_iter().collect()).await;
    assert!((40..120).contains(&large), "{large} events of 100 kB");
    let small = accepted_while_hanging(|n| batch("s", n..n + 1)).await;
    assert!((1_000..1_200).contains(&small), "{small} small events");
    let empty = accepted_while_hanging(|_| EventBatch::default()).await;
    assert!((1_000..1_200).contains(&empty), "{empty} batches without events");
    let oversized = accepted_while_hanging(|n| [record(&format!("e{n}"), 900_000)].into_iter().collect()).await;
    assert!((60..100).contains(&oversized), "{oversized} events that are too large");
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_is_durable_when_it_is_accepted() {
    let logs = logs();
    let faulty = Arc::new(Faulty::new(logs.outputs.clone()));
    faulty.appends([Fault::Before, Fault::After]);
    let road = Road::open(&source("s"), 1, &Logs { outputs: faulty, ..logs.clone() }).await.unwrap();
    let letter = DeadLetter::new("s", "1", "a.csv:1", "not a number", Timestamp::from_secs(0), b"x");
    for _ in 0..2 {
        road.input.dead_letter(letter.clone()).await.unwrap();
        assert_eq!(dead_letters(&logs).await, std::slice::from_ref(&letter));
    }
    road.close().await.unwrap();
}
