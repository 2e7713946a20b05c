//! Limits of rules as people write them: one (`above` or `below`), or one for each severity (`levels`).

use floodmark_connectors::settings::Fault;
use floodmark_core::alert::{Limit, Limits, Side};
use floodmark_schemas::Severity;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Limits of severities.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Levels {
    /// Good to know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub info: Option<Level>,
    /// Somebody should look at it today.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warning: Option<Level>,
    /// Something does not work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Level>,
    /// Somebody must look at it now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub critical: Option<Level>,
}

/// The limit of one severity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Level {
    /// Met by what is greater.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub above: Option<f64>,
    /// Met by what is less.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub below: Option<f64>,
    /// Once met, until a value has come back to this; to the limit itself when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recover_at: Option<f64>,
}

/// The keys of a rule together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Limiting {
    /// The limit that stands in the rule itself.
    pub own: Level,
    /// Those of severities.
    pub levels: Option<Levels>,
    /// Which sides mean something.
    pub sides: &'static [Side],
    /// What is meant when nothing is written.
    pub usual: Option<Levels>,
}

impl Levels {
    fn list(&self) -> impl Iterator<Item = (Severity, Level)> + use<> {
        let all = [self.info, self.warning, self.error, self.critical];
        Severity::ALL.into_iter().zip(all).filter_map(|(severity, level)| Some((severity, level?)))
    }
}

impl Level {
    fn limit(&self, severity: Severity) -> Option<Limit> {
        let (side, at) = match (self.above, self.below) {
            (Some(at), None) => (Side::Above, at),
            (None, Some(at)) => (Side::Below, at),
            _ => return None,
        };
        Some(Limit { severity, side, at, recover_at: self.recover_at.unwrap_or(at) })
    }

    /// What is wrong with it: the key, what it is, and what to do.
    fn faults(&self, sides: &[Side]) -> Vec<(&'static str, String, String)> {
        let mut faults = Vec::new();
        for (key, number) in [("above", self.above), ("below", self.below), ("recover_at", self.recover_at)] {
            if number.is_some_and(|number| !number.is_finite()) {
                faults.push((key, "this is no number that values can be held against".to_owned(), "write a finite number".to_owned()));
            }
        }
        let usual = if sides.contains(&Side::Above) { "above" } else { "below" };
        match (self.above, self.below) {
            (Some(_), Some(_)) => {
                let remedy = "write one of them, and another rule for the other side".to_owned();
                faults.push(("below", "a limit lies on one side: `above` or `below`".to_owned(), remedy));
            }
            (None, None) => faults.push((usual, "there is no limit".to_owned(), format!("add `{usual}`, for example {usual} = 80"))),
            (Some(_), None) if !sides.contains(&Side::Above) => {
                faults.push(("above", "nothing is wrong with more of it".to_owned(), "write `below`".to_owned()));
            }
            (None, Some(_)) if !sides.contains(&Side::Below) => {
                faults.push(("below", "nothing is wrong with less of it".to_owned(), "write `above`".to_owned()));
            }
            _ => {}
        }
        if let Some(limit) = self.limit(Severity::Info) {
            let (is_beyond, word) = match limit.side {
                Side::Above => (limit.recover_at > limit.at, "at most"),
                Side::Below => (limit.recover_at < limit.at, "at least"),
            };
            if is_beyond {
                let what = "a value would have recovered while it is beyond the limit".to_owned();
                faults.push(("recover_at", what, format!("write {word} {}", limit.at)));
            }
        }
        faults
    }
}

impl Limiting {
    /// The limits. Those that have faults are left out.
    pub fn limits(&self, severity: Severity) -> Limits {
        let levels = match (self.own == Level::default(), self.levels.or(self.usual)) {
            (true, Some(levels)) => levels.list().filter_map(|(severity, level)| level.limit(severity)).collect(),
            _ => self.own.limit(severity).into_iter().collect(),
        };
        Limits(levels)
    }

    /// What cannot work.
    pub fn faults(&self, severity: Severity) -> Vec<Fault> {
        let mut faults = Vec::new();
        let is_silent = self.own == Level::default();
        match &self.levels {
            None if is_silent && self.usual.is_some() => {}
            None => faults.extend(self.own.faults(self.sides).into_iter().map(|(key, what, remedy)| Fault::of(key, what, remedy))),
            Some(_) if !is_silent => {
                let what = "limits stand in `levels`, and besides them";
                faults.push(Fault::of("levels", what, "write `levels` alone, or `above` or `below` with `severity`"));
            }
            Some(levels) => {
                if levels.list().next().is_none() {
                    faults.push(Fault::of("levels", "there is no level", "write for example levels = { warning = { above = 80 } }"));
                }
                for (severity, level) in levels.list() {
                    let told = level.faults(self.sides).into_iter();
                    faults.extend(told.map(|(key, what, remedy)| Fault::of("levels", what, remedy).key(severity.name()).key(key)));
                }
            }
        }
        if faults.is_empty() {
            faults.extend(self.disorder(severity));
        }
        faults
    }

    /// A graver level that is met before a lesser one: the lesser would never be told.
    fn disorder(&self, severity: Severity) -> Option<Fault> {
        let Limits(limits) = self.limits(severity);
        let is_wrong = |pair: &&[Limit]| match (pair[0].side, pair[1].side) {
            (Side::Above, Side::Above) => pair[1].at <= pair[0].at,
            (Side::Below, Side::Below) => pair[1].at >= pair[0].at,
            _ => false,
        };
        let pair = limits.windows(2).find(is_wrong)?;
        let what = format!("{} is met as soon as {}, or sooner", pair[1].severity, pair[0].severity);
        Some(Fault::of("levels", what, "put the limits of graver severities further out").key(pair[1].severity.name()))
    }
}
