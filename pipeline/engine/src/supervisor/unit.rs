//! The units of work that processes share: what one of them does at a time.

/// One unit. Numbers of sources, operators and sinks are their places in the pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Unit {
    /// A source, or one of its shards.
    Source(usize),
    /// With its partition and its level.
    Job(usize, u32, usize),
    Sink(usize),
    /// The desk of alerts, with the outbox.
    Alerts,
    /// A place among those that tick.
    Ticker(u32),
    Retention,
}

/// What is drained together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Sources,
    Ticks,
    /// Those that so many operators stand before.
    Jobs(usize),
    Sinks,
    Alerts,
    Retention,
}

impl Unit {
    pub(super) fn stage(self) -> Stage {
        match self {
            Self::Source(_) => Stage::Sources,
            Self::Ticker(_) => Stage::Ticks,
            Self::Job(.., level) => Stage::Jobs(level),
            Self::Sink(_) => Stage::Sinks,
            Self::Alerts => Stage::Alerts,
            Self::Retention => Stage::Retention,
        }
    }
}

/// The name of the lease of a source, or of one of its shards.
pub(crate) fn source(writer: &str) -> String {
    format!("source.{writer}")
}

/// The name of a job's lease.
pub(crate) fn job(operator: &str, partition: u32) -> String {
    format!("job.{operator}.{partition}")
}

/// The name of a sink's lease.
pub(crate) fn sink(id: &str) -> String {
    format!("sink.{id}")
}

/// The name of the lease of a place among those that tick.
pub(crate) fn ticker(slot: u32) -> String {
    format!("ticker.{slot}")
}

/// The name of the lease of the desk of alerts.
pub(crate) const ALERTS: &str = "alerts";

/// The name of retention's lease.
pub(crate) const RETENTION: &str = "retention";
