//! What may happen on a partition, at random, and how it comes into a log.

use std::sync::Arc;

use bytes::Bytes;
use floodmark_core::ports::{Expect, Log, NewEntry};
use floodmark_schemas::frame::{self, Compression};
use floodmark_schemas::{Check, Encoding, Event, EventBatch, FrameHeader, Phases, Reason, Record, Series, Timestamp, subject};
use proptest::prelude::*;

use super::clock::ManualClock;

/// Microseconds.
pub const SECOND: i64 = 1_000_000;
/// The sources of all scripts.
pub const SOURCES: [&str; 3] = ["a", "b", "c"];

/// By how much event times of a source may go backwards.
pub fn disorder_us(source: usize) -> i64 {
    [0, 2, 5][source] * SECOND
}

/// What happens at one log time.
#[derive(Clone, Debug)]
pub struct Step {
    /// When the log stores it, in microseconds.
    pub log_time: i64,
    /// What.
    pub what: What,
}

/// What happens.
#[derive(Clone, Debug)]
pub enum What {
    /// A source sends events.
    Events(usize, Vec<Event>),
    /// A source is taken over by another owner.
    Takeover(usize),
    /// An owner that was replaced, or a repeated append, writes a frame that nobody may count.
    Ghost(usize, Vec<Event>),
    /// The ticker promises for sources.
    Tick(Vec<(usize, i64)>),
    /// A source has ended.
    End(usize),
}

type RoughEvents = Vec<(i64, u8, i16)>;

/// A [`What`] whose times are relative to its log time.
#[derive(Clone, Debug)]
enum Rough {
    Events(RoughEvents),
    Takeover,
    Ghost(RoughEvents),
    Tick(Vec<(usize, i64)>),
    End,
}

/// Up to `steps` steps; at the end all sources end, so that every window fires.
pub fn scripts(steps: usize) -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec((0..12i64, 0..SOURCES.len(), rough()), 1..steps).prop_map(|rough| {
        // Around the epoch, so that windows before it are met too.
        let mut log_time = -60 * SECOND;
        let mut steps: Vec<Step> = rough
            .into_iter()
            .map(|(wait, source, what)| {
                log_time += wait * wait / 4 * SECOND;
                Step { log_time, what: what.at(log_time, source) }
            })
            .collect();
        steps.extend((0..SOURCES.len()).map(|source| Step { log_time, what: What::End(source) }));
        steps
    })
}

fn rough() -> impl Strategy<Value = Rough> {
    let offset = prop_oneof![8 => -15 * SECOND..2 * SECOND, 2 => -90 * SECOND..30 * SECOND, 1 => Just(500 * SECOND), 3 => (-8i64..1).prop_map(|s| s * SECOND)];
    let events = prop::collection::vec((offset, 0..9u8, any::<i16>()), 1..12);
    prop_oneof![
        9 => events.clone().prop_map(Rough::Events),
        1 => Just(Rough::Takeover),
        1 => events.prop_map(Rough::Ghost),
        3 => prop::collection::vec((0..SOURCES.len(), -10 * SECOND..0), 0..3).prop_map(Rough::Tick),
        1 => Just(Rough::End),
    ]
}

impl Rough {
    fn at(self, log_time: i64, source: usize) -> What {
        let events = |rough: RoughEvents| {
            rough.into_iter().map(|(offset, kind, value)| event(SOURCES[source], log_time + offset, kind, f64::from(value) / 8.0)).collect()
        };
        match self {
            Self::Events(rough) => What::Events(source, events(rough)),
            Self::Takeover => What::Takeover(source),
            Self::Ghost(rough) => What::Ghost(source, events(rough)),
            Self::Tick(promises) => What::Tick(promises.into_iter().map(|(source, offset)| (source, log_time + offset)).collect()),
            Self::End => What::End(source),
        }
    }
}

fn event(source: &str, time: i64, kind: u8, value: f64) -> Event {
    let at = Timestamp::from_micros(time);
    match kind {
        0..=5 => {
            let series = Series::new(["load", "cpu", "mem"][usize::from(kind) % 3]).label("n", (kind / 3).to_string());
            Event::sample(source, "s", at, series, value)
        }
        6 => {
            let phases = Phases { connect_us: Some(value.abs() as u64), ..Phases::default() };
            let check = Check { up: Some(value > 0.0), duration_us: Some(1_000), phases, certificate_expires: Some(at), ..Check::of("t") };
            Event::check(source, "c", at, check)
        }
        7 => Event::check(source, "m", at, Check { reason: Some(Reason::Missed), ..Check::of("t") }),
        _ => Event::record(source, "r", at, Record { name: "note".to_owned(), fact: Default::default() }),
    }
}

