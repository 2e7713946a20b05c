//! Several processes share the work: nothing is doubled, nothing is lost, and what one leaves another takes over.
#![cfg(test)]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use floodmark_connectors::clock::TokioClock;
use floodmark_connectors::leases::memory::Leases;
use floodmark_connectors::logs::{Options, memory};
use floodmark_connectors::stores::embedded::{Catalog, Rollups, Store};
use floodmark_core::assignment::assign;
use floodmark_core::ports::log::Retention;
use floodmark_core::ports::{Clock, Ingest, Leases as _, Operator, Position, Sink};
use floodmark_core::window::Spec;
use floodmark_core::{BySource, Result};
use floodmark_engine::ingest::Logs;
use floodmark_engine::input::Input;
use floodmark_engine::sink_runner::Reads;
use floodmark_engine::{End, JobPlan, Pipeline, SinkPlan, SourcePlan, Statuses};
use floodmark_schemas::{FrameHeader, JobEntry, Timestamp, subject};
use floodmark_tests::engine::chain::entries;
use floodmark_tests::engine::cut::Cut;
use floodmark_tests::engine::lives::{drain, job_spec, memory_log, windows};
use floodmark_tests::engine::road::{batch, frames, numbers};
use floodmark_tests::engine::sinks::Gated;
use floodmark_tests::engine::sources::plan;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

const PARTITIONS: u32 = 4;
const TTL: Duration = Duration::from_secs(10);

/// What all processes share.
struct World {
    logs: Logs,
    /// How many operators there are: none or `w`.
    operators: usize,
    clock: Arc<dyn Clock>,
    leases: Leases,
    store: Store,
    catalog: Arc<Gated>,
    _directory: tempfile::TempDir,
}

/// One process.
struct Process {
    running: JoinSet<Result<End>>,
    stop: CancellationToken,
}

/// Goes on from its cursor, an event every 100 ms.
fn endless(id: &'static str) -> SourcePlan {
    plan(id, move |ingest: &dyn Ingest| {
        Box::pin(async move {
            let mut n: u64 = ingest.cursor().map_or(0, |text| text.parse().unwrap());
            loop {
                ingest.send(batch(id, n..n + 1), Some((n + 1).to_string())).await?;
                n += 1;
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        })
    })
}

impl World {
    fn new() -> Self {
        Self { operators: 1, ..Self::keeping(Options::default()) }
    }

    /// Without operators: until their first snapshot they need the whole log.
    fn keeping(options: Options) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path().join("store.db")).unwrap();
        let clock: Arc<dyn Clock> = Arc::new(TokioClock::starting_at(Timestamp::from_secs(0)));
        let logs = Logs { events: Arc::new(memory::Log::new(options, clock.clone())), outputs: memory_log(clock.clone()) };
        let catalog = Gated::new(Arc::new(Catalog::new(store.clone(), "catalog")));
        Self { logs, operators: 0, clock, leases: Leases::new(TTL), store, catalog, _directory: directory }
    }

    fn spec(partition: u32) -> Spec {
        Spec { partition, ..windows(10, 5, 30) }
    }

    fn start(&self, member: &str) -> Process {
        self.start_with(member, Arc::new(self.leases.clone()))
    }

    fn start_with(&self, member: &str, leases: Arc<dyn floodmark_core::ports::Leases>) -> Process {
        let (mut running, stop) = (JoinSet::new(), CancellationToken::new());
        running.spawn(self.pipeline(member, leases).run(stop.clone(), watch::Sender::new(false)));
        Process { running, stop }
    }

    fn pipeline(&self, member: &str, leases: Arc<dyn floodmark_core::ports::Leases>) -> Pipeline {
        let make = |partition| -> Box<dyn Operator> { Box::new(BySource::new(Self::spec(partition)).unwrap()) };
        let sink = |id: &str, sink: Arc<dyn Sink>, reads, pattern: &str| SinkPlan {
            id: id.to_owned(),
            sink,
            reads,
            patterns: vec![pattern.to_owned()],
        };
        let mut live = endless("c");
        live.spec.live = true;
        Pipeline {
            logs: self.logs.clone(),
            partitions: PARTITIONS,
            clock: self.clock.clone(),
            sources: vec![endless("a"), endless("b"), live],
            jobs: (0..self.operators)
                .map(|_| JobPlan { operator: "w".to_owned(), version: "v".to_owned(), input: Input::Partition, make: Arc::new(make) })
                .collect(),
            sinks: vec![
                sink("rollups", Arc::new(Rollups::new(self.store.clone(), "rollups")), Reads::Outputs, subject::OUTPUTS),
                sink("catalog", self.catalog.clone(), Reads::Events, subject::EVENTS),
            ],
            alerts: None,
            drain_deadline: Duration::from_secs(5),
            statuses: Statuses::default(),
            leases,
            member: member.to_owned(),
        }
    }

    /// The units of each member.
    async fn shares(&self) -> BTreeMap<String, BTreeSet<String>> {
        let mut shares: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (unit, member) in self.leases.view().await.unwrap().owners {
            shares.entry(member).or_default().insert(unit);
        }
        shares
    }

    /// Each source's events are in the log once and in order, and each job's chain is what one process alone commits.
    async fn assert_sound(&self) {
        let alone = Logs { events: self.logs.events.clone(), outputs: memory_log(self.clock.clone()) };
        let tail = self.logs.events.continuity().await.unwrap().tail;
        for partition in 0..PARTITIONS {
            let spec = Self::spec(partition);
            drain(job_spec(&spec, usize::MAX), &spec, &alone, tail).await.unwrap();
            let (expected, found) = (commits(&alone, partition).await, commits(&self.logs, partition).await);
            assert!(found.len() > 3, "partition {partition} has {} commits", found.len());
            assert_eq!(found, expected[..found.len().min(expected.len())], "partition {partition}");
        }
        for id in ["a", "b", "c"] {
            let mut all = Vec::new();
            for partition in 0..PARTITIONS {
                let frames = frames(&*self.logs.events, partition, id).await;
                all.extend(frames.into_iter().flat_map(|frame| frame.events).map(|event| event.id[1..].parse::<u64>().unwrap()));
            }
            all.sort_unstable();
            let all: Vec<String> = all.into_iter().map(|n| format!("e{n}")).collect();
            assert_eq!(all, numbers(0..all.len() as u64), "source {id}");
            // No frame stands in the log that readers drop.
            for partition in 0..PARTITIONS {
                let epochs: Vec<u64> = entries(&*self.logs.events, &subject::events(partition, id))
                    .await
                    .iter()
                    .map(|entry| FrameHeader::from_headers(&entry.headers).unwrap().epoch)
                    .collect();
                assert!(epochs.is_sorted(), "source {id}: {epochs:?}");
            }
        }
    }

    async fn newest_commit(&self) -> Vec<usize> {
        let mut all = Vec::new();
        for partition in 0..PARTITIONS {
            all.push(commits(&self.logs, partition).await.len());
        }
        all
    }
}

