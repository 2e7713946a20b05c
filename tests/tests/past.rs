//! The past as a replay reads it: up to its end, of some sources, at its speed, and never written to. And what another
//! operator needs of it is there, although it is not kept.
#![cfg(test)]

use std::sync::Arc;
use std::time::Duration;

use floodmark_connectors::clock::TokioClock;
use floodmark_connectors::logs::{Options, memory};
use floodmark_connectors::stores::embedded::{Rollups, Store};
use floodmark_core::cascade::{self, Cascade};
use floodmark_core::conformance::store::frame_entry;
use floodmark_core::ports::log::Retention;
use floodmark_core::ports::{Expect, Limit, Log, NewEntry, Operator, Position, RollupFilter, RollupQuery};
use floodmark_core::upstream::Upstream;
use floodmark_core::{BySource, Error, Kind};
use floodmark_engine::input::Input;
use floodmark_engine::replay::{Pace, Past, Period, Replay};
use floodmark_engine::sink_runner::Reads;
use floodmark_engine::{JobPlan, SinkPlan};
use floodmark_schemas::{Encoding, Event, Rollup, Series, Timestamp, subject};
use floodmark_tests::engine::lives::windows;
use floodmark_tests::engine::memory::logs;
use tokio::time::Instant;

/// Appends a frame with events at these seconds.
async fn frame(log: &dyn Log, number: u64, source: &str, secs: &[i64]) {
    let sample = |secs: &i64| Event::sample(source, format!("{secs}"), Timestamp::from_secs(*secs), Series::new("m"), 1.0);
    let entry = frame_entry(number, source, Encoding::Json, secs.iter().map(sample).collect());
    let new = NewEntry { subject: entry.subject, id: None, headers: entry.headers, body: entry.body };
    log.append(vec![new], Expect::Anything).await.unwrap();
}

/// The positions that come, each with the seconds it took.
async fn read(past: &Past) -> Vec<(u64, u64)> {
    let (began, mut read) = (Instant::now(), Vec::new());
    let mut reader = past.reader(vec![subject::EVENTS.to_owned()], Position::START).await.unwrap();
    loop {
        let entries = reader.next(Limit { until: Some(Position(u64::MAX)), ..Limit::default() }).await.unwrap();
        if entries.is_empty() {
            return read;
        }
        read.extend(entries.iter().map(|entry| (entry.position.0, began.elapsed().as_secs())));
    }
}

#[tokio::test(start_paused = true)]
async fn the_past_goes_by_in_step_with_log_time() {
    let log = logs().events;
    for (number, secs) in (1..).zip([0, 10, 20, 30, 40, 50]) {
        frame(&*log, number, "s", &[secs]).await;
        tokio::time::sleep(Duration::from_secs(60)).await;
    }
    let period = Period { from: Some(Timestamp::from_secs(10)), to: Some(Timestamp::from_secs(40)) };
    let at = |factor, after| Past::new(log.clone(), (Position(1), Position(6)), None, Some(Pace::new(factor, period, Position(after))));
    assert_eq!(read(&at(1.0, 0)).await, [(1, 0), (2, 0), (3, 60), (4, 120), (5, 120), (6, 120)]);
    assert_eq!(read(&at(60.0, 0)).await, [(1, 0), (2, 0), (3, 1), (4, 2), (5, 2), (6, 2)]);
    // What an earlier life had come to is not waited for.
    assert_eq!(read(&at(1.0, 3)).await, [(1, 0), (2, 0), (3, 0), (4, 0), (5, 0), (6, 0)]);
}

#[tokio::test(start_paused = true)]
async fn the_past_ends_where_it_was_cut_and_takes_nothing() {
    let log = logs().events;
    for (number, source) in (1..).zip(["a", "b", "floodmark-ticker", "a", "b"]) {
        frame(&*log, number, source, &[1]).await;
    }
    let past = Past::new(log, (Position(1), Position(4)), Some(["a".to_owned()].into()), None);
    assert_eq!(read(&past).await.into_iter().map(|(position, _)| position).collect::<Vec<_>>(), [1, 3, 4]);
    assert_eq!((past.continuity().await.unwrap().tail, past.get(Position(5)).await.unwrap().is_none()), (Position(4), true));
    let new = NewEntry { subject: subject::events(0, "a"), id: None, headers: Default::default(), body: Default::default() };
    assert_eq!(past.append(vec![new], Expect::Anything).await.unwrap_err().kind(), Kind::Broken);
    assert_eq!(past.retain(Position(9)).await.unwrap_err().kind(), Kind::Broken);
    assert_eq!(past.purge(&subject::events(0, "a"), Position(9)).await.unwrap_err().kind(), Kind::Broken);
}

/// A log whose retention deletes all that nobody needs.
fn forgetful() -> Arc<dyn Log> {
    let retention = Retention { age_max: Duration::ZERO, bytes_max: 0 };
    let clock = Arc::new(TokioClock::starting_at(Timestamp::from_secs(1_000)));
    Arc::new(memory::Log::new(Options { retention, ..Options::default() }, clock))
}

