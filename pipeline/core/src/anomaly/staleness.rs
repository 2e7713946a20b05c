//! How unusual it is that a value stays the same.
//!
//! A run is some events in a row with one value. It scores 0 as long as there was a longer one, and 1 at eight times the
//! longest; runs of up to 4 events never count as long. A series that has changed its value less than 20 times says nothing about
//! how often it should, so it is not judged: a constant one is silent for ever.

const CHANGES_MIN: u8 = 20;
const USUAL_MIN: u32 = 4;
/// The run that scores 1, in multiples of the longest before.
const UNUSUAL: f64 = 8.0;
const SCORE_MAX: f64 = 10.0;

/// The runs of one series. Packed, because each byte counts a million times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(Rust, packed)]
pub(super) struct Staleness {
    /// The length of the present run.
    pub run: u32,
    /// That of the longest before it.
    pub longest: u32,
    /// How often the value has changed; 255 stands for all beyond.
    pub changes: u8,
}

impl Staleness {
    /// Takes an event that brought the value before again, or not, and says how unusual the run is.
    pub fn learn(&mut self, same: bool) -> f64 {
        if same || self.run == 0 {
            self.run = self.run.saturating_add(1);
        } else {
            self.longest = self.longest.max(self.run);
            self.changes = self.changes.saturating_add(1);
            self.run = 1;
        }
        if self.changes < CHANGES_MIN {
            return 0.0;
        }
        let usual = f64::from(self.longest.max(USUAL_MIN));
        ((f64::from(self.run) / usual - 1.0) / (UNUSUAL - 1.0)).clamp(0.0, SCORE_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(changes: u8, longest: u32, run: u32) -> f64 {
        let mut staleness = Staleness::default();
        for _ in 0..changes {
            staleness.learn(false);
            (1..longest).for_each(|_| assert_eq!(staleness.learn(true), 0.0));
        }
        staleness.learn(false);
        (1..run).fold(0.0, |_, _| staleness.learn(true))
    }

    #[test]
    fn a_run_is_unusual_when_it_is_eight_times_the_longest() {
        for (changes, longest, run, expected) in [
            (100, 1, 4, 0.0),
            (100, 1, 32, 1.0),
            (100, 10, 10, 0.0),
            (100, 10, 80, 1.0),
            (100, 10, 150, 2.0),
            (100, 10, 100_000, SCORE_MAX),
            (CHANGES_MIN - 1, 10, 100_000, 0.0),
        ] {
            assert_eq!(after(changes, longest, run), expected, "{changes} changes, {longest}, {run}");
        }
    }

    #[test]
    fn what_never_changed_is_never_stale() {
        let mut staleness = Staleness::default();
        assert!((0..1_000_000).all(|_| staleness.learn(true) == 0.0));
    }
}