/// The bodies of a job's commits.
async fn commits(logs: &Logs, partition: u32) -> Vec<Vec<u8>> {
    let entries = entries(&*logs.outputs, &subject::outputs("w", partition)).await;
    let is_commit = |body: &[u8]| matches!(serde_json::from_slice(body).unwrap(), JobEntry::Commit(_));
    entries.iter().filter(|entry| is_commit(&entry.body)).map(|entry| entry.body.to_vec()).collect()
}

async fn secs(secs: u64) {
    tokio::time::sleep(Duration::from_secs(secs)).await;
}

async fn stopped(mut process: Process) {
    process.stop.cancel();
    assert_eq!(process.running.join_next().await.unwrap().unwrap().unwrap(), End::Stopped);
}

/// Sources, jobs, sinks, retention and a place to tick.
const UNITS: usize = 3 + 4 + 2 + 1 + 1;

#[tokio::test(start_paused = true)]
async fn a_process_alone_takes_everything_at_once() {
    let world = World::new();
    let one = world.start("one");
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(world.shares().await.into_values().map(|units| units.len()).collect::<Vec<_>>(), [UNITS]);
    secs(60).await;
    stopped(one).await;
    assert!(world.shares().await.is_empty(), "everything was given back");
    world.assert_sound().await;
}

#[tokio::test(start_paused = true)]
async fn two_processes_share_the_work_evenly() {
    let world = World::new();
    let (one, two) = (world.start("one"), world.start("two"));
    secs(30).await;
    let shares = world.shares().await;
    assert_eq!(shares.len(), 2);
    for (member, units) in &shares {
        assert_eq!(units.iter().filter(|unit| unit.starts_with("job.")).count(), 2, "{member}: {units:?}");
    }
    secs(60).await;
    stopped(two).await;
    stopped(one).await;
    world.assert_sound().await;
}

/// A rolling restart: each that goes is followed within a moment.
#[tokio::test(start_paused = true)]
async fn a_process_that_stops_is_followed_within_a_second() {
    let world = World::new();
    let mut current = world.start("p0");
    secs(20).await;
    for n in 1..5 {
        let next = world.start(&format!("p{n}"));
        secs(20).await;
        assert_eq!(world.shares().await.len(), 2);
        stopped(current).await;
        tokio::time::sleep(Duration::from_millis(500)).await;
        let shares = world.shares().await;
        assert_eq!(shares.keys().cloned().collect::<Vec<_>>(), [format!("p{n}")]);
        // Its place among those that tick is kept or taken.
        assert!(shares[&format!("p{n}")].len() >= UNITS, "{shares:?}");
        current = next;
    }
    secs(20).await;
    stopped(current).await;
    world.assert_sound().await;
}

