//! What an operator makes of samples before it computes: a condition that they must meet, and a value derived from them.
//!
//! What depends on the series alone is computed when a series is met, and kept: a row costs the rest of its expressions,
//! and nothing when the series has decided. What is kept is no state: it is forgotten and found again at any time, and no
//! output depends on it.

use floodmark_schemas::Series;

use crate::expression::{Expression, Row, Subject};
use crate::series_table::SeriesTable;

/// The series of a sample that is not taken.
pub const NONE: u32 = u32::MAX;

/// Which samples are taken, and with which value; all as they are by default.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Selection {
    /// Only samples for which this holds.
    pub filter: Option<Expression>,
    /// Another value in the place of the sample's.
    pub derived: Option<Derived>,
}

/// A value that is computed from a sample. It belongs to the series with the sample's labels, and this metric and unit:
/// of two series that differ in nothing but metric and unit the values meet in one.
#[derive(Clone, Debug, PartialEq)]
pub struct Derived {
    /// The formula.
    pub value: Expression,
    /// The metric of what it gives.
    pub metric: String,
    /// The unit of what it gives; empty when it has none.
    pub unit: String,
}

/// What becomes of one sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Taken {
    /// It is left out.
    No,
    /// It is left out because the formula gave nothing finite.
    Undefined,
    /// It counts for this series with this value.
    Yes(u32, f64),
}

impl Selection {
    /// Whether it takes all samples as they are: then nobody needs [`Inputs`].
    pub fn is_everything(&self) -> bool {
        self.filter.is_none() && self.derived.is_none()
    }

    /// Whether it depends on the rules of a time zone.
    pub fn asks_zones(&self) -> bool {
        let expressions = [self.filter.as_ref(), self.derived.as_ref().map(|derived| &derived.value)];
        expressions.into_iter().flatten().any(Expression::asks_zones)
    }
}

/// The series that samples come from, with what is known of each.
#[derive(Debug)]
pub struct Inputs {
    table: SeriesTable,
    entries: Vec<Input>,
    /// As many numbers for each entry as the expressions have parts.
    known: Vec<f64>,
    /// The log time from which on it is looked for stale entries again.
    look_at: i64,
}

#[derive(Debug)]
struct Input {
    /// The series that its values count for, or [`NONE`].
    output: u32,
    /// Whether the filter holds for all its rows.
    always: bool,
    /// Whether it was met since the last look.
    used: bool,
}

/// Up to this many series nothing is ever forgotten.
const ENTRIES_MIN: usize = 1_024;
/// A series that was not met for this long, in log time, may be forgotten.
const STALE_AFTER_US: i64 = 600_000_000;

impl Default for Inputs {
    fn default() -> Self {
        Self { table: SeriesTable::default(), entries: Vec::new(), known: Vec::new(), look_at: i64::MIN }
    }
}

impl Inputs {
    /// The number of the series with this canonical key, for [`Self::take`]. Of a series that `wanted` refuses nothing is
    /// taken. `intern` gives the number of the series that its values count for.
    pub fn series(
        &mut self,
        selection: &Selection,
        (number, source): (u32, &str),
        key: &str,
        wanted: impl FnOnce(&Series) -> bool,
        intern: impl FnOnce(&str) -> u32,
    ) -> u32 {
        let input = self.table.intern(number, key);
        if (input as usize) < self.entries.len() {
            return input;
        }
        let series = Series::from_key(key).ok().filter(wanted);
        let entry = match series {
            Some(series) => self.meet(selection, &Subject { source, series: &series }, key, intern),
            None => Input { output: NONE, always: false, used: true },
        };
        self.entries.push(entry);
        self.known.resize(self.entries.len() * parts(selection), 0.0);
        input
    }

    fn meet(&mut self, selection: &Selection, subject: &Subject<'_>, key: &str, intern: impl FnOnce(&str) -> u32) -> Input {
        let start = self.known.len();
        let settled = selection.filter.as_ref().map_or(Some(1.0), |filter| {
            filter.know(subject, &mut self.known);
            filter.settled(&self.known[start..])
        });
        if settled == Some(0.0) {
            return Input { output: NONE, always: false, used: true };
        }
        let output = match &selection.derived {
            None => intern(key),
            Some(Derived { value, metric, unit }) => {
                value.know(subject, &mut self.known);
                let derived = Series { metric: metric.clone(), unit: unit.clone(), labels: subject.series.labels.clone() };
                intern(&derived.key())
            }
        };
        Input { output, always: settled.is_some(), used: true }
    }

    /// What becomes of a sample of a series that [`Self::series`] has numbered.
    #[inline]
    pub fn take(&mut self, selection: &Selection, input: u32, time: i64, value: f64) -> Taken {
        let stride = parts(selection);
        let entry = &mut self.entries[input as usize];
        entry.used = true;
        if entry.output == NONE {
            return Taken::No;
        }
        let known = &self.known[input as usize * stride..][..stride];
        let row = Row { time, numbers: &[value] };
        let of_filter = match &selection.filter {
            Some(filter) if !entry.always && !filter.holds(known, &row) => return Taken::No,
            Some(filter) => filter.parts(),
            None => 0,
        };
        match &selection.derived {
            None => Taken::Yes(entry.output, value),
            Some(derived) => match derived.value.number(&known[of_filter..], &row) {
                value if value.is_finite() => Taken::Yes(entry.output, value),
                _ => Taken::Undefined,
            },
        }
    }

