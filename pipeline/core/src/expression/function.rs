//! The functions, in one table: what the check allows, what the documents say, and what the tests run.

use super::node::Binary;
use super::scope::Type;

/// A function of expressions.
#[derive(Debug)]
pub struct Function {
    /// Its name.
    pub name: &'static str,
    /// What it takes and gives, as people write it.
    pub signature: &'static str,
    /// What it does.
    pub about: &'static str,
    /// A use of it that is run as a test, on [`crate::expression::example`].
    pub example: &'static str,
    /// What the example gives: a number, `true` or `false`.
    pub gives: &'static str,
    pub(super) meaning: Meaning,
}

/// How a call becomes a tree. Closed: what a function may take follows from it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Meaning {
    /// Of one number.
    Number(fn(f64) -> f64),
    /// Of two numbers or more, from left to right.
    Fold(Binary),
    /// Of a number and its bounds.
    Clamp,
    /// Of a condition and two numbers or conditions.
    If,
    /// Whether a number is finite.
    Finite,
    /// Of two texts.
    Test(fn(&str, &str) -> bool),
    /// Of a text and a pattern.
    Matches,
    /// Of a label.
    Has,
    /// The number in a text.
    Parse,
    /// A text in small letters.
    Lower,
    /// Of the time.
    Time(fn(i64) -> f64),
    /// Of what clocks show at the time: in UTC, or in a time zone that is named.
    Clock(fn(i64) -> f64),
}

impl Meaning {
    /// What its arguments are; the last stands for all further ones of a fold.
    pub fn takes(self) -> &'static [Type] {
        use Type::{Boolean, Number, Text, Time};
        match self {
            Self::Number(_) | Self::Finite => &[Number],
            Self::Fold(_) => &[Number, Number],
            Self::Clamp => &[Number, Number, Number],
            // The second and the third may be conditions as well.
            Self::If => &[Boolean, Number, Number],
            Self::Test(_) | Self::Matches => &[Text, Text],
            Self::Has | Self::Parse | Self::Lower => &[Text],
            Self::Time(_) | Self::Clock(_) => &[Time],
        }
    }

    /// How many arguments it takes at most; `None` when there is no end.
    pub fn most(self) -> Option<usize> {
        match self {
            Self::Fold(_) => None,
            Self::Clock(_) => Some(2),
            _ => Some(self.takes().len()),
        }
    }
}

macro_rules! functions {
    ($($signature:literal, $about:literal, $example:literal => $gives:literal, $meaning:expr;)+) => {
        &[$(Function { name: name_of($signature), signature: $signature, about: $about, example: $example, gives: $gives, meaning: $meaning }),+]
    };
}

/// Every function, in the order of the documents.
pub static FUNCTIONS: &[Function] = functions! {
    "abs(number) -> number", "The number without its sign.", "abs(-2.5)" => "2.5", Meaning::Number(f64::abs);
    "min(number, number, ..) -> number", "The least of two or more.", "min(value, 10, 20)" => "10", Meaning::Fold(Binary::Least);
    "max(number, number, ..) -> number", "The greatest of two or more.", "max(value, 10)" => "12.5", Meaning::Fold(Binary::Greatest);
    "clamp(number, low, high) -> number", "The number, but at least `low` and at most `high`.", "clamp(value, 0, 10)" => "10", Meaning::Clamp;
    "round(number) -> number", "The nearest whole number; a half goes away from zero.", "round(value)" => "13", Meaning::Number(f64::round);
    "floor(number) -> number", "The next whole number below.", "floor(-0.5)" => "-1", Meaning::Number(f64::floor);
    "ceil(number) -> number", "The next whole number above.", "ceil(value)" => "13", Meaning::Number(f64::ceil);
    "sqrt(number) -> number", "The square root; of a negative number it is no number.", "sqrt(2.25)" => "1.5", Meaning::Number(f64::sqrt);
    "log10(number) -> number", "The decimal logarithm; of zero or less it is not finite.", "log10(1000)" => "3", Meaning::Number(libm::log10);
    "log2(number) -> number", "The binary logarithm; of zero or less it is not finite.", "log2(8)" => "3", Meaning::Number(libm::log2);
    "finite(number) -> boolean", "Whether it is a number, and not infinite.", "finite(value / 0)" => "false", Meaning::Finite;
    "number(text) -> number", "The number that a text is; of any other text it is no number.", "number(labels.core) + 1" => "4", Meaning::Parse;
    "if(condition, a, b) -> number or boolean", "`a` when the condition holds, otherwise `b`; both of one type.", "if(unit == \"%\", value / 100, value)" => "0.125", Meaning::If;
    "contains(text, part) -> boolean", "Whether `part` stands somewhere in it.", "contains(metric, \"usage\")" => "true", Meaning::Test(|text, part| text.contains(part));
    "starts_with(text, start) -> boolean", "Whether it begins with `start`.", "starts_with(labels.host, \"web-\")" => "true", Meaning::Test(|text, start| text.starts_with(start));
    "ends_with(text, end) -> boolean", "Whether it ends with `end`.", "ends_with(labels.host, \"-2\")" => "false", Meaning::Test(|text, end| text.ends_with(end));
    "matches(text, pattern) -> boolean", "Whether the pattern occurs in it, as `text =~ pattern`; `^` and `$` stand for its ends.", "matches(labels.host, '^web-\\d+$')" => "true", Meaning::Matches;
    "lower(text) -> text", "The same in small letters.", "lower(labels.zone) == \"eu\"" => "true", Meaning::Lower;
    "has(label) -> boolean", "Whether the series has this label. One that it has not is the empty text.", "has(labels.rack)" => "false", Meaning::Has;
    "hour(time, zone) -> number", "The hour of the day, 0 to 23, in a time zone; in UTC when none is named.", "hour(time, \"Europe/Berlin\")" => "15", Meaning::Clock(hour);
    "weekday(time, zone) -> number", "The day of the week, 1 (Monday) to 7 (Sunday), in a time zone; in UTC when none is named.", "weekday(time, \"Pacific/Auckland\")" => "7", Meaning::Clock(weekday);
    "unix(time) -> number", "Seconds since 1970-01-01T00:00:00Z.", "unix(time)" => "1769869800", Meaning::Time(unix);
};

const fn name_of(signature: &'static str) -> &'static str {
    let mut end = 0;
    while signature.as_bytes()[end] != b'(' {
        end += 1;
    }
    signature.split_at(end).0
}

const HOUR_US: i64 = 3_600_000_000;

/// Of what a clock shows, as if that were microseconds since the Unix epoch.
fn hour(time: i64) -> f64 {
    time.div_euclid(HOUR_US).rem_euclid(24) as f64
}

/// The first of January 1970 was a Thursday.
fn weekday(time: i64) -> f64 {
    ((time.div_euclid(24 * HOUR_US) + 3).rem_euclid(7) + 1) as f64
}

fn unix(time: i64) -> f64 {
    time as f64 / 1e6
}
