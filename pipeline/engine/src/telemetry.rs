//! The metrics of the pipeline: their names, units and labels in one place.
//!
//! The names are a contract with dashboards and alert rules; `docs/metrics.md` lists them and a test of the binary
//! compares both. Recording allocates nothing: labels are built once. Create the meters after the meter provider is
//! set ([`opentelemetry::global::set_meter_provider`]); before that they record into nothing. Creating the same
//! meters again goes on with the same numbers.

mod alerts;
mod dead_letters;
mod gaps;
mod polls;
mod states;

use std::sync::Arc;
use std::time::Duration;

use floodmark_core::ports::Size;
use floodmark_schemas::Timestamp;
use opentelemetry::{
    KeyValue, global,
    metrics::{Counter, Gauge, Histogram, Meter},
};

use crate::status::Shards;
pub use alerts::{DeskMeters, ReceiverMeters};
pub use dead_letters::DeadLetterMeters;
pub use gaps::GapMeters;
pub use polls::PollMeters;
pub use states::show_states;

/// The instrumentation scope of all meters.
pub const METER: &str = "floodmark";

/// Bucket bounds of durations, in seconds: from what one fsync takes to what nobody waits for.
const SECONDS: [f64; 12] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0];
/// The same for what people wait for: up to an hour.
const LONG_SECONDS: [f64; 11] = [0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3600.0];

/// Makes instruments that share their labels.
#[derive(Clone, Debug)]
pub struct Labelled {
    meter: Meter,
    labels: Arc<[KeyValue]>,
}

impl Labelled {
    /// Instruments of the global meter provider.
    pub fn new(labels: impl IntoIterator<Item = KeyValue>) -> Self {
        Self { meter: global::meter(METER), labels: labels.into_iter().collect() }
    }

    /// A number that only rises. It is shown from the start, as 0.
    pub fn count(&self, name: &'static str, help: &'static str) -> Count {
        let count = Count { counter: self.meter.u64_counter(name).with_description(help).build(), labels: self.labels.clone() };
        count.add(0);
        count
    }

    /// A number that rises and falls. It is shown from its first setting on.
    pub fn level(&self, name: &'static str, unit: &'static str, help: &'static str) -> Level {
        Level { gauge: self.meter.f64_gauge(name).with_unit(unit).with_description(help).build(), labels: self.labels.clone() }
    }

    /// A distribution of durations.
    pub fn durations(&self, name: &'static str, help: &'static str) -> Durations {
        self.within(name, help, &SECONDS)
    }

    /// A distribution of durations that may be long.
    pub fn long_durations(&self, name: &'static str, help: &'static str) -> Durations {
        self.within(name, help, &LONG_SECONDS)
    }

    fn within(&self, name: &'static str, help: &'static str, bounds: &[f64]) -> Durations {
        let histogram = self.meter.f64_histogram(name).with_unit("s").with_description(help).with_boundaries(bounds.to_vec()).build();
        Durations { histogram, labels: self.labels.clone() }
    }
}

/// A number that only rises.
#[derive(Clone, Debug)]
pub struct Count {
    counter: Counter<u64>,
    labels: Arc<[KeyValue]>,
}

impl Count {
    /// Adds `n`.
    pub fn add(&self, n: u64) {
        self.counter.add(n, &self.labels);
    }
}

/// A number that rises and falls.
#[derive(Clone, Debug)]
pub struct Level {
    gauge: Gauge<f64>,
    labels: Arc<[KeyValue]>,
}

impl Level {
    /// Sets it.
    pub fn set(&self, value: f64) {
        self.gauge.record(value, &self.labels);
    }

    fn set_count(&self, n: u64) {
        self.set(n as f64);
    }

    fn set_micros(&self, micros: i64) {
        self.set(micros as f64 / 1e6);
    }
}

/// A distribution of durations.
#[derive(Clone, Debug)]
pub struct Durations {
    histogram: Histogram<f64>,
    labels: Arc<[KeyValue]>,
}

