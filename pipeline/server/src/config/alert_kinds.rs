//! The settings of each `type` of rule.

use floodmark_connectors::settings::{Fault, Span};
use floodmark_core::alert::{Pattern, Side};
use floodmark_core::expression::{Expression, Scope};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::alert_limits::{Level, Levels, Limiting};
use super::check::CENTURY;
use super::kinds::AlertKind;
use super::selection::inside;

/// A value is beyond a limit: of samples, of the numbers of checks, or with `from` of an aggregate of windows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Threshold {
    /// The operator whose windows are looked at, when they fire; events when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Which aggregate of a window, by its name, or by its level for a quantile; `"mean"` when absent. Only with `from`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aggregate: Option<String>,
    /// Met by values that are greater.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub above: Option<f64>,
    /// Met by values that are less.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub below: Option<f64>,
    /// Once met, until a value has come back to this; to the limit itself when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recover_at: Option<f64>,
    /// A limit for each severity, in the place of these keys: `{ warning = { above = 80 }, critical = { above = 95 } }`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub levels: Option<Levels>,
}

/// A value has changed by more than a limit within a span.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// The operator whose windows are looked at, when they fire; events when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Which aggregate of a window; `"mean"` when absent. Only with `from`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aggregate: Option<String>,
    /// A value is compared with those of its series that are at most so old; with 4,096 of them at most.
    pub within: Span,
    /// In which direction.
    #[serde(default)]
    pub direction: Direction,
    /// What is held against the limit.
    #[serde(default)]
    pub measure: Measure,
    /// Met by changes that are greater.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub above: Option<f64>,
    /// Once met, until a change has come back to this; to the limit itself when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recover_at: Option<f64>,
    /// A limit for each severity, in the place of these keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub levels: Option<Levels>,
}

/// In which direction a value changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Direction {
    /// By how much it is more than the least.
    Up,
    /// By how much it is less than the greatest.
    Down,
    /// The greater of both.
    #[default]
    Any,
}

/// What is held against the limit of a change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Measure {
    /// The difference of the two values.
    #[default]
    Difference,
    /// The difference as a share of the earlier value: 0.5 is a half more, or a half less.
    Ratio,
}

/// A target is down: checks have failed so many times in a row, until so many were up in a row.
///
/// A check that could not be made on this machine, or was missed, is neither: it cannot be judged. Samples count too, as up when
/// greater than 0: those of the metric `up`, or of `metrics`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// So many failures in a row.
    #[serde(default = "one")]
    pub failures: u32,
    /// So many times up in a row end it.
    #[serde(default = "one")]
    pub successes: u32,
}

/// An anomaly: an episode of an operator of type `anomaly` is open, or its score is beyond a limit. While a series is learnt nobody is told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AnomalyRule {
    /// The operator of type `anomaly`.
    pub from: String,
    /// Met by scores that are greater, in the place of episodes. The operator must emit all scores.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub above: Option<f64>,
    /// Once met, until a score has come back to this; to the limit itself when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recover_at: Option<f64>,
    /// A limit of scores for each severity, in the place of these keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub levels: Option<Levels>,
}

/// Nothing has come of a series for longer than `no_data_for`, which must be there. Of a check its target is looked at, of a record its name
/// and subject.
///
/// A source that has ended is not silent. Of what has never come nothing is known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Absence {}

/// A source is not looked after: fewer polls than a share of those that were due were done. Here `sources` names the sources whose polls are
/// counted; all that have a schedule when absent. Series are those of `poll_coverage` with the label `source`, and their value is the share.
///
/// Polls that were missed while this program did not run count when it runs again.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Coverage {
    /// Met when a smaller share of the polls of a report was done; 1.0 when neither this nor `levels` are there, so when any poll was missed or failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub below: Option<f64>,
    /// Once met, until the share has come back to this; to the limit itself when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recover_at: Option<f64>,
    /// A limit for each severity, in the place of these keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub levels: Option<Levels>,
}

/// A certificate that a check has seen ends soon. Without a limit: a warning 14 days before, critical 3 days before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    /// Met when fewer days are left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub below: Option<f64>,
    /// Once met, until so many days are left again; as many as the limit when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recover_at: Option<f64>,
    /// A limit for each severity, in the place of these keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub levels: Option<Levels>,
}

/// A pattern is found in a text of an event, such as the name of a release. The alert is over when `keep_firing_for` has passed
/// since the last such event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Match {
    /// The text: of a record `name`, `subject`, or a field of its fact by the way to it, such as `fact.tag_name`; of a check `target`, `reason`
    /// or `detail`.
    pub field: String,
    /// A regular expression that must be found in it.
    pub pattern: String,
}

/// An expression holds, of `value`, or with `from` of the aggregates of a window by their names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// The operator whose windows are looked at, when they fire; events when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Which aggregate of a window is `value`, and is told as the value; `"mean"` when absent. Only with `from`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aggregate: Option<String>,
    /// Met when this holds, for example `value > 90 and labels.env == "prod"`; of windows for example `max > 2 * mean`. Quantiles are
    /// called `p50`, `p99` or `p99_9`.
    pub when: String,
    /// Once met, until this holds; until `when` does not hold when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
}

