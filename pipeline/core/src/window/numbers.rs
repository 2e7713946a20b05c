//! What a slot holds in numbers: the aggregates of fixed size.

use super::accumulators::Layout;

/// Count, sum and extremes of one slot.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Basic {
    pub count: u64,
    pub sum: f64,
    pub min: f64,
    pub max: f64,
}

/// Running mean and sum of squared differences from it, by Welford's method
/// (B. P. Welford, Note on a method for calculating corrected sums of squares and products, Technometrics 4, 1962).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Spread {
    pub mean: f64,
    pub m2: f64,
}

/// The earliest and the latest event of one slot.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Ends {
    pub first_time: i64,
    pub first: f64,
    pub last_time: i64,
    pub last: f64,
}

/// All of them. What the layout leaves out is empty.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Numbers {
    pub basic: Basic,
    pub spread: Spread,
    pub ends: Ends,
}

impl Default for Basic {
    fn default() -> Self {
        Self { count: 0, sum: 0.0, min: f64::INFINITY, max: f64::NEG_INFINITY }
    }
}

impl Default for Ends {
    fn default() -> Self {
        Self { first_time: i64::MAX, first: 0.0, last_time: i64::MIN, last: 0.0 }
    }
}

impl Numbers {
    /// These and then `later` ones, as [`super::accumulators::Accumulators::merge`] says.
    #[inline]
    pub fn join(mut self, later: &Self, layout: &Layout) -> Self {
        let (mine, theirs) = (&mut self.basic, &later.basic);
        if theirs.count == 0 {
            return self;
        }
        let (before, count) = (mine.count as f64, (mine.count + theirs.count) as f64);
        if layout.spread {
            let (spread, added) = (&mut self.spread, &later.spread);
            let delta = added.mean - spread.mean;
            if mine.count == 0 {
                *spread = *added;
            } else {
                spread.mean += delta * (theirs.count as f64 / count);
                spread.m2 += added.m2 + delta * delta * (before * (theirs.count as f64 / count));
            }
        }
        if layout.ends {
            let (ends, added) = (&mut self.ends, &later.ends);
            if mine.count == 0 || added.first_time < ends.first_time {
                (ends.first_time, ends.first) = (added.first_time, added.first);
            }
            if mine.count == 0 || added.last_time >= ends.last_time {
                (ends.last_time, ends.last) = (added.last_time, added.last);
            }
        }
        mine.count += theirs.count;
        mine.sum += theirs.sum;
        mine.min = if theirs.min < mine.min { theirs.min } else { mine.min };
        mine.max = if theirs.max > mine.max { theirs.max } else { mine.max };
        self
    }
}
