//! Conditions: which severities an observation of a series meets.

use std::sync::Arc;

use floodmark_schemas::{Series, Severity};

use super::change::{Change, Points};
use super::limits::Limits;
use super::machine::{Levels, bit};
use crate::expression::{Expression, Row, Subject};

/// When something is wrong with a series. It looks at one number of each observation; what that is, is the rule's [`Input`](super::Input).
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// The number is beyond a limit.
    Limits(Limits),
    /// The number has changed by more than a limit within a span.
    Change(Change, Limits),
    /// It was down so many times in a row, until it was up so many times. The number is 1 when it is up and 0 when it is down.
    Streak(Streak),
    /// An expression holds.
    Expression(Box<Holds>),
    /// An episode is open: the second number is 1.
    Open(Severity),
    /// Whatever comes meets it.
    Always(Severity),
    /// Nothing that comes meets it: for rules about silence.
    Never,
}

/// Down and up again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Streak {
    /// So many times down in a row make it down; 1 or more.
    pub failures: u32,
    /// So many times up in a row make it up again; 1 or more.
    pub successes: u32,
    /// How grave it is.
    pub severity: Severity,
}

/// An expression that must hold.
#[derive(Clone, Debug, PartialEq)]
pub struct Holds {
    /// The condition is met when this holds.
    pub met: Expression,
    /// And then until this holds; until `met` does not hold when absent.
    pub recovers: Option<Expression>,
    /// How grave it is.
    pub severity: Severity,
}

/// It counts as met when at least `n` of the last `m` observations met it, each severity for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Needed {
    /// At least so many; 1 or more.
    pub n: u32,
    /// Of so many; at most 64.
    pub m: u32,
}

/// What a condition remembers of a series.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Gauge {
    /// Which severities the last observation met by itself.
    pub met: Levels,
    /// How many observations in a row speak against that.
    pub streak: u32,
    pub more: Option<Box<More>>,
}

/// What few conditions remember.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct More {
    /// Of each severity which of the last observations met it, the newest in the lowest bit.
    pub history: [u64; 4],
    pub points: Points,
    /// What expressions know of the series; no state.
    pub known: Option<Vec<f64>>,
}

impl Condition {
    /// Which severities an observation meets, and the value that decided; `None` when it cannot be judged, and then nothing is
    /// remembered of it.
    #[inline]
    pub(super) fn judge(
        &self,
        gauge: &mut Gauge,
        subject: impl FnOnce() -> (String, Arc<Series>),
        time: i64,
        numbers: &[f64],
    ) -> Option<(Levels, f64)> {
        let mut value = numbers.first().copied().unwrap_or(f64::NAN);
        gauge.met = match self {
            Self::Never => 0,
            Self::Always(severity) => bit(*severity),
            Self::Expression(holds) => holds.judge(gauge, subject, time, numbers)?,
            _ if value.is_nan() => return None,
            Self::Open(severity) if numbers.get(1) == Some(&1.0) => bit(*severity),
            Self::Open(_) => 0,
            Self::Limits(limits) => limits.met(gauge.met, value),
            Self::Change(change, limits) => {
                let more = gauge.more.get_or_insert_default();
                value = more.points.change(time, value, change)?;
                limits.met(gauge.met, value)
            }
            Self::Streak(streak) => streak.judge(gauge, value > 0.0),
        };
        Some((gauge.met, value))
    }

    /// The limit that a severity is held against, where there is one.
    pub fn threshold(&self, severity: Severity) -> Option<f64> {
        match self {
            Self::Limits(limits) | Self::Change(_, limits) => limits.of(severity),
            Self::Streak(_) | Self::Expression(_) | Self::Open(_) | Self::Always(_) | Self::Never => None,
        }
    }
}

impl Streak {
    fn judge(&self, gauge: &mut Gauge, is_up: bool) -> Levels {
        let (is_down, needed) = if gauge.met != 0 { (true, self.successes) } else { (false, self.failures) };
        gauge.streak = if is_up == is_down { gauge.streak + 1 } else { 0 };
        let turns = gauge.streak >= needed;
        gauge.streak = if turns { 0 } else { gauge.streak };
        if is_down != turns { bit(self.severity) } else { 0 }
    }
}

impl Holds {
    /// An expression whose numbers are all absent cannot be judged.
    fn judge(&self, gauge: &mut Gauge, subject: impl FnOnce() -> (String, Arc<Series>), time: i64, numbers: &[f64]) -> Option<Levels> {
        if numbers.iter().all(|number| number.is_nan()) {
            return None;
        }
        let more = gauge.more.get_or_insert_default();
        let known = more.known.get_or_insert_with(|| {
            let (source, series) = subject();
            let (subject, mut known) = (Subject { source: &source, series: &series }, Vec::new());
            self.met.know(&subject, &mut known);
            self.recovers.iter().for_each(|recovers| recovers.know(&subject, &mut known));
            known
        });
        let (of_met, of_recovers) = known.split_at(self.met.parts());
        let row = Row { time, numbers };
        let is_met = match &self.recovers {
            Some(recovers) if gauge.met != 0 => !recovers.holds(of_recovers, &row),
            _ => self.met.holds(of_met, &row),
        };
        Some(if is_met { bit(self.severity) } else { 0 })
    }
}

impl Needed {
    /// Takes an observation, and says which severities count as met.
    pub(super) fn count(&self, gauge: &mut Gauge, met: Levels) -> Levels {
        let quiet = gauge.more.as_ref().is_none_or(|more| more.history == [0; 4]);
        if quiet && met == 0 {
            return 0;
        }
        let more = gauge.more.get_or_insert_default();
        let mask = if self.m >= 64 { u64::MAX } else { (1 << self.m) - 1 };
        let mut counted = 0;
        for severity in Severity::ALL {
            let history = &mut more.history[severity as usize];
            *history = (*history << 1 | u64::from(met & bit(severity) != 0)) & mask;
            if history.count_ones() >= self.n {
                counted |= bit(severity);
            }
        }
        counted
    }
}
