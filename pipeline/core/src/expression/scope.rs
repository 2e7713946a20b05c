//! What the names of an expression stand for, and what is known when it is evaluated.

use floodmark_schemas::Series;

/// The types of parts of an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// True or false.
    Boolean,
    /// A 64-bit floating-point number.
    Number,
    /// Text; depends on the series alone.
    Text,
    /// A time; only functions of times take it.
    Time,
}

impl Type {
    /// In words, with its article.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Boolean => "true or false",
            Self::Number => "a number",
            Self::Text => "a text",
            Self::Time => "a time",
        }
    }
}

/// The names of texts, which every scope has.
const TEXTS: [&str; 3] = ["metric", "unit", "source"];

/// Which names an expression may use: `metric`, `unit`, `source`, `time` and `labels` always, and some numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    numbers: Vec<String>,
}

impl Scope {
    /// Of a sample: its number is `value`.
    pub fn sample() -> Self {
        Self::numbers(["value"])
    }

    /// With these numbers, for example the aggregates of a rollup, in the order of [`Row::numbers`].
    pub fn numbers(names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { numbers: names.into_iter().map(Into::into).collect() }
    }

    pub(super) fn number(&self, name: &str) -> Option<usize> {
        self.numbers.iter().position(|number| number == name)
    }

    /// All names, numbers first.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.numbers.iter().map(String::as_str).chain(["time"]).chain(TEXTS).chain(["labels"])
    }
}

/// What stays the same for all values of a series.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The id of its source.
    pub source: &'a str,
    /// Metric, unit and labels.
    pub series: &'a Series,
}

/// What differs from value to value.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    /// Its time, in microseconds since the Unix epoch.
    pub time: i64,
    /// The numbers of the scope, in its order. One that is absent is [`f64::NAN`].
    pub numbers: &'a [f64],
}
