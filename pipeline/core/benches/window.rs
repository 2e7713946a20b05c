//! Windows over columns, without decoding: all aggregates but quantiles, 10 s windows, 30 s lateness, 2 s disorder, 0.1 %
//! late, in frames of 1,000. Also the memory of 1,000,000 series in five windows each, and the time of a snapshot.

mod cpu_time;

use std::time::Duration;

use cpu_time::CpuTime;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use floodmark_core::ports::{Operator, Outputs};
use floodmark_core::window::{Batch, Columns, Shape, Spec, Unit, Windows, Zone};
use floodmark_schemas::{Series, Timestamp};

/// As in the binary: rollups are many small allocations.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const START: i64 = 1_790_000_000_000_000;
const FRAME: usize = 1_000;

fn operator(series: usize) -> (Windows, u32, Vec<u32>) {
    operator_of(Spec::new("bench", 0, Duration::from_secs(10)), series)
}

fn operator_of(spec: Spec, series: usize) -> (Windows, u32, Vec<u32>) {
    // Columns are folded without their frames: nobody says that the lane is still there.
    let spec = Spec { idle_timeout: Duration::from_secs(86_400), ..spec };
    let mut operator = Windows::new(spec).expect("the spec is sound");
    let lane = operator.lane("load", Timestamp::from_micros(START));
    let name = |i: usize| Series::new("cpu_usage").label("host", format!("host-{i:07}")).label("zone", (i % 16).to_string());
    let ids = (0..series).map(|i| operator.series(lane, &name(i))).collect();
    (operator, lane, ids)
}

/// Frames of events `step_us` apart, on series in a scattered order.
fn frames(count: usize, ids: &[u32], step_us: i64) -> Vec<Columns> {
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
            let late = if next() % 1_000 == 0 { 60_000_000 } else { 0 };
            let time = START + n * step_us - (next() % 2_000_000) as i64 - late;
            columns.push(index, time, ids[next() as usize % ids.len()], (next() % 100_000) as f64 / 1_000.0);
            n += 1;
        }
        columns
    };
    (0..count).map(frame).collect()
}

fn fold_all(operator: &mut Windows, lane: u32, frames: &[Columns], outputs: &mut Outputs) {
    for (position, columns) in (1..).zip(frames) {
        let log_time = columns.time[FRAME - 1].max(START) + 1_000_000;
        operator.fold(Batch { lane, log_time, position, disorder_us: 2_000_000, columns }, outputs);
        outputs.clear();
    }
}

fn fold(c: &mut Criterion<CpuTime>) {
    let mut group = c.benchmark_group("window");
    group.sample_size(20);
    // Once a second a series is what a scrape does, and a rollup comes out for ten events; the dense load shows the fold alone.
    for (name, series, step_us) in [("1 a second", 1_000, 1_000), ("1 a second", 100_000, 10), ("dense", 1_000, 20), ("dense", 100_000, 1)]
    {
        let (_, _, ids) = operator(series);
        let frames = frames(2_000, &ids, step_us);
        group.throughput(Throughput::Elements((frames.len() * FRAME) as u64));
        group.bench_function(format!("{series} series, {name}"), |b| {
            let mut outputs = Outputs::new();
            let prepared = || operator(series);
            let routine = |(mut operator, lane, _): (Windows, u32, Vec<u32>)| {
                fold_all(&mut operator, lane, &frames, &mut outputs);
                operator
            };
            b.iter_batched(prepared, routine, BatchSize::PerIteration);
        });
    }
    group.finish();
}

