//! Events as log entries, and the steps that a rule makes of them.

use bytes::Bytes;
use floodmark_core::alert::{Rule, Sharing, Spec};
use floodmark_core::ports::{Entry, Operator, Position};
use floodmark_schemas::commit::Output;
use floodmark_schemas::{Alert, Encoding, Event, EventBatch, FrameHeader, Series, Timestamp, frame, subject};

/// A sample: source, series, seconds, value.
pub type Sample = (usize, usize, i64, f64);

pub const SOURCES: [&str; 2] = ["a", "b"];

pub fn series(number: usize) -> Series {
    Series::new("load").label("host", format!("h{number}"))
}

pub fn event((source, number, secs, value): &Sample) -> Event {
    Event::sample(SOURCES[*source], "", Timestamp::from_secs(*secs), series(*number), *value)
}

/// Builds entries with positions and frame numbers that go on.
#[derive(Default)]
pub struct Writer {
    pub entries: Vec<Entry>,
    frames: [u64; 2],
    ticks: u64,
    /// By how much event times of all sources may go backwards.
    disorder_secs: i64,
}

impl Writer {
    /// A log whose sources all say that their event times go back by so much.
    pub fn of_disorder(disorder_secs: i64) -> Self {
        Self { disorder_secs, ..Self::default() }
    }

    /// A frame of one source that was stored at `log_secs`.
    pub fn frame(&mut self, source: usize, log_secs: i64, events: &[Event]) {
        self.frames[source] += 1;
        let header = FrameHeader {
            source: SOURCES[source].to_owned(),
            epoch: 1,
            number: self.frames[source],
            count: events.len() as u32,
            disorder_us: self.disorder_secs * 1_000_000,
            ..FrameHeader::default()
        };
        let batch: EventBatch = events.iter().cloned().collect();
        let body = if events.is_empty() { Bytes::new() } else { frame::encode(&batch, Encoding::Json, &header.source, "f") };
        self.push(&header, log_secs, body);
    }

    /// The end of a source.
    pub fn end(&mut self, source: usize, log_secs: i64) {
        self.frames[source] += 1;
        let (source, number) = (SOURCES[source].to_owned(), self.frames[source]);
        let header = FrameHeader { source, epoch: 1, number, watermark: Some(Timestamp::MAX), ..FrameHeader::default() };
        self.push(&header, log_secs, Bytes::new());
    }

    /// A tick with promises, in seconds.
    pub fn tick(&mut self, log_secs: i64, promises: &[(&str, i64)]) {
        self.ticks += 1;
        let watermarks = promises.iter().map(|(source, secs)| ((*source).to_owned(), Timestamp::from_secs(*secs))).collect();
        let header = FrameHeader { source: subject::ticker(0), epoch: 1, number: self.ticks, watermarks, ..FrameHeader::default() };
        self.push(&header, log_secs, Bytes::new());
    }

    fn push(&mut self, header: &FrameHeader, log_secs: i64, body: Bytes) {
        let position = Position(self.entries.len() as u64 + 1);
        let (time, subject) = (Timestamp::from_secs(log_secs), subject::events(0, &header.source));
        self.entries.push(Entry { position, time, subject, id: None, headers: header.to_headers(), body });
    }
}

/// The alerts that a rule makes; after each entry whose turn it is in `restarts` a new one takes over from a snapshot. One that shares
/// what was decoded makes the same.
pub fn run(spec: &Spec, entries: &[Entry], restarts: &[bool]) -> (Rule, Vec<Alert>) {
    let mut rule = Rule::new(spec.clone()).unwrap();
    let mut outputs = Vec::new();
    for (entry, restart) in entries.iter().zip(restarts.iter().cycle()) {
        rule.apply(entry, &mut outputs).unwrap();
        if *restart {
            let snapshot = rule.snapshot();
            rule = Rule::new(spec.clone()).unwrap();
            rule.restore(&snapshot).unwrap();
            assert!(rule.snapshot() == snapshot, "equal states give equal bytes");
        }
    }
    let (mut sharing, mut sharer, mut shared) = (Sharing::default(), Rule::new(spec.clone()).unwrap(), Vec::new());
    for entry in entries {
        let entry = sharing.read(entry.clone(), |source| sharer.wants(source));
        sharer.share(&entry, &mut shared).unwrap();
    }
    assert_eq!(shared, outputs);
    (rule, alerts(outputs))
}

pub fn alerts(outputs: Vec<Output>) -> Vec<Alert> {
    let alert = |output| match output {
        Output::Alert(alert) => alert,
        other => panic!("{other:?} is no alert"),
    };
    outputs.into_iter().map(alert).collect()
}

/// An alert without what depends on how events were cut into frames.
pub fn bare(mut alert: Alert) -> Alert {
    (alert.evidence, alert.noticed) = (None, Timestamp::from_secs(0));
    alert
}

/// State, severity, seconds and value of each step.
pub fn told(alerts: &[Alert]) -> Vec<String> {
    let one = |alert: &Alert| {
        let state = serde_json::to_value(alert.state).unwrap();
        let secs = alert.time.micros() as f64 / 1e6;
        format!("{} {} {} {secs}", alert.step, state.as_str().unwrap(), alert.severity)
    };
    alerts.iter().map(one).collect()
}
