//! A source that is split: each shard is a writer of its own, and processes share the shards as they share sources.
#![cfg(test)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use floodmark_connectors::clock::TokioClock;
use floodmark_connectors::leases::memory::Leases;
use floodmark_core::Kind;
use floodmark_core::ports::{Clock, Ingest, Leases as _, SourceSpec};
use floodmark_engine::ingest::{Logs, Promise};
use floodmark_engine::ticker::Ticker;
use floodmark_engine::{End, Pipeline, Shards, SourcePlan, SourceState, Statuses};
use floodmark_schemas::commit::Output;
use floodmark_schemas::{Encoding, FrameHeader, Payload, Timestamp, subject};
use floodmark_tests::engine::chain::{Chain, entries};
use floodmark_tests::engine::clock::ManualClock;
use floodmark_tests::engine::lives::{drain, job_spec, memory_log, windows};
use floodmark_tests::engine::memory::logs;
use floodmark_tests::engine::road::{Road, batch, frames, ids, numbers, source};
use floodmark_tests::engine::sources::plan;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

const PARTITIONS: u32 = 2;
const SHARDS: u32 = 4;
const TTL: Duration = Duration::from_secs(10);

fn shard(id: &str, shard: u32) -> SourceSpec {
    SourceSpec { shard: Some(shard), ..source(id) }
}

fn cursor(n: u64) -> Option<String> {
    Some(n.to_string())
}

/// What a source without shards has always written.
const UNSHARDED: &str = include_str!("files/unsharded_frames.txt");

#[tokio::test(start_paused = true)]
async fn a_source_that_is_not_split_writes_what_it_has_always_written() {
    let logs = logs();
    let json = SourceSpec { disorder: Duration::from_secs(5), ..source("s") };
    let arrow = SourceSpec { encoding: Encoding::Arrow(Default::default()), ..source("t") };
    for (spec, from) in [(&json, 0), (&arrow, 100), (&json, 20)] {
        let road = Road::open(spec, PARTITIONS, &logs).await.unwrap();
        road.input.send(batch(&spec.id, from..from + 4), cursor(from + 4)).await.unwrap();
        road.input.flush().await.unwrap();
        assert!(road.input.publish(batch(&spec.id, from + 4..from + 6), "k").await.unwrap() || from == 20);
        road.close().await.unwrap().end().await.unwrap();
    }
    let clock = Arc::new(ManualClock::at(Timestamp::from_secs(100)));
    let promise = Arc::new(Promise::new(&json.id, json.disorder));
    Ticker::claim(logs.clone(), PARTITIONS, clock, vec![promise], 0).await.unwrap().tick().await.unwrap();
    let shown = entries(&*logs.events, subject::EVENTS).await.into_iter().map(|entry| {
        let (id, headers) = (entry.id.unwrap_or_default(), entry.headers.to_text());
        format!("{} {} {id}\n{headers}\n{}\n", entry.position, entry.subject, entry.body.escape_ascii())
    });
    assert_eq!(shown.collect::<String>(), UNSHARDED);
}

#[tokio::test(start_paused = true)]
async fn each_shard_has_numbers_an_epoch_and_a_cursor_of_its_own() {
    let logs = logs();
    let roads = [Road::open(&shard("web", 0), 1, &logs).await.unwrap(), Road::open(&shard("web", 1), 1, &logs).await.unwrap()];
    for n in 0..3 {
        for (road, from) in roads.iter().zip([0, 100]) {
            road.input.send(batch("web", from + n..from + n + 1), cursor(from + n + 1)).await.unwrap();
            road.input.flush().await.unwrap();
        }
    }
    for road in roads {
        road.close().await.unwrap();
    }
    for (k, from) in [(0, 0), (1, 100)] {
        let frames = frames(&*logs.events, 0, &format!("web.{k}")).await;
        let told = |header: &FrameHeader| (header.source.clone(), header.shard, header.epoch, header.number);
        let told: Vec<_> = frames.iter().map(|frame| told(&frame.header)).collect();
        let epoch = u64::from(k) + 1;
        assert_eq!(told, [1, 2, 3, 4].map(|number| ("web".to_owned(), Some(k), epoch, number)));
        assert!(frames.iter().flat_map(|frame| &frame.events).all(|event| event.source == "web"));
        assert_eq!(frames[3].entry.id, Some(format!("web.{k}.0.{epoch}.4")));
        assert_eq!(frames[3].header.cursor, cursor(from + 3));
        let again = Road::open(&shard("web", k), 1, &logs).await.unwrap();
        assert_eq!(again.input.cursor(), cursor(from + 3));
        again.close().await.unwrap();
    }
    let of_source = subject::events_of_source("web");
    assert_eq!((entries(&*logs.events, &of_source[0]).await.len(), entries(&*logs.events, &of_source[1]).await.len()), (0, 10));
}

