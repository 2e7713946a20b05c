//! What conditions and derived values cost: whole frames of 1,000 samples of 1,000 series through tumbling windows of 10 s,
//! once a second each, as they are and with expressions. `where` on 1,000 series is meant to cost less than 20 %.

mod cpu_time;

use std::time::Duration;

use cpu_time::CpuTime;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use floodmark_core::expression::{Expression, Scope};
use floodmark_core::ports::{Entry, Operator, Outputs, Position};
use floodmark_core::selection::{Derived, Selection};
use floodmark_core::window::{Spec, Windows};
use floodmark_schemas::frame::{self, Compression, EVENTS_MAX};
use floodmark_schemas::{BatchBuilder, Encoding, FrameHeader, Series, Timestamp, subject};

/// As in the binary: rollups are many small allocations.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const START: i64 = 1_790_000_000_000_000;
const FRAMES: u64 = 500;

fn entries(encoding: Encoding) -> Vec<Entry> {
    let mut builder = BatchBuilder::default();
    let name = |i: usize| Series::new("cpu_usage").label("host", format!("h{i:04}")).label("zone", (i % 4).to_string());
    let series: Vec<_> = (0..1_000).map(|i| builder.series(&name(i))).collect();
    let entry = |number: u64| {
        for i in 0..EVENTS_MAX {
            let time = START + (number as i64 * 1_000 + i as i64) * 1_000;
            let value = ((number as usize * 7_919 + i * 104_729) % 100_000) as f64 / 1_000.0;
            builder.sample(series[(i * 7 + number as usize) % 1_000], time, value, "");
        }
        let body = frame::encode(&builder.take(), encoding, "load", "f");
        let count = EVENTS_MAX as u32;
        let header = FrameHeader { source: "load".to_owned(), epoch: 1, number, count, encoding, ..FrameHeader::default() };
        let time = Timestamp::from_micros(START + (number as i64 + 1) * 1_000_000);
        Entry { position: Position(number), time, subject: subject::events(0, "load"), id: None, headers: header.to_headers(), body }
    };
    (1..=FRAMES).map(entry).collect()
}

fn selection(filter: Option<&str>, value: Option<&str>) -> Selection {
    let scope = Scope::sample();
    let condition = |text: &str| Expression::compile_bool(text, &scope).expect("the condition is sound");
    let formula = |text: &str| Expression::compile_number(text, &scope).expect("the formula is sound");
    let derived = |value| Derived { value, metric: "derived".to_owned(), unit: String::new() };
    Selection { filter: filter.map(condition), derived: value.map(formula).map(derived) }
}

fn select(c: &mut Criterion<CpuTime>) {
    let mut group = c.benchmark_group("selection");
    group.sample_size(20);
    let cases = [
        ("everything", selection(None, None)),
        // It holds for all rows: the same windows come out, and the difference is what the condition costs.
        ("where of series", selection(Some("metric =~ '^cpu_' and labels.host != ''"), None)),
        ("where of series and value", selection(Some("labels.zone in ['0', '1', '2', '3'] and value >= 0"), None)),
        ("where that takes a quarter", selection(Some("labels.zone == '1' and value >= 0"), None)),
        ("value", selection(None, Some("if(unit == '%', value, value / 100) * 2 + 1"))),
    ];
    for (encoding, name) in [(Encoding::Arrow(Compression::None), "arrow"), (Encoding::Json, "json")] {
        let entries = entries(encoding);
        group.throughput(Throughput::Elements(FRAMES * EVENTS_MAX as u64));
        for (case, selection) in &cases {
            group.bench_function(format!("{name}, {case}"), |b| {
                let mut outputs = Outputs::new();
                let prepared = || {
                    let spec = Spec { selection: selection.clone(), ..Spec::new("bench", 0, Duration::from_secs(10)) };
                    Windows::new(spec).expect("the spec is sound")
                };
                let routine = |mut operator: Windows| {
                    for entry in &entries {
                        operator.apply(entry, &mut outputs).expect("the frame was just encoded");
                        outputs.clear();
                    }
                    operator
                };
                b.iter_batched(prepared, routine, BatchSize::PerIteration);
            });
        }
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = CpuTime::criterion();
    targets = select
}
criterion_main!(benches);
