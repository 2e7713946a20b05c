//! The moments at which a poll is due.

use std::time::Duration;

use floodmark_schemas::series::fnv1a;

/// How much of an interval polls of different keys are spread over, at the most.
const SPREAD_MAX_US: i64 = 30_000_000;

/// Moments that are one interval apart. They depend on the Unix epoch and a key alone, so a restart does not move them; the spread over
/// keys keeps many targets from being polled in the same instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grid {
    every_us: i64,
    offset_us: i64,
}

impl Grid {
    /// The moments of a key.
    pub fn of_key(every: Duration, key: &str) -> Self {
        let Self { every_us, .. } = Self::aligned(every);
        Self { every_us, offset_us: i64::from(fnv1a(key.as_bytes())) % every_us.min(SPREAD_MAX_US) }
    }

    /// Whole multiples of the interval since the Unix epoch.
    pub fn aligned(every: Duration) -> Self {
        Self { every_us: i64::try_from(every.as_micros()).unwrap_or(i64::MAX).max(1), offset_us: 0 }
    }

    /// The interval, in microseconds.
    pub fn every_us(&self) -> i64 {
        self.every_us
    }

    /// The last moment that is not after `time`.
    pub fn at_or_before(&self, time: i64) -> i64 {
        self.index(time).saturating_mul(self.every_us).saturating_add(self.offset_us)
    }

    /// The first moment after `time`.
    pub fn after(&self, time: i64) -> i64 {
        self.at_or_before(time).saturating_add(self.every_us)
    }

    /// How many moments are after `from` and not after `to`.
    pub fn count(&self, from: i64, to: i64) -> u64 {
        u64::try_from(self.index(to).saturating_sub(self.index(from))).unwrap_or(0)
    }

    fn index(&self, time: i64) -> i64 {
        time.saturating_sub(self.offset_us).div_euclid(self.every_us)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_counted_without_going_through_them() {
        let grid = Grid::aligned(Duration::from_secs(10));
        let s = |secs: i64| secs * 1_000_000;
        for (from, to, expected) in [(0, 9, 0), (0, 10, 1), (-1, 0, 1), (10, 10, 0), (10, 5, 0), (5, 3_600, 360)] {
            assert_eq!(grid.count(s(from), s(to)), expected, "{from} {to}");
        }
        assert_eq!((grid.at_or_before(s(10)), grid.at_or_before(s(10) - 1), grid.after(s(10))), (s(10), 0, s(20)));
        let keyed = Grid::of_key(Duration::from_secs(60), "a");
        let offset = i64::from(fnv1a(b"a")) % 30_000_000;
        assert_eq!((keyed.at_or_before(s(60) + offset), keyed.after(s(60) + offset - 1)), (s(60) + offset, s(60) + offset));
    }
}
