//! Matchers: which alerts are meant, by their labels.
//!
//! A matcher is a text as in Alertmanager: `name=value`, `name!=value`, `name=~pattern`, `name!~pattern`, and
//! `severity>=level`. A pattern has to match the whole value. A label that is not there has the empty value.

use std::fmt;

use floodmark_schemas::{Alert, Severity};
use regex::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// What a compiled pattern may take, in bytes.
const PATTERN_BYTES_MAX: usize = 1 << 20;

/// What an alert has under this name: `rule`, `source`, `metric` and `severity` are what it says itself, all else is among its
/// labels. What is not there is empty.
pub fn value<'a>(alert: &'a Alert, name: &str) -> &'a str {
    match name {
        "rule" => &alert.rule,
        "source" => &alert.source,
        "metric" => &alert.series.metric,
        "severity" => alert.severity.name(),
        label => alert.labels.get(label).map_or("", String::as_str),
    }
}

/// One condition on one label.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Matcher {
    name: String,
    value: String,
    test: Test,
}

#[derive(Clone, Debug)]
enum Test {
    Equals,
    Differs,
    Like(Regex),
    Unlike(Regex),
    AtLeast(Severity),
}

impl Matcher {
    /// Equality with a value.
    pub fn equals(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self { name: name.into(), value: value.into(), test: Test::Equals }
    }

    /// Reads its text.
    ///
    /// # Errors
    /// `Rejected`, with what is wrong.
    pub fn parse(text: &str) -> Result<Self> {
        let wrong = |why: &str| Error::rejected(format!("reading matcher {text:?}: {why}"));
        let at = text.find(['=', '!', '>']).ok_or_else(|| wrong("write name=value, name!=value, name=~pattern or name!~pattern"))?;
        let (name, rest) = (text[..at].trim(), &text[at..]);
        let operator = ["=~", "!~", "!=", ">=", "="].into_iter().find(|operator| rest.starts_with(operator));
        let operator = operator.ok_or_else(|| wrong("the operators are =, !=, =~, !~ and >="))?;
        let value = rest[operator.len()..].trim();
        let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
        if name.is_empty() {
            return Err(wrong("a label's name stands before the operator"));
        }
        let pattern = || {
            let built = RegexBuilder::new(&format!("^(?:{value})$")).size_limit(PATTERN_BYTES_MAX).build();
            built.map_err(|e| wrong("the pattern cannot be read").because(e))
        };
        let test = match operator {
            "=~" => Test::Like(pattern()?),
            "!~" => Test::Unlike(pattern()?),
            "!=" => Test::Differs,
            ">=" if name == "severity" => {
                let level = Severity::ALL.into_iter().find(|severity| severity.name() == value);
                Test::AtLeast(level.ok_or_else(|| wrong("the severities are info, warning, error and critical"))?)
            }
            ">=" => return Err(wrong("only severity has an order: write severity>=error")),
            _ => Test::Equals,
        };
        Ok(Self { name: name.to_owned(), value: value.to_owned(), test })
    }

    /// The label and the value, when it asks for one value.
    pub fn exactly(&self) -> Option<(&str, &str)> {
        matches!(self.test, Test::Equals).then_some((self.name.as_str(), self.value.as_str()))
    }

    /// Whether the alert is meant.
    pub fn matches(&self, alert: &Alert) -> bool {
        let found = value(alert, &self.name);
        match &self.test {
            Test::Equals => found == self.value,
            Test::Differs => found != self.value,
            Test::Like(pattern) => pattern.is_match(found),
            Test::Unlike(pattern) => !pattern.is_match(found),
            Test::AtLeast(severity) => alert.severity >= *severity,
        }
    }
}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let operator = match self.test {
            Test::Equals => "=",
            Test::Differs => "!=",
            Test::Like(_) => "=~",
            Test::Unlike(_) => "!~",
            Test::AtLeast(_) => ">=",
        };
        write!(f, "{}{operator}\"{}\"", self.name, self.value)
    }
}

impl TryFrom<String> for Matcher {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        Self::parse(&text)
    }
}

impl From<Matcher> for String {
    fn from(matcher: Matcher) -> Self {
        matcher.to_string()
    }
}

impl PartialEq for Matcher {
    fn eq(&self, other: &Self) -> bool {
        self.to_string() == other.to_string()
    }
}

/// Conditions that must all hold. Without any, every alert is meant.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Matchers(pub Vec<Matcher>);

impl Matchers {
    /// Reads their texts.
    ///
    /// # Errors
    /// As [`Matcher::parse`].
    pub fn parse<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Self> {
        texts.into_iter().map(Matcher::parse).collect::<Result<_>>().map(Self)
    }

    /// Whether the alert is meant.
    pub fn matches(&self, alert: &Alert) -> bool {
        self.0.iter().all(|matcher| matcher.matches(alert))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::alert;
    use super::*;

    #[test]
    fn matchers_mean_what_their_operators_say() {
        let mut alert = alert("disk", "host-1", 0);
        alert.labels.insert("team".into(), "db".into());
        alert.severity = Severity::Error;
        for (text, expected) in [
            ("team=db", true),
            ("team = \"db\"", true),
            ("team=d", false),
            ("team!=db", false),
            ("team=~d|db", true),
            ("team=~d", false),
            ("team!~d.*", false),
            ("none=", true),
            ("none!=", false),
            ("rule=disk", true),
            ("source=~host-[0-9]+", true),
            ("metric=load", true),
            ("severity=error", true),
            ("severity>=warning", true),
            ("severity>=critical", false),
        ] {
            let matcher = Matcher::parse(text).unwrap();
            assert_eq!(matcher.matches(&alert), expected, "{text}");
            let again = Matcher::parse(&matcher.to_string()).unwrap();
            assert_eq!((again.matches(&alert), &again), (expected, &matcher), "{text}");
        }
        for wrong in ["team", "=db", "team=~(", "team>=3", "severity>=grave", "team<3"] {
            assert_eq!(Matcher::parse(wrong).unwrap_err().kind(), crate::Kind::Rejected, "{wrong}");
        }
    }
}
