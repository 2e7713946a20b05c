//! A whole pipeline: what fails is started again alone, and what was accepted is in the stores at the end.
#![cfg(test)]

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use floodmark_connectors::clock::TokioClock;
use floodmark_connectors::leases::Alone;
use floodmark_connectors::stores::embedded::{Catalog, Rollups, Store};
use floodmark_core::ports::{Operator, RollupFilter, RollupQuery, Sink, SourceSpec};
use floodmark_core::{BySource, Error, Kind, Result};
use floodmark_engine::ingest::Logs;
use floodmark_engine::input::Input;
use floodmark_engine::sink_runner::Reads;
use floodmark_engine::{End, JobPlan, Pipeline, SinkPlan, SourcePlan, SourceState, SourceStatus, Statuses};
use floodmark_schemas::commit::Output;
use floodmark_schemas::{Rollup, Timestamp, subject};
use floodmark_tests::engine::chain::{Chain, entries};
use floodmark_tests::engine::faulty::{Fault, Faulty};
use floodmark_tests::engine::lives::{CALM, live, memory_log, windows};
use floodmark_tests::engine::road::{batch, ids, numbers};
use floodmark_tests::engine::sinks::{Away, Gated};
use floodmark_tests::engine::sources::plan;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

const DRAIN_DEADLINE: Duration = Duration::from_secs(10);

struct Fixture {
    logs: Logs,
    store: Store,
    statuses: Statuses,
    rollups: Arc<Gated>,
    catalog: Arc<Gated>,
    stop: CancellationToken,
    _directory: tempfile::TempDir,
}

impl Fixture {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path().join("store.db")).unwrap();
        let clock = Arc::new(TokioClock::starting_at(Timestamp::from_secs(0)));
        Self {
            logs: Logs { events: memory_log(clock.clone()), outputs: memory_log(clock) },
            rollups: Gated::new(Arc::new(Rollups::new(store.clone(), "rollups"))),
            catalog: Gated::new(Arc::new(Catalog::new(store.clone(), "catalog"))),
            store,
            statuses: Statuses::default(),
            stop: CancellationToken::new(),
            _directory: directory,
        }
    }

    fn pipeline(&self, sources: Vec<SourcePlan>) -> Pipeline {
        let make = |partition| -> Box<dyn Operator> {
            Box::new(BySource::new(floodmark_core::window::Spec { partition, ..windows(10, 5, 30) }).unwrap())
        };
        let sink = |id: &str, sink: &Arc<Gated>, reads, pattern: &str| SinkPlan {
            id: id.to_owned(),
            sink: sink.clone(),
            reads,
            patterns: vec![pattern.to_owned()],
        };
        Pipeline {
            logs: self.logs.clone(),
            partitions: 1,
            clock: Arc::new(TokioClock::starting_at(Timestamp::from_secs(0))),
            sources,
            jobs: vec![JobPlan { operator: "w".to_owned(), version: "00000001".to_owned(), input: Input::Partition, make: Arc::new(make) }],
            sinks: vec![
                sink("rollups", &self.rollups, Reads::Outputs, subject::OUTPUTS),
                sink("catalog", &self.catalog, Reads::Events, subject::EVENTS),
            ],
            alerts: None,
            drain_deadline: DRAIN_DEADLINE,
            statuses: self.statuses.clone(),
            leases: Arc::new(Alone::default()),
            member: "alone".to_owned(),
        }
    }

    /// Runs a pipeline in the background until it ends.
    fn start(&self, sources: Vec<SourcePlan>) -> JoinSet<Result<End>> {
        let mut running = JoinSet::new();
        running.spawn(self.pipeline(sources).run(self.stop.clone(), watch::Sender::new(false)));
        running
    }

    async fn run(&self, sources: Vec<SourcePlan>) -> Result<End> {
        self.start(sources).join_next().await.unwrap().unwrap()
    }

    fn status(&self, id: &str) -> SourceStatus {
        self.statuses.all().into_iter().find(|status| status.id == id).unwrap()
    }

    /// Everything that came in is committed as a job alone would, and every commit is in the store.
    async fn assert_drained(&self) {
        let alone =
            Logs { events: self.logs.events.clone(), outputs: memory_log(Arc::new(TokioClock::starting_at(Timestamp::from_secs(0)))) };
        live(&windows(10, 5, 30), &alone, &CALM).await.unwrap();
        let (expected, found) = (Chain::read(&*alone.outputs, "w").await, Chain::read(&*self.logs.outputs, "w").await);
        assert_eq!(found.bodies(), expected.bodies());
        let newest = entries(&*self.logs.outputs, subject::OUTPUTS).await.last().unwrap().position;
        assert_eq!(self.rollups.position().await.unwrap(), newest);
        assert_eq!(self.catalog.position().await.unwrap(), self.logs.events.continuity().await.unwrap().tail);
        let mut newest = std::collections::BTreeMap::<_, Rollup>::new();
        for output in found.outputs() {
            if let Output::Rollup(rollup) = output {
                newest.insert((rollup.window, rollup.source.clone(), rollup.series.clone()), rollup);
            }
        }
        let mut stored = self.store.rollups(&RollupFilter::default(), None, 10_000).await.unwrap().items;
        stored.sort_by_key(|rollup| (rollup.window, rollup.source.clone(), rollup.series.clone()));
        assert_eq!(stored, newest.into_values().collect::<Vec<_>>());
    }
}

