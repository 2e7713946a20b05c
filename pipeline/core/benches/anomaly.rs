//! The anomaly detector alone: samples a minute apart with a daily cycle and noise, over as many series as fit the cache and over many.
//! Also the memory of 1,000,000 series.

mod cpu_time;

use cpu_time::CpuTime;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use floodmark_core::anomaly::{Anomaly, Detector, Spec};
use floodmark_core::ports::{Entry, Operator, Outputs, Position};
use floodmark_schemas::batch::SeriesRef;
use floodmark_schemas::frame::{self, Compression, EVENTS_MAX};
use floodmark_schemas::{BatchBuilder, Encoding, FrameHeader, Series, Timestamp, subject};

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

/// One value of each of `count` series, in whole frames.
fn round(builder: &mut BatchBuilder, series: &[SeriesRef], number: u64) -> impl Iterator<Item = Entry> {
    let time = START + number as i64 * 60_000_000;
    (0..).zip(series.chunks(EVENTS_MAX)).map(move |(n, chunk)| {
        for (i, series) in (0..).zip(chunk) {
            let value = 50.0 + ((number as usize * 7_919 + i * 104_729) % 1_000) as f64 / 100.0;
            builder.sample(*series, time, value, "");
        }
        let (encoding, count) = (Encoding::Arrow(Compression::None), chunk.len() as u32);
        let body = frame::encode(&builder.take(), encoding, "load", "f");
        let number = number * 10_000 + n;
        let header = FrameHeader { source: "load".to_owned(), epoch: 1, number, count, encoding, ..FrameHeader::default() };
        let (subject, headers) = (subject::events(0, "load"), header.to_headers());
        Entry { position: Position(number), time: Timestamp::from_micros(time), subject, id: None, headers, body }
    })
}

/// What a million series hold while they learn, with all that an operator keeps of them: that is when they hold most.
#[expect(clippy::print_stdout, reason = "a benchmark prints what it finds")]
fn memory(_: &mut Criterion<CpuTime>) {
    let resident = || {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or("0");
        line.trim().trim_end_matches(" kB").parse::<f64>().unwrap_or(f64::NAN)
    };
    println!("one series: {} bytes that stay for ever", size_of::<Detector>());
    let mut builder = BatchBuilder::default();
    let name = |i: usize| Series::new("cpu_usage").label("host", format!("host-{i:07}")).label("zone", (i % 16).to_string());
    let series: Vec<SeriesRef> = (0..1_000_000).map(|i| builder.series(&name(i))).collect();
    let before = resident();
    let mut operator = Anomaly::new(Spec { series_max: series.len(), ..Spec::new("bench", 0) }).expect("the spec is sound");
    let mut outputs = Outputs::new();
    let start = CpuTime::now();
    for number in 0..12 {
        for entry in round(&mut builder, &series, number) {
            operator.apply(&entry, &mut outputs).expect("the frame was just encoded");
            outputs.clear();
        }
    }
    println!(
        "{} series: {:.2} GB; {:.0} s for 12 values of each, with the making of the frames",
        operator.live_series(),
        (resident() - before) * 1_024.0 / 1e9,
        (CpuTime::now() - start).as_secs_f64()
    );
}

criterion_group! {
    name = benches;
    config = CpuTime::criterion();
    targets = memory, score
}
criterion_main!(benches);
