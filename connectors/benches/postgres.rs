//! How fast raw events go into PostgreSQL, beside a bare binary COPY of the same rows with the position in the same
//! transaction: what the server itself allows.
//!
//! `cargo bench -p floodmark-connectors --bench postgres`; the variable `FLOODMARK_TEST_POSTGRES_URI` names a server on which a
//! database is made for the time of the run. The tables begin empty every [`WRITES_IN_TABLE`] writes.

use std::pin::pin;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use floodmark_connectors::stores::postgres::{Config, Raw, Store};
use floodmark_core::ports::{Entry, Position, Sink};
use floodmark_schemas::frame::Compression;
use floodmark_schemas::{BatchBuilder, Encoding, FrameHeader, Series, Timestamp, frame, subject};
use futures_util::{SinkExt, TryStreamExt};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use tokio_postgres::{Client, NoTls};

const EVENTS: usize = 1_000;
const START_US: i64 = 1_800_000_000_000_000;
/// How many writes go into a table before it is emptied.
const WRITES_IN_TABLE: u64 = 30;

/// Frames of events of about 170 bytes each in JSON, of 1,000 series.
fn frames(encoding: Encoding, count: usize) -> Vec<(FrameHeader, Bytes)> {
    let mut batch = BatchBuilder::default();
    let series: Vec<_> = (0..1_000).map(|n| batch.series(&Series::new("disk_used").label("h", format!("web-{n:03}")))).collect();
    let mut frames = Vec::new();
    for f in 0..count {
        let start = START_US + f as i64 * 1_000_000;
        for n in 0..EVENTS {
            batch.sample(series[n * 7 % series.len()], start + n as i64 * 1_000, n as f64 * 0.37, "");
        }
        let times = Some((Timestamp::from_micros(start), Timestamp::from_micros(start + EVENTS as i64 * 1_000)));
        let header = FrameHeader { source: "bench".to_owned(), epoch: 1, count: EVENTS as u32, times, encoding, ..FrameHeader::default() };
        frames.push((header, frame::encode(&batch.take(), encoding, "bench", &format!("bench.1.{f}"))));
    }
    frames
}

struct Bench {
    runtime: Runtime,
    store: Store,
    client: Client,
    at: u64,
    _tasks: JoinSet<()>,
}

impl Bench {
    fn new(uri: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
        let parsed: tokio_postgres::Config = uri.parse().expect("the variable holds a URI");
        let host = match &parsed.get_hosts()[0] {
            tokio_postgres::config::Host::Tcp(host) => host.clone(),
            tokio_postgres::config::Host::Unix(path) => path.display().to_string(),
        };
        let (database, user) = ("floodmark_bench".to_owned(), parsed.get_user().unwrap_or("postgres").to_owned());
        let config = Config { host, port: parsed.get_ports()[0], database: database.clone(), user, ..Config::default() };
        let mut own = parsed.clone();
        own.dbname(&database).options("-c search_path=floodmark");
        let mut tasks = JoinSet::new();
        let (store, client) = runtime.block_on(async {
            let (admin, connection) = parsed.connect(NoTls).await.expect("the server answers");
            tasks.spawn(async move { drop(connection.await) });
            admin.batch_execute("DROP DATABASE IF EXISTS floodmark_bench WITH (FORCE)").await.expect("no database of an earlier run");
            admin.batch_execute("CREATE DATABASE floodmark_bench ENCODING 'UTF8' TEMPLATE template0").await.expect("a database");
            drop(admin);
            let store = Store::open(&config).await.expect("a store");
            let (client, connection) = own.connect(NoTls).await.expect("the server answers");
            tasks.spawn(async move { drop(connection.await) });
            (store, client)
        });
        Self { runtime, store, client, at: 0, _tasks: tasks }
    }

    fn entries(&mut self, frames: &[(FrameHeader, Bytes)]) -> (Vec<Entry>, Position, Position) {
        let from = Position(self.at);
        let entry = |(header, body): &(FrameHeader, Bytes)| {
            self.at += 1;
            let header = FrameHeader { number: self.at, ..header.clone() };
            let (subject, time) = (subject::events(0, &header.source), Timestamp::from_micros(START_US + self.at as i64));
            Entry { position: Position(self.at), time, subject, id: None, headers: header.to_headers(), body: body.clone() }
        };
        let entries = frames.iter().map(entry).collect();
        (entries, from, Position(self.at))
    }

