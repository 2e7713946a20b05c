//! What an append to JetStream takes: one small entry, and 8 frames of 1,000 events on 8 subjects or on one.
//!
//! Needs a server: `FLOODMARK_TEST_NATS_URI=nats://127.0.0.1:4222 cargo bench -p floodmark-connectors --bench jetstream`

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use floodmark_connectors::logs::jetstream::{Config, Connection, Spec};
use floodmark_connectors::settings::Size;
use floodmark_core::ports::log::Log as _;
use floodmark_core::ports::{Expect, NewEntry, Position};
use floodmark_schemas::Headers;

const FRAME_EVENTS: u64 = 1_000;
const FRAME_BYTES: usize = 170_000;

#[expect(clippy::print_stderr, reason = "says why nothing is measured")]
fn appends(c: &mut Criterion) {
    let Ok(server) = std::env::var("FLOODMARK_TEST_NATS_URI") else {
        eprintln!("skipped: FLOODMARK_TEST_NATS_URI not set");
        return;
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("threads");
    let spec = Spec::new("BENCH", &[">"]);
    let log = runtime.block_on(async {
        let config = Config {
            servers: vec![server],
            prefix: format!("bench-{}", std::process::id()),
            retention_size: Size(1 << 30),
            ..Config::default()
        };
        let connection = Connection::open(&config).await.expect("a server");
        connection.ensure_stream(&spec, 1).await.expect("a stream");
        connection.log(&spec)
    });
    let frame = Bytes::from(vec![b'x'; FRAME_BYTES]);
    let mut group = c.benchmark_group("jetstream_append");
    for (name, subjects, entries, body) in [
        ("one small entry", 1, 1, frame.slice(..200)),
        ("8 frames on 8 subjects", 8, 8, frame.clone()),
        ("8 frames on 1 subject", 1, 8, frame),
    ] {
        group.throughput(Throughput::Elements(if entries == 1 { 1 } else { entries * FRAME_EVENTS }));
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                runtime.block_on(async {
                    // Bodies are shared: what is copied here are a few names.
                    let new = || (0..entries).map(|n| entry(n % subjects, body.clone())).collect();
                    while log.append(new(), Expect::Anything).await.is_err() {
                        log.retain(Position(u64::MAX)).await.expect("a server");
                    }
                });
            });
        });
    }
    group.finish();
}

fn entry(partition: u64, body: Bytes) -> NewEntry {
    NewEntry { subject: format!("bench.{partition}"), id: None, headers: Headers::default(), body }
}

criterion_group!(benches, appends);
criterion_main!(benches);
