//! Retention deletes what nobody needs any more, and nothing else.
#![cfg(test)]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use floodmark_connectors::clock::TokioClock;
use floodmark_connectors::leases::Alone;
use floodmark_connectors::logs::{Options, embedded, memory};
use floodmark_connectors::stores::embedded::{Catalog, DeadLetters, Store};
use floodmark_core::ports::log::Retention;
use floodmark_core::ports::{Clock, Entry, Expect, Log, NewEntry, Operator, Position, Sink};
use floodmark_core::{BySource, Kind};
use floodmark_engine::ingest::Logs;
use floodmark_engine::job::{Job, JobSpec};
use floodmark_engine::retention::Floors;
use floodmark_engine::sink_runner::{Reads, SinkRunner};
use floodmark_engine::{End, Pipeline, SinkPlan, Statuses};
use floodmark_schemas::{DeadLetter, Headers, JobEntry, Timestamp, subject};
use floodmark_tests::engine::chain::{Chain, entries};
use floodmark_tests::engine::clock::ManualClock;
use floodmark_tests::engine::crash::Crash;
use floodmark_tests::engine::faulty::Faulty;
use floodmark_tests::engine::lives::{CALM, drain, job_spec, live, memory_log, windows};
use floodmark_tests::engine::road::{batch, source};
use floodmark_tests::engine::script::{self, SECOND, Step, What};
use floodmark_tests::engine::sinks::{Away, Gated};
use floodmark_tests::engine::sources::plan;
use floodmark_tests::support::rng::Rng;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Everything that nobody needs goes.
const NOTHING: Retention = Retention { age_max: Duration::ZERO, bytes_max: 0 };

fn greedy_log(clock: Arc<dyn Clock>) -> Arc<dyn Log> {
    Arc::new(memory::Log::new(Options { retention: NOTHING, ..Options::default() }, clock))
}

/// Ten minutes of three sources, then their ends.
fn steps() -> Vec<Step> {
    let events = |n: i64, source: usize| {
        let numbers = (n * 3) as u64..(n * 3 + 1 + n % 3) as u64;
        let event = |number: u64| {
            let series = floodmark_schemas::Series::new("load").label("n", (number % 4).to_string());
            let time = Timestamp::from_micros((n - (number % 5) as i64) * SECOND);
            floodmark_schemas::Event::sample(script::SOURCES[source], "e", time, series, number as f64)
        };
        What::Events(source, numbers.map(event).collect())
    };
    let mut steps: Vec<Step> = (0..300).map(|n| Step { log_time: n * SECOND, what: events(n, n as usize % 3) }).collect();
    steps.extend((0..3).map(|source| Step { log_time: 300 * SECOND, what: What::End(source) }));
    steps
}

/// Whatever a job still needs is kept: it starts again anywhere, on logs that hold nothing else.
#[tokio::test(start_paused = true)]
async fn a_job_finds_all_it_needs_on_logs_that_keep_nothing_else() {
    let spec = windows(10, 20, 30);
    let (mut rng, seed) = Rng::from_env();
    println!("FLOODMARK_SEED={seed}");
    let clock = Arc::new(ManualClock::at(Timestamp::from_secs(0)));
    let whole = memory_log(clock.clone());
    script::write(whole.clone(), &clock, &steps(), &[3]).await;
    let straight = Logs { events: whole, outputs: memory_log(clock.clone()) };
    live(&spec, &straight, &CALM).await.unwrap();
    let expected = Chain::read(&*straight.outputs, "w").await;

    for _ in 0..20 {
        let clock = Arc::new(ManualClock::at(Timestamp::from_secs(0)));
        let logs = Logs { events: greedy_log(clock.clone()), outputs: greedy_log(clock.clone()) };
        script::write(logs.events.clone(), &clock, &steps(), &[3]).await;
        let faulty = |log: &Arc<dyn Log>| Arc::new(Faulty::new(log.clone()).reading_at_most(2));
        let slow = Logs { events: faulty(&logs.events), outputs: faulty(&logs.outputs) };
        let tail = logs.events.continuity().await.unwrap().tail;
        let floors = Floors::default();
        let mut seen: BTreeMap<Position, Entry> = BTreeMap::new();
        let mut furthest = Position::START;
        for lives in 1.. {
            let snapshot_after_bytes = [0, 5_000, 20_000][rng.pick(0..3) as usize];
            let spec = spec.clone();
            let make = move || -> Box<dyn Operator> { Box::new(BySource::new(spec.clone()).unwrap()) };
            let until = watch::Sender::new(Some(tail));
            let life = async {
                let job = JobSpec { snapshot_after_bytes, ..job_spec(&windows(10, 20, 30), 0) };
                let mut job = Job::claim(job, slow.clone(), &make, floors.of("job")).await?;
                job.run(until.subscribe()).await
            };
            let outcome = Crash::after(rng.pick(1..60 * lives) as usize, life).await;
            seen.extend(entries(&*logs.outputs, ">").await.into_iter().map(|entry| (entry.position, entry)));
            let (events, outputs) = floors.keep_from();
            logs.events.retain(events).await.unwrap();
            logs.outputs.retain(outputs).await.unwrap();
            furthest = furthest.max(logs.events.continuity().await.unwrap().first);
            match outcome {
                None => {}
                Some(outcome) => {
                    outcome.unwrap();
                    break;
                }
            }
        }
        assert!(furthest > Position(50), "events were deleted while the job had to go on: up to {furthest}");
        let bodies: Vec<Vec<u8>> = seen
            .values()
            .filter(|entry| entry.subject == subject::outputs("w", 0))
            .filter(|entry| matches!(serde_json::from_slice(&entry.body).unwrap(), JobEntry::Commit(_)))
            .map(|entry| entry.body.to_vec())
            .collect();
        assert_eq!(bodies, expected.bodies());
    }
}