    fn empty(&self, n: u64) {
        if n.is_multiple_of(WRITES_IN_TABLE) {
            self.runtime.block_on(self.client.batch_execute("TRUNCATE event; CHECKPOINT")).expect("emptied");
        }
    }

    /// Writes through the sink.
    fn sink(&mut self, sink: &Raw, frames: &[(FrameHeader, Bytes)], writes: u64) -> Duration {
        let mut took = Duration::ZERO;
        for n in 0..writes {
            self.empty(n);
            let (entries, from, to) = self.entries(frames);
            let begin = Instant::now();
            self.runtime.block_on(sink.write(&entries, from, to)).expect("written");
            took += begin.elapsed();
        }
        took
    }

    /// The rows that the sink has written last, as PostgreSQL gives them.
    fn rows(&self, count: usize) -> Bytes {
        self.runtime.block_on(async {
            let sql = format!("COPY (SELECT * FROM event ORDER BY position DESC, event_index LIMIT {count}) TO STDOUT (FORMAT binary)");
            let rows = self.client.copy_out(&sql).await.expect("rows");
            let rows: BytesMut = rows.map_ok(BytesMut::from).try_concat().await.expect("rows");
            rows.freeze()
        })
    }

    /// The same rows by nothing but COPY and a position.
    fn bare(&mut self, rows: &Bytes, writes: u64) -> Duration {
        let mut took = Duration::ZERO;
        for n in 0..writes {
            self.empty(n);
            let (runtime, client) = (&self.runtime, &mut self.client);
            let begin = Instant::now();
            runtime.block_on(async {
                let transaction = client.transaction().await.expect("a transaction");
                let mut copy = pin!(transaction.copy_in("COPY event FROM STDIN (FORMAT binary)").await.expect("a COPY"));
                for start in (0..rows.len()).step_by(64 * 1024) {
                    copy.send(rows.slice(start..rows.len().min(start + 64 * 1024))).await.expect("sent");
                }
                copy.finish().await.expect("copied");
                let moved = "UPDATE sink_position SET position = position WHERE sink = 'bare'";
                transaction.execute(moved, &[]).await.expect("a position");
                transaction.commit().await.expect("committed");
            });
            took += begin.elapsed();
        }
        took
    }
}

#[expect(clippy::print_stderr, reason = "a person who runs it without a server must see why there is nothing")]
fn raw_sink(criterion: &mut Criterion) {
    let Some(uri) = std::env::var("FLOODMARK_TEST_POSTGRES_URI").ok().filter(|uri| !uri.is_empty()) else {
        eprintln!("skipped: FLOODMARK_TEST_POSTGRES_URI not set");
        return;
    };
    let mut bench = Bench::new(&uri);
    let sql = "INSERT INTO sink_position VALUES ('bare', 0)";
    bench.runtime.block_on(bench.client.batch_execute(sql)).expect("a position to move");
    let sink = Raw::new(bench.store.clone(), "raw");
    let mut group = criterion.benchmark_group("postgres raw");
    group.sample_size(20).measurement_time(Duration::from_secs(10));
    for count in [1, 10] {
        let json = frames(Encoding::Json, count);
        let arrow = frames(Encoding::Arrow(Compression::None), count);
        bench.sink(&sink, &json, 1);
        let rows = bench.rows(count * EVENTS);
        group.throughput(Throughput::Elements((count * EVENTS) as u64));
        let rows_each = count * EVENTS;
        group.bench_function(format!("bare COPY, {rows_each} rows"), |b| b.iter_custom(|n| bench.bare(&rows, n)));
        group.bench_function(format!("sink from JSON, {rows_each} rows"), |b| b.iter_custom(|n| bench.sink(&sink, &json, n)));
        group.bench_function(format!("sink from Arrow, {rows_each} rows"), |b| b.iter_custom(|n| bench.sink(&sink, &arrow, n)));
    }
    group.finish();
}

criterion_group!(benches, raw_sink);
criterion_main!(benches);
