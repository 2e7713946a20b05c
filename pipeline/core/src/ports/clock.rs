//! The wall clock. Only connectors and the API may ask it; everything else takes its time from the log.

use floodmark_schemas::Timestamp;

/// Says what time it is.
pub trait Clock: Send + Sync {
    /// Now, in UTC.
    fn now(&self) -> Timestamp;
}
