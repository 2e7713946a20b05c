//! Limits of a number, one for each severity, with hysteresis.

use floodmark_schemas::Severity;

use super::machine::{Levels, bit};

/// On which side of a limit it is bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Values greater than the limit.
    Above,
    /// Values less than the limit.
    Below,
}

/// The limit of one severity.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limit {
    /// How grave it is.
    pub severity: Severity,
    /// On which side.
    pub side: Side,
    /// The limit is met by values beyond this one.
    pub at: f64,
    /// And then as long as values are beyond this one.
    pub recover_at: f64,
}

/// Limits of one number; each severity has one at most.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Limits(pub Vec<Limit>);

impl Limits {
    /// Which are met by a value, when those of `before` were.
    #[inline]
    pub fn met(&self, before: Levels, value: f64) -> Levels {
        let mut met = 0;
        for limit in &self.0 {
            let bit = bit(limit.severity);
            let edge = if before & bit == 0 { limit.at } else { limit.recover_at };
            let beyond = match limit.side {
                Side::Above => value > edge,
                Side::Below => value < edge,
            };
            met |= if beyond { bit } else { 0 };
        }
        met
    }

    /// The limit of a severity.
    pub fn of(&self, severity: Severity) -> Option<f64> {
        self.0.iter().find(|limit| limit.severity == severity).map(|limit| limit.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_met_beyond_it_and_until_it_has_recovered() {
        let limit = |severity, side, at, recover_at| Limit { severity, side, at, recover_at };
        let limits = Limits(vec![limit(Severity::Warning, Side::Above, 80.0, 70.0), limit(Severity::Critical, Side::Above, 95.0, 95.0)]);
        let (warning, critical) = (bit(Severity::Warning), bit(Severity::Critical));
        let mut met = 0;
        for (value, expected) in
            [(80.0, 0), (80.1, warning), (96.0, warning | critical), (95.0, warning), (70.1, warning), (70.0, 0), (75.0, 0)]
        {
            met = limits.met(met, value);
            assert_eq!(met, expected, "{value}");
        }
        let below = Limits(vec![limit(Severity::Info, Side::Below, 0.0, 2.0)]);
        let found = [0.0, -1.0, 1.9, 2.0].map(|value| below.met(bit(Severity::Info), value));
        assert_eq!((found, below.met(0, 1.0)), ([1, 1, 1, 0], 0));
    }
}