/// Taking over one shard, or the source as a whole, does not fence another.
#[tokio::test(start_paused = true)]
async fn a_shard_is_fenced_by_its_next_owner_alone() {
    let logs = logs();
    let (zero, one) = (Road::open(&shard("web", 0), 1, &logs).await.unwrap(), Road::open(&shard("web", 1), 1, &logs).await.unwrap());
    let whole = Road::open(&source("web"), 1, &logs).await.unwrap();
    let next = Road::open(&shard("web", 1), 1, &logs).await.unwrap();
    for road in [&zero, &one, &whole, &next] {
        road.input.send(batch("web", 0..3), None).await.unwrap();
    }
    assert_eq!(one.close().await.err().map(|e| e.kind()), Some(Kind::Conflict));
    for road in [zero, whole, next] {
        road.close().await.unwrap();
    }
    for writer in ["web", "web.0", "web.1"] {
        assert_eq!(ids(&*logs.events, 0, writer).await, numbers(0..3), "{writer}");
    }
}

#[tokio::test(start_paused = true)]
async fn ticks_promise_by_shard() {
    let logs = logs();
    let promises = [shard("web", 2), source("host")].map(|spec| Arc::new(Promise::new(&spec.writer(), Duration::from_secs(5))));
    let clock = Arc::new(ManualClock::at(Timestamp::from_secs(100)));
    Ticker::claim(logs.clone(), 1, clock, promises.to_vec(), 0).await.unwrap().tick().await.unwrap();
    let ticks = frames(&*logs.events, 0, subject::TICKER).await;
    let promised: Vec<&str> = ticks[1].header.watermarks.iter().map(|(writer, _)| writer.as_str()).collect();
    assert_eq!(promised, ["web.2", "host"]);
}

/// What all processes share.
struct World {
    logs: Logs,
    clock: Arc<dyn Clock>,
    leases: Leases,
}

/// One process.
struct Process {
    running: JoinSet<floodmark_core::Result<End>>,
    stop: CancellationToken,
    statuses: Statuses,
}

