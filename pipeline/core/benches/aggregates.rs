//! Windows over columns with one kind of aggregate each: 1,000 series, 10 s windows, 1,000 different values, in frames of
//! 1,000. `usual` is what the others are compared with; `out of order` gives chains times that go back by up to 2 s.

mod cpu_time;

use std::time::Duration;

use cpu_time::CpuTime;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use floodmark_core::ports::Outputs;
use floodmark_core::window::{Aggregate, Amount, Batch, By, Columns, Spec, Top, Windows};
use floodmark_schemas::{Series, Timestamp};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const START: i64 = 1_790_000_000_000_000;
const FRAME: usize = 1_000;
const FRAMES: usize = 1_000;
const SERIES: usize = 1_000;

fn operator(spec: &Spec) -> (Windows, u32, Vec<u32>) {
    let mut operator = Windows::new(spec.clone()).expect("the spec is sound");
    let lane = operator.lane("load", Timestamp::from_micros(START));
    let name = |i: usize| Series::new("requests").label("host", format!("host-{i:07}"));
    let ids = (0..SERIES).map(|i| operator.series(lane, &name(i))).collect();
    (operator, lane, ids)
}

/// Frames of events 20 us apart on series in a scattered order, whose times go back by up to `disorder_us`.
fn frames(ids: &[u32], disorder_us: u64) -> Vec<Columns> {
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move || {
        // xorshift64, G. Marsaglia, Xorshift RNGs, 2003.
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random
    };
    let mut n = 0;
    let frame = |_| {
        let mut columns = Columns { events: FRAME as u64, ..Columns::default() };
        for index in 0..FRAME as u32 {
            let time = START + n * 20 - (next() % disorder_us) as i64;
            columns.push(index, time, ids[next() as usize % ids.len()], (next() % 1_000) as f64);
            n += 1;
        }
        columns
    };
    (0..FRAMES).map(frame).collect()
}

fn aggregates(c: &mut Criterion<CpuTime>) {
    let mut group = c.benchmark_group("aggregates");
    group.sample_size(20).throughput(Throughput::Elements((FRAMES * FRAME) as u64));
    let none = Spec { aggregates: [Aggregate::Count].into_iter().collect(), ..Spec::new("bench", 0, Duration::from_secs(10)) };
    let increase = Spec { aggregates: [Aggregate::Increase].into_iter().collect(), ..none.clone() };
    let top = |of| Some(Top { k: 5, by: By::Value, of });
    let minute = Some(Duration::from_secs(60));
    for (name, disorder_us, spec) in [
        ("count", 1, none.clone()),
        ("usual", 1, Spec::new("bench", 0, Duration::from_secs(10))),
        ("quantiles", 1, Spec { quantiles: vec![0.5, 0.99], ..none.clone() }),
        ("distinct", 1, Spec { distinct: Some(By::Value), ..none.clone() }),
        ("histogram", 1, Spec { histogram: (1..=10).map(|n| f64::from(n * 100)).collect(), ..none.clone() }),
        ("top by count", 1, Spec { top: top(Amount::Count), ..none.clone() }),
        ("increase", 1, increase.clone()),
        ("increase, out of order", 2_000_000, increase),
        ("availability", 1, Spec { availability: minute, ..none }),
    ] {
        let (_, _, ids) = operator(&spec);
        let frames = frames(&ids, disorder_us);
        group.bench_function(name, |b| {
            let mut outputs = Outputs::new();
            let routine = |(mut operator, lane, _): (Windows, u32, Vec<u32>)| {
                for (position, columns) in (1..).zip(&frames) {
                    let log_time = columns.time[FRAME - 1].max(START) + 1_000_000;
                    operator.fold(Batch { lane, log_time, position, disorder_us: 2_000_000, columns }, &mut outputs);
                    outputs.clear();
                }
                operator
            };
            b.iter_batched(|| operator(&spec), routine, BatchSize::PerIteration);
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = CpuTime::criterion();
    targets = aggregates
}
criterion_main!(benches);
