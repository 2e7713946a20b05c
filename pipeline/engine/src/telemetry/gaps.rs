//! What the log lacks.

use opentelemetry::KeyValue;

use super::{Count, Labelled};

/// What one job or sink did not find in the event log.
#[derive(Clone, Debug)]
pub struct GapMeters {
    missing: Count,
}

impl GapMeters {
    /// The meters of the job or sink with this name.
    pub fn new(reader: &str) -> Self {
        let of = Labelled::new([KeyValue::new("reader", reader.to_owned())]);
        Self { missing: of.count("floodmark_frames_missing_total", "Frames that the log does not have between two that it has.") }
    }

    /// The log does not have so many frames.
    pub fn missing(&self, frames: u64) {
        self.missing.add(frames);
    }
}
