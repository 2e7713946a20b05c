//! The parts of the hot path, each on its own.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use floodmark_connectors::clock::SystemClock;
use floodmark_connectors::logs::{Options, embedded::Log as EmbeddedLog};
use floodmark_core::ports::{Entry, Expect, Log, NewEntry, Operator, Position};
use floodmark_core::window::Spec;
use floodmark_core::{BySource, Result};
use floodmark_schemas::frame::{self, Compression, Decoder, EVENTS_MAX, Visitor};
use floodmark_schemas::{BatchBuilder, Encoding, Event, EventBatch, FrameHeader, Series, Timestamp, subject};

use super::generate::{Made, Shape};
use super::{Figure, Stopwatch};

/// How long each part is measured, at least.
const MEASURED: Duration = Duration::from_secs(2);
/// Encodings with their names.
const ENCODINGS: [(&str, Encoding); 2] = [("json", Encoding::Json), ("arrow", Encoding::Arrow(Compression::None))];

/// Batches of 1,000 made-up events.
pub(super) fn batches(shape: Shape) -> Vec<EventBatch> {
    let mut builder = BatchBuilder::default();
    let series: Vec<_> = (0..shape.series)
        .map(|n| builder.series(&Series::new("load").label("host", format!("host-{n:04}")).label("zone", format!("z{}", n % 4))))
        .collect();
    let mut batches = Vec::new();
    for Made { time_us, series: n, milli } in shape.events() {
        builder.sample(series[n as usize], time_us, milli as f64 / 1e3, "");
        if builder.len() == EVENTS_MAX {
            batches.push(builder.take());
        }
    }
    batches
}

fn small() -> Shape {
    Shape { events: 500_000, ..Shape::default() }
}

/// Adds columns up, so that decoding has somewhere to go.
#[derive(Default)]
struct Sum {
    series: u32,
    value: f64,
}

impl Visitor for Sum {
    fn series(&mut self, _: &str) -> u32 {
        self.series += 1;
        self.series
    }
    fn sample(&mut self, _: u32, time: i64, series: u32, value: f64) {
        self.value += value + f64::from(series) + time as f64;
    }
    fn event(&mut self, _: u32, _: Event) {}
}

/// Frames to columns, on one core.
///
/// # Errors
/// Never, with frames that were just encoded.
pub fn decode() -> Result<Vec<Figure>> {
    let batches = batches(small());
    let mut figures = Vec::new();
    for (name, encoding) in ENCODINGS {
        let bodies: Vec<_> = batches.iter().map(|batch| frame::encode(batch, encoding, "bench", "f")).collect();
        let bytes: usize = bodies.iter().map(|body| body.len()).sum();
        let (mut decoder, mut sum, mut events) = (Decoder::default(), Sum::default(), 0);
        let watch = Stopwatch::start();
        while watch.began.elapsed() < MEASURED {
            for body in &bodies {
                decoder.visit(encoding, body, &mut sum)?;
            }
            events += (bodies.len() * EVENTS_MAX) as u64;
        }
        let note = format!("{} bytes an event, 1,000 series", bytes / (bodies.len() * EVENTS_MAX));
        figures.push(watch.figure(format!("decode {name} frames to columns"), events, note));
        std::hint::black_box(sum.value);
    }
    Ok(figures)
}

/// Decode and windows together: what a job does, on one core.
///
/// # Errors
/// Never, with frames that were just encoded.
pub fn window() -> Result<Vec<Figure>> {
    let batches = batches(Shape { events: 2_000_000, ..Shape::default() });
    let mut figures = Vec::new();
    for (name, encoding) in ENCODINGS {
        let entries: Vec<Entry> = (1..).zip(&batches).map(|(n, batch)| entry(n, batch, encoding)).collect();
        let mut operator = BySource::new(Spec::new("bench", 0, Duration::from_secs(10)))?;
        let (mut outputs, mut made) = (Vec::new(), 0);
        let watch = Stopwatch::start();
        for entry in &entries {
            operator.apply(entry, &mut outputs)?;
            made += outputs.len();
            outputs.clear();
        }
        let note = format!("10 s windows, 1,000 series, all aggregates, {made} outputs");
        figures.push(watch.figure(format!("{name} frames through windows"), (entries.len() * EVENTS_MAX) as u64, note));
    }
    Ok(figures)
}

fn header(number: u64, batch: &EventBatch, encoding: Encoding) -> FrameHeader {
    let source = "bench".to_owned();
    FrameHeader { source, epoch: 1, number, count: batch.len() as u32, disorder_us: 2_000_000, encoding, ..FrameHeader::default() }
}

fn entry(number: u64, batch: &EventBatch, encoding: Encoding) -> Entry {
    let header = header(number, batch, encoding);
    Entry {
        position: Position(number),
        time: Timestamp::from_micros(batch.times().last().copied().unwrap_or_default() + 1_000_000),
        subject: subject::events(0, "bench"),
        id: None,
        headers: header.to_headers(),
        body: frame::encode(batch, encoding, "bench", "f"),
    }
}

/// Durable appends to an embedded log in `dir`, 16 frames of 1,000 events at once.
///
/// # Errors
/// When the log cannot be written.
pub async fn log(dir: &Path) -> Result<Vec<Figure>> {
    let batches = batches(small());
    let mut figures = Vec::new();
    for (name, encoding) in ENCODINGS {
        let path = dir.join(format!("{name}.db"));
        let log = EmbeddedLog::open(&path, Options::default(), Arc::new(SystemClock))?;
        let entries: Vec<NewEntry> = (1..)
            .zip(&batches)
            .map(|(n, batch)| {
                let Entry { subject, headers, body, .. } = entry(n, batch, encoding);
                NewEntry { subject, id: Some(n.to_string()), headers, body }
            })
            .collect();
        let bytes: usize = entries.iter().map(|entry| entry.body.len()).sum();
        let watch = Stopwatch::start();
        for group in entries.chunks(16) {
            log.append(group.to_vec(), Expect::Anything).await?;
        }
        let events = (entries.len() * EVENTS_MAX) as u64;
        figures.push(watch.figure(
            format!("append {name} frames durably"),
            events,
            format!("{} MB, fsync for each 16 frames", bytes / 1_000_000),
        ));
    }
    Ok(figures)
}
