//! What may happen on a partition, and the log entries that say so.

use bytes::Bytes;
use floodmark_core::ports::{Entry, Position};
use floodmark_schemas::frame::Compression;
use floodmark_schemas::{Check, Encoding, Event, EventBatch, FrameHeader, Phases, Reason, Record, Series, Timestamp, frame, subject};
use proptest::prelude::*;

pub const SECOND: i64 = 1_000_000;
pub const SOURCES: [&str; 3] = ["a", "b", "c"];
/// The lanes that a source may write on: a shard and a partition each.
pub const LANES: [(Option<u32>, u32); 4] = [(None, 0), (Some(1), 0), (Some(1), 2), (None, 2)];

/// What happens at one log time.
#[derive(Clone, Debug)]
pub enum What {
    /// A source sends events.
    Events(Vec<Event>),
    /// A source promises; `None` is the end.
    Promise(Option<i64>),
    /// The ticker promises for writers: a source, one of its lanes, and until when.
    Tick(Vec<(usize, usize, i64)>),
}

#[derive(Clone, Debug)]
pub struct Step {
    pub log_time: i64,
    pub source: usize,
    /// Which of [`LANES`]; of a tick the partition alone.
    pub lane: usize,
    pub what: What,
}

/// By how much event times of a source may go backwards.
pub fn disorder(source: usize) -> i64 {
    [0, 2, 5][source] * SECOND
}

/// Steps on the first so many lanes.
pub fn steps(lanes: usize) -> impl Strategy<Value = Vec<Step>> {
    let step = (0..12i64, 0..SOURCES.len(), 0..lanes, what(lanes));
    prop::collection::vec(step, 1..40).prop_map(|steps| {
        // Around the epoch, so that windows before it are met too.
        let mut log_time = -60 * SECOND;
        let step = |(wait, source, lane, what): (i64, usize, usize, Rough)| {
            log_time += wait * wait / 4 * SECOND;
            Step { log_time, source, lane, what: what.at(log_time, SOURCES[source]) }
        };
        steps.into_iter().map(step).collect()
    })
}

/// The same steps as if each second had been `factor` and the first had come at `base`.
pub fn scaled(steps: &[Step], base: i64, factor: i64) -> Vec<Step> {
    let scale = |time: i64| base + time * factor;
    let mut steps = steps.to_vec();
    for step in &mut steps {
        step.log_time = scale(step.log_time);
        match &mut step.what {
            What::Events(events) => events.iter_mut().for_each(|event| event.time = Timestamp::from_micros(scale(event.time.micros()))),
            What::Promise(promise) => *promise = promise.map(scale),
            What::Tick(promises) => promises.iter_mut().for_each(|(_, _, time)| *time = scale(*time)),
        }
    }
    steps
}

/// A [`What`] whose times are relative.
#[derive(Clone, Debug)]
enum Rough {
    Events(Vec<(i64, u8, i16)>),
    Promise(Option<i64>),
    Tick(Vec<(usize, usize, i64)>),
}

fn what(lanes: usize) -> impl Strategy<Value = Rough> {
    let offset = prop_oneof![8 => -15 * SECOND..2 * SECOND, 2 => -90 * SECOND..30 * SECOND, 1 => Just(500 * SECOND), 3 => (-8i64..1).prop_map(|s| s * SECOND)];
    let event = (offset, 0..9u8, any::<i16>());
    prop_oneof![
        8 => prop::collection::vec(event, 1..12).prop_map(Rough::Events),
        1 => prop::option::of(-20 * SECOND..5 * SECOND).prop_map(Rough::Promise),
        2 => prop::collection::vec((0..SOURCES.len(), 0..lanes, -10 * SECOND..0), 0..3).prop_map(Rough::Tick),
    ]
}

impl Rough {
    fn at(self, log_time: i64, source: &str) -> What {
        match self {
            Self::Events(events) => {
                let event = |(offset, kind, value)| event(source, log_time + offset, kind, f64::from(value) / 8.0);
                What::Events(events.into_iter().map(event).collect())
            }
            Self::Promise(offset) => What::Promise(offset.map(|offset| log_time + offset)),
            Self::Tick(promises) => {
                What::Tick(promises.into_iter().map(|(source, lane, offset)| (source, lane, log_time + offset)).collect())
            }
        }
    }
}

