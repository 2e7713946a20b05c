//! Counters, which only grow: what is judged is how much they grew by the second.

/// The last reading.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Counter {
    /// When, in microseconds.
    pub time: i64,
    pub value: f64,
}

impl Counter {
    /// The growth by the second since the last reading, which is replaced. `None` when the counter was reset (it is less than before) or time did not
    /// go on: then there is nothing to judge.
    pub fn rate(last: &mut Option<Self>, time: i64, value: f64) -> Option<f64> {
        let before = last.replace(Self { time, value });
        Self::between(before?, time, value)
    }

    /// The growth by the second from a reading to a later one.
    pub fn between(before: Self, time: i64, value: f64) -> Option<f64> {
        let secs = time.saturating_sub(before.time) as f64 / 1e6;
        (secs > 0.0 && value >= before.value).then(|| (value - before.value) / secs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resets_and_times_that_do_not_go_on_give_no_rate() {
        let mut last = None;
        let readings = [(0, 100.0), (10, 130.0), (20, 130.0), (30, 5.0), (40, 25.0), (40, 30.0), (35, 28.0), (45, 48.0)];
        let rates: Vec<_> = readings.map(|(secs, value)| Counter::rate(&mut last, secs * 1_000_000, value)).to_vec();
        assert_eq!(rates, [None, Some(3.0), Some(0.0), None, Some(2.0), None, None, Some(2.0)]);
    }
}