/// Appends the steps to an empty log at their log times. Events are cut into frames of the lengths in `cuts`, in turn, and
/// encoded as JSON or Arrow by the parity of the same numbers. Gives, for each event, the place (position, index in frame)
/// it came to: with them results of different cuts can be compared.
pub async fn write(log: Arc<dyn Log>, clock: &ManualClock, steps: &[Step], cuts: &[usize]) -> Vec<(u64, u32)> {
    let mut writer = Writer { log, epochs: [1; SOURCES.len()], numbers: [0; SOURCES.len()], places: Vec::new() };
    let mut cuts = cuts.iter().copied().cycle();
    for step in steps {
        clock.set(Timestamp::from_micros(step.log_time));
        match &step.what {
            What::Events(source, events) => {
                let mut rest = events.as_slice();
                while !rest.is_empty() {
                    let cut = cuts.next().unwrap_or(usize::MAX);
                    let (now, later) = rest.split_at(cut.clamp(1, rest.len()));
                    let encoding = if cut.is_multiple_of(2) { Encoding::Arrow(Compression::None) } else { Encoding::Json };
                    writer.events(*source, now, encoding).await;
                    rest = later;
                }
            }
            What::Takeover(source) => {
                writer.epochs[*source] += 1;
                writer.empty(*source, None).await;
            }
            What::Ghost(source, events) if writer.numbers[*source] > 0 => writer.ghost(*source, events).await,
            What::Ghost(..) => {}
            What::Tick(promises) => writer.tick(promises).await,
            What::End(source) => writer.empty(*source, Some(Timestamp::MAX)).await,
        }
    }
    writer.places
}

struct Writer {
    log: Arc<dyn Log>,
    epochs: [u64; SOURCES.len()],
    numbers: [u64; SOURCES.len()],
    places: Vec<(u64, u32)>,
}

impl Writer {
    fn header(&self, source: usize, events: &[Event], encoding: Encoding) -> FrameHeader {
        let times = events.iter().map(|e| e.time).min().zip(events.iter().map(|e| e.time).max());
        FrameHeader {
            source: SOURCES[source].to_owned(),
            epoch: self.epochs[source],
            number: self.numbers[source],
            count: events.len() as u32,
            times,
            disorder_us: disorder_us(source),
            encoding,
            ..FrameHeader::default()
        }
    }

    async fn events(&mut self, source: usize, events: &[Event], encoding: Encoding) {
        self.numbers[source] += 1;
        let position = self.append(&self.header(source, events, encoding), body(source, events, encoding)).await;
        self.places.extend((0..events.len() as u32).map(|index| (position, index)));
    }

    async fn empty(&mut self, source: usize, watermark: Option<Timestamp>) {
        self.numbers[source] += 1;
        self.append(&FrameHeader { watermark, ..self.header(source, &[], Encoding::Json) }, Bytes::new()).await;
    }

    /// Of an epoch that is over, with a number that is new; or, in the first epoch, with a number that is not.
    async fn ghost(&self, source: usize, events: &[Event]) {
        let header = self.header(source, events, Encoding::Json);
        let header = match header.epoch {
            1 => header,
            epoch => FrameHeader { epoch: epoch - 1, number: header.number + 7, ..header },
        };
        self.append(&header, body(source, events, Encoding::Json)).await;
    }

    async fn tick(&self, promises: &[(usize, i64)]) {
        let watermarks = promises.iter().map(|(source, time)| (SOURCES[*source].to_owned(), Timestamp::from_micros(*time))).collect();
        let header = FrameHeader { source: subject::TICKER.to_owned(), watermarks, ..FrameHeader::default() };
        self.append(&header, Bytes::new()).await;
    }

    async fn append(&self, header: &FrameHeader, body: Bytes) -> u64 {
        let entry = NewEntry { subject: subject::events(0, &header.source), id: None, headers: header.to_headers(), body };
        let appended = self.log.append(vec![entry], Expect::Anything).await.expect("this log does not fail");
        appended[0].position.0
    }
}

fn body(source: usize, events: &[Event], encoding: Encoding) -> Bytes {
    frame::encode(&events.iter().cloned().collect::<EventBatch>(), encoding, SOURCES[source], "id")
}