impl Durations {
    /// Adds one duration in microseconds.
    pub fn record_us(&self, micros: u64) {
        self.histogram.record(micros as f64 / 1e6, &self.labels);
    }
}

/// What one source brings in.
#[derive(Clone, Debug)]
pub struct SourceMeters {
    accepted: Count,
    frames: Count,
    frame_bytes: Count,
    dead_letters: Count,
    restarts: Count,
    shards: Level,
    shards_running: Level,
    event_time: Level,
    lateness: Durations,
}

impl SourceMeters {
    /// The meters of the source with this id.
    pub fn new(source_id: &str) -> Self {
        let of = Labelled::new([KeyValue::new("source", source_id.to_owned())]);
        Self {
            accepted: of.count("floodmark_source_events_total", "Events accepted: durable in the log."),
            frames: of.count("floodmark_source_frames_total", "Frames appended to the log."),
            frame_bytes: of.count("floodmark_source_frame_bytes_total", "Bytes of frame bodies appended to the log."),
            dead_letters: of.count("floodmark_source_dead_letters_total", "Inputs that could not become events and were set aside."),
            restarts: of.count("floodmark_source_restarts_total", "Restarts after a failure."),
            shards: of.level("floodmark_source_shards", "", "Into how many parts with work the source is split."),
            shards_running: of.level("floodmark_source_shards_running", "", "How many of them run in this process."),
            event_time: of.level("floodmark_source_event_time_seconds", "s", "Newest event time accepted, as Unix time."),
            lateness: of.durations("floodmark_source_poll_lateness_seconds", "How long after the moment at which it was due a poll began."),
        }
    }

    /// `n` events are durable in the log.
    pub fn accepted(&self, n: u64) {
        self.accepted.add(n);
    }

    /// This many frames with bodies of this many bytes are durable in the log.
    pub fn frames(&self, frames: u64, bytes: u64) {
        self.frames.add(frames);
        self.frame_bytes.add(bytes);
    }

    /// `n` inputs were set aside.
    pub fn dead_letters(&self, n: u64) {
        self.dead_letters.add(n);
    }

    /// The source was started again after a failure.
    pub fn restarted(&self) {
        self.restarts.add(1);
    }

    /// So much of a source that is split runs here.
    pub fn shards(&self, shards: Shards) {
        self.shards.set_count(shards.of);
        self.shards_running.set_count(shards.running);
    }

    /// A poll has begun so long after it was due.
    pub fn polled(&self, late: Duration) {
        self.lateness.record_us(u64::try_from(late.as_micros()).unwrap_or(u64::MAX));
    }

    /// The newest event so far.
    pub fn newest(&self, event_time: Timestamp) {
        self.event_time.set_micros(event_time.micros());
    }
}

/// What one job does.
#[derive(Clone, Debug)]
pub struct JobMeters {
    commits: Count,
    events: Count,
    outputs: Count,
    late: Count,
    undefined: Count,
    watermark: Level,
    watermark_lag: Level,
    position: Level,
}

impl JobMeters {
    /// The meters of the job of this operator on this partition, which reads the log called `log`.
    pub fn new(operator_id: &str, partition: u32, log: &str) -> Self {
        let labels = [KeyValue::new("operator", operator_id.to_owned()), KeyValue::new("partition", i64::from(partition))];
        let in_log = Labelled::new([KeyValue::new("log", log.to_owned())].into_iter().chain(labels.clone()));
        let of = Labelled::new(labels);
        Self {
            commits: of.count("floodmark_job_commits_total", "Commits appended to the log."),
            events: of.count("floodmark_job_events_total", "Events taken by the operator."),
            outputs: of.count("floodmark_job_outputs_total", "Outputs in commits."),
            late: of.count("floodmark_job_late_events_total", "Events that came after their window was gone."),
            undefined: of.count("floodmark_job_undefined_values_total", "Values left out because a formula made nothing finite of them."),
            watermark: of.level("floodmark_job_watermark_seconds", "s", "The watermark, as Unix time."),
            watermark_lag: of.level("floodmark_job_watermark_lag_seconds", "s", "Log time of the newest entry read, less the watermark."),
            position: in_log.level("floodmark_job_position", "", "Position of the log it reads that is committed."),
        }
    }

