//! Decoding of frames into columns: JSON and Arrow, frames of 1,000 samples of 1,000 series, about 170 bytes each in JSON.

mod cpu_time;

use cpu_time::CpuTime;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use floodmark_schemas::frame::{self, Compression, Decoder, EVENTS_MAX, Visitor};
use floodmark_schemas::{BatchBuilder, Encoding, Event, Series};

/// Columns and nothing else, so that the reading is measured and not what follows.
#[derive(Default)]
struct Columns {
    series: u32,
    rows: Vec<(u32, i64, u32, f64)>,
}

impl Visitor for Columns {
    fn series(&mut self, _: &str) -> u32 {
        self.series += 1;
        self.series
    }

    fn sample(&mut self, index: u32, time: i64, series: u32, value: f64) {
        self.rows.push((index, time, series, value));
    }

    fn event(&mut self, _: u32, _: Event) {}
}

fn frames(encoding: Encoding) -> Vec<bytes::Bytes> {
    let mut builder = BatchBuilder::default();
    let series: Vec<_> = (0..1_000).map(|i| builder.series(&Series::new("cpu_usage").label("host", format!("h{i:04}")))).collect();
    let frame = |number: i64| {
        for i in 0..EVENTS_MAX as i64 {
            let time = 1_790_000_000_000_000 + (number * 1_000 + i) * 997;
            let value = ((number * 7919 + i * 104_729) % 100_000) as f64 / 1_000.0;
            builder.sample(series[((i * 7 + number) % 1_000) as usize], time, value, "");
        }
        frame::encode(&builder.take(), encoding, "load", &format!("load.1.{number}"))
    };
    (0..32).map(frame).collect()
}

fn decode(c: &mut Criterion<CpuTime>) {
    let mut group = c.benchmark_group("decode");
    let arrow = [Compression::None, Compression::Lz4, Compression::Zstd];
    let encodings = std::iter::once(Encoding::Json).chain(arrow.map(Encoding::Arrow));
    for (name, encoding) in ["json", "arrow", "arrow-lz4", "arrow-zstd"].into_iter().zip(encodings) {
        let frames = frames(encoding);
        let bytes: usize = frames.iter().map(bytes::Bytes::len).sum();
        let events = frames.len() * EVENTS_MAX;
        group.throughput(Throughput::Elements(events as u64));
        let mut decoder = Decoder::default();
        let mut columns = Columns::default();
        group.bench_function(format!("{name}, {} bytes an event", bytes / events), |b| {
            b.iter(|| {
                for frame in &frames {
                    columns.rows.clear();
                    decoder.visit(encoding, frame, &mut columns).expect("the frame was just encoded");
                }
                columns.rows.len()
            });
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = CpuTime::criterion();
    targets = decode
}
criterion_main!(benches);
