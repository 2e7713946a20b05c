//! How fast the embedded log stores frames durably, and hands them to a reader.
//!
//! `cargo bench -p floodmark-connectors --bench log_append`; the log stands in the temporary directory (`TMPDIR`).

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use floodmark_connectors::clock::SystemClock;
use floodmark_connectors::logs::embedded::{Log, Options};
use floodmark_core::ports::{Expect, Limit, Log as _, NewEntry, Position};
use floodmark_schemas::frame::Compression;
use floodmark_schemas::{BatchBuilder, Encoding, EventBatch, FrameHeader, Series, Timestamp, frame, subject};
use tempfile::TempDir;
use tokio::runtime::Runtime;

const EVENTS: usize = 1_000;
const START_US: i64 = 1_800_000_000_000_000;
const LOG_BYTES_MAX: u64 = 1 << 30;

/// A frame's worth of events of about 170 bytes each in JSON.
fn batch() -> EventBatch {
    let mut batch = BatchBuilder::default();
    let series: Vec<_> = (0..100).map(|n| batch.series(&Series::new("disk_used").label("h", format!("web-{n:03}")))).collect();
    for n in 0..EVENTS {
        batch.sample(series[n % series.len()], START_US + n as i64 * 1_000, n as f64 * 0.37, "");
    }
    batch.take()
}

fn new_frame(number: u64, encoding: Encoding, body: &Bytes) -> NewEntry {
    let times = Some((Timestamp::from_micros(START_US), Timestamp::from_micros(START_US + EVENTS as i64 * 1_000)));
    let source = format!("bench-{}", number % 4);
    let header = FrameHeader { source, epoch: 1, number, count: EVENTS as u32, times, encoding, ..FrameHeader::default() };
    NewEntry {
        subject: subject::events(0, &header.source),
        id: Some(format!("{}.1.{number}", header.source)),
        headers: header.to_headers(),
        body: body.clone(),
    }
}

struct Bench {
    runtime: Runtime,
    log: Arc<Log>,
    next: u64,
    _directory: TempDir,
}

impl Bench {
    fn new(newest_bytes_max: usize) -> Self {
        let directory = TempDir::new().expect("a temporary directory");
        let mut options = Options { newest_bytes_max, ..Options::default() };
        options.retention.bytes_max = LOG_BYTES_MAX;
        let log = Log::open(&directory.path().join("log.db"), options, Arc::new(SystemClock)).expect("a new log");
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
        Self { runtime, log: Arc::new(log), next: 0, _directory: directory }
    }

    /// `count` frames by `callers` callers, each waiting for its last frame to be durable.
    fn append(&mut self, callers: u64, count: u64, encoding: Encoding, body: &Bytes) -> Duration {
        let first = self.next;
        self.next += count;
        let started = Instant::now();
        let running: Vec<_> = (0..callers)
            .map(|caller| {
                let (log, body) = (self.log.clone(), body.clone());
                self.runtime.spawn(async move {
                    for n in (first + caller..first + count).step_by(callers as usize) {
                        log.append(vec![new_frame(n, encoding, &body)], Expect::Anything).await.expect("appended");
                    }
                })
            })
            .collect();
        self.runtime.block_on(async {
            for caller in running {
                caller.await.expect("no panic");
            }
        });
        let elapsed = started.elapsed();
        // Outside the time: the disk of the machine is not the subject.
        self.runtime.block_on(self.log.retain(Position(u64::MAX))).expect("retained");
        elapsed
    }

    /// As [`Self::append`] with a reader that follows, until it has seen the last.
    fn append_and_read(&mut self, callers: u64, count: u64, encoding: Encoding, body: &Bytes) -> Duration {
        let (log, upto) = (self.log.clone(), Position(self.next + count));
        let mut after = Position(self.next);
        let started = Instant::now();
        let reader = self.runtime.spawn(async move {
            let mut reader = log.reader(vec![subject::EVENTS.to_owned()], after).await.expect("a reader");
            while after < upto {
                let entries = reader.next(Limit::default()).await.expect("read");
                after = entries.last().expect("at least one").position;
                black_box(entries);
            }
            started.elapsed()
        });
        self.append(callers, count, encoding, body);
        self.runtime.block_on(reader).expect("no panic")
    }
}

fn frames(c: &mut Criterion) {
    let mut group = c.benchmark_group("append_durable");
    group.throughput(Throughput::Elements(EVENTS as u64)).sample_size(10).measurement_time(Duration::from_secs(5));
    for (name, encoding) in [("json", Encoding::Json), ("arrow", Encoding::Arrow(Compression::None))] {
        let body = frame::encode(&batch(), encoding, "bench-0", "bench-0.1.1");
        for callers in [1, 8, 32] {
            let name = format!("{name}_frames_of_{}_bytes", body.len());
            group.bench_function(BenchmarkId::new(name, format!("{callers}_callers")), |b| {
                let mut bench = Bench::new(Options::default().newest_bytes_max);
                b.iter_custom(|count| bench.append(callers, count, encoding, &body));
            });
        }
    }
    group.finish();
}

fn follow(c: &mut Criterion) {
    let mut group = c.benchmark_group("append_durable_and_read");
    group.throughput(Throughput::Elements(EVENTS as u64)).sample_size(10).measurement_time(Duration::from_secs(5));
    for (name, encoding) in [("json", Encoding::Json), ("arrow", Encoding::Arrow(Compression::None))] {
        let body = frame::encode(&batch(), encoding, "bench-0", "bench-0.1.1");
        for (memory, bytes) in [("newest_in_memory", Options::default().newest_bytes_max), ("nothing_in_memory", 0)] {
            group.bench_function(BenchmarkId::new(name, memory), |b| {
                let mut bench = Bench::new(bytes);
                b.iter_custom(|count| bench.append_and_read(8, count, encoding, &body));
            });
        }
    }
    group.finish();
}

fn small(c: &mut Criterion) {
    let mut group = c.benchmark_group("append_durable_small");
    group.throughput(Throughput::Elements(1)).sample_size(10);
    let body = Bytes::from(vec![b'x'; 300]);
    for callers in [1, 32] {
        group.bench_function(BenchmarkId::new("entries_of_300_bytes", format!("{callers}_callers")), |b| {
            let mut bench = Bench::new(Options::default().newest_bytes_max);
            b.iter_custom(|count| bench.append(callers, count, Encoding::Json, &body));
        });
    }
    group.finish();
}

criterion_group!(benches, frames, follow, small);
criterion_main!(benches);
