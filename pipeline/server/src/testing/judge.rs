//! Compares what came out with what was expected.

use floodmark_schemas::Timestamp;
use serde::Serialize;

use super::found::{Found, Shown, Value};
use crate::config::{Expect, Field, Others, Place, Test, Wanted, name_of};

/// The most results that are listed beside one that is missing.
const LISTED_MAX: usize = 8;

/// Why a test has failed. All values are as people read them.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "problem", rename_all = "snake_case")]
pub enum Problem {
    /// What was expected did not come out; something came out that differs in a few fields.
    Differs {
        /// Where it is expected.
        #[serde(flatten)]
        place: Place,
        /// What was expected.
        expected: String,
        /// What differs in the result that is most like it.
        differences: Vec<Difference>,
    },
    /// What was expected did not come out, nor anything like it.
    Missing {
        /// Where it is expected.
        #[serde(flatten)]
        place: Place,
        /// What was expected.
        expected: String,
        /// What came out, or the beginning of it.
        found: Vec<String>,
        /// How much more came out.
        more: usize,
    },
    /// It came out, and nothing expects it.
    Unexpected {
        /// What came out.
        found: String,
    },
    /// An operator could not read an input.
    Unreadable {
        /// Which operator, and why.
        reason: String,
    },
}

/// A field that is not as expected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The field.
    pub field: String,
    /// What was expected.
    pub expected: String,
    /// What came out; absent when the result has no such field.
    pub found: Option<String>,
}

impl Problem {
    pub(super) fn unreadable(operator: &str, reason: &str) -> Self {
        Self::Unreadable { reason: format!("{operator}: {reason}") }
    }
}

/// All problems: what is missing in the order in which it is written, then what is unexpected.
pub(super) fn judge(test: &Test, found: &[Found]) -> Vec<Problem> {
    let judge = Judge { start: test.start, shown: Shown::of(test) };
    let fields: Vec<Vec<Field>> = test.expect.iter().map(|(_, expect)| expect.fields()).collect();
    let mut taken = vec![false; found.len()];
    let mut missing = Vec::new();
    // Those that say most choose first: what is said in general must not take what another says in particular.
    let mut order: Vec<usize> = (0..fields.len()).collect();
    order.sort_by_key(|i| std::cmp::Reverse(fields[*i].len()));
    for i in order {
        let is_it = |at: &usize| {
            !taken[*at] && judge.is_kind(&test.expect[i].1, &found[*at]) && judge.differences(&fields[i], &found[*at]).is_empty()
        };
        match (0..found.len()).find(is_it) {
            Some(at) => taken[at] = true,
            None => missing.push(i),
        }
    }
    missing.sort_unstable();
    let mut problems = Vec::new();
    for i in missing {
        let (place, expect) = &test.expect[i];
        let rest: Vec<(usize, &Found)> = found.iter().enumerate().filter(|(at, _)| !taken[*at]).collect();
        let (problem, nearest) = judge.missing(place, expect, &fields[i], &rest);
        // What is shown as nearly that is not told again as unexpected.
        nearest.into_iter().for_each(|at| taken[at] = true);
        problems.push(problem);
    }
    if test.others == Others::Refused {
        let rest = found.iter().zip(&taken).filter(|(_, taken)| !**taken);
        problems.extend(rest.map(|(found, _)| Problem::Unexpected { found: judge.describe(found) }));
    }
    problems
}

struct Judge {
    start: Timestamp,
    shown: Shown,
}

impl Judge {
    fn is_kind(&self, expect: &Expect, found: &Found) -> bool {
        expect.kind == found.kind
    }

    fn missing(&self, place: &Place, expect: &Expect, fields: &[Field], rest: &[(usize, &Found)]) -> (Problem, Option<usize>) {
        let place = place.clone();
        let alike = rest.iter().filter(|(_, found)| self.is_kind(expect, found)).map(|(at, found)| {
            let differences = self.differences(fields, found);
            let strange = differences.iter().filter(|difference| tells_which(&difference.field)).count();
            (strange, differences.len(), *at, differences)
        });
        let told = fields.iter().filter(|field| tells_which(&field.name)).count();
        match alike.min_by_key(|(strange, differences, at, _)| (*strange, *differences, *at)) {
            // At most one of the things that tell which result is meant may be another.
            Some((strange, _, at, differences)) if strange == 0 || (strange == 1 && told > 1) => {
                (Problem::Differs { place, expected: self.expected(expect, fields), differences }, Some(at))
            }
            _ => {
                let found = rest.iter().take(LISTED_MAX).map(|(_, found)| self.describe(found)).collect();
                let more = rest.len().saturating_sub(LISTED_MAX);
                (Problem::Missing { place, expected: self.expected(expect, fields), found, more }, None)
            }
        }
    }

    fn differences(&self, fields: &[Field], found: &Found) -> Vec<Difference> {
        let differs = |field: &&Field| !found.fields.get(&field.name).is_some_and(|value| self.holds(&field.wanted, value));
        let difference = |field: &Field| Difference {
            field: field.name.clone(),
            expected: self.wanted(&field.wanted),
            found: found.fields.get(&field.name).map(|value| self.shown.value(value)),
        };
        fields.iter().filter(differs).map(difference).collect()
    }

    fn holds(&self, wanted: &Wanted, value: &Value) -> bool {
        match (wanted, value) {
            (Wanted::Text(wanted), Value::Text(text)) => wanted == text,
            (Wanted::Number(wanted, share), Value::Number(number)) => wanted.holds(*number, *share),
            (Wanted::Window(wanted), Value::Window(from, to)) => wanted.on(self.start) == (*from, *to),
            (Wanted::Time(wanted), Value::Time(time)) => wanted.on(self.start) == *time,
            _ => false,
        }
    }

    fn wanted(&self, wanted: &Wanted) -> String {
        match wanted {
            Wanted::Text(text) => text.clone(),
            Wanted::Number(number, _) => number.to_string(),
            Wanted::Window(window) => self.shown.window(window.on(self.start)),
            Wanted::Time(time) => self.shown.time(time.on(self.start)),
        }
    }

    fn expected(&self, expect: &Expect, fields: &[Field]) -> String {
        let parts = fields.iter().map(|field| format!(" {}={}", field.name, self.wanted(&field.wanted)));
        format!("{}{}", name_of(expect.kind), parts.collect::<String>())
    }

    /// A result in one line: first what tells which it is, then its values; without what is empty.
    fn describe(&self, found: &Found) -> String {
        let first = ["operator", "source", "metric"].into_iter().filter_map(|name| found.fields.get_key_value(name));
        let is_first = |name: &str| matches!(name, "operator" | "source" | "metric");
        let (which, values): (Vec<_>, Vec<_>) =
            found.fields.iter().filter(|(name, _)| !is_first(name)).partition(|(name, _)| tells_which(name));
        let parts = first.chain(which).chain(values).map(|(name, value)| (name, self.shown.value(value)));
        let parts = parts.filter(|(_, value)| !value.is_empty()).map(|(name, value)| format!(" {name}={value}"));
        format!("{}{}", name_of(found.kind), parts.collect::<String>())
    }
}

/// Whether a field tells which result is meant, rather than what it says.
fn tells_which(field: &str) -> bool {
    matches!(field, "operator" | "source" | "metric" | "unit" | "window" | "time" | "revision" | "step") || field.starts_with("labels.")
}
