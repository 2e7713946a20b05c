//! Aggregates of a longer window from those of the shorter ones in it.

use floodmark_schemas::Aggregates;
use floodmark_schemas::rollup::{Availability, Bucket};
use serde::{Deserialize, Serialize};

use crate::window::{Aggregate, AggregateSet};

/// What can be said of several neighbouring windows together. They are added in order of time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Merged {
    count: u64,
    sum: f64,
    min: Option<f64>,
    max: Option<f64>,
    first: Option<f64>,
    last: Option<f64>,
    /// Sum of squared differences from the mean.
    m2: f64,
    /// By how much a counter grew; with what it grew from one window to the next, as far as both say first and last.
    #[serde(default)]
    increase: f64,
    /// For how long something was seen, and for how long it was up, in microseconds.
    #[serde(default)]
    observed_us: f64,
    #[serde(default)]
    up_us: f64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    histogram: Vec<Bucket>,
}

impl Merged {
    /// Adds a window of this length, in microseconds, that comes after all that were added.
    pub(super) fn add(&mut self, next: &Aggregates, length_us: i64) {
        let count = next.count as f64;
        let sum = next.sum.or_else(|| next.mean.map(|mean| mean * count)).unwrap_or(0.0);
        if let Some(stddev) = next.stddev {
            // Chan, Golub, LeVeque: Updating formulae and a pairwise algorithm for computing sample variances, 1979.
            let between = match self.count {
                0 => 0.0,
                before => {
                    let before = before as f64;
                    let apart = sum / count - self.sum / before;
                    apart * apart * (before * count / (before + count))
                }
            };
            self.m2 += stddev * stddev * count + between;
        }
        // Between two windows a counter grew too, or began anew at 0.
        if let (Some(last), Some(first)) = (self.last, next.first) {
            self.increase += if first >= last { first - last } else { first };
        }
        self.increase += next.increase.unwrap_or(0.0);
        if let Some(availability) = next.availability {
            let observed_us = availability.observed * length_us as f64;
            self.observed_us += observed_us;
            self.up_us += availability.up * observed_us;
        }
        match self.histogram.is_empty() {
            true => self.histogram.clone_from(&next.histogram),
            false => self.histogram.iter_mut().zip(&next.histogram).for_each(|(all, more)| all.count += more.count),
        }
        self.count += next.count;
        self.sum += sum;
        self.min = least(self.min, next.min, |a, b| a <= b);
        self.max = least(self.max, next.max, |a, b| a >= b);
        self.first = self.first.or(next.first);
        self.last = next.last.or(self.last);
    }

    /// The aggregates that are asked for, of a window of this length; only the count when there is none.
    pub(super) fn read(&self, asked_for: &Asked, length_us: i64) -> Aggregates {
        let aggregates = asked_for.aggregates;
        if self.count == 0 {
            return Aggregates::default();
        }
        let asked = |aggregate, value: f64| aggregates.has(aggregate).then_some(value);
        let count = self.count as f64;
        Aggregates {
            count: self.count,
            sum: asked(Aggregate::Sum, self.sum),
            mean: asked(Aggregate::Mean, self.sum / count),
            min: self.min.filter(|_| aggregates.has(Aggregate::Min)),
            max: self.max.filter(|_| aggregates.has(Aggregate::Max)),
            stddev: asked(Aggregate::Stddev, (self.m2 / count).sqrt()),
            first: self.first.filter(|_| aggregates.has(Aggregate::First)),
            last: self.last.filter(|_| aggregates.has(Aggregate::Last)),
            delta: self.first.zip(self.last).map(|(first, last)| last - first).filter(|_| aggregates.has(Aggregate::Delta)),
            increase: Some(self.increase).filter(|_| aggregates.has(Aggregate::Increase) && self.count > 1),
            availability: (asked_for.availability && self.observed_us > 0.0)
                .then(|| Availability { up: self.up_us / self.observed_us, observed: self.observed_us / length_us as f64 }),
            histogram: if asked_for.histogram { self.histogram.clone() } else { Vec::new() },
            ..Aggregates::default()
        }
    }
}

fn least(a: Option<f64>, b: Option<f64>, comes_first: impl Fn(f64, f64) -> bool) -> Option<f64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(if comes_first(a, b) { a } else { b }),
        (a, b) => a.or(b),
    }
}

/// What is to be said of a long window.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// The aggregates.
    pub aggregates: AggregateSet,
    /// The share of the time up.
    pub availability: bool,
    /// The histogram of the shorter windows.
    pub histogram: bool,
}

/// What the shorter windows must have, one of each, so that an aggregate of the longer one can be computed.
fn needs(aggregate: Aggregate) -> Option<&'static [&'static [Aggregate]]> {
    use Aggregate as A;
    match aggregate {
        A::Count => Some(&[]),
        A::Sum => Some(&[&[A::Sum]]),
        A::Mean => Some(&[&[A::Sum, A::Mean]]),
        A::Min => Some(&[&[A::Min]]),
        A::Max => Some(&[&[A::Max]]),
        A::Stddev => Some(&[&[A::Stddev], &[A::Sum, A::Mean]]),
        A::First => Some(&[&[A::First]]),
        A::Last => Some(&[&[A::Last]]),
        A::Delta => Some(&[&[A::First], &[A::Last]]),
        A::Increase => Some(&[&[A::Increase], &[A::First], &[A::Last]]),
        // Rollups do not say when their first and last values were.
        A::Rate => None,
    }
}

