//! Windows made of windows whose series lie in several partitions: what one job says of the results of all equals what the events
//! say, whichever partitions are silent, idle or ended, and however fast each job is.
#![cfg(test)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use floodmark_core::cascade::{Asked, Cascade, Spec};
use floodmark_core::ports::{Entry, Expect, NewEntry, Operator};
use floodmark_core::upstream::Upstream;
use floodmark_core::window::{self, Aggregate, Shape};
use floodmark_engine::ingest::Logs;
use floodmark_engine::input::Input;
use floodmark_engine::job::JobSpec;
use floodmark_schemas::commit::Output;
use floodmark_schemas::{Aggregates, Encoding, Event, EventBatch, FrameHeader, Series, Timestamp, frame, subject};
use floodmark_tests::engine::chain::{Chain, entries};
use floodmark_tests::engine::clock::ManualClock;
use floodmark_tests::engine::lives::{drain, job_spec, memory_log};
use proptest::prelude::*;

const PARTITIONS: u32 = 3;
const SOURCES: [&str; 2] = ["a", "b"];
/// Short windows, and long ones made of six of them.
const SHORT_SECS: u64 = 10;
const LONG_SECS: u64 = 60;
const IDLE_SECS: u64 = 30;

fn windows(operator: &str, partition: u32, size_secs: u64, lateness_secs: u64) -> window::Spec {
    let secs = Duration::from_secs;
    let aggregates = [Aggregate::Sum, Aggregate::Min, Aggregate::Max].into_iter().collect();
    let spec = window::Spec::new(operator, partition, secs(size_secs));
    window::Spec { aggregates, allowed_lateness: secs(lateness_secs), idle_timeout: secs(IDLE_SECS), ..spec }
}

fn cascade(lateness_secs: u64) -> Cascade {
    let spec = Spec {
        operator: "long".to_owned(),
        version: 1,
        partition: 0,
        upstream: Upstream { operator: "w".to_owned(), version: "v".to_owned(), jobs: PARTITIONS },
        shape: Shape::Tumbling,
        size: Duration::from_secs(LONG_SECS),
        allowed_lateness: Duration::from_secs(lateness_secs),
        asked: Asked { aggregates: windows("w", 0, 1, 0).aggregates, ..Asked::default() },
        metrics: None,
        sources: None,
        group_by: Some(Vec::new()),
    };
    Cascade::new(spec).unwrap()
}

/// An event log that is written by hand.
struct Weather {
    clock: Arc<ManualClock>,
    logs: Logs,
    /// The epoch of each source, and its newest frame in each partition.
    frames: [(u64, [u64; PARTITIONS as usize]); SOURCES.len()],
}

impl Weather {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::at(Timestamp::from_secs(0)));
        let logs = Logs { events: memory_log(clock.clone()), outputs: memory_log(clock.clone()) };
        Self { clock, logs, frames: Default::default() }
    }

    fn at(&self, secs: i64) {
        self.clock.set(Timestamp::from_secs(secs));
    }

    /// A source is taken over: in all partitions, before it sends.
    async fn starts(&mut self, source: usize) {
        self.frames[source].0 += 1;
        for partition in 0..PARTITIONS {
            self.frame(source, partition, &[], None).await;
        }
    }

    async fn ends(&mut self, source: usize) {
        for partition in 0..PARTITIONS {
            self.frame(source, partition, &[], Some(Timestamp::MAX)).await;
        }
    }

    /// A source sends events of these times into a partition.
    async fn sends(&mut self, source: usize, partition: u32, times: &[i64]) {
        self.frame(source, partition, times, None).await;
    }

    async fn frame(&mut self, source: usize, partition: u32, times: &[i64], watermark: Option<Timestamp>) {
        let (epoch, numbers) = &mut self.frames[source];
        numbers[partition as usize] += 1;
        let (epoch, number) = (*epoch, numbers[partition as usize]);
        let series = Series::new("load").label("partition", partition.to_string());
        let event = |secs: &i64| Event::sample(SOURCES[source], "", Timestamp::from_secs(*secs), series.clone(), (*secs % 97) as f64);
        let batch: EventBatch = times.iter().map(event).collect();
        let body = if times.is_empty() { Bytes::new() } else { frame::encode(&batch, Encoding::Json, SOURCES[source], "f") };
        let count = times.len() as u32;
        self.append(
            partition,
            FrameHeader { source: SOURCES[source].to_owned(), epoch, number, count, watermark, ..FrameHeader::default() },
            body,
        )
        .await;
    }

    async fn ticks(&self) {
        for partition in 0..PARTITIONS {
            self.append(partition, FrameHeader { source: subject::TICKER.to_owned(), ..FrameHeader::default() }, Bytes::new()).await;
        }
    }

    async fn append(&self, partition: u32, header: FrameHeader, body: Bytes) {
        let entry = NewEntry { subject: subject::events(partition, &header.source), id: None, headers: header.to_headers(), body };
        self.logs.events.append(vec![entry], Expect::Anything).await.unwrap();
    }

    /// What the jobs of the short windows write, job by job.
    async fn commits(&self, lateness_secs: u64) -> Vec<Vec<Entry>> {
        let mut jobs = Vec::new();
        for partition in 0..PARTITIONS {
            self.run(&windows("w", partition, SHORT_SECS, lateness_secs), Input::Partition).await;
            jobs.push(entries(&*self.logs.outputs, &subject::outputs("w", partition)).await);
        }
        jobs
    }

    /// What one job makes of all events.
    async fn direct(&self, lateness_secs: u64) -> Vec<Output> {
        let spec = window::Spec { group_by: Some(Vec::new()), ..windows("direct", 0, LONG_SECS, lateness_secs) };
        self.run(&spec, Input::Partitions).await;
        Chain::read(&*self.logs.outputs, "direct").await.outputs()
    }

    /// The same events, and nothing done with them yet.
    fn anew(&self) -> Self {
        let logs = Logs { outputs: memory_log(self.clock.clone()), ..self.logs.clone() };
        Self { clock: self.clock.clone(), logs, frames: self.frames }
    }

    async fn run(&self, spec: &window::Spec, input: Input) {
        let until = self.logs.events.continuity().await.unwrap().tail;
        drain(JobSpec { jobs: input.jobs(PARTITIONS), input, ..job_spec(spec, usize::MAX) }, spec, &self.logs, until).await.unwrap();
    }
}