/// Between a claim and the next commit the commit before is all that tells where the job stands.
#[tokio::test(start_paused = true)]
async fn the_commit_that_a_claim_names_is_kept() {
    let spec = windows(10, 20, 30);
    let clock = Arc::new(ManualClock::at(Timestamp::from_secs(0)));
    let logs = Logs { events: memory_log(clock.clone()), outputs: greedy_log(clock.clone()) };
    script::write(logs.events.clone(), &clock, &steps(), &[3]).await;
    live(&spec, &logs, &CALM).await.unwrap();
    let chain = Chain::read(&*logs.outputs, "w").await;
    for _ in 0..3 {
        let floors = Floors::default();
        let spec = spec.clone();
        let make = move || -> Box<dyn Operator> { Box::new(BySource::new(spec.clone()).unwrap()) };
        drop(Job::claim(job_spec(&windows(10, 20, 30), 0), logs.clone(), &make, floors.of("job")).await.unwrap());
        logs.outputs.retain(floors.keep_from().1).await.unwrap();
    }
    let newest = logs.outputs.last(&subject::outputs("w", 0)).await.unwrap().unwrap();
    let JobEntry::Claim(claim) = serde_json::from_slice(&newest.body).unwrap() else { panic!("it is a claim") };
    assert_eq!(claim.n, chain.commits.len() as u64);
    assert!(logs.outputs.get(Position(claim.commit)).await.unwrap().is_some());
}

/// Ticks are empty, but without a snapshot now and then all of them would have to be kept and read again.
#[tokio::test(start_paused = true)]
async fn ticks_alone_lead_to_snapshots() {
    let clock = Arc::new(ManualClock::at(Timestamp::from_secs(0)));
    let logs = Logs { events: memory_log(clock.clone()), outputs: memory_log(clock.clone()) };
    let ticks: Vec<Step> = (0..600).map(|n| Step { log_time: n * SECOND, what: What::Tick(Vec::new()) }).collect();
    script::write(logs.events.clone(), &clock, &ticks, &[1]).await;
    let spec = windows(10, 0, 30);
    let make = move || -> Box<dyn Operator> { Box::new(BySource::new(windows(10, 0, 30)).unwrap()) };
    let floors = Floors::default();
    let mut job = Job::claim(job_spec(&spec, 20_000), logs.clone(), &make, floors.of("job")).await.unwrap();
    let until = watch::Sender::new(Some(Position(600)));
    job.run(until.subscribe()).await.unwrap();
    assert!(floors.keep_from().0 > Position(300), "{}", floors.keep_from().0);
}

