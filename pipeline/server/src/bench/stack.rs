//! The log that a configuration names, embedded or on servers: how much goes in, how fast jobs take it, and how long an
//! event takes to its rollup. What it appends stays in that log: give it one of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use floodmark_connectors::clock::SystemClock;
use floodmark_connectors::logs::jetstream;
use floodmark_core::ports::{Clock, Expect, Ingest, Limit, Log, NewEntry, Position, Source, SourceSpec};
use floodmark_core::{Error, Result};
use floodmark_engine::ingest::{self, Logs, Promise};
use floodmark_engine::input::Input;
use floodmark_engine::job::{Job, JobSpec, SNAPSHOT_AFTER_BYTES};
use floodmark_engine::retention::Floors;
use floodmark_engine::{JobPlan, SourcePlan, Statuses};
use floodmark_schemas::commit::Output;
use floodmark_schemas::series::fnv1a;
use floodmark_schemas::{BatchBuilder, Encoding, EventBatch, JobEntry, Series, frame, subject};
use futures_util::future::try_join_all;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::generate::Shape;
use super::{Figure, Stopwatch, parts};
use crate::assemble::{Assembled, assemble, logs, operators};
use crate::config::{Config, LogKind, from_text};
use crate::data_dir::DataDir;

/// How many sources bring events in at once.
const SOURCES: u32 = 4;
/// The sizes of frames of the bare appends, in events.
const FRAME: usize = frame::EVENTS_MAX;
/// The rates at which latency is measured, in events for each second.
const RATES: [u64; 3] = [10_000, 100_000, 200_000];
/// For how long each rate is held.
const HELD: Duration = Duration::from_secs(15);
/// How often the paced source hands over events.
const PACE: Duration = Duration::from_millis(2);
/// The windows whose latency is measured, in microseconds.
const WINDOW_US: i64 = 100_000;
/// How many series the paced source has.
const SERIES: u32 = 100;

/// Measures ingest and jobs over `shape`, then latency.
///
/// # Errors
/// When the log cannot be used, or holds something already.
pub async fn stack(config: &Config, shape: Shape) -> Result<Vec<Figure>> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let data = DataDir::new(&config.data_dir);
    data.prepare(config.partitions.get())?;
    let logs = logs::open(config, &data, &clock).await?.logs;
    if logs.events.continuity().await?.tail > Position::START {
        return Err(Error::rejected("measuring: the log holds entries already; name one of its own, by `prefix` or `data_dir`"));
    }
    let partitions = config.partitions.get();
    let mut figures = vec![bare(&*logs.events, partitions, shape).await?];
    let from = logs.events.continuity().await?.tail;
    figures.push(bring_in(&logs, partitions, shape).await?);
    figures.push(work_off(&logs, partitions, from, shape).await?);
    drop(logs);
    for rate in RATES {
        figures.push(latency(config, rate).await?);
    }
    Ok(figures)
}

/// Frames that are there already, appended with nothing around: the limit of the log itself. One append at a time goes to
/// each partition.
async fn bare(log: &dyn Log, partitions: u32, shape: Shape) -> Result<Figure> {
    let batches = parts::batches(shape);
    let bodies: Vec<_> = batches.iter().map(|batch| frame::encode(batch, Encoding::Json, "bare", "f")).collect();
    let bytes: usize = bodies.iter().map(|body| body.len()).sum();
    let lane = |lane: u32| {
        let mine = bodies.iter().skip(lane as usize).step_by(partitions as usize);
        // Of a partition that no job reads.
        let subject = subject::events(1_024 + lane, "bare");
        async move {
            for body in mine {
                let entry = NewEntry { subject: subject.clone(), id: None, headers: Default::default(), body: body.clone() };
                log.append(vec![entry], Expect::Anything).await?;
            }
            Ok::<(), Error>(())
        }
    };
    let watch = Stopwatch::start();
    try_join_all((0..partitions).map(lane)).await?;
    let note = format!("{} MB in frames of {FRAME}, {partitions} at once", bytes / 1_000_000);
    Ok(watch.figure("append json frames, nothing around", (bodies.len() * FRAME) as u64, note))
}