/// The entries of all jobs in one order: `turns` says whose comes next, each in its own order.
fn mixed(jobs: &[Vec<Entry>], turns: &[usize]) -> Vec<Entry> {
    let mut rest: Vec<std::slice::Iter<'_, Entry>> = jobs.iter().map(|job| job.iter()).collect();
    let mut all: Vec<Entry> = turns.iter().filter_map(|turn| rest[turn % jobs.len()].next().cloned()).collect();
    rest.into_iter().for_each(|job| all.extend(job.cloned()));
    all
}

/// What the long windows give of the commits in this order, with a restart from a snapshot after each entry whose number is given.
fn long(lateness_secs: u64, entries: &[Entry], restart_every: usize) -> (Cascade, Vec<Output>) {
    let (mut operator, mut outputs) = (cascade(lateness_secs), Vec::new());
    for (n, entry) in entries.iter().enumerate() {
        operator.apply(entry, &mut outputs).unwrap();
        if n % restart_every == restart_every - 1 {
            let snapshot = operator.snapshot();
            operator = cascade(lateness_secs);
            operator.restore(&snapshot).unwrap();
        }
    }
    (operator, outputs)
}

/// Windows at their highest revision, by source and start in seconds, with that revision.
fn newest(outputs: &[Output]) -> BTreeMap<(String, i64), (u32, Aggregates)> {
    let mut newest = BTreeMap::new();
    for output in outputs {
        if let Output::Rollup(rollup) = output {
            let key = (rollup.source.clone(), rollup.window.start.micros() / 1_000_000);
            newest.insert(key, (rollup.revision, rollup.aggregates.clone()));
        }
    }
    newest
}

/// How many values each window has.
fn counts(windows: &BTreeMap<(String, i64), (u32, Aggregates)>) -> BTreeMap<(String, i64), u64> {
    windows.iter().map(|(window, (_, aggregates))| (window.clone(), aggregates.count)).collect()
}

/// Runs both ways. Every order of commits must give the same outputs; gives those of the long windows and of the events.
async fn both(weather: &Weather, lateness_secs: u64, turns: &[usize]) -> (Cascade, Vec<Output>, Vec<Output>) {
    let weather = weather.anew();
    let jobs = weather.commits(lateness_secs).await;
    let (operator, outputs) = long(lateness_secs, &mixed(&jobs, turns), usize::MAX);
    for (turns, restart_every) in [(&[][..], 7), (&[2, 1, 0, 0, 1, 2], 3)] {
        let turns: Vec<usize> = turns.iter().copied().cycle().take(if turns.is_empty() { 0 } else { 10_000 }).collect();
        let (_, again) = long(lateness_secs, &mixed(&jobs, &turns), restart_every);
        assert_eq!(again, outputs, "however fast each job is");
    }
    (operator, outputs, weather.direct(lateness_secs).await)
}

/// What one source does in one partition from second to second: whether it sends.
async fn story(sends: impl Fn(i64, u32) -> bool) -> Weather {
    let mut weather = Weather::new();
    weather.starts(0).await;
    for t in 0..600 {
        weather.at(t);
        for partition in 0..PARTITIONS {
            if sends(t, partition) {
                weather.sends(0, partition, &[t]).await;
            }
        }
        weather.ticks().await;
    }
    weather
}