/// The chain of a version that comes back is a new one: what was saved for the old one is no state of it.
#[tokio::test(start_paused = true)]
async fn snapshots_of_a_chain_that_has_ended_are_not_used() {
    let spec = windows(10, 20, 30);
    let clock = Arc::new(ManualClock::at(Timestamp::from_secs(0)));
    let logs = Logs { events: greedy_log(clock.clone()), outputs: memory_log(clock.clone()) };
    script::write(logs.events.clone(), &clock, &steps(), &[3]).await;
    let tail = logs.events.continuity().await.unwrap().tail;
    let version = |version: &str| JobSpec { version: version.to_owned(), ..job_spec(&spec, 0) };
    drain(version("v1"), &spec, &logs, Position(tail.0 / 4)).await.unwrap();
    drain(version("v2"), &spec, &logs, Position(tail.0 / 4)).await.unwrap();
    // The beginning of the log goes: a chain made now is another one.
    logs.events.retain(Position(20)).await.unwrap();
    let make = move || -> Box<dyn Operator> { Box::new(BySource::new(windows(10, 20, 30)).unwrap()) };
    let mut job = Job::claim(version("v1"), logs.clone(), &make, Floors::default().of("job")).await.unwrap();
    let until = watch::Sender::new(None);
    assert!(tokio::time::timeout(Duration::from_secs(1), job.run(until.subscribe())).await.is_err(), "it waits at the tail");
    drop(job);
    drain(version("v1"), &spec, &logs, tail).await.unwrap();
}

struct OneSink {
    log: Arc<dyn Log>,
    sink: Arc<Gated>,
    floors: Floors,
    drain: watch::Sender<Option<Position>>,
    running: JoinSet<floodmark_core::Result<()>>,
    _directory: tempfile::TempDir,
}

/// A sink of dead letters over an output log.
fn dead_letter_sink(away: Away) -> OneSink {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path().join("store.db")).unwrap();
    let log = memory_log(Arc::new(TokioClock::starting_at(Timestamp::from_secs(0))));
    let sink = Gated::new(Arc::new(DeadLetters::new(store, "dead_letters")));
    sink.be_away(away);
    let floors = Floors::default();
    let runner = SinkRunner {
        id: "dead_letters".to_owned(),
        sink: sink.clone(),
        log: log.clone(),
        reads: Reads::Outputs,
        patterns: vec![subject::DEAD.to_owned()],
        floor: floors.of("sink"),
    };
    let drain = watch::Sender::new(None);
    let (mut running, until) = (JoinSet::new(), drain.subscribe());
    running.spawn(async move { runner.run(until).await });
    OneSink { log, sink, floors, drain, running, _directory: directory }
}