/// Windows of other shapes, once a second a series. An hour every second over 1,000 series stands beside what gives as many
/// rollups: tumbling windows of a second. Two hours of log, so that the boundary moves twice.
fn shapes(c: &mut Criterion<CpuTime>) {
    let mut group = c.benchmark_group("shapes");
    group.sample_size(10);
    let secs = Duration::from_secs;
    let zone = Zone::named("Europe/Berlin").expect("there is such a zone");
    let spec = |shape, size| Spec { shape, ..Spec::new("bench", 0, size) };
    for (name, series, step_us, count, spec) in [
        ("tumbling 1 s", 1_000, 1_000, 7_200, spec(Shape::Tumbling, secs(1))),
        ("hopping 1 h / 1 s", 1_000, 1_000, 7_200, spec(Shape::Hopping { slide: secs(1) }, secs(3_600))),
        ("hopping 1 m / 10 s", 100_000, 10, 2_000, spec(Shape::Hopping { slide: secs(10) }, secs(60))),
        ("session, gap 5 s", 1_000, 1_000, 2_000, spec(Shape::Session, secs(5))),
        ("session, gap 5 s", 100_000, 10, 2_000, spec(Shape::Session, secs(5))),
        ("calendar days", 1_000, 1_000, 2_000, spec(Shape::Calendar { unit: Unit::Day, zone: zone.clone() }, secs(1))),
        ("calendar days", 100_000, 10, 2_000, spec(Shape::Calendar { unit: Unit::Day, zone: zone.clone() }, secs(1))),
    ] {
        let (_, _, ids) = operator_of(spec.clone(), series);
        let frames = frames(count, &ids, step_us);
        group.throughput(Throughput::Elements((frames.len() * FRAME) as u64));
        group.bench_function(format!("{name}, {series} series"), |b| {
            let mut outputs = Outputs::new();
            let routine = |(mut operator, lane, _): (Windows, u32, Vec<u32>)| {
                fold_all(&mut operator, lane, &frames, &mut outputs);
                operator
            };
            b.iter_batched(|| operator_of(spec.clone(), series), routine, BatchSize::PerIteration);
        });
    }
    group.finish();
}

/// Resident memory of this process in MiB, as Linux tells it.
fn resident_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or("0");
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap_or(f64::NAN) / 1024.0
}

/// One event of each series in `window`.
fn fold_window(operator: &mut Windows, lane: u32, ids: &[u32], window: i64, mut fired: impl FnMut(&mut Outputs)) {
    let mut outputs = Outputs::new();
    for (n, chunk) in (0..).zip(ids.chunks(FRAME)) {
        let mut columns = Columns { events: chunk.len() as u64, ..Columns::default() };
        for (index, id) in (0..).zip(chunk) {
            columns.push(index, START + window * 10_000_000 + n * 9_000, *id, f64::from(index) / 8.0);
        }
        let (log_time, position) = (columns.time[0], n as u64);
        operator.fold(Batch { lane, log_time, position, disorder_us: 2_000_000, columns: &columns }, &mut outputs);
        fired(&mut outputs);
    }
}

#[expect(clippy::print_stdout, reason = "a benchmark prints what it finds")]
fn memory(_: &mut Criterion<CpuTime>) {
    let before = resident_mib();
    let (mut operator, lane, ids) = operator(1_000_000);
    println!("1,000,000 series: table {:.0} MiB", resident_mib() - before);
    // A second source that has sent nothing holds the watermark, so that windows fill and none fires.
    operator.lane("silent", Timestamp::from_micros(START + 60_000_000));
    for window in 0..5 {
        fold_window(&mut operator, lane, &ids, window, |_| ());
        println!("with {} windows of all series: {:.0} MiB", window + 1, resident_mib() - before);
    }
    let start = CpuTime::now();
    let snapshot = operator.snapshot();
    println!("snapshot: {} MiB in {:.2} s", snapshot.len() >> 20, (CpuTime::now() - start).as_secs_f64());
    let start = CpuTime::now();
    operator.restore(&snapshot).expect("it was just taken");
    println!("restored in {:.2} s", (CpuTime::now() - start).as_secs_f64());
    drop(snapshot);

    let (mut operator, lane, ids) = self::operator(1_000_000);
    let (mut rollups, mut peak) = (0, 0.0_f64);
    let start = CpuTime::now();
    for window in 0..5 {
        fold_window(&mut operator, lane, &ids, window, |outputs| {
            if !outputs.is_empty() {
                peak = peak.max(resident_mib());
                rollups += outputs.len();
                *outputs = Outputs::new();
            }
        });
    }
    let secs = (CpuTime::now() - start).as_secs_f64();
    println!(
        "5,000,000 events and {rollups} rollups in {secs:.2} s; most memory while 1,000,000 rollups were held: {:.0} MiB",
        peak - before
    );
}

criterion_group! {
    name = benches;
    config = CpuTime::criterion();
    targets = memory, fold, shapes
}
criterion_main!(benches);
