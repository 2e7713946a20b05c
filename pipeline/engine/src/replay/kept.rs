//! Which results of a replay are kept.

use std::collections::BTreeMap;
use std::ops::Range;

use floodmark_core::Result;
use floodmark_core::ports::{Entry, Operator, Outputs};
use floodmark_schemas::{Presence, Timestamp, commit::Output};

/// A span of event time, open where nothing is said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Period {
    /// Its first instant.
    pub from: Option<Timestamp>,
    /// The first instant after it.
    pub to: Option<Timestamp>,
}

impl Period {
    /// Whether a time lies in it.
    pub fn holds(&self, time: Timestamp) -> bool {
        self.from.is_none_or(|from| time >= from) && self.to.is_none_or(|to| time < to)
    }

    /// It as a range, from the beginning of time and to its end where nothing is said.
    pub fn range(&self) -> Range<Timestamp> {
        self.from.unwrap_or(Timestamp::MIN)..self.to.unwrap_or(Timestamp::MAX)
    }

    /// Whether a result belongs to it: a rollup by the start of its window, a score, a late event or a step of an alert by its time.
    pub fn keeps(&self, output: &Output) -> bool {
        self.holds(match output {
            Output::Rollup(rollup) => rollup.window.start,
            Output::Score(score) => score.time,
            Output::Late(late) => late.time,
            Output::Alert(alert) => alert.time,
        })
    }
}

/// An operator that takes everything and gives only the results of a period: what comes before it makes its state.
pub struct Kept {
    operator: Box<dyn Operator>,
    period: Period,
}

impl Kept {
    /// The results of `operator` in `period`.
    pub fn new(operator: Box<dyn Operator>, period: Period) -> Self {
        Self { operator, period }
    }
}

impl Operator for Kept {
    fn apply(&mut self, entry: &Entry, outputs: &mut Outputs) -> Result<()> {
        let (before, mut at) = (outputs.len(), 0);
        let outcome = self.operator.apply(entry, outputs);
        if outputs.len() > before && self.period != Period::default() {
            outputs.retain(|output| {
                at += 1;
                at <= before || self.period.keeps(output)
            });
        }
        outcome
    }

    fn watermark(&self) -> Option<Timestamp> {
        self.operator.watermark()
    }

    fn watermarks(&self) -> BTreeMap<String, Timestamp> {
        self.operator.watermarks()
    }

    fn presence(&self, since: Timestamp, now: Timestamp) -> BTreeMap<String, Presence> {
        self.operator.presence(since, now)
    }

    fn late(&self) -> u64 {
        self.operator.late()
    }

    fn undefined(&self) -> u64 {
        self.operator.undefined()
    }

    fn events(&self) -> u64 {
        self.operator.events()
    }

    fn open(&self, starts: Range<Timestamp>) -> u64 {
        self.operator.open(starts)
    }

    fn snapshot(&self) -> Vec<u8> {
        self.operator.snapshot()
    }

    fn restore(&mut self, snapshot: &[u8]) -> Result<()> {
        self.operator.restore(snapshot)
    }
}

#[cfg(test)]
mod tests {
    use floodmark_schemas::{Series, commit::Late};

    use super::*;

    #[test]
    fn a_period_has_its_first_instant_and_not_its_last() {
        let secs = Timestamp::from_secs;
        let late = |time| {
            let (operator, source, series) = ("w".to_owned(), "s".to_owned(), Series::new("m").into());
            Output::Late(Late { operator, source, series, time: secs(time), value: 1.0, position: 1, index: 0 })
        };
        for (from, to, expected) in [
            (None, None, vec![9, 10, 19, 20]),
            (Some(10), Some(20), vec![10, 19]),
            (Some(10), None, vec![10, 19, 20]),
            (None, Some(20), vec![9, 10, 19]),
        ] {
            let period = Period { from: from.map(secs), to: to.map(secs) };
            let kept: Vec<i64> = [9, 10, 19, 20].into_iter().filter(|time| period.keeps(&late(*time))).collect();
            assert_eq!(kept, expected);
        }
    }
}