/// A shard that goes on from its cursor, an event every 100 ms.
fn endless(k: u32) -> SourcePlan {
    let mut plan = plan("web", move |ingest: &dyn Ingest| {
        Box::pin(async move {
            let mut n: u64 = ingest.cursor().map_or(0, |text| text.parse().unwrap());
            loop {
                ingest.send(batch("web", n..n + 1), cursor(n + 1)).await?;
                n += 1;
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        })
    });
    plan.spec = SourceSpec { live: true, ..shard("web", k) };
    plan
}

impl World {
    fn new() -> Self {
        let clock: Arc<dyn Clock> = Arc::new(TokioClock::starting_at(Timestamp::from_secs(0)));
        let logs = Logs { events: memory_log(clock.clone()), outputs: memory_log(clock.clone()) };
        Self { logs, clock, leases: Leases::new(TTL) }
    }

    fn pipeline(&self, member: &str, statuses: Statuses) -> Pipeline {
        Pipeline {
            logs: self.logs.clone(),
            partitions: PARTITIONS,
            clock: self.clock.clone(),
            sources: (0..SHARDS).map(endless).collect(),
            jobs: Vec::new(),
            sinks: Vec::new(),
            alerts: None,
            drain_deadline: Duration::from_secs(5),
            statuses,
            leases: Arc::new(self.leases.clone()),
            member: member.to_owned(),
        }
    }

    fn start(&self, member: &str) -> Process {
        let (mut running, stop, statuses) = (JoinSet::new(), CancellationToken::new(), Statuses::default());
        running.spawn(self.pipeline(member, statuses.clone()).run(stop.clone(), watch::Sender::new(false)));
        Process { running, stop, statuses }
    }

    /// The owner of each shard, in order.
    async fn owners(&self) -> Vec<Option<String>> {
        let owners = self.leases.view().await.unwrap().owners;
        (0..SHARDS).map(|k| owners.get(&format!("source.web.{k}")).cloned()).collect()
    }

    /// How many events each shard has stored: each once, and no frame that readers drop.
    async fn stored(&self) -> Vec<usize> {
        let mut counts = Vec::new();
        for k in 0..SHARDS {
            let mut all: Vec<String> = Vec::new();
            for partition in 0..PARTITIONS {
                let writer = format!("web.{k}");
                all.extend(ids(&*self.logs.events, partition, &writer).await);
                let headers = entries(&*self.logs.events, &subject::events(partition, &writer)).await;
                let epochs: Vec<u64> = headers.iter().map(|entry| FrameHeader::from_headers(&entry.headers).unwrap().epoch).collect();
                assert!(epochs.is_sorted(), "{writer}: {epochs:?}");
            }
            all.sort_unstable_by_key(|id| id[1..].parse::<u64>().unwrap());
            assert_eq!(all, numbers(0..all.len() as u64), "shard {k}");
            counts.push(all.len());
        }
        counts
    }
}

impl World {
    /// Windows over the first partition count each event of each shard once, and none is late: a source is as far as the
    /// slowest of its shards, also while nobody has them.
    async fn assert_windows_hold_all_shards(&self) {
        const SIZE_SECS: i64 = 10;
        let spec = windows(SIZE_SECS as u64, 0, 30);
        let logs = Logs { events: self.logs.events.clone(), outputs: memory_log(self.clock.clone()) };
        let tail = logs.events.continuity().await.unwrap().tail;
        drain(job_spec(&spec, usize::MAX), &spec, &logs, tail).await.unwrap();
        let mut counted: BTreeMap<(String, i64), u64> = BTreeMap::new();
        for output in Chain::read(&*logs.outputs, "w").await.outputs() {
            let Output::Rollup(rollup) = output else { panic!("an event is late: {output:?}") };
            assert_eq!(rollup.source, "web");
            let before = counted.insert((rollup.series.key(), rollup.window.start.micros()), rollup.aggregates.count);
            assert_eq!(before, None, "nothing came late, so nothing is revised");
        }
        let last = counted.keys().map(|(_, start)| *start).max().unwrap();
        let mut expected: BTreeMap<(String, i64), u64> = BTreeMap::new();
        for k in 0..SHARDS {
            for event in frames(&*logs.events, 0, &format!("web.{k}")).await.into_iter().flat_map(|frame| frame.events) {
                let Payload::Sample(sample) = event.payload else { panic!("they are samples") };
                let start = event.time.micros().div_euclid(SIZE_SECS * 1_000_000) * SIZE_SECS * 1_000_000;
                *expected.entry((sample.series.key(), start)).or_default() += 1;
            }
        }
        expected.retain(|(_, start), _| *start <= last);
        assert!(expected.len() > 100, "{}", expected.len());
        assert_eq!(counted, expected);
    }
}

impl Process {
    fn shown(&self) -> (SourceState, Option<Shards>) {
        let all = self.statuses.all();
        assert_eq!(all.len(), 1, "the shards are shown as one source");
        (all[0].state, all[0].shards)
    }

    async fn stop(mut self) {
        self.stop.cancel();
        assert_eq!(self.running.join_next().await.unwrap().unwrap().unwrap(), End::Stopped);
    }
}

async fn secs(secs: u64) {
    tokio::time::sleep(Duration::from_secs(secs)).await;
}

#[tokio::test(start_paused = true)]
async fn the_shards_of_a_process_that_dies_go_on_elsewhere_within_the_lease() {
    let world = World::new();
    let (one, two) = (world.start("one"), world.start("two"));
    secs(45).await;
    let owners = world.owners().await;
    let count = |member: &str| owners.iter().flatten().filter(|owner| *owner == member).count();
    assert_eq!((count("one"), count("two")), (2, 2), "{owners:?}");
    let half = (SourceState::Running, Some(Shards { running: 2, of: 4 }));
    assert_eq!((one.shown(), two.shown()), (half, half));
    let standings = world.pipeline("nobody", Statuses::default()).standings().await.unwrap();
    let units: BTreeMap<&str, bool> = standings
        .iter()
        .map(|s| (s.unit.as_str(), s.position.is_some() && s.owner.is_some()))
        .filter(|(unit, _)| unit.contains("web"))
        .collect();
    assert_eq!(units, ["source.web.0", "source.web.1", "source.web.2", "source.web.3"].map(|unit| (unit, true)).into());

    drop(two);
    let died = Instant::now();
    while world.owners().await.iter().any(|owner| owner.as_deref() != Some("one")) {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(died.elapsed() <= TTL + TTL / 3 + Duration::from_millis(500), "{:?}", died.elapsed());
    let before = world.stored().await;
    secs(20).await;
    assert_eq!(one.shown(), (SourceState::Running, Some(Shards { running: 4, of: 4 })));
    let after = world.stored().await;
    assert!(before.iter().zip(&after).all(|(before, after)| *after >= before + 150), "{before:?} {after:?}");
    one.stop().await;
    world.stored().await;
    world.assert_windows_hold_all_shards().await;
}

/// A process that stops in order hands its shards over at once; one that comes takes its share.
#[tokio::test(start_paused = true)]
async fn shards_follow_processes_that_come_and_go() {
    let world = World::new();
    let one = world.start("one");
    secs(10).await;
    assert_eq!(one.shown().1, Some(Shards { running: 4, of: 4 }));
    let two = world.start("two");
    secs(20).await;
    assert_eq!((one.shown().1, two.shown().1), (Some(Shards { running: 2, of: 4 }), Some(Shards { running: 2, of: 4 })));
    one.stop().await;
    secs(1).await;
    assert_eq!(two.shown().1, Some(Shards { running: 4, of: 4 }));
    let stored = world.stored().await;
    assert!(stored.iter().all(|events| *events > 250), "no more than a moment was lost to each move: {stored:?}");
    two.stop().await;
    world.stored().await;
}
