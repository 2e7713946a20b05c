//! Of two that believe they have a source one writes: the other is told of nothing that it sent.
#![cfg(test)]

use std::sync::Arc;
use std::time::Duration;

use floodmark_connectors::clock::TokioClock;
use floodmark_connectors::logs::{Options, memory::Log};
use floodmark_core::Kind;
use floodmark_core::ports::{Ingest, Position};
use floodmark_engine::ingest::Logs;
use floodmark_schemas::{EventBatch, FrameHeader, Timestamp, subject};
use floodmark_tests::engine::faulty::Fault;
use floodmark_tests::engine::lives::{drain, job_spec, windows};
use floodmark_tests::engine::memory::{logs, with_faults};
use floodmark_tests::engine::road::{Road, batch, frames, ids, numbers, source};

fn cursor(n: u64) -> Option<String> {
    Some(n.to_string())
}

/// What an owner was told before it was replaced stays; afterwards it is told nothing any more, and writes nothing.
#[tokio::test(start_paused = true)]
async fn an_owner_who_was_replaced_gets_a_conflict_and_acknowledges_nothing() {
    for partitions in [1, 4] {
        let logs = logs();
        let old = Road::open(&source("s"), partitions, &logs).await.unwrap();
        old.input.send(batch("s", 0..50), cursor(50)).await.unwrap();
        old.input.flush().await.unwrap();
        let new = Road::open(&source("s"), partitions, &logs).await.unwrap();
        assert_eq!(new.input.cursor(), cursor(50));
        let before = logs.events.continuity().await.unwrap().tail;
        let request = old.input.publish(batch("s", 100..101), "late");
        assert_eq!(request.await.unwrap_err().kind(), Kind::Unavailable, "the requester asks the new owner");
        assert_eq!(old.close().await.err().unwrap().kind(), Kind::Conflict);
        assert_eq!(logs.events.continuity().await.unwrap().tail, before, "nothing of it is in the log");
        assert!(new.input.publish(batch("s", 100..101), "late").await.unwrap());
        new.input.send(batch("s", 50..100), cursor(100)).await.unwrap();
        new.close().await.unwrap().end().await.unwrap();
        let mut all = Vec::new();
        for partition in 0..partitions {
            all.extend(ids(&*logs.events, partition, "s").await);
        }
        all.sort_by_key(|id| id[1..].parse::<u64>().unwrap());
        assert_eq!(all, numbers(0..101));
    }
}

/// A rival claims while frames are on their way, at every moment there is: each event is in the log once, and what the
/// old owner was told is durable is among them.
#[tokio::test(start_paused = true)]
async fn a_rival_in_the_middle_of_sending_loses_and_doubles_nothing() {
    for (step, fault) in (0..60u64).step_by(3).flat_map(|step| [Fault::None, Fault::After, Fault::Prefix(2)].map(|fault| (step, fault))) {
        let logs = logs();
        let (faulty, slow) = with_faults(&logs);
        let old = Road::open(&source("s"), 1, &slow).await.unwrap();
        faulty.appends([fault]);
        let sending = async {
            for n in 0..4 {
                let sent = old.input.send(batch("s", n * 1_100..(n + 1) * 1_100), cursor((n + 1) * 1_100)).await;
                if sent.is_err() || old.input.flush().await.is_err() {
                    break;
                }
            }
        };
        // The rival comes when the old one has come as far as `step` lets it.
        let meanwhile = async {
            tokio::time::sleep(Duration::from_millis(step / 10 * 25)).await;
            for _ in 0..step % 10 {
                tokio::task::yield_now().await;
            }
        };
        tokio::join!(meanwhile, tokio::time::timeout(Duration::from_millis(step / 10 * 25), sending)).1.ok();
        let told = old.input.cursor();
        let new = Road::open(&source("s"), 1, &logs).await.unwrap();
        let from: u64 = new.input.cursor().map_or(0, |text| text.parse().unwrap());
        assert!(from >= told.map_or(0, |text| text.parse().unwrap()), "what was told is there");
        new.input.send(batch("s", from..4_400), cursor(4_400)).await.unwrap();
        new.close().await.unwrap();
        tokio::time::sleep(Duration::from_secs(5)).await;
        let told: u64 = old.input.cursor().map_or(0, |text| text.parse().unwrap());
        assert!(told <= from, "step {step}, {fault:?}: it was told {told}, and the new owner goes on from {from}");
        drop(old);
        let mut all = ids(&*logs.events, 0, "s").await;
        if fault == Fault::Prefix(2) {
            // What a log that is not atomic stored of a batch comes again.
            all.sort_by_key(|id| id[1..].parse::<u64>().unwrap());
            all.dedup();
        }
        assert_eq!(all, numbers(0..4_400), "step {step}, {fault:?}");
    }
}

/// The log forgets ids in time: then a repeat is told from a rival by reading where the source stands.
#[tokio::test(start_paused = true)]
async fn a_repeat_after_the_duplicate_window_stores_nothing_twice() {
    let clock = Arc::new(TokioClock::starting_at(Timestamp::from_secs(1_000)));
    let options = Options { duplicate_window: Duration::from_millis(10), ..Options::default() };
    let events = Arc::new(Log::new(options, clock));
    let logs = Logs { events, ..logs() };
    let (faulty, road_logs) = with_faults(&logs);
    let road = Road::open(&source("s"), 1, &road_logs).await.unwrap();
    faulty.appends([Fault::After]);
    road.input.send(batch("s", 0..5), cursor(5)).await.unwrap();
    assert_eq!(road.close().await.err().unwrap().kind(), Kind::Conflict);
    let road = Road::open(&source("s"), 1, &logs).await.unwrap();
    assert_eq!(road.input.cursor(), cursor(5));
    road.input.send(batch("s", 5..9), cursor(9)).await.unwrap();
    road.close().await.unwrap();
    assert_eq!(ids(&*logs.events, 0, "s").await, numbers(0..9));
}

/// Retention may take the newest frame of a source that is silent for long: it goes on, and readers count what comes.
#[tokio::test(start_paused = true)]
async fn a_source_whose_frames_were_deleted_goes_on_under_the_next_epoch() {
    let logs = logs();
    let spec = windows(10, 0, 30);
    let road = Road::open(&source("s"), 1, &logs).await.unwrap();
    let seen = logs.events.reader(vec![">".to_owned()], Position::START).await.unwrap().next(Default::default()).await.unwrap();
    for n in 0..6 {
        logs.events.purge(&subject::events(0, "s"), Position(u64::MAX)).await.unwrap();
        match n % 3 {
            0 => road.input.send(batch("s", n..n + 1), cursor(n)).await.unwrap(),
            1 => assert!(road.input.publish(batch("s", n..n + 1), &n.to_string()).await.unwrap()),
            _ => {
                road.input.send(batch("s", n..n + 1), cursor(n)).await.unwrap();
                assert!(road.input.publish(EventBatch::default(), "empty").await.unwrap());
            }
        }
        road.input.flush().await.unwrap();
        let found = frames(&*logs.events, 0, "s").await;
        assert_eq!(found.iter().map(|frame| frame.events.len()).collect::<Vec<_>>(), [0, 1]);
        assert!(found[0].header.epoch > FrameHeader::from_headers(&seen[0].headers).unwrap().epoch + n);
    }
    logs.events.purge(&subject::events(0, "s"), Position(u64::MAX)).await.unwrap();
    road.close().await.unwrap().end().await.unwrap();
    let tail = logs.events.continuity().await.unwrap().tail;
    drain(job_spec(&spec, 0), &spec, &logs, tail).await.unwrap();
}
