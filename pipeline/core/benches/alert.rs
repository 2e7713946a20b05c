//! What rules cost: a thousand rules with limits, hysteresis and `for` over ten thousand series, ten series each, and one rule over all of
//! them, fed with whole frames. An input is one sample that one rule judges; the aim is 500,000 a second and core.
//!
//! `decode` is what it costs to read a frame that a rule then takes nothing of: what every further rule over the same events pays.

mod cpu_time;

use cpu_time::CpuTime;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use floodmark_core::alert::{Condition, Input, Limit, Limits, Rule, Side, Spec, Timing};
use floodmark_core::ports::{Entry, Operator, Outputs, Position};
use floodmark_schemas::frame::{self, Compression, EVENTS_MAX};
use floodmark_schemas::{BatchBuilder, Encoding, FrameHeader, Series, Severity, Timestamp, subject};

/// As in the binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const START: i64 = 1_790_000_000_000_000;
const RULES: usize = 1_000;
const SERIES: usize = 10_000;

/// Frames of one source whose samples go through these series in turn; one value in a thousand is beyond the limit.
fn entries(metric: &str, series: usize, samples: usize, encoding: Encoding) -> Vec<Entry> {
    let mut builder = BatchBuilder::default();
    let name = |i: usize| Series::new(metric).label("host", format!("h{i:05}"));
    let ids: Vec<_> = (0..series).map(|i| builder.series(&name(i))).collect();
    let mut entries = Vec::new();
    for first in (0..samples).step_by(EVENTS_MAX) {
        let count = EVENTS_MAX.min(samples - first);
        for n in first..first + count {
            let value = ((n * 7_919) % 1_000) as f64 / 10.0;
            builder.sample(ids[n % series], START + (n / series) as i64 * 1_000_000, value, "");
        }
        let number = entries.len() as u64 + 1;
        let source = "load".to_owned();
        let header = FrameHeader { source, epoch: 1, number, count: count as u32, encoding, ..FrameHeader::default() };
        let body = frame::encode(&builder.take(), encoding, "load", "f");
        let time = Timestamp::from_micros(START + number as i64 * 1_000_000);
        let (position, subject, headers) = (Position(number), subject::events(0, "load"), header.to_headers());
        entries.push(Entry { position, time, subject, id: None, headers, body });
    }
    entries
}

fn rule(id: usize, metrics: Option<Vec<String>>) -> Rule {
    let limit = |severity, at| Limit { severity, side: Side::Above, at, recover_at: at - 5.0 };
    let limits = Limits(vec![limit(Severity::Warning, 99.8), limit(Severity::Critical, 200.0)]);
    let timing = Timing { for_us: 5_000_000, keep_firing_for_us: 5_000_000, ..Timing::default() };
    let spec = Spec::new(format!("rule{id}"), 0, Input::Samples, Condition::Limits(limits));
    Rule::new(Spec { timing, metrics, ..spec }).expect("the spec is sound")
}

fn apply(rule: &mut Rule, entries: &[Entry], outputs: &mut Outputs) {
    for entry in entries {
        rule.apply(entry, outputs).expect("the frame was just encoded");
        outputs.clear();
    }
}

fn rules(c: &mut Criterion<CpuTime>) {
    let mut group = c.benchmark_group("alert");
    group.sample_size(10);
    for (encoding, name) in [(Encoding::Arrow(Compression::None), "arrow"), (Encoding::Json, "json")] {
        let all = entries("load", SERIES, 500_000, encoding);
        group.throughput(Throughput::Elements(500_000));
        group.bench_function(format!("{name}, one rule over {SERIES} series"), |b| {
            let mut outputs = Outputs::new();
            b.iter_batched(
                || rule(0, None),
                |mut rule| {
                    apply(&mut rule, &all, &mut outputs);
                    rule
                },
                BatchSize::PerIteration,
            );
        });
        group.bench_function(format!("{name}, decode"), |b| {
            let mut outputs = Outputs::new();
            let none = || rule(0, Some(vec!["other".to_owned()]));
            b.iter_batched(
                none,
                |mut rule| {
                    apply(&mut rule, &all, &mut outputs);
                    rule
                },
                BatchSize::PerIteration,
            );
        });
        // Each rule has its own ten series, and all take turns, so that no rule stays in the cache.
        let of_one = entries("load", SERIES / RULES, 1_000, encoding);
        group.throughput(Throughput::Elements((RULES * 1_000) as u64));
        group.bench_function(format!("{name}, {RULES} rules over {SERIES} series"), |b| {
            let mut outputs = Outputs::new();
            let routine = |mut rules: Vec<Rule>| {
                rules.iter_mut().for_each(|rule| apply(rule, &of_one, &mut outputs));
                rules
            };
            b.iter_batched(|| (0..RULES).map(|id| rule(id, None)).collect(), routine, BatchSize::PerIteration);
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = CpuTime::criterion();
    targets = rules
}
criterion_main!(benches);
