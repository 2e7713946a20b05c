//! Texts of the desk's settings that mean something of their own: matchers of alerts, and times as in cron.

use std::fmt::Display;

use floodmark_core::Error;
use floodmark_core::alert::desk::{Cron, Matcher, Matchers};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A matcher of alerts, as it is written: `name=value`, `name!=value`, `name=~pattern`, `name!~pattern` or `severity>=level`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(inline, with = "String", extend("examples" = ["team=db", "severity>=error"]))]
pub struct Matching {
    text: String,
    matcher: Matcher,
}

impl Matching {
    /// The matcher.
    pub(crate) fn matcher(&self) -> &Matcher {
        &self.matcher
    }

    /// All of these together.
    pub(crate) fn all(list: &[Self]) -> Matchers {
        Matchers(list.iter().map(|matching| matching.matcher.clone()).collect())
    }
}

impl TryFrom<String> for Matching {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let remedy = "write for example \"team=db\", \"host=~web-.*\" or \"severity>=error\"";
        let matcher = Matcher::parse(&text).map_err(|e| format!("{text:?} is no matcher: {}; {remedy}", without(&text, &e)))?;
        Ok(Self { text, matcher })
    }
}

impl From<Matching> for String {
    fn from(matching: Matching) -> Self {
        matching.text
    }
}

/// When something begins again and again: the five fields of cron.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(inline, with = "String", extend("examples" = ["0 2 * * sun", "30 22 1 * *"]))]
pub struct Begins(Cron);

impl Begins {
    /// The times.
    pub(crate) fn cron(&self) -> &Cron {
        &self.0
    }
}

impl TryFrom<String> for Begins {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let remedy = "write minute, hour, day of month, month and day of week, for example \"0 2 * * sun\"";
        Cron::parse(&text).map(Self).map_err(|e| format!("{}; {remedy}", without(&text, &e)))
    }
}

impl From<Begins> for String {
    fn from(begins: Begins) -> Self {
        begins.0.to_string()
    }
}

/// What is wrong, without what was being done: the place says that. Behind a semicolon the remedy would begin.
fn without(text: &str, error: &Error) -> String {
    let told = error.to_string();
    let beginnings: [&dyn Display; 3] =
        [&format_args!("reading matcher {text:?}: "), &format_args!("reading the times {text:?}: "), &"reading the times: "];
    let bare = beginnings.into_iter().find_map(|beginning| told.strip_prefix(&beginning.to_string()));
    bare.unwrap_or(&told).replace("; ", ": ")
}
