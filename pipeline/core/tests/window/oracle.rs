//! The windows by the book: keeps every event and computes everything anew each time.

use std::collections::BTreeMap;

use floodmark_core::{project, window::Spec};
use floodmark_schemas::{Aggregates, Event, Timestamp};

use crate::world::{SOURCES, Step, What, disorder};

/// What comes out, without what the oracle need not know (ids, positions).
#[derive(Clone, Debug, PartialEq)]
pub enum Out {
    Rollup { source: String, series: String, start: i64, end: i64, revision: u32, aggregates: Aggregates, values: Vec<f64> },
    Late { source: String, series: String, time: i64, value: f64, event: usize },
}

#[derive(Default)]
struct Source {
    watermark: Option<i64>,
    reached: Option<i64>,
    seen: i64,
    ended: bool,
}

type Key = (String, String);

#[derive(Default)]
struct Cell {
    order: usize,
    events: Vec<(i64, f64)>,
    revisions: u32,
}

pub struct Oracle<'a> {
    spec: &'a Spec,
    sources: BTreeMap<String, Source>,
    watermark: Option<i64>,
    windows: BTreeMap<i64, BTreeMap<Key, Cell>>,
    log_time: i64,
    events: usize,
    pub overflow: u64,
    pub out: Vec<Out>,
}

fn micros(time: std::time::Duration) -> i64 {
    time.as_micros() as i64
}

impl<'a> Oracle<'a> {
    pub fn run(spec: &'a Spec, steps: &[Step]) -> Self {
        let (sources, windows) = (BTreeMap::new(), BTreeMap::new());
        let mut oracle = Self { spec, sources, watermark: None, windows, log_time: 0, events: 0, overflow: 0, out: Vec::new() };
        steps.iter().for_each(|step| oracle.step(step));
        oracle
    }

    fn step(&mut self, step: &Step) {
        self.log_time = step.log_time;
        match &step.what {
            What::Events(events) => {
                self.source(step.source).ended = false;
                self.advance();
                events.iter().for_each(|event| self.event(step.source, event));
            }
            What::Promise(None) => self.source(step.source).ended = true,
            What::Promise(Some(time)) => {
                self.source(step.source).ended = false;
                self.promise(step.source, *time);
            }
            What::Tick(promises) => promises.iter().for_each(|(source, time)| self.promise(*source, *time)),
        }
        self.advance();
    }

    fn source(&mut self, source: usize) -> &mut Source {
        let source = self.sources.entry(SOURCES[source].to_owned()).or_default();
        source.seen = self.log_time;
        source
    }

    fn promise(&mut self, source: usize, time: i64) {
        let source = self.source(source);
        source.watermark = source.watermark.max(Some(time));
    }

    fn event(&mut self, source: usize, event: &Event) {
        let limit = self.log_time + micros(self.spec.future_limit);
        let time = event.time.micros();
        let progress = self.source(source);
        progress.reached = progress.reached.max(Some(time.min(limit)));
        progress.watermark = progress.watermark.max(Some(time.min(limit) - disorder(source)));
        self.advance();
        for (series, value) in project::samples_of(event) {
            self.sample((SOURCES[source].to_owned(), series.key()), time, value);
        }
        self.events += 1;
    }

    fn sample(&mut self, key: Key, time: i64, value: f64) {
        let size = micros(self.spec.size);
        let start = time - time.rem_euclid(size);
        let passed = |time: i64| self.watermark.is_some_and(|watermark| watermark >= time);
        if passed(start + size + micros(self.spec.allowed_lateness)) {
            let (source, series) = key;
            self.out.push(Out::Late { source, series, time, value, event: self.events });
            return;
        }
        let fired = passed(start + size);
        let live: std::collections::BTreeSet<&Key> = self.windows.values().flat_map(BTreeMap::keys).collect();
        if !live.contains(&key) && live.len() >= self.spec.series_max {
            self.overflow += 1;
            self.windows.entry(start).or_default();
            return;
        }
        let window = self.windows.entry(start).or_default();
        let order = window.len();
        let cell = window.entry(key.clone()).or_insert_with(|| Cell { order, ..Cell::default() });
        cell.events.push((time, value));
        if fired {
            self.out.push(rollup(&key, start, size, cell));
        }
    }

    fn advance(&mut self) {
        let size = micros(self.spec.size);
        let idle = micros(self.spec.idle_timeout);
        let active: Vec<&Source> = self.sources.values().filter(|s| !s.ended && self.log_time - s.seen <= idle).collect();
        let reached = self.sources.values().filter_map(|s| s.reached).max();
        let target = if !active.is_empty() {
            active.iter().map(|s| s.watermark).min().flatten()
        } else if self.sources.values().all(|s| s.ended) {
            self.windows.keys().last().map(|start| start + size)
        } else {
            reached.map(|time| time - time.rem_euclid(size) + size)
        };
        if target <= self.watermark {
            return;
        }
        let (before, now) = (self.watermark, target.expect("it is more than something"));
        self.watermark = target;
        for (start, window) in &mut self.windows {
            if start + size <= now && before.is_none_or(|before| before < start + size) {
                let mut cells: Vec<_> = window.iter_mut().collect();
                cells.sort_by_key(|(_, cell)| cell.order);
                self.out.extend(cells.into_iter().map(|(key, cell)| rollup(key, *start, size, cell)));
            }
        }
        self.windows.retain(|start, _| start + size + micros(self.spec.allowed_lateness) > now);
    }

    pub fn watermark(&self) -> Option<Timestamp> {
        self.watermark.map(Timestamp::from_micros)
    }
}

fn rollup((source, series): &Key, start: i64, size: i64, cell: &mut Cell) -> Out {
    let values: Vec<f64> = cell.events.iter().map(|(_, value)| *value).collect();
    let count = values.len() as f64;
    let sum = values.iter().fold(0.0, |sum, value| sum + value);
    let (mut mean, mut m2) = (0.0, 0.0);
    for (n, value) in (1..).zip(&values) {
        let delta = value - mean;
        mean += delta / f64::from(n);
        m2 += delta * (value - mean);
    }
    // Sorting is stable: of equal times the first stays first and the last last.
    let mut by_time = cell.events.clone();
    by_time.sort_by_key(|(time, _)| *time);
    let aggregates = Aggregates {
        count: values.len() as u64,
        sum: Some(sum),
        mean: Some(sum / count),
        min: values.iter().copied().reduce(f64::min),
        max: values.iter().copied().reduce(f64::max),
        stddev: Some((m2 / count).sqrt()),
        first: by_time.first().map(|(_, value)| *value),
        last: by_time.last().map(|(_, value)| *value),
        quantiles: BTreeMap::new(),
    };
    let revision = cell.revisions;
    cell.revisions += 1;
    Out::Rollup { source: source.clone(), series: series.clone(), start, end: start + size, revision, aggregates, values }
}
