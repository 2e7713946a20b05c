//! The leaves of typed trees: what is known of a series once, and what differs from row to row.

use std::borrow::Cow;

use regex::Regex;

use super::node::number;
use super::scope::{Row, Subject};
use crate::window::Zone;

/// Before it is known which tree it comes into.
#[derive(Clone, Debug)]
pub(super) enum Leaf {
    OfSeries(OfSeries),
    OfRow(OfRow),
}

/// A text: always of the series alone.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Text {
    Literal(String),
    Metric,
    Unit,
    Source,
    /// Of a label; empty when there is none.
    Label(String),
    Lower(Box<Self>),
}

/// A number or a boolean that a series gives.
#[derive(Clone, Debug)]
pub(super) enum OfSeries {
    Parsed(Text),
    Same(Text, Text),
    Among(Text, Vec<String>),
    Test(fn(&str, &str) -> bool, Text, Text),
    Matches(Text, Regex),
    Has(String),
}

/// A number that a row gives.
#[derive(Clone, Debug)]
pub(super) enum OfRow {
    /// One that was computed from the series.
    Known(usize),
    /// One of [`Row::numbers`].
    Number(usize),
    /// A part of the time, which is in microseconds.
    Time(fn(i64) -> f64),
    /// A part of what clocks show then in a time zone.
    Clock(fn(i64) -> f64, Zone),
}

impl Text {
    fn of<'a>(&'a self, subject: &Subject<'a>) -> Cow<'a, str> {
        match self {
            Self::Literal(text) => Cow::Borrowed(text),
            Self::Metric => Cow::Borrowed(&subject.series.metric),
            Self::Unit => Cow::Borrowed(&subject.series.unit),
            Self::Source => Cow::Borrowed(subject.source),
            Self::Label(name) => Cow::Borrowed(subject.series.labels.get(name).map_or("", String::as_str)),
            Self::Lower(of) => Cow::Owned(of.of(subject).to_lowercase()),
        }
    }
}

impl OfSeries {
    pub fn value(&self, subject: &Subject<'_>) -> f64 {
        match self {
            // The standard parser takes "inf" and "nan" too, which are no numbers to compute with.
            Self::Parsed(text) => text.of(subject).trim().parse().ok().filter(|number: &f64| number.is_finite()).unwrap_or(f64::NAN),
            Self::Same(a, b) => number(a.of(subject) == b.of(subject)),
            Self::Among(text, list) => {
                let text = text.of(subject);
                number(list.iter().any(|item| *item == text))
            }
            Self::Test(test, a, b) => number(test(&a.of(subject), &b.of(subject))),
            Self::Matches(text, pattern) => number(pattern.is_match(&text.of(subject))),
            Self::Has(label) => number(subject.series.labels.contains_key(label)),
        }
    }
}

impl OfRow {
    /// What is not there is no number.
    #[inline]
    pub fn value(&self, known: &[f64], row: &Row<'_>) -> f64 {
        match self {
            Self::Known(i) => known.get(*i).copied().unwrap_or(f64::NAN),
            Self::Number(i) => row.numbers.get(*i).copied().unwrap_or(f64::NAN),
            Self::Time(part) => part(row.time),
            Self::Clock(part, zone) => part(row.time.saturating_add(zone.ahead_us(row.time))),
        }
    }
}