fn one() -> u32 {
    1
}

impl AlertKind {
    /// The limits that it holds a number against.
    pub(crate) fn limits_of(&self) -> Option<Limiting> {
        const BOTH: &[Side] = &[Side::Above, Side::Below];
        let level = |above, below, recover_at| Level { above, below, recover_at };
        let usual = |days| Some(Level { below: Some(days), ..Level::default() });
        let (own, levels, sides, usual) = match self {
            Self::Threshold(of) => (level(of.above, of.below, of.recover_at), of.levels, BOTH, None),
            Self::Change(of) => (level(of.above, None, of.recover_at), of.levels, &BOTH[..1], None),
            Self::Anomaly(of) if of.has_limits() => (level(of.above, None, of.recover_at), of.levels, &BOTH[..1], None),
            Self::Certificate(of) => {
                let usual = Levels { warning: usual(14.0), critical: usual(3.0), ..Levels::default() };
                (level(None, of.below, of.recover_at), of.levels, &BOTH[1..], Some(usual))
            }
            Self::Coverage(of) => {
                (level(None, of.below.or(of.levels.is_none().then_some(1.0)), of.recover_at), of.levels, &BOTH[1..], None)
            }
            _ => return None,
        };
        Some(Limiting { own, levels, sides, usual })
    }
}

impl Threshold {
    /// What cannot work, besides its limits.
    pub fn validate(&self) -> Vec<Fault> {
        aggregate_of_events(self.aggregate.as_ref(), self.from.as_ref())
    }
}

impl Change {
    /// What cannot work, besides its limits.
    pub fn validate(&self) -> Vec<Fault> {
        let mut faults = aggregate_of_events(self.aggregate.as_ref(), self.from.as_ref());
        if self.within.0.is_zero() || self.within.0 > CENTURY {
            faults.push(Fault::of("within", "nothing can be compared within this span", "write for example \"10m\""));
        }
        faults
    }
}

impl State {
    /// What cannot work.
    pub fn validate(&self) -> Vec<Fault> {
        let zero = [("failures", self.failures), ("successes", self.successes)].into_iter().filter(|(_, number)| *number == 0);
        zero.map(|(key, _)| Fault::of(key, "a state that needs nothing never changes", "write 1 or more")).collect()
    }
}

impl AnomalyRule {
    /// Whether scores are held against limits, and not episodes looked at.
    pub(crate) fn has_limits(&self) -> bool {
        self.above.is_some() || self.recover_at.is_some() || self.levels.is_some()
    }

    /// What cannot work, besides its limits: nothing.
    pub fn validate(&self) -> Vec<Fault> {
        Vec::new()
    }
}

impl Absence {
    /// What cannot work: nothing.
    pub fn validate(&self) -> Vec<Fault> {
        Vec::new()
    }
}

impl Coverage {
    /// What cannot work, besides its limits: nothing.
    pub fn validate(&self) -> Vec<Fault> {
        Vec::new()
    }
}

impl Certificate {
    /// What cannot work, besides its limits: nothing.
    pub fn validate(&self) -> Vec<Fault> {
        Vec::new()
    }
}

impl Match {
    /// What cannot work.
    pub fn validate(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        if let Err(e) = Pattern::new(&self.field, &self.pattern) {
            let remedy = "patterns are those of https://docs.rs/regex/latest/regex/#syntax";
            faults.push(Fault::of("pattern", format!("this is not a pattern: {e}"), remedy));
        }
        let known = ["name", "subject", "target", "reason", "detail"];
        let is_path = self.field.strip_prefix("fact.").is_some_and(|path| !path.is_empty() && path.split('.').all(|part| !part.is_empty()));
        if !known.contains(&self.field.as_str()) && !is_path {
            let remedy = format!("write one of {}, or fact.<name> for a field of the fact of a record", known.join(", "));
            faults.push(Fault::of("field", format!("events have no {:?}", self.field), remedy));
        }
        faults
    }
}

impl Condition {
    /// What cannot work. With `from` the names are those of the operator, and are checked with it.
    pub fn validate(&self) -> Vec<Fault> {
        let mut faults = aggregate_of_events(self.aggregate.as_ref(), self.from.as_ref());
        if self.from.is_none() {
            faults.extend(self.expression_faults(&Scope::sample()));
        }
        faults
    }

    /// What is wrong with the expressions when these names mean something.
    pub(super) fn expression_faults(&self, scope: &Scope) -> Vec<Fault> {
        let all = [("when", Some(&self.when)), ("until", self.until.as_ref())];
        let fault = |(key, text): (&str, Option<&String>)| Some(inside(key, Expression::compile_bool(text?, scope).err()?));
        all.into_iter().filter_map(fault).collect()
    }
}

fn aggregate_of_events(aggregate: Option<&String>, from: Option<&String>) -> Vec<Fault> {
    let alone = aggregate.is_some() && from.is_none();
    let remedy = "add `from` with the id of the operator, or remove `aggregate`";
    alone.then(|| Fault::of("aggregate", "events have no aggregates, windows have", remedy)).into_iter().collect()
}
