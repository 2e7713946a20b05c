//! Anomaly scores: how unusual each value of a series is, judged by what the series did before.
//!
//! The detector is the one of the study behind ADR 0018: a map of values seen so far (novelty), the tail of the steps from
//! value to value (jump), and the length of runs of one value (staleness).

mod columns;
mod counter;
mod detector;
mod episode;
mod histogram;
mod map;
mod operator;
mod range;
mod recent;
mod rollups;
mod season;
mod snapshot;
mod spec;
mod staleness;
mod watch;
mod watches;

pub use detector::{Detector, Judged};
pub use operator::{Anomaly, Counts};
pub use spec::{Counters, Emit, Rollups, Spec};