/// An event of one of nine kinds.
pub fn event(source: &str, time: i64, kind: u8, value: f64) -> Event {
    let time = Timestamp::from_micros(time);
    match kind {
        0..=5 => Event::sample(
            source,
            "s",
            time,
            Series::new(["load", "cpu", "mem"][kind as usize % 3]).label("n", (kind / 3).to_string()),
            value,
        ),
        6 => {
            let phases = Phases { connect_us: Some(value.abs() as u64), ..Phases::default() };
            let check =
                Check { up: Some(value > 0.0), duration_us: Some(1_000), phases, certificate_expires: Some(time), ..Check::of("t") };
            Event::check(source, "c", time, check)
        }
        7 => Event::check(source, "m", time, Check { reason: Some(Reason::Missed), ..Check::of("t") }),
        _ => Event::record(source, "r", time, Record { name: "note".to_owned(), fact: Default::default() }),
    }
}

/// The log entries of the steps, with events cut into frames of the lengths in `cuts` (in turn) and encoded as JSON or Arrow by
/// the parity of the same numbers. Every event is given with the (position, index) it had when uncut, to compare late outputs.
pub fn entries(steps: &[Step], cuts: &[usize]) -> (Vec<Entry>, Vec<(u64, u32)>) {
    let mut log = Writer::default();
    let mut places = Vec::new();
    let mut cuts = cuts.iter().copied().cycle();
    for step in steps {
        match &step.what {
            What::Events(events) => {
                let mut rest = events.as_slice();
                while !rest.is_empty() {
                    let cut = cuts.next().unwrap_or(usize::MAX);
                    let (now, later) = rest.split_at(cut.clamp(1, rest.len()));
                    let encoding = if cut.is_multiple_of(2) { Encoding::Arrow(Compression::None) } else { Encoding::Json };
                    log.frame(step, now, None, encoding);
                    places.extend((0..now.len() as u32).map(|index| (log.entries.len() as u64, index)));
                    rest = later;
                }
            }
            What::Promise(time) => log.frame(step, &[], Some(time.map_or(Timestamp::MAX, Timestamp::from_micros)), Encoding::Json),
            What::Tick(promises) => log.tick(step.log_time, LANES[step.lane].1, promises),
        }
    }
    (log.entries, places)
}

#[derive(Default)]
struct Writer {
    entries: Vec<Entry>,
    numbers: [[u64; LANES.len()]; SOURCES.len()],
}

impl Writer {
    fn frame(&mut self, step: &Step, events: &[Event], watermark: Option<Timestamp>, encoding: Encoding) {
        let source = SOURCES[step.source];
        self.numbers[step.source][step.lane] += 1;
        let (shard, partition) = LANES[step.lane];
        let (number, count, disorder_us) = (self.numbers[step.source][step.lane], events.len() as u32, disorder(step.source));
        let times = events.iter().map(|e| e.time).min().zip(events.iter().map(|e| e.time).max());
        let header = FrameHeader {
            source: source.to_owned(),
            shard,
            epoch: 1,
            number,
            count,
            times,
            watermark,
            disorder_us,
            encoding,
            ..FrameHeader::default()
        };
        let batch: EventBatch = events.iter().cloned().collect();
        let body = if events.is_empty() { Bytes::new() } else { frame::encode(&batch, encoding, source, "id") };
        self.append(step.log_time, partition, &header, body);
    }

    fn tick(&mut self, log_time: i64, partition: u32, promises: &[(usize, usize, i64)]) {
        let name = |source: usize, lane: usize| match LANES[lane].0 {
            None => SOURCES[source].to_owned(),
            Some(shard) => format!("{}.{shard}", SOURCES[source]),
        };
        let watermarks = promises.iter().map(|(source, lane, time)| (name(*source, *lane), Timestamp::from_micros(*time))).collect();
        let header = FrameHeader { source: subject::TICKER.to_owned(), watermarks, ..FrameHeader::default() };
        self.append(log_time, partition, &header, Bytes::new());
    }

    fn append(&mut self, log_time: i64, partition: u32, header: &FrameHeader, body: Bytes) {
        let position = Position(self.entries.len() as u64 + 1);
        let subject = subject::events(partition, &header.source);
        self.entries.push(Entry {
            position,
            time: Timestamp::from_micros(log_time),
            subject,
            id: None,
            headers: header.to_headers(),
            body,
        });
    }
}