/// Batches through ingest into the log.
async fn bring_in(logs: &Logs, partitions: u32, shape: Shape) -> Result<Figure> {
    let shares: Vec<_> =
        (0..SOURCES).map(|n| parts::batches(Shape { events: shape.events / u64::from(SOURCES), seed: n.into(), ..shape })).collect();
    let events: usize = shares.iter().flatten().map(EventBatch::len).sum();
    let before = logs.events.continuity().await?.tail;
    let watch = Stopwatch::start();
    let source = |(n, batches): (usize, Vec<EventBatch>)| {
        let id = format!("bench-{n}");
        let disorder = Duration::from_micros(shape.disorder_us.unsigned_abs());
        let spec = SourceSpec { id: id.clone(), shard: None, encoding: Encoding::Json, disorder, live: false };
        async move {
            let promise = Arc::new(Promise::new(&id, disorder));
            let (input, mut pump) = ingest::open(spec, partitions, logs, promise, Statuses::default()).await?;
            let send = async move {
                for batch in batches {
                    input.send(batch, None).await?;
                }
                input.flush().await
            };
            let (pumped, sent) = tokio::join!(pump.run(), send);
            pumped.and(sent)?;
            pump.end().await
        }
    };
    try_join_all(shares.into_iter().enumerate().map(source)).await?;
    let frames = logs.events.continuity().await?.tail.0 - before.0;
    let note = format!("{SOURCES} sources, {partitions} partitions, {frames} json frames");
    Ok(watch.figure("events through ingest into the log", events as u64, note))
}

/// The log through windows into commits.
async fn work_off(logs: &Logs, partitions: u32, from: Position, shape: Shape) -> Result<Figure> {
    let tail = logs.events.continuity().await?.tail;
    let plan = &operator_plan("bench", "10s")?;
    let floors = Floors::default();
    let watch = Stopwatch::start();
    let job = |partition: u32| {
        let floor = floors.of(format!("bench {partition}"));
        async move {
            let make = plan.make.clone();
            let make = move || make(partition);
            let (operator, version) = (plan.operator.clone(), plan.version.clone());
            let (jobs, input) = (partitions, Input::Partition);
            let spec = JobSpec { operator, partition, jobs, input, version, snapshot_after_bytes: SNAPSHOT_AFTER_BYTES };
            let mut job = Job::claim(spec, logs.clone(), &make, floor).await?;
            let drain = watch::Sender::new(Some(tail));
            job.run(drain.subscribe()).await
        }
    };
    try_join_all((0..partitions).map(job)).await?;
    let commits = logs.outputs.continuity().await?.tail;
    let events = shape.events / u64::from(SOURCES) / FRAME as u64 * FRAME as u64 * u64::from(SOURCES);
    let note = format!("10 s windows, {} series, {partitions} jobs, {} entries read, {commits} written", shape.series, tail.0 - from.0);
    Ok(watch.figure("log through windows into commits", events, note))
}

fn operator_plan(id: &str, size: &str) -> Result<JobPlan> {
    let text = format!("[operators.{id}]\ntype = \"tumbling\"\nsize = \"{size}\"\nidle_timeout = \"1h\"\n");
    let config = from_text("bench", &text).map_err(|report| Error::broken(report.render(false)))?;
    operators::job_plan(id, &config.operators, config.partitions.get())
}

/// When the first events past the end of a window were handed over, by partition and that end in microseconds.
type Closed = Arc<Mutex<BTreeMap<(u32, i64), Instant>>>;

/// Hands over events of now, at a rate.
struct Paced {
    rate: u64,
    partitions: u32,
    closed: Closed,
}

#[async_trait]
impl Source for Paced {
    async fn run(&mut self, ingest: &dyn Ingest) -> Result<()> {
        let mut builder = BatchBuilder::default();
        let series: Vec<Series> = (0..SERIES).map(|n| Series::new("load").label("host", format!("host-{n:04}"))).collect();
        let series: Vec<_> = series.iter().map(|series| (builder.series(series), partition(&series.key(), self.partitions))).collect();
        let mut interval = tokio::time::interval(PACE);
        let began = Instant::now();
        let mut made = 0;
        while began.elapsed() < HELD {
            interval.tick().await;
            let now = SystemClock.now().micros();
            let due = self.rate * u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX) / 1_000_000;
            let mut closed = BTreeSet::new();
            for n in made..due {
                let (series, partition) = series[(n % u64::from(SERIES)) as usize];
                builder.sample(series, now, n as f64, "");
                closed.insert((partition, now.div_euclid(WINDOW_US) * WINDOW_US));
            }
            made = due;
            {
                let mut all = self.closed.lock().unwrap_or_else(PoisonError::into_inner);
                closed.into_iter().for_each(|key| {
                    all.entry(key).or_insert_with(Instant::now);
                });
            }
            ingest.send(builder.take(), None).await?;
        }
        ingest.flush().await
    }
}

