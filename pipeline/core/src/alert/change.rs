//! By how much a value has changed within a span.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

/// The most values that are remembered of a series, on each side; the oldest of more are forgotten.
const POINTS_MAX: usize = 4_096;

/// Which changes are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// The span, in microseconds: a value is compared with those of its own series that are at most so old.
    pub within_us: i64,
    /// In which direction.
    pub direction: Direction,
    /// As a share of the value it is compared with, instead of the difference.
    pub as_ratio: bool,
}

/// The direction of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// By how much it is more than the least.
    Up,
    /// By how much it is less than the greatest.
    Down,
    /// The greater of both.
    Any,
}

/// The values that may be the least or the greatest of a span: on each side those that no later one surpasses.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Points {
    lows: VecDeque<(i64, f64)>,
    highs: VecDeque<(i64, f64)>,
}

impl Points {
    /// Takes a value, and says by how much it has changed; `None` when that is a share of nothing.
    pub fn change(&mut self, time: i64, value: f64, change: &Change) -> Option<f64> {
        let oldest = time.saturating_sub(change.within_us);
        let up = (change.direction != Direction::Down).then(|| {
            let low = extreme(&mut self.lows, time, value, oldest, |before| before >= value);
            share(value - low, low, change.as_ratio)
        });
        let down = (change.direction != Direction::Up).then(|| {
            let high = extreme(&mut self.highs, time, value, oldest, |before| before <= value);
            share(high - value, high, change.as_ratio)
        });
        match (up, down) {
            (Some(up), Some(down)) => Some(up?.max(down?)),
            (Some(one), None) | (None, Some(one)) => one,
            (None, None) => None,
        }
    }
}

fn extreme(points: &mut VecDeque<(i64, f64)>, time: i64, value: f64, oldest: i64, is_surpassed: impl Fn(f64) -> bool) -> f64 {
    while points.front().is_some_and(|(at, _)| *at < oldest) || points.len() >= POINTS_MAX {
        points.pop_front();
    }
    while points.back().is_some_and(|(_, before)| is_surpassed(*before)) {
        points.pop_back();
    }
    points.push_back((time, value));
    points.front().map_or(value, |(_, value)| *value)
}

fn share(difference: f64, of: f64, as_ratio: bool) -> Option<f64> {
    let change = match as_ratio {
        _ if difference == 0.0 => 0.0,
        false => difference,
        true if of == 0.0 => return None,
        true => difference / of.abs(),
    };
    Some(change.min(f64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(change: Change, expected: &[(i64, f64, Option<f64>)]) {
        let mut points = Points::default();
        for (time, value, expected) in expected {
            assert_eq!(points.change(*time, *value, &change), *expected, "{time} {value}");
        }
    }

    #[test]
    fn a_value_is_compared_with_the_extremes_of_the_span() {
        let change = |direction, as_ratio| Change { within_us: 10, direction, as_ratio };
        check(
            change(Direction::Up, false),
            &[(0, 5.0, Some(0.0)), (4, 3.0, Some(0.0)), (9, 7.0, Some(4.0)), (14, 8.0, Some(5.0)), (15, 8.0, Some(1.0))],
        );
        check(change(Direction::Down, false), &[(0, 5.0, Some(0.0)), (4, 3.0, Some(2.0)), (14, 1.0, Some(2.0)), (15, 9.0, Some(0.0))]);
        check(change(Direction::Any, true), &[(0, 4.0, Some(0.0)), (1, 6.0, Some(0.5)), (2, 3.0, Some(0.5)), (3, 3.0, Some(0.5))]);
        check(change(Direction::Up, true), &[(0, 0.0, Some(0.0)), (1, 1.0, None), (2, -1.0, Some(0.0)), (3, -0.5, Some(0.5))]);
    }
}