/// Why an aggregate cannot be computed of windows that have `from`; `None` when it can.
pub fn unmergeable(aggregate: Aggregate, from: AggregateSet) -> Option<String> {
    let Some(needs) = needs(aggregate) else {
        return Some(format!("`{}` cannot be computed from shorter windows", aggregate.name()));
    };
    let lacking = needs.iter().find(|any| !any.iter().any(|aggregate| from.has(*aggregate)))?;
    let names: Vec<String> = lacking.iter().map(|aggregate| format!("`{}`", aggregate.name())).collect();
    Some(format!("`{}` needs {} of the shorter windows", aggregate.name(), names.join(" or ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[f64]) -> Aggregates {
        let (count, sum) = (values.len() as f64, values.iter().sum::<f64>());
        let variance = values.iter().map(|value| (value - sum / count).powi(2)).sum::<f64>() / count;
        Aggregates {
            count: values.len() as u64,
            sum: Some(sum),
            mean: Some(sum / count),
            min: values.iter().copied().reduce(f64::min),
            max: values.iter().copied().reduce(f64::max),
            stddev: Some(variance.sqrt()),
            first: values.first().copied(),
            last: values.last().copied(),
            delta: Some(values[values.len() - 1] - values[0]),
            increase: (values.len() > 1)
                .then(|| values.windows(2).map(|pair| if pair[1] < pair[0] { pair[1] } else { pair[1] - pair[0] }).sum()),
            ..Aggregates::default()
        }
    }

    fn asked(aggregates: &[Aggregate]) -> Asked {
        Asked { aggregates: aggregates.iter().copied().collect(), availability: true, histogram: true }
    }

    #[test]
    fn windows_together_say_what_their_values_would() {
        let mut merged = Merged::default();
        for values in [&[4.0, 8.0][..], &[0.0], &[6.0, 2.0, 4.0]] {
            merged.add(&of(values), 1_000_000);
        }
        let found = merged.read(&asked(&Aggregate::ALL), 3_000_000);
        let expected = of(&[4.0, 8.0, 0.0, 6.0, 2.0, 4.0]);
        assert!((found.stddev.unwrap() - expected.stddev.unwrap()).abs() < 1e-12, "{found:?}");
        assert_eq!(Aggregates { stddev: None, ..found }, Aggregates { stddev: None, ..expected });
    }

    #[test]
    fn a_mean_is_enough_for_a_mean() {
        let mut merged = Merged::default();
        for mean in [1.0, 5.0] {
            merged.add(&Aggregates { count: 2, mean: Some(mean), ..Aggregates::default() }, 1_000_000);
        }
        let means = [Aggregate::Mean].into_iter().collect();
        assert_eq!(merged.read(&asked(&[Aggregate::Mean]), 2_000_000), Aggregates { count: 4, mean: Some(3.0), ..Aggregates::default() });
        assert_eq!(unmergeable(Aggregate::Mean, means), None);
        assert_eq!(unmergeable(Aggregate::Sum, means).unwrap(), "`sum` needs `sum` of the shorter windows");
        assert_eq!(
            unmergeable(Aggregate::Stddev, [Aggregate::Stddev].into_iter().collect()).unwrap(),
            "`stddev` needs `sum` or `mean` of the shorter windows"
        );
    }

    #[test]
    fn counters_grow_between_windows_and_what_was_not_observed_says_nothing() {
        let counter =
            |first, last, increase| Aggregates { count: 2, first: Some(first), last: Some(last), increase, ..Aggregates::default() };
        let mut merged = Merged::default();
        merged.add(&counter(10.0, 15.0, Some(5.0)), 1);
        // It grew by 3, within by 2, and then began anew.
        merged.add(&counter(18.0, 20.0, Some(2.0)), 1);
        merged.add(&counter(4.0, 4.0, None), 1);
        let found = merged.read(&asked(&[Aggregate::Increase, Aggregate::Delta]), 3);
        assert_eq!((found.increase, found.delta), (Some(14.0), Some(-6.0)));

        let of = |up, observed, counts: [u64; 2]| {
            let histogram = [1.0, 2.0].into_iter().zip(counts).map(|(le, count)| Bucket { le, count }).collect();
            Aggregates { count: 1, availability: Some(Availability { up, observed }), histogram, ..Aggregates::default() }
        };
        let mut merged = Merged::default();
        merged.add(&of(1.0, 1.0, [1, 2]), 100);
        merged.add(&of(0.0, 0.5, [0, 7]), 100);
        let found = merged.read(&asked(&[]), 300);
        assert_eq!(found.availability, Some(Availability { up: 100.0 / 150.0, observed: 0.5 }));
        assert_eq!(found.histogram, [Bucket { le: 1.0, count: 1 }, Bucket { le: 2.0, count: 9 }]);
    }
}