/// The same in a log of its own: a new operator reads a log from its beginning.
fn apart(config: &Config, name: &str) -> Config {
    let log = match &config.log {
        LogKind::Embedded(settings) => LogKind::Embedded(settings.clone()),
        LogKind::Jetstream(settings) => {
            LogKind::Jetstream(Box::new(jetstream::Config { prefix: format!("{}-{name}", settings.prefix), ..(**settings).clone() }))
        }
    };
    Config { data_dir: config.data_dir.join(name), log, sources: BTreeMap::new(), operators: BTreeMap::new(), ..config.clone() }
}

/// From handing over the events that close a window to seeing its rollups in the log of outputs.
async fn latency(config: &Config, rate: u64) -> Result<Figure> {
    let config = apart(config, &format!("latency-{rate}"));
    let partitions = config.partitions.get();
    let Assembled { mut pipeline, .. } = assemble(&config).await?;
    pipeline.sinks.clear();
    let (operator, source) = (format!("latency-{rate}"), format!("paced-{rate}"));
    pipeline.jobs = vec![operator_plan(&operator, "100ms")?];
    let closed = Closed::default();
    let spec = SourceSpec { id: source.clone(), shard: None, encoding: Encoding::Json, disorder: Duration::ZERO, live: false };
    let shared = closed.clone();
    let make = move || Ok(Box::new(Paced { rate, partitions, closed: shared.clone() }) as Box<dyn Source>);
    pipeline.sources = vec![SourcePlan { spec, kind: "bench".to_owned(), make: Arc::new(make) }];

    let outputs = pipeline.logs.outputs.clone();
    let mut reader = outputs.reader(vec![format!("floodmark.outputs.{operator}.*")], outputs.continuity().await?.tail).await?;
    let mut latencies = Vec::new();
    let watch = Stopwatch::start();
    let looking = async {
        loop {
            for entry in reader.next(Limit::default()).await? {
                let seen = Instant::now();
                let Ok(JobEntry::Commit(commit)) = serde_json::from_slice(&entry.body) else { continue };
                let closed = closed.lock().unwrap_or_else(PoisonError::into_inner);
                for output in &commit.outputs {
                    let Output::Rollup(rollup) = output else { continue };
                    let key = (partition(&rollup.series.key(), partitions), rollup.window.end.micros());
                    latencies.extend(closed.get(&key).map(|closed| seen.duration_since(*closed)));
                }
            }
        }
    };
    let failed: Error = tokio::select! {
        ended = pipeline.run(CancellationToken::new(), watch::Sender::new(false)) => {
            ended?;
            return Ok(watch.figure(format!("event to rollup at {rate} events/s"), rate * HELD.as_secs(), quantiles(latencies, "rollups")));
        }
        looked = looking => match looked {
            Ok(never) => never,
            Err(e) => e,
        },
    };
    Err(failed)
}

fn partition(key: &str, partitions: u32) -> u32 {
    fnv1a(key.as_bytes()) % partitions
}

/// As text; `of` says what they are.
pub(super) fn quantiles(mut latencies: Vec<Duration>, of: &str) -> String {
    latencies.sort_unstable();
    let last = latencies.len().saturating_sub(1);
    let at = |q: f64| latencies.get(((latencies.len() as f64 * q) as usize).min(last)).copied().unwrap_or_default();
    let ms = |q| at(q).as_secs_f64() * 1e3;
    format!("p50 {:.2} ms, p99 {:.2} ms, p99.9 {:.2} ms, {} {of}", ms(0.5), ms(0.99), ms(0.999), latencies.len())
}