    /// Forgets all series, because their numbers or those of the outputs have changed.
    pub fn forget(&mut self) {
        *self = Self::default();
    }

    /// Forgets all series when most of them have not been met for long, or when there are `entries_max`, so that memory
    /// follows what is live. Whether it has: then numbers of before mean nothing any more.
    pub fn tidy(&mut self, log_time: i64, entries_max: usize) -> bool {
        if log_time < self.look_at && self.entries.len() < entries_max {
            return false;
        }
        let used: usize = self.entries.iter_mut().map(|entry| usize::from(std::mem::take(&mut entry.used))).sum();
        let is_stale = self.entries.len() > ENTRIES_MIN + 2 * used || self.entries.len() >= entries_max;
        if is_stale {
            self.forget();
        }
        self.look_at = log_time.saturating_add(STALE_AFTER_US);
        is_stale
    }
}

/// How many numbers are kept for each series.
fn parts(selection: &Selection) -> usize {
    selection.filter.as_ref().map_or(0, Expression::parts) + selection.derived.as_ref().map_or(0, |derived| derived.value.parts())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expression::Scope;

    fn selection(filter: Option<&str>, derived: Option<&str>) -> Selection {
        let scope = Scope::sample();
        let filter = filter.map(|text| Expression::compile_bool(text, &scope).unwrap());
        let derived = derived.map(|text| {
            let value = Expression::compile_number(text, &scope).unwrap();
            Derived { value, metric: "d".to_owned(), unit: "s".to_owned() }
        });
        Selection { filter, derived }
    }

    fn check(filter: Option<&str>, derived: Option<&str>, samples: &[(Series, f64)], expected: &[Option<(&str, f64)>]) {
        let selection = selection(filter, derived);
        let (mut inputs, mut table) = (Inputs::default(), SeriesTable::default());
        for ((series, value), expected) in samples.iter().zip(expected) {
            let input =
                inputs.series(&selection, (0, "s"), &series.key(), |series| series.metric != "unwanted", |key| table.intern(0, key));
            let found = match inputs.take(&selection, input, 0, *value) {
                Taken::Yes(output, value) => Some((table.series(output).to_string(), value)),
                Taken::No | Taken::Undefined => None,
            };
            assert_eq!(found.as_ref().map(|(series, value)| (series.as_str(), *value)), *expected, "{series} {value}");
        }
    }

    #[test]
    fn a_sample_is_taken_by_its_series_and_its_value() {
        let host = |host: &str| Series::new("m").label("host", host);
        let samples =
            [(host("a"), 1.0), (host("a"), 3.0), (host("b"), 3.0), (Series::new("unwanted").label("host", "a"), 3.0), (host("a"), 4.0)];
        let expected = [None, Some((r#"m{host="a"}"#, 3.0)), None, None, Some((r#"m{host="a"}"#, 4.0))];
        check(Some("labels.host == 'a' and value > 2"), None, &samples, &expected);
    }

    #[test]
    fn series_of_several_units_meet_in_one() {
        let of = |unit: &str, value: f64| (Series::new("wait").unit(unit).label("host", "a"), value);
        let samples = [of("ms", 500.0), of("s", 2.0), of("s", 0.0)];
        let expected = [Some((r#"d{host="a"}"#, 2.0)), Some((r#"d{host="a"}"#, 0.5)), None];
        check(None, Some("1 / if(unit == 'ms', value / 1000, value)"), &samples, &expected);
    }

    #[test]
    fn a_value_that_is_not_finite_is_told_apart() {
        let selection = selection(Some("value >= 0 or has(labels.x)"), Some("1 / value"));
        let (mut inputs, mut table) = (Inputs::default(), SeriesTable::default());
        let input = inputs.series(&selection, (0, "s"), &Series::new("m").key(), |_| true, |key| table.intern(0, key));
        let found = [-1.0, 0.0, 4.0].map(|value| inputs.take(&selection, input, 0, value));
        assert_eq!(found, [Taken::No, Taken::Undefined, Taken::Yes(0, 0.25)]);
    }

    #[test]
    fn series_that_come_and_go_are_forgotten_and_living_ones_stay() {
        let selection = selection(Some("labels.n == 'never' and value > 0"), None);
        let (mut inputs, mut table) = (Inputs::default(), SeriesTable::default());
        let mut meet = |inputs: &mut Inputs, n: u32| {
            inputs.series(&selection, (0, "s"), &Series::new("m").label("n", n.to_string()).key(), |_| true, |key| table.intern(0, key))
        };
        let mut forgotten = 0;
        for n in 0..50_000 {
            meet(&mut inputs, n);
            // A hundred in the time after which they are stale.
            forgotten += u32::from(inputs.tidy(i64::from(n) * STALE_AFTER_US / 100, 1_000_000));
            assert!(inputs.entries.len() <= 1_400, "{}", inputs.entries.len());
        }
        assert!(forgotten > 30, "{forgotten}");
        let mut inputs = Inputs::default();
        for n in (0..10_000).chain(0..10_000).chain(0..10_000) {
            let input = meet(&mut inputs, n);
            assert_eq!(inputs.take(&selection, input, 0, 1.0), Taken::No);
            assert!(!inputs.tidy(i64::from(n) * STALE_AFTER_US / 10_000, 1_000_000));
        }
        assert!(!inputs.tidy(0, 10_001) && inputs.tidy(0, 10_000));
        assert_eq!((inputs.entries.len(), table.len()), (0, 0));
    }
}
