//! The anomaly detector alone: samples a minute apart with a daily cycle and noise, over as many series as fit the cache and over many.
//! Also the memory of 100,000 series.

mod cpu_time;

use cpu_time::CpuTime;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use floodmark_core::anomaly::Detector;

/// As in the binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const START: i64 = 1_790_000_000_000_000;
const EVENTS: usize = 200_000;

fn values() -> Vec<f64> {
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut noise = move || {
        // xorshift64, G. Marsaglia, Xorshift RNGs, 2003.
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        (random % 1_000_000) as f64 / 1e6
    };
    (0..EVENTS).map(|n| 50.0 + 20.0 * ((n % 1_440) as f64 / 1_440.0 * std::f64::consts::TAU).sin() + 5.0 * noise()).collect()
}

/// Gives every series its next value in turn.
fn score_all(series: &mut [Box<Detector>], values: &[f64]) -> f64 {
    let (count, mut sum) = (series.len(), 0.0);
    for (n, value) in values.iter().enumerate() {
        let time = START + (n / count) as i64 * 60_000_000;
        sum += series[n % count].score(time, *value).map_or(0.0, |judged| judged.score());
    }
    sum
}

fn score(c: &mut Criterion<CpuTime>) {
    let values = values();
    let mut group = c.benchmark_group("anomaly");
    group.sample_size(10).throughput(Throughput::Elements(EVENTS as u64));
    for count in [1, 100, 10_000] {
        // Their maps are full and their profiles known: the state that lasts.
        let mut learnt: Vec<Box<Detector>> = vec![Box::default(); count];
        (0..if count > 1_000 { 60 } else { 1 }).for_each(|_| assert!(score_all(&mut learnt, &values).is_finite()));
        group.bench_function(format!("{count} series"), |b| {
            b.iter_batched(|| learnt.clone(), |mut series| (score_all(&mut series, &values), series), BatchSize::PerIteration);
        });
    }
    group.finish();
}

#[expect(clippy::print_stdout, reason = "a benchmark prints what it finds")]
fn memory(_: &mut Criterion<CpuTime>) {
    let resident = || {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or("0");
        line.trim().trim_end_matches(" kB").parse::<f64>().unwrap_or(f64::NAN)
    };
    let before = resident();
    let series: Vec<Box<Detector>> = (0..100_000).map(|_| Box::default()).collect();
    println!(
        "{} series: {:.2} KiB each, of which {} bytes stay for ever",
        series.len(),
        (resident() - before) / 1e5,
        size_of::<Detector>()
    );
}

criterion_group! {
    name = benches;
    config = CpuTime::criterion();
    targets = memory, score
}
criterion_main!(benches);
