//! Accumulators in columns: what is not asked for is not there.

use floodmark_schemas::Aggregates;
use sketches_ddsketch::{Config, DDSketch};

use super::spec::{Aggregate, AggregateSet, Spec};

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

/// Which columns there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    pub spread: bool,
    pub ends: bool,
    pub sketch: bool,
}

impl Layout {
    pub fn of(spec: &Spec) -> Self {
        let has = |aggregate| spec.aggregates.has(aggregate);
        Self { spread: has(Aggregate::Stddev), ends: has(Aggregate::First) || has(Aggregate::Last), sketch: !spec.quantiles.is_empty() }
    }
}

/// The accumulators of a pane: one slot a series. Columns that the layout leaves out stay empty.
#[derive(Clone)]
pub(super) struct Accumulators {
    pub layout: Layout,
    pub basic: Vec<Basic>,
    pub spread: Vec<Spread>,
    pub ends: Vec<Ends>,
    pub sketches: Vec<DDSketch>,
}

impl Accumulators {
    pub fn new(layout: Layout) -> Self {
        Self { layout, basic: Vec::new(), spread: Vec::new(), ends: Vec::new(), sketches: Vec::new() }
    }

    /// Adds an empty slot at the end.
    pub fn push(&mut self) {
        self.basic.push(Basic { count: 0, sum: 0.0, min: f64::INFINITY, max: f64::NEG_INFINITY });
        if self.layout.spread {
            self.spread.push(Spread::default());
        }
        if self.layout.ends {
            self.ends.push(Ends { first_time: i64::MAX, first: 0.0, last_time: i64::MIN, last: 0.0 });
        }
        if self.layout.sketch {
            self.sketches.push(DDSketch::new(Config::defaults()));
        }
    }

    /// Adds an event to a slot.
    #[inline]
    pub fn add(&mut self, slot: usize, time: i64, value: f64) {
        let basic = &mut self.basic[slot];
        let first = basic.count == 0;
        basic.count += 1;
        basic.sum += value;
        basic.min = if value < basic.min { value } else { basic.min };
        basic.max = if value > basic.max { value } else { basic.max };
        if self.layout.spread {
            let spread = &mut self.spread[slot];
            let delta = value - spread.mean;
            spread.mean += delta / basic.count as f64;
            spread.m2 += delta * (value - spread.mean);
        }
        if self.layout.ends {
            let ends = &mut self.ends[slot];
            if first || time < ends.first_time {
                (ends.first_time, ends.first) = (time, value);
            }
            if time >= ends.last_time {
                (ends.last_time, ends.last) = (time, value);
            }
        }
        if self.layout.sketch {
            self.sketches[slot].add(value);
        }
    }

    /// The aggregates of a slot. One that is not finite (a sum beyond the range of numbers) is left out: JSON cannot hold it.
    pub fn read(&self, slot: usize, asked: AggregateSet, quantiles: &[(String, f64)]) -> Aggregates {
        let basic = &self.basic[slot];
        let count = basic.count as f64;
        let pick = |aggregate, value: f64| (asked.has(aggregate) && value.is_finite()).then_some(value);
        let ends = self.ends.get(slot);
        Aggregates {
            count: basic.count,
            sum: pick(Aggregate::Sum, basic.sum),
            mean: pick(Aggregate::Mean, basic.sum / count),
            min: pick(Aggregate::Min, basic.min),
            max: pick(Aggregate::Max, basic.max),
            stddev: self.spread.get(slot).and_then(|spread| pick(Aggregate::Stddev, (spread.m2 / count).sqrt())),
            first: ends.and_then(|ends| pick(Aggregate::First, ends.first)),
            last: ends.and_then(|ends| pick(Aggregate::Last, ends.last)),
            quantiles: match self.sketches.get(slot) {
                None => Default::default(),
                Some(sketch) => {
                    let level = |q: f64| sketch.quantile(q).expect("levels were checked to be from 0 to 1");
                    let levels = quantiles.iter().filter_map(|(name, q)| Some((name.clone(), level(*q)?)));
                    levels.filter(|(_, value)| value.is_finite()).collect()
                }
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(events: &[(i64, f64)]) -> Aggregates {
        let mut accumulators = Accumulators::new(Layout { spread: true, ends: true, sketch: true });
        accumulators.push();
        events.iter().for_each(|(time, value)| accumulators.add(0, *time, *value));
        accumulators.read(0, AggregateSet::default(), &[("0.5".to_owned(), 0.5)])
    }

    #[test]
    fn aggregates_are_those_of_the_textbook() {
        let found = read(&[(3, 2.0), (1, 4.0), (2, 4.0), (9, 4.0), (5, 5.0), (6, 5.0), (7, 7.0), (8, 9.0)]);
        let quantiles = found.quantiles.clone();
        assert!((quantiles["0.5"] - 4.0).abs() <= 0.04, "{quantiles:?}");
        let (sum, mean) = (Some(40.0), Some(5.0));
        let (min, max, stddev, first, last) = (Some(2.0), Some(9.0), Some(2.0), Some(4.0), Some(4.0));
        assert_eq!(found, Aggregates { count: 8, sum, mean, min, max, stddev, first, last, quantiles });
    }

    #[test]
    fn of_equal_times_the_first_is_first_and_the_last_is_last() {
        let found = read(&[(i64::MAX, 1.0), (i64::MAX, 2.0)]);
        assert_eq!((found.first, found.last), (Some(1.0), Some(2.0)));
        let found = read(&[(i64::MIN, 1.0), (i64::MIN, 2.0)]);
        assert_eq!((found.first, found.last), (Some(1.0), Some(2.0)));
    }

    #[test]
    fn a_sum_beyond_all_numbers_is_absent() {
        let found = read(&[(0, f64::MAX), (1, f64::MAX)]);
        assert_eq!((found.sum, found.mean, found.max), (None, None, Some(f64::MAX)));
    }
}