async fn append(log: &dyn Log, subject: String, body: Vec<u8>) {
    let entry = NewEntry { subject, id: None, headers: Headers::default(), body: body.into() };
    log.append(vec![entry], Expect::Anything).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_sink_passes_over_entries_it_does_not_want() {
    let mut one = dead_letter_sink(Away::No);
    let letter = DeadLetter::new("s", "1", "a.csv:1", "not a number", Timestamp::from_secs(0), b"x");
    for round in 0..3 {
        for _ in 0..10 {
            append(&*one.log, subject::outputs("w", 0), b"commit".to_vec()).await;
        }
        if round == 1 {
            append(&*one.log, subject::dead("s"), serde_json::to_vec(&letter).unwrap()).await;
            append(&*one.log, subject::outputs("w", 0), b"commit".to_vec()).await;
        }
        tokio::time::sleep(Duration::from_secs(70)).await;
        let tail = one.log.continuity().await.unwrap().tail;
        assert_eq!(one.sink.position().await.unwrap(), tail, "in the store");
        assert_eq!(one.floors.keep_from().1, Position(tail.0 + 1));
    }
    one.drain.send_replace(Some(one.log.continuity().await.unwrap().tail));
    one.running.join_next().await.unwrap().unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_sink_whose_store_is_away_from_the_start_needs_everything() {
    let one = dead_letter_sink(Away::Yes);
    // Somebody else needs little.
    one.floors.of("other").outputs(Position(1_000));
    tokio::time::sleep(Duration::from_secs(300)).await;
    assert_eq!(one.floors.keep_from().1, Position(1));
}

/// What the file holds without the space that waits to be used again.
fn live_bytes(path: &Path) -> i64 {
    let connection = rusqlite::Connection::open_with_flags(path, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let pragma = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).unwrap();
    (pragma("page_count") - pragma("freelist_count")) * pragma("page_size")
}

/// Waits until `done` says so; the time of the test runs on by itself.
async fn eventually(done: impl AsyncFn() -> bool) {
    while !done().await {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// A pipeline over the embedded log with room for a few frames: the slowest sink decides what is kept.
#[tokio::test(start_paused = true)]
async fn the_slowest_sink_of_a_running_pipeline_is_waited_for_and_then_space_is_freed() {
    let directory = tempfile::tempdir().unwrap();
    let clock: Arc<dyn Clock> = Arc::new(TokioClock::starting_at(Timestamp::from_secs(0)));
    let path = directory.path().join("events.db");
    let retention = Retention { bytes_max: 1 << 20, ..Options::default().retention };
    let log = Arc::new(embedded::Log::open(&path, Options { retention, ..Options::default() }, clock.clone()).unwrap());
    let store = Store::open(directory.path().join("store.db")).unwrap();
    let quick = Gated::new(Arc::new(Catalog::new(store.clone(), "quick")));
    let slow = Gated::new(Arc::new(Catalog::new(store, "slow")));
    let sink = |id: &str, sink: &Arc<Gated>| SinkPlan {
        id: id.to_owned(),
        sink: sink.clone(),
        reads: Reads::Events,
        patterns: vec![subject::EVENTS.to_owned()],
    };
    let endless = plan("s", |ingest| {
        Box::pin(async move {
            for n in (0..).step_by(500) {
                ingest.send(batch("s", n..n + 500), None).await?;
                tokio::time::sleep(Duration::from_secs(5)).await;
            }
            Ok(())
        })
    });
    assert_eq!(endless.spec, source("s"));
    let pipeline = Pipeline {
        logs: Logs { events: log.clone(), outputs: memory_log(clock.clone()) },
        partitions: 1,
        clock,
        sources: vec![endless],
        jobs: Vec::new(),
        sinks: vec![sink("quick", &quick), sink("slow", &slow)],
        // The clock of the test runs ahead while the log's own thread writes.
        alerts: None,
        drain_deadline: Duration::from_secs(365 * 86_400),
        statuses: Statuses::default(),
        leases: Arc::new(Alone::default()),
        member: "alone".to_owned(),
    };
    let stop = CancellationToken::new();
    let mut running = JoinSet::new();
    running.spawn(pipeline.run(stop.clone(), watch::Sender::new(false)));

    let first = async || log.continuity().await.unwrap().first;
    eventually(async || slow.position().await.unwrap() > Position(20)).await;
    slow.shut();
    let stands = slow.position().await.unwrap();
    eventually(async || live_bytes(&path) > 4 << 20).await;
    // What the slow sink has not got is there, entry by entry; and more than the log may hold.
    let stored = slow.position().await.unwrap();
    assert!(stored >= stands && first().await <= Position(stored.0 + 1), "{} {stored}", first().await);
    assert!(quick.position().await.unwrap() > Position(stored.0 + 50));
    slow.open();
    eventually(async || live_bytes(&path) < 2 << 20).await;
    assert!(first().await > stored);
    stop.cancel();
    assert_eq!(running.join_next().await.unwrap().unwrap().unwrap(), End::Stopped);
    let tail = log.continuity().await.unwrap().tail;
    assert_eq!((quick.position().await.unwrap(), slow.position().await.unwrap()), (tail, tail));
}

/// A sink that missed entries for good says so instead of going on.
#[tokio::test(start_paused = true)]
async fn a_sink_that_stands_before_the_beginning_of_the_log_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path().join("store.db")).unwrap();
    let log = greedy_log(Arc::new(TokioClock::starting_at(Timestamp::from_secs(0))));
    let sink: Arc<dyn Sink> = Arc::new(DeadLetters::new(store, "d"));
    sink.write(&[], Position(0), Position(3)).await.unwrap();
    for _ in 0..9 {
        append(&*log, subject::outputs("w", 0), b"commit".to_vec()).await;
    }
    log.retain(Position(6)).await.unwrap();
    let floor = Floors::default().of("d");
    let patterns = vec![subject::DEAD.to_owned()];
    let runner = SinkRunner { id: "d".to_owned(), sink, log, reads: Reads::Outputs, patterns, floor };
    let drain = watch::Sender::new(Some(Position(9)));
    let error = runner.run(drain.subscribe()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Broken);
    assert_eq!(error.chain(), "starting sink d: it stands at 3, but the log begins at 6: entries between them are gone");
}
