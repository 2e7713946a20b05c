//! Counters to rates.

use std::collections::BTreeMap;
use std::time::Instant;

/// The last value of each counter.
#[derive(Debug, Default)]
pub struct Rates {
    last: BTreeMap<(&'static str, String), Counter>,
    round: u64,
}

#[derive(Debug)]
struct Counter {
    value: u64,
    at: Instant,
    round: u64,
}

impl Rates {
    /// The rate per second of the counter `metric` of `owner`, which is `value` now. Nothing at the first value, or when
    /// the counter went back: then it began anew at a moment nobody knows.
    pub fn per_second(&mut self, metric: &'static str, owner: &str, value: u64, now: Instant) -> Option<f64> {
        let counter = Counter { value, at: now, round: self.round };
        let before = self.last.insert((metric, owner.to_owned()), counter)?;
        let secs = now.saturating_duration_since(before.at).as_secs_f64();
        let grown = value.checked_sub(before.value)?;
        (secs > 0.0).then(|| grown as f64 / secs)
    }

    /// Ends a reading: counters that it did not have are forgotten.
    pub fn end_round(&mut self) {
        let round = self.round;
        self.last.retain(|_, counter| counter.round == round);
        self.round += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn rates_use_the_time_that_passed_and_a_reset_gives_none() {
        let start = Instant::now();
        let mut rates = Rates::default();
        let mut at = |millis, value| rates.per_second("rx", "eth0", value, start + Duration::from_millis(millis));
        assert_eq!(at(0, 1_000), None);
        assert_eq!(at(500, 2_000), Some(2_000.0));
        assert_eq!(at(2_500, 2_000), Some(0.0));
        assert_eq!(at(3_500, 7), None);
        assert_eq!(at(4_500, 17), Some(10.0));
        assert_eq!(at(4_500, 18), None);
    }

    #[test]
    fn a_counter_that_was_away_begins_anew() {
        let start = Instant::now();
        let mut rates = Rates::default();
        rates.per_second("rx", "veth1", 10, start);
        rates.end_round();
        rates.end_round();
        assert_eq!(rates.per_second("rx", "veth1", 20, start + Duration::from_secs(2)), None);
        assert_eq!(rates.last.len(), 1);
    }
}
