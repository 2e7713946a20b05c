//! How long and how often something must be so before a rule says it.

use floodmark_schemas::Severity;

/// The times of a rule, in microseconds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Timing {
    /// For so long the condition must be met before the alert fires. Event time.
    pub for_us: i64,
    /// For so long the alert goes on after the condition was met last, each severity for itself. Event time.
    pub keep_firing_for_us: i64,
    /// When nothing could be judged for so long, the rule is in error; never when absent. Event time.
    pub error_for_us: Option<i64>,
    /// When nothing came for so long, the series has no data; never when absent. Log time.
    pub no_data_for_us: Option<i64>,
    /// From how many changes on a series flaps; never when absent.
    pub flapping: Option<Flapping>,
    /// How grave it is that there is no data, or that what comes cannot be judged.
    pub severity: Severity,
    /// Whether the condition is met in single moments: the alert then fires until `keep_firing_for_us` has passed since the last.
    pub momentary: bool,
}

/// A series flaps from the moment at which its alerts have fired or resolved `changes` times within a span: when
/// `t(k) - t(k - changes + 1) < within`, where `t(k)` is the time of the `k`-th change. It stops when fewer than half as many
/// (rounded up) lie within the span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flapping {
    /// How many changes make it flap; 2 or more.
    pub changes: u32,
    /// The span, in microseconds.
    pub within_us: i64,
}

impl Flapping {
    /// Whether these times of changes, the newest last, make it flap.
    pub(super) fn begins(&self, changes: &[i64]) -> bool {
        let many = changes.len().checked_sub(self.changes as usize);
        many.is_some_and(|first| changes[changes.len() - 1].saturating_sub(changes[first]) < self.within_us)
    }

    /// When it stops if no further change comes.
    pub(super) fn ends(&self, changes: &[i64]) -> i64 {
        let half = self.changes.div_ceil(2) as usize;
        changes.len().checked_sub(half).map_or(i64::MIN, |first| changes[first].saturating_add(self.within_us))
    }
}
