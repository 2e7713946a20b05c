//! The windows by the book: keeps every event and computes everything anew each time.

mod sessions;
mod spans;

use std::collections::BTreeMap;

use floodmark_core::project;
use floodmark_core::window::{Shape, Spec};
use floodmark_schemas::{Aggregates, Event, Series, Timestamp};

use crate::world::{LANES, SOURCES, Step, What, disorder};
use sessions::Sessions;
use spans::Spans;

/// What comes out, without what the oracle need not know (ids, positions).
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "a test may take the room")]
pub enum Out {
    Rollup { source: String, series: String, start: i64, end: i64, revision: u32, aggregates: Aggregates, values: Vec<f64> },
    Late { source: String, series: String, time: i64, value: f64, event: usize },
}

#[derive(Default)]
struct Lane {
    watermark: Option<i64>,
    reached: Option<i64>,
    seen: i64,
    ended: bool,
}

/// A source and a series.
type Key = (String, String);

/// What a number came to grief by.
#[derive(Default)]
struct Fate {
    /// One of its windows was gone, or all.
    late: bool,
    /// There were too many series.
    overflow: bool,
}

enum Windows {
    Spans(Spans),
    Sessions(Sessions),
}

pub struct Oracle<'a> {
    spec: &'a Spec,
    /// By source, shard and partition.
    lanes: BTreeMap<(usize, Option<u32>, u32), Lane>,
    watermark: Option<i64>,
    windows: Windows,
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
        let windows = match spec.shape {
            Shape::Session => Windows::Sessions(Sessions::default()),
            _ => Windows::Spans(Spans::default()),
        };
        let (lanes, out) = Default::default();
        let mut oracle = Self { spec, lanes, watermark: None, windows, log_time: 0, events: 0, overflow: 0, out };
        steps.iter().for_each(|step| oracle.step(step));
        oracle
    }

    fn step(&mut self, step: &Step) {
        self.log_time = step.log_time;
        let (shard, partition) = LANES[step.lane];
        let lane = (step.source, shard, partition);
        match &step.what {
            What::Events(events) => {
                self.lane(lane).ended = false;
                self.advance();
                events.iter().for_each(|event| self.event(lane, event));
            }
            What::Promise(None) => self.lane(lane).ended = true,
            What::Promise(Some(time)) => {
                let lane = self.lane(lane);
                lane.ended = false;
                lane.watermark = lane.watermark.max(Some(*time));
            }
            What::Tick(promises) => {
                promises.iter().for_each(|(source, lane, time)| self.promise((*source, LANES[*lane].0, partition), *time));
            }
        }
        self.advance();
    }

    fn lane(&mut self, lane: (usize, Option<u32>, u32)) -> &mut Lane {
        let lane = self.lanes.entry(lane).or_default();
        lane.seen = self.log_time;
        lane
    }

    /// For all lanes of a writer; if it has none yet, for that in the partition of the tick.
    fn promise(&mut self, writer: (usize, Option<u32>, u32), time: i64) {
        let of = |lane: &(usize, Option<u32>, u32)| (lane.0, lane.1) == (writer.0, writer.1);
        let mut known: Vec<_> = self.lanes.keys().filter(|lane| of(lane)).copied().collect();
        if known.is_empty() {
            known.push(writer);
        }
        for lane in known {
            let lane = self.lane(lane);
            lane.watermark = lane.watermark.max(Some(time));
        }
    }

    fn event(&mut self, lane: (usize, Option<u32>, u32), event: &Event) {
        let limit = self.log_time + micros(self.spec.future_limit);
        let time = event.time.micros();
        let progress = self.lane(lane);
        progress.reached = progress.reached.max(Some(time.min(limit)));
        progress.watermark = progress.watermark.max(Some(time.min(limit) - disorder(lane.0)));
        self.advance();
        for (series, value) in project::samples_of(event) {
            self.sample((SOURCES[lane.0].to_owned(), self.group(series).key()), time, value);
        }
        self.events += 1;
    }

    fn group(&self, mut series: Series) -> Series {
        if let Some(labels) = &self.spec.group_by {
            series.labels.retain(|label, _| labels.contains(label));
        }
        series
    }

    fn sample(&mut self, key: Key, time: i64, value: f64) {
        let mut out = Vec::new();
        let fate = match &mut self.windows {
            Windows::Spans(spans) => spans.take(self.spec, self.watermark, &key, (time, value), &mut out),
            Windows::Sessions(sessions) => sessions.take(self.spec, self.watermark, &key, (time, value), &mut out),
        };
        if fate.late {
            let (source, series) = key;
            self.out.push(Out::Late { source, series, time, value, event: self.events });
        }
        self.overflow += u64::from(fate.overflow);
        self.out.append(&mut out);
    }

    fn advance(&mut self) {
        let idle = micros(self.spec.idle_timeout);
        let active: Vec<&Lane> = self.lanes.values().filter(|lane| !lane.ended && self.log_time - lane.seen <= idle).collect();
        let reached = self.lanes.values().filter_map(|lane| lane.reached).max();
        let target = if !active.is_empty() {
            active.iter().map(|lane| lane.watermark).min().flatten()
        } else if self.lanes.values().all(|lane| lane.ended) {
            match &self.windows {
                Windows::Spans(spans) => spans.last_end(),
                Windows::Sessions(sessions) => sessions.last_end(micros(self.spec.size)),
            }
        } else {
            reached.map(|time| match &self.windows {
                Windows::Spans(_) => spans::spans_of(self.spec, time).last().expect("every time has a window").1,
                Windows::Sessions(_) => time + micros(self.spec.size),
            })
        };
        if target <= self.watermark {
            return;
        }
        let now = target.expect("it is more than something");
        match &mut self.windows {
            Windows::Spans(spans) => spans.advance(self.spec, self.watermark, now, &mut self.out),
            Windows::Sessions(sessions) => sessions.advance(self.spec, now, &mut self.out),
        }
        self.watermark = target;
    }

    pub fn watermark(&self) -> Option<Timestamp> {
        self.watermark.map(Timestamp::from_micros)
    }
}

/// The aggregates of events in the order of the log, `sum` apart: it depends on the order of addition.
fn aggregates(events: &[(i64, f64)], sum: f64) -> Aggregates {
    let values = || events.iter().map(|(_, value)| *value);
    let count = events.len() as f64;
    let (mut mean, mut m2) = (0.0, 0.0);
    for (n, value) in (1..).zip(values()) {
        let delta = value - mean;
        mean += delta / f64::from(n);
        m2 += delta * (value - mean);
    }
    // Sorting is stable: of equal times the first stays first and the last last.
    let mut by_time = events.to_vec();
    by_time.sort_by_key(|(time, _)| *time);
    Aggregates {
        count: events.len() as u64,
        sum: Some(sum),
        mean: Some(sum / count),
        min: values().reduce(f64::min),
        max: values().reduce(f64::max),
        stddev: Some((m2 / count).sqrt()),
        first: by_time.first().map(|(_, value)| *value),
        last: by_time.last().map(|(_, value)| *value),
        ..Aggregates::default()
    }
}

fn rollup(key: &Key, (start, end): (i64, i64), revision: u32, events: &[(i64, f64)], sum: f64) -> Out {
    let (source, series) = key.clone();
    let values = events.iter().map(|(_, value)| *value).collect();
    Out::Rollup { source, series, start, end, revision, aggregates: aggregates(events, sum), values }
}