async fn check_story(name: &str, fired: usize, sends: impl Fn(i64, u32) -> bool) {
    let mut weather = story(sends).await;
    let (operator, outputs, _) = both(&weather, 0, &[0]).await;
    assert_eq!(newest(&outputs).len(), fired, "{name}: windows that fired before the end");
    assert_eq!(operator.late(), 0, "{name}");
    weather.ends(0).await;
    let (operator, outputs, direct) = both(&weather, 0, &[0]).await;
    assert_eq!((newest(&outputs), operator.late()), (newest(&direct), 0), "{name}");
    assert_eq!(newest(&outputs).len(), 10, "{name}");
    assert!(newest(&outputs).values().all(|(revision, _)| *revision == 0), "{name}: nothing came too late and was mended");
}

#[tokio::test(start_paused = true)]
async fn silent_partitions_do_not_hold_back_what_is_brought_together() {
    check_story("all send", 9, |_, _| true).await;
    check_story("one never sends", 9, |_, partition| partition != 1).await;
    check_story("one sends alone", 9, |_, partition| partition == 2).await;
    check_story("one falls silent", 9, |t, partition| partition != 1 || t < 200).await;
    check_story("they take turns of two minutes", 9, |t, partition| t / 120 % 3 == i64::from(partition)).await;
    check_story("one is back before it is idle", 9, |t, partition| partition != 0 || t % 40 < 15).await;
}

/// Then it has nothing to say that the others have not passed: as where the events are read, only later.
#[tokio::test(start_paused = true)]
async fn a_partition_that_comes_back_with_what_is_old_is_late() {
    let mut weather = Weather::new();
    weather.starts(0).await;
    for t in 0..400 {
        weather.at(t);
        weather.sends(0, 0, &[t]).await;
        match t {
            0..100 => weather.sends(0, 1, &[t]).await,
            300 => weather.sends(0, 1, &(100..300).collect::<Vec<_>>()).await,
            301.. => weather.sends(0, 1, &[t]).await,
            _ => {}
        }
        weather.ticks().await;
    }
    weather.ends(0).await;
    let (operator, outputs, _) = both(&weather, 0, &[1, 0]).await;
    // The windows of 110 to 280 came when the others were at 290.
    assert!(operator.late() > 10, "{}", operator.late());
    // With lateness it is as if nothing had been.
    let (operator, patient, direct) = both(&weather, 600, &[1, 0]).await;
    assert_eq!(operator.late(), 0);
    let values = |outputs: &[Output]| newest(outputs).into_iter().map(|(key, (_, values))| (key, values)).collect::<BTreeMap<_, _>>();
    assert_eq!(values(&patient), values(&direct));
    assert_ne!(values(&outputs), values(&direct));
}

/// Who sends, into which partition, how old, and how long after the one before.
type Rough = Vec<(usize, u32, i64, i64)>;

/// Two sources that start at some time, send at least every twenty seconds into every partition, and end at some time; of one the end and a
/// start anew lie in the middle.
async fn lively(rough: &Rough, start_of_b: usize, restart_of_a: usize) -> Weather {
    let mut weather = Weather::new();
    let (mut now, mut ticked) = (0, 0);
    let mut sent = [[0; PARTITIONS as usize]; SOURCES.len()];
    weather.starts(0).await;
    for (n, (source, partition, age, wait)) in rough.iter().enumerate() {
        now += wait;
        weather.at(now);
        if n == start_of_b {
            weather.starts(1).await;
            sent[1] = [now; PARTITIONS as usize];
        }
        if n == restart_of_a {
            weather.ends(0).await;
            weather.starts(0).await;
        }
        for (source, sent) in sent.iter_mut().enumerate().filter(|(source, _)| *source == 0 || n >= start_of_b) {
            for (partition, sent) in (0..).zip(sent).filter(|(_, sent)| now - **sent > 15) {
                weather.sends(source, partition, &[now]).await;
                *sent = now;
            }
        }
        if *source == 0 || n >= start_of_b {
            // In order: what is too old for a short window is late there, and no matter of the long ones.
            let time = (now - age).max(sent[*source][*partition as usize]);
            weather.sends(*source, *partition, &[time]).await;
            sent[*source][*partition as usize] = now;
        }
        if now - ticked >= 1 {
            weather.ticks().await;
            ticked = now;
        }
    }
    weather.ends(1).await;
    weather.ends(0).await;
    weather
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(48) })]

    /// No window has to be mended: none fires before every partition has said what belongs into it.
    #[test]
    fn what_partitions_say_in_time_is_brought_together_in_time(
        rough in prop::collection::vec((0..2usize, 0..PARTITIONS, 0..4i64, 0..5i64), 20..160),
        start_of_b in 0..60usize,
        restart_of_a in 0..200usize,
        turns in prop::collection::vec(0..3usize, 0..200),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let weather = lively(&rough, start_of_b, restart_of_a).await;
            let (operator, outputs, direct) = both(&weather, 0, &turns).await;
            let (found, expected) = (newest(&outputs), newest(&direct));
            assert!(found.values().all(|(revision, _)| *revision == 0));
            assert!(found == expected, "found {:#?}, expected {:#?}", counts(&found), counts(&expected));
            // What comes after an end finds its window closed, here as there.
            assert!(operator.late() == 0 || restart_of_a < rough.len());
        });
    }
}