/// Its tasks end without a word: the leases run out, and the others go on where it stood.
#[tokio::test(start_paused = true)]
async fn a_process_that_dies_is_followed_when_its_leases_have_run_out() {
    for members in [2, 3] {
        let world = World::new();
        let mut processes: Vec<Process> = (0..members).map(|n| world.start(&format!("p{n}"))).collect();
        secs(45).await;
        drop(processes.pop());
        let died = Instant::now();
        let gone = format!("p{}", members - 1);
        while world.shares().await.contains_key(&gone) || world.shares().await.values().map(BTreeSet::len).sum::<usize>() < UNITS {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert!(died.elapsed() <= TTL + TTL / 3 + Duration::from_millis(500), "{:?}", died.elapsed());
        let before = world.newest_commit().await;
        secs(60).await;
        let after = world.newest_commit().await;
        assert!(before.iter().zip(&after).all(|(before, after)| after > before), "{before:?} {after:?}");
        for process in processes {
            stopped(process).await;
        }
        world.assert_sound().await;
    }
}

/// Whoever cannot renew its leases stops by its own clock, before others begin; when it can again it takes its share.
#[tokio::test(start_paused = true)]
async fn a_process_cut_off_from_the_leases_stops_and_comes_back() {
    let world = World::new();
    let way = Cut::new(Arc::new(world.leases.clone()));
    let (one, two) = (world.start("one"), world.start_with("two", way.clone()));
    secs(30).await;
    assert_eq!(world.shares().await.len(), 2);
    way.cut();
    secs(20).await;
    assert_eq!(world.shares().await.keys().collect::<Vec<_>>(), ["one"]);
    let frames = entries(&*world.logs.events, subject::EVENTS).await.len();
    secs(20).await;
    assert!(entries(&*world.logs.events, subject::EVENTS).await.len() > frames + 300, "three sources go on");
    way.mend();
    secs(20).await;
    assert_eq!(world.shares().await.len(), 2);
    secs(20).await;
    stopped(two).await;
    stopped(one).await;
    world.assert_sound().await;
}

/// What a reader in another process still needs is kept, and what nobody needs goes.
#[tokio::test(start_paused = true)]
async fn retention_waits_for_readers_of_other_processes() {
    let retention = Retention { age_max: Duration::ZERO, bytes_max: 0 };
    let world = World::keeping(Options { retention, ..Options::default() });
    // Two names under which the sink and retention come to different processes.
    let owner = |units: &[&str], unit: &str, members: &BTreeSet<String>| {
        let units: Vec<String> = units.iter().map(|unit| (*unit).to_owned()).collect();
        assign(&units, members)[unit].to_owned()
    };
    let apart = |members: &BTreeSet<String>| {
        owner(&["retention"], "retention", members) != owner(&["sink.catalog", "sink.rollups"], "sink.catalog", members)
    };
    let names = (0..).map(|n| [format!("one{n}"), format!("two{n}")]).find(|names| apart(&names.iter().cloned().collect())).unwrap();
    let (one, two) = (world.start(&names[0]), world.start(&names[1]));
    secs(20).await;
    let owners = world.leases.view().await.unwrap().owners;
    assert_ne!(owners["retention"], owners["sink.catalog"]);
    world.catalog.shut();
    let stands = world.catalog.position().await.unwrap();
    secs(300).await;
    let (first, stored) = (world.logs.events.continuity().await.unwrap().first, world.catalog.position().await.unwrap());
    assert!(
        first > Position(1) && first.0 <= stored.0 + 1,
        "the sink that stands at {stands}, then at {stored}, needs what begins at {first}"
    );
    world.catalog.open();
    stopped(one).await;
    stopped(two).await;
    assert_eq!(world.catalog.position().await.unwrap(), world.logs.events.continuity().await.unwrap().tail);
}

/// `floodmark jobs ls`: who has what, and how far it is.
#[tokio::test(start_paused = true)]
async fn each_unit_says_who_has_it_and_how_far_it_is() {
    let world = World::new();
    let (one, two) = (world.start("one"), world.start("two"));
    secs(30).await;
    world.catalog.shut();
    secs(15).await;
    let standings = world.pipeline("nobody", Arc::new(world.leases.clone())).standings().await.unwrap();
    let found = |unit: &str| standings.iter().find(|standing| standing.unit == unit).unwrap();
    let tail = found("sink.catalog").tail.unwrap();
    for partition in 0..PARTITIONS {
        let job = found(&format!("job.w.{partition}"));
        assert!(job.owner.is_some() && job.tail == Some(tail) && job.position.unwrap() <= tail);
        assert!(job.lag.unwrap() <= 150 && job.time.unwrap() > Timestamp::from_secs(25), "{job:?}");
    }
    assert_eq!(standings.iter().filter(|standing| standing.unit.starts_with("source.")).count(), 3);
    let catalog = found("sink.catalog");
    let behind = tail - catalog.position.unwrap();
    assert!(behind > 400 && (behind..behind + 100).contains(&catalog.lag.unwrap()), "{catalog:?}");
    assert!(found("retention").owner.is_some() && found("ticker.0").owner.is_some());
    world.catalog.open();
    stopped(one).await;
    stopped(two).await;
}