/// Sends events and comes to its end.
fn ending(id: &'static str, events: u64) -> SourcePlan {
    plan(id, move |ingest| {
        Box::pin(async move {
            for n in 0..events {
                ingest.send(batch(id, n..n + 1), None).await?;
            }
            Ok(())
        })
    })
}

/// Sends an event every 100 ms and counts those that were accepted.
fn endless(id: &'static str, accepted: Arc<AtomicU64>) -> SourcePlan {
    plan(id, move |ingest| {
        let accepted = accepted.clone();
        Box::pin(async move {
            loop {
                let n = accepted.load(Ordering::Relaxed);
                ingest.send(batch(id, n..n + 1), Some(n.to_string())).await?;
                accepted.store(n + 1, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        })
    })
}

#[tokio::test(start_paused = true)]
async fn when_all_sources_have_ended_everything_is_in_the_stores() {
    let fixture = Fixture::new();
    let end = fixture.run(vec![ending("a", 300), ending("b", 2_000)]).await.unwrap();
    assert_eq!(end, End::SourcesEnded);
    fixture.assert_drained().await;
    let stored = fixture.store.rollups(&RollupFilter::default(), None, 10_000).await.unwrap().items;
    assert_eq!(stored.iter().map(|rollup| rollup.aggregates.count).sum::<u64>(), 2_300);
    for (id, events) in [("a", 300), ("b", 2_000)] {
        let status = fixture.status(id);
        assert_eq!((status.state, status.events, status.restarts), (SourceState::Ended, events, 0));
        assert_eq!(status.last_event_time, Some(Timestamp::from_secs(events as i64 - 1)));
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_stop_everything_accepted_is_committed_and_stored() {
    let fixture = Fixture::new();
    let accepted = Arc::new(AtomicU64::new(0));
    let mut running = fixture.start(vec![endless("a", accepted.clone()), ending("b", 50)]);
    tokio::time::sleep(Duration::from_millis(33_333)).await;
    fixture.stop.cancel();
    assert_eq!(running.join_next().await.unwrap().unwrap().unwrap(), End::Stopped);
    let accepted = accepted.load(Ordering::Relaxed);
    assert!(accepted > 300, "{accepted}");
    assert_eq!(ids(&*fixture.logs.events, 0, "a").await, numbers(0..accepted));
    fixture.assert_drained().await;
    // The next process goes on where this one stopped.
    let next = Fixture { stop: CancellationToken::new(), ..fixture };
    let end = next.run(vec![ending("a", 10)]).await.unwrap();
    assert_eq!(end, End::SourcesEnded);
    next.assert_drained().await;
}

/// Runs `behave` at every start of a source, beside one that works, for half a minute.
async fn starts_of(behave: impl Fn(u64) -> Result<()> + Send + Sync + 'static) -> (Fixture, Vec<Duration>) {
    let fixture = Fixture::new();
    let began = Instant::now();
    let starts: Arc<Mutex<Vec<Duration>>> = Arc::default();
    let seen = starts.clone();
    let behave = Arc::new(behave);
    let failing = plan("failing", move |ingest| {
        let number = {
            let mut starts = seen.lock().unwrap();
            starts.push(began.elapsed());
            starts.len() as u64
        };
        let behave = behave.clone();
        Box::pin(async move {
            ingest.send(batch("failing", number..number + 1), Some(number.to_string())).await?;
            behave(number)
        })
    });
    let mut running = fixture.start(vec![failing, endless("other", Arc::default())]);
    tokio::time::sleep(Duration::from_secs(30)).await;
    fixture.stop.cancel();
    assert_eq!(running.join_next().await.unwrap().unwrap().unwrap(), End::Stopped);
    assert!(ids(&*fixture.logs.events, 0, "other").await.len() > 250, "the other source is not disturbed");
    fixture.assert_drained().await;
    let starts = starts.lock().unwrap().clone();
    (fixture, starts)
}

/// Each wait is between half and all of a time that doubles.
fn assert_waits(starts: &[Duration], waits: usize) {
    let found: Vec<Duration> = starts.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(found.len(), waits);
    for (wait, full) in found.iter().zip((0..).map(|n| Duration::from_millis(100 << n))) {
        // The events of the failed start are made durable first, which takes the linger.
        assert!(*wait >= full / 2 && *wait <= full + Duration::from_millis(10), "{wait:?} of {full:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_source_that_fails_is_started_again_after_a_wait() {
    let behave = |number| if number <= 6 { Err(Error::rejected(format!("try {number}")).because("no luck")) } else { Ok(()) };
    let (fixture, starts) = starts_of(behave).await;
    assert_waits(&starts, 6);
    let status = fixture.status("failing");
    assert_eq!((status.state, status.restarts, status.last_error.as_deref()), (SourceState::Ended, 6, Some("try 6: no luck")));
    assert_eq!(ids(&*fixture.logs.events, 0, "failing").await, numbers(1..8), "what it sent before it failed stays");
}

#[tokio::test(start_paused = true)]
async fn a_source_that_panics_takes_nobody_with_it() {
    let (fixture, starts) = starts_of(|number| if number <= 3 { panic!("panic {number}") } else { Ok(()) }).await;
    assert_waits(&starts, 3);
    let status = fixture.status("failing");
    assert_eq!((status.state, status.restarts), (SourceState::Ended, 3));
    assert_eq!(status.last_error.as_deref(), Some("running the source: it panicked: panic 3"));
}

#[tokio::test(start_paused = true)]
async fn a_source_that_panics_while_it_is_made_takes_nobody_with_it() {
    let fixture = Fixture::new();
    let bad = SourcePlan { make: Arc::new(|| panic!("made badly")), ..ending("bad", 0) };
    let mut running = fixture.start(vec![bad, ending("good", 20)]);
    tokio::time::sleep(Duration::from_secs(5)).await;
    fixture.stop.cancel();
    assert_eq!(running.join_next().await.unwrap().unwrap().unwrap(), End::Stopped);
    let status = fixture.status("bad");
    assert_eq!((status.state, status.last_error.as_deref()), (SourceState::BackingOff, Some("making the source: it panicked: made badly")));
    assert_eq!(fixture.status("good").state, SourceState::Ended);
    fixture.assert_drained().await;
}

#[tokio::test(start_paused = true)]
async fn a_broken_source_is_not_tried_again() {
    let (fixture, starts) = starts_of(|_| Err(Error::broken("the file is not a file"))).await;
    assert_eq!(starts.len(), 1);
    let status = fixture.status("failing");
    assert_eq!((status.state, status.restarts, status.last_error.as_deref()), (SourceState::Failed, 0, Some("the file is not a file")));
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_hangs_ends_the_drain_at_its_deadline() {
    let fixture = Fixture::new();
    fixture.rollups.shut();
    let mut running = fixture.start(vec![endless("a", Arc::default())]);
    tokio::time::sleep(Duration::from_secs(60)).await;
    fixture.stop.cancel();
    let asked = Instant::now();
    let error = running.join_next().await.unwrap().unwrap().unwrap_err();
    assert_eq!(asked.elapsed(), DRAIN_DEADLINE);
    assert_eq!(error.kind(), Kind::Unavailable);
    assert_eq!(error.chain(), "draining within 10s; what was accepted is in the log and the next start goes on there");
    // The next start does.
    fixture.rollups.open();
    let next = Fixture { stop: CancellationToken::new(), ..fixture };
    assert_eq!(next.run(vec![ending("a", 0)]).await.unwrap(), End::SourcesEnded);
    next.assert_drained().await;
}

#[tokio::test(start_paused = true)]
async fn a_slow_sink_delays_nobody_else() {
    let fixture = Fixture::new();
    fixture.catalog.shut();
    let mut running = fixture.start(vec![endless("a", Arc::default())]);
    tokio::time::sleep(Duration::from_secs(60)).await;
    let stored = fixture.store.rollups(&RollupFilter::default(), None, 10_000).await.unwrap().items;
    assert!(stored.len() > 100, "{} rollups", stored.len());
    fixture.catalog.open();
    fixture.stop.cancel();
    assert_eq!(running.join_next().await.unwrap().unwrap().unwrap(), End::Stopped);
    fixture.assert_drained().await;
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_away_is_asked_again() {
    let fixture = Fixture::new();
    fixture.rollups.be_away(Away::Yes);
    let mut running = fixture.start(vec![endless("a", Arc::default())]);
    for away in [Away::No, Away::Yes, Away::No] {
        tokio::time::sleep(Duration::from_secs(40)).await;
        fixture.rollups.be_away(away);
    }
    tokio::time::sleep(Duration::from_secs(40)).await;
    fixture.stop.cancel();
    assert_eq!(running.join_next().await.unwrap().unwrap().unwrap(), End::Stopped);
    fixture.assert_drained().await;
}

/// The log may be away at any moment, also right at the start.
#[tokio::test(start_paused = true)]
async fn a_log_that_is_away_is_asked_again() {
    for first in 0..8 {
        let fixture = Fixture::new();
        let (events, outputs) = (Faulty::new(fixture.logs.events.clone()), Faulty::new(fixture.logs.outputs.clone()));
        let faults = || [Fault::Before, Fault::After, Fault::None].into_iter().cycle().take(60);
        events.appends(std::iter::repeat_n(Fault::None, first).chain(faults()));
        outputs.appends(std::iter::repeat_n(Fault::None, first).chain([Fault::After, Fault::None]));
        events.reads([3, 5]);
        let faulty = Fixture { logs: Logs { events: Arc::new(events), outputs: Arc::new(outputs) }, ..fixture };
        let end = faulty.run(vec![ending("a", 3_000)]).await.unwrap();
        assert_eq!(end, End::SourcesEnded);
        assert_eq!(ids(&*faulty.logs.events, 0, "a").await, numbers(0..3_000));
        faulty.assert_drained().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_whose_log_has_lost_entries_ends_the_pipeline() {
    let fixture = Fixture::new();
    fixture.run(vec![ending("a", 100)]).await.unwrap();
    let events = memory_log(Arc::new(TokioClock::starting_at(Timestamp::from_secs(0))));
    let lost = Fixture { logs: Logs { events, ..fixture.logs.clone() }, ..fixture };
    let error = lost.run(vec![endless("b", Arc::default())]).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Broken);
    // The job and the sinks notice it, whoever starts first.
    let (chain, who) = (error.chain(), ["job w/0 stopped: starting job w/0: ", "sink catalog stopped: starting sink catalog: "]);
    assert!(who.iter().any(|who| chain.starts_with(who)) && chain.contains("has lost entries"), "{chain}");
}

/// Live sources that are silent fire their windows by the promise in the ticks.
#[tokio::test(start_paused = true)]
async fn windows_of_a_silent_live_source_fire_by_the_clock() {
    let fixture = Fixture::new();
    let silent = plan("silent", |ingest| {
        Box::pin(async move {
            ingest.send(batch("silent", 3..4), None).await?;
            std::future::pending().await
        })
    });
    let silent = SourcePlan { spec: SourceSpec { live: true, ..silent.spec }, ..silent };
    let mut running = fixture.start(vec![silent]);
    tokio::time::sleep(Duration::from_millis(9_900)).await;
    assert_eq!(Chain::read(&*fixture.logs.outputs, "w").await.outputs().len(), 0);
    tokio::time::sleep(Duration::from_millis(2_000)).await;
    assert_eq!(Chain::read(&*fixture.logs.outputs, "w").await.outputs().len(), 1);
    fixture.stop.cancel();
    assert_eq!(running.join_next().await.unwrap().unwrap().unwrap(), End::Stopped);
}