    /// This many commits with this many outputs are durable; they cover this many more events, of which some came too
    /// late.
    pub fn committed(&self, commits: u64, events: u64, outputs: u64, late: u64) {
        self.commits.add(commits);
        self.events.add(events);
        self.outputs.add(outputs);
        self.late.add(late);
    }

    /// The committed events gave so many more values that are undefined.
    pub fn undefined(&self, n: u64) {
        self.undefined.add(n);
    }

    /// Where the watermark stands after an entry stored at `log_time`.
    pub fn watermark(&self, watermark: Timestamp, log_time: Timestamp) {
        // Before the first event and after the last one there is no time to show.
        if watermark != Timestamp::MIN && watermark != Timestamp::MAX {
            self.watermark.set_micros(watermark.micros());
            self.watermark_lag.set_micros(log_time.micros().saturating_sub(watermark.micros()));
        }
    }

    /// What of the event log is committed.
    pub fn position(&self, position: u64) {
        self.position.set_count(position);
    }
}

/// What one sink writes.
#[derive(Clone, Debug)]
pub struct SinkMeters {
    entries: Count,
    retries: Count,
    write: Durations,
    position: Level,
}

impl SinkMeters {
    /// The meters of the sink with this id, which reads the log with this name.
    pub fn new(sink_id: &str, log: &'static str) -> Self {
        let sink = KeyValue::new("sink", sink_id.to_owned());
        let (of, of_log) = (Labelled::new([sink.clone()]), Labelled::new([sink, KeyValue::new("log", log)]));
        Self {
            entries: of.count("floodmark_sink_entries_total", "Log entries written."),
            retries: of.count("floodmark_sink_retries_total", "Writes that failed and were repeated."),
            write: of.durations("floodmark_sink_write_seconds", "How long a write took until it was in the store."),
            position: of_log.level("floodmark_sink_position", "", "Newest log position written."),
        }
    }

    /// A write was in the store after this time.
    pub fn took(&self, time: Duration) {
        self.write.record_us(u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
    }

    /// `entries` entries up to `position` are in the store.
    pub fn written(&self, entries: u64, position: u64) {
        self.entries.add(entries);
        self.position.set_count(position);
    }

    /// A write failed and will be repeated.
    pub fn retried(&self) {
        self.retries.add(1);
    }
}

/// The state of the log.
#[derive(Clone, Debug)]
pub struct LogMeters {
    append: Durations,
    tail: Level,
    bytes: Level,
    retention_bytes: Level,
    limit_bytes: Level,
}

impl LogMeters {
    /// The meters of the log with this name (`events`, `outputs`).
    pub fn new(log: &str) -> Self {
        let of = Labelled::new([KeyValue::new("log", log.to_owned())]);
        Self {
            append: of.durations("floodmark_log_append_seconds", "How long an append took until it was durable."),
            tail: of.level("floodmark_log_tail_position", "", "Newest position."),
            bytes: of.level("floodmark_log_bytes", "By", "What the log holds."),
            retention_bytes: of.level("floodmark_log_retention_bytes", "By", "Above this the oldest entries go."),
            limit_bytes: of.level(
                "floodmark_log_limit_bytes",
                "By",
                "At this the log takes no more. Not shown where only the disk says so.",
            ),
        }
    }

    /// How much it holds, and may.
    pub fn holds(&self, size: Size) {
        self.bytes.set_count(size.bytes);
        size.retention_bytes.into_iter().for_each(|bytes| self.retention_bytes.set_count(bytes));
        size.bytes_max.into_iter().for_each(|bytes| self.limit_bytes.set_count(bytes));
    }

    /// An append was durable after this time and gave positions up to `tail`.
    pub fn appended(&self, micros: u64, tail: u64) {
        self.append.record_us(micros);
        self.tail.set_count(tail);
    }
}
