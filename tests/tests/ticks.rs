//! Ticks and promises: silence is in the log too, and closes windows.
#![cfg(test)]

use std::sync::Arc;
use std::time::Duration;

use floodmark_core::ports::{Ingest, SourceSpec};
use floodmark_engine::ingest::Promise;
use floodmark_engine::ticker::Ticker;
use floodmark_schemas::{FrameHeader, Timestamp, subject};
use floodmark_tests::engine::chain::Chain;
use floodmark_tests::engine::clock::ManualClock;
use floodmark_tests::engine::lives::{drain, job_spec, windows};
use floodmark_tests::engine::memory::{dead_letters, logs, with_faults};
use floodmark_tests::engine::road::{Road, batch, frames, numbered, source};

/// A request whose sender has gone must not keep the ticker from promising for ever.
#[tokio::test(start_paused = true)]
async fn a_promise_is_held_back_only_by_events_on_their_way() {
    let logs = logs();
    let (faulty, road_logs) = with_faults(&logs);
    let spec = SourceSpec { disorder: Duration::from_secs(5), live: true, ..source("s") };
    let road = Road::open(&spec, 1, &road_logs).await.unwrap();
    let now = Timestamp::from_secs(1_000);
    assert_eq!(road.promise.at(now), Timestamp::from_secs(995));
    faulty.hang();
    for wait in 0..4 {
        let publish = road.input.publish(batch("s", 40..41), "key");
        assert!(tokio::time::timeout(Duration::from_millis(wait), publish).await.is_err());
    }
    road.input.send(batch("s", 60..61), None).await.unwrap();
    assert!(road.promise.at(now) < Timestamp::from_secs(56), "the log has not answered");
    faulty.answer();
    road.input.flush().await.unwrap();
    assert_eq!(road.promise.at(now), Timestamp::from_secs(995));
    road.close().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn ticks_carry_what_live_sources_promise_into_every_partition() {
    let logs = logs();
    let promise = Arc::new(Promise::new("s", Duration::from_secs(5)));
    let clock = Arc::new(ManualClock::at(Timestamp::from_secs(100)));
    let mut ticker = Ticker::claim(logs.clone(), 2, clock.clone(), vec![promise], 0).await.unwrap();
    ticker.tick().await.unwrap();
    clock.advance(Duration::from_secs(7));
    let newest = ticker.tick().await.unwrap();
    assert_eq!(newest, logs.events.continuity().await.unwrap().tail);
    for partition in 0..2 {
        let ticks = frames(&*logs.events, partition, subject::TICKER).await;
        let promised: Vec<_> = ticks.into_iter().map(|tick| tick.header.watermarks).collect();
        let at = |secs| vec![("s".to_owned(), Timestamp::from_secs(secs))];
        assert_eq!(promised, [vec![], at(95), at(102)], "a claim promises nothing");
    }
}

/// Silence fires windows: the promise alone brings the watermark on.
#[tokio::test(start_paused = true)]
async fn a_promise_fires_the_windows_of_a_silent_source() {
    let logs = logs();
    let (spec, live) = (windows(10, 0, 3_600), SourceSpec { live: true, ..source("s") });
    let road = Road::open(&live, 1, &logs).await.unwrap();
    road.input.send([numbered("s", 3, 1)].into_iter().collect(), None).await.unwrap();
    road.input.flush().await.unwrap();
    let clock = Arc::new(ManualClock::at(Timestamp::from_secs(9)));
    let mut ticker = Ticker::claim(logs.clone(), 1, clock.clone(), vec![road.promise.clone()], 0).await.unwrap();
    let tail = ticker.tick().await.unwrap();
    drain(job_spec(&spec, 0), &spec, &logs, tail).await.unwrap();
    assert_eq!(Chain::read(&*logs.outputs, "w").await.outputs().len(), 0);
    clock.advance(Duration::from_secs(1));
    let tail = ticker.tick().await.unwrap();
    drain(job_spec(&spec, 0), &spec, &logs, tail).await.unwrap();
    assert_eq!(Chain::read(&*logs.outputs, "w").await.outputs().len(), 1);
    road.close().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_entry_that_cannot_be_read_is_set_aside_and_the_job_goes_on() {
    let logs = logs();
    let spec = windows(10, 0, 30);
    let road = Road::open(&source("s"), 1, &logs).await.unwrap();
    road.input.send(batch("s", 0..5), None).await.unwrap();
    road.input.flush().await.unwrap();
    let header = FrameHeader { source: "x".to_owned(), epoch: 1, number: 1, count: 1, ..FrameHeader::default() };
    let (subject, headers) = (subject::events(0, "x"), header.to_headers());
    let entry = floodmark_core::ports::NewEntry { subject, id: None, headers, body: "nonsense".into() };
    logs.events.append(vec![entry], floodmark_core::ports::Expect::Anything).await.unwrap();
    road.input.send(batch("s", 5..20), None).await.unwrap();
    road.close().await.unwrap().end().await.unwrap();
    let tail = logs.events.continuity().await.unwrap().tail;
    for _ in 0..2 {
        drain(job_spec(&spec, usize::MAX), &spec, &logs, tail).await.unwrap();
        let letters = dead_letters(&logs).await;
        assert_eq!(letters.iter().map(|l| (l.origin.as_str(), l.original.as_str())).collect::<Vec<_>>(), [("event log 3", "nonsense")]);
        assert_eq!(Chain::read(&*logs.outputs, "w").await.outputs().len(), 14);
    }
}
