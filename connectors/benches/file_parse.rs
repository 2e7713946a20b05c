//! How fast files become batches of events, on one thread, for each format.

use std::hint::black_box;
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use floodmark::bench::generate::{self, Shape};
use floodmark_connectors::clock::SystemClock;
use floodmark_connectors::sources::file::{Config, Progress, Reading, TimeFormat, ValueColumn};

const SHAPE: Shape = Shape { events: 500_000, series: 1_000, events_per_sec: 10_000, disorder_us: 2_000_000, late_per_100k: 100, seed: 1 };

type Generate = fn(&mut BufWriter<std::fs::File>, Shape) -> std::io::Result<()>;

/// A generated file. It stays in the page cache, so that parsing is measured and not the disk.
fn generated(dir: &tempfile::TempDir, name: &str, generate: Generate) -> PathBuf {
    let path = dir.path().join(name);
    let mut out = BufWriter::new(std::fs::File::create(&path).expect("a file in a temporary directory can be created"));
    generate(&mut out, SHAPE).and_then(|()| out.flush()).expect("a file in a temporary directory can be written");
    path
}

fn read(config: &Config) -> usize {
    let mut reading = Reading::open("bench", config, Arc::new(SystemClock), None, Arc::new(Progress::default())).expect("opens");
    let mut events = 0;
    reading
        .read(&mut |parsed| {
            assert!(parsed.letters.is_empty(), "{:?}", parsed.letters[0]);
            events += black_box(parsed.batch).map_or(0, |(batch, _)| batch.len());
            true
        })
        .expect("reads");
    events
}

fn file_parse(criterion: &mut Criterion) {
    let dir = tempfile::tempdir().expect("a temporary directory can be made");
    let mapped = |name: &str, generate: Generate, time: &str, time_format| Config {
        time: Some(time.to_owned()),
        time_format,
        values: vec![ValueColumn { column: "load".into(), metric: "load".into(), unit: String::new() }],
        labels: vec!["host".into(), "zone".into()],
        ..Config::new(generated(&dir, name, generate))
    };
    let cases = [
        ("native", Config::new(generated(&dir, "native.ndjson", generate::ndjson))),
        ("mapped_ndjson", mapped("mapped.ndjson", generate::objects, "ts", TimeFormat::UnixMillis)),
        ("csv", mapped("mapped.csv", generate::csv, "time", TimeFormat::Rfc3339)),
        ("csv_pattern", mapped("pattern.csv", generate::csv, "time", TimeFormat::Pattern("%Y-%m-%dT%H:%M:%S.%fZ".into()))),
    ];
    let mut group = criterion.benchmark_group("file_parse");
    group.throughput(Throughput::Elements(SHAPE.events)).sample_size(10).measurement_time(Duration::from_secs(4));
    for (name, config) in cases {
        group.bench_function(name, |bencher| bencher.iter(|| assert_eq!(read(&config), SHAPE.events as usize)));
    }
    group.finish();
}

criterion_group!(benches, file_parse);
criterion_main!(benches);