#[tokio::test(start_paused = true)]
async fn entries_that_go_before_they_are_read_are_noticed() {
    let log = forgetful();
    for number in 1..=9 {
        frame(&*log, number, "s", &[1]).await;
    }
    let past = Past::whole(log.clone()).await.unwrap();
    let mut reader = past.reader(vec![subject::EVENTS.to_owned()], Position::START).await.unwrap();
    let mut other = past.reader(vec![subject::EVENTS.to_owned()], Position(3)).await.unwrap();
    let limit = Limit { entries: 2, ..Limit::default() };
    let mut next = async || Ok::<_, Error>(reader.next(limit).await?.iter().map(|entry| entry.position.0).collect::<Vec<_>>());
    assert_eq!(next().await.unwrap(), [1, 2]);
    // What was read may go.
    log.retain(Position(3)).await.unwrap();
    assert_eq!(next().await.unwrap(), [3, 4]);
    log.retain(Position(7)).await.unwrap();
    let lost = next().await.unwrap_err();
    assert_eq!(lost.kind(), Kind::Broken);
    let text = lost.to_string();
    for part in ["began with entry 5 or earlier and begins with 7 now", "retention", "--again", "`retention_age`"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    // A reader that begins late has missed as much, and one that gets nothing at all.
    assert_eq!(other.next(limit).await.unwrap_err().kind(), Kind::Broken);
    log.retain(Position(u64::MAX)).await.unwrap();
    let mut late = past.reader(vec![subject::EVENTS.to_owned()], Position::START).await.unwrap();
    assert!(late.next(Limit { until: Some(Position(9)), ..limit }).await.unwrap_err().to_string().contains("begins with 10 now"));
    // Whoever has read everything does not mind.
    let mut done = past.reader(vec![subject::EVENTS.to_owned()], Position(9)).await.unwrap();
    assert_eq!(done.next(Limit { until: Some(Position(9)), ..limit }).await.unwrap().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_replay_fails_when_retention_overtakes_it() {
    let log = forgetful();
    // More than a job reads at once, a second apart.
    for number in 1..=300 {
        frame(&*log, number, "s", &[i64::try_from(number).unwrap()]).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    for (deleted, fails) in [(None, false), (Some(Position(250)), true)] {
        let (outputs, pace) = (logs().outputs, Pace::new(1.0, Period::default(), Position::START));
        let past = Past::new(log.clone(), (Position(1), Position(300)), None, Some(pace));
        let replay = Replay {
            past: Arc::new(past),
            outputs,
            partitions: 1,
            jobs: vec![tens()],
            sinks: Vec::new(),
            keep: Period::default(),
            stops: Default::default(),
            jobs_at_once: 1,
        };
        let retention = async {
            tokio::time::sleep(Duration::from_secs(100)).await;
            if let Some(before) = deleted {
                log.retain(before).await.unwrap();
            }
        };
        let (outcome, ()) = tokio::join!(replay.run(), retention);
        match outcome {
            // The last window has events and has not ended.
            Ok(open) => assert_eq!((fails, open), (false, [("w".to_owned(), 1)].into())),
            Err(e) => {
                assert!(fails && e.kind() == Kind::Broken, "{}", e.chain());
                assert!(e.chain().contains("replaying job w/0") && e.chain().contains("begins with 250 now"), "{}", e.chain());
            }
        }
    }
}

fn tens() -> JobPlan {
    let spec = windows(10, 0, 3_600);
    let make = move |_| -> Box<dyn Operator> { Box::new(BySource::new(spec.clone()).unwrap()) };
    JobPlan { operator: "w".into(), version: "00000001".into(), input: Input::Partition, make: Arc::new(make) }
}

fn minutes() -> JobPlan {
    let upstream = Upstream { operator: "w".into(), version: "00000001".into(), jobs: 1 };
    let spec = cascade::Spec {
        operator: "c".into(),
        version: 0,
        partition: 0,
        upstream,
        shape: floodmark_core::window::Shape::Tumbling,
        size: Duration::from_secs(60),
        allowed_lateness: Duration::ZERO,
        asked: cascade::Asked { aggregates: windows(10, 0, 0).aggregates, ..cascade::Asked::default() },
        metrics: None,
        sources: None,
        group_by: None,
    };
    let make = move |_| -> Box<dyn Operator> { Box::new(Cascade::new(spec.clone()).unwrap()) };
    let input = Input::Operator { id: "w".into(), version: "00000001".into(), level: 1, whole: false };
    JobPlan { operator: "c".into(), version: "00000000".into(), input, make: Arc::new(make) }
}

#[tokio::test]
async fn what_is_not_kept_still_feeds_the_operators_that_need_it() {
    let (logs, directory) = (logs(), tempfile::tempdir().unwrap());
    for number in 1..40 {
        let secs = i64::try_from(number).unwrap() * 5;
        frame(&*logs.events, number, "s", &[secs, secs + 1]).await;
    }
    let store = Store::open(directory.path().join("store.db")).unwrap();
    let sink = Arc::new(Rollups::new(store.clone(), "rollups"));
    // The minute from 60 to 120 is kept, and of the tens only the first in it.
    let keep = Period { from: Some(Timestamp::from_secs(60)), to: Some(Timestamp::from_secs(70)) };
    let replay = Replay {
        past: Arc::new(Past::whole(logs.events.clone()).await.unwrap()),
        outputs: logs.outputs.clone(),
        partitions: 1,
        jobs: vec![minutes(), tens()],
        sinks: vec![SinkPlan { id: "rollups".into(), sink, reads: Reads::Outputs, patterns: vec![subject::OUTPUTS.to_owned()] }],
        keep,
        stops: Default::default(),
        jobs_at_once: 1,
    };
    replay.run().await.unwrap();
    let found: Vec<Rollup> = store.rollups(&RollupFilter::default(), None, 100).await.unwrap().items;
    let found: Vec<_> = found.iter().map(|r| (r.operator.as_str(), r.window.start.micros() / 1_000_000, r.aggregates.count)).collect();
    assert_eq!(found, [("c", 60, 24), ("w", 60, 4)]);
}
