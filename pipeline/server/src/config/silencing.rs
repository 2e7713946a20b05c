//! What keeps alerts silent: `[inhibitions.<id>]`, `depends_on` of a rule, and `[maintenance.<id>]`.

use floodmark_connectors::settings::{Fault, Span, Timezone};
use floodmark_core::alert::desk::LASTS_MAX;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::matching::{Begins, Matching};

/// While an alert that `source` means is active, those that `target` means and that are equal to it in `equal` are not told. Alerts that both
/// mean do not keep each other silent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Inhibition {
    /// What keeps others silent: alerts for which all of these matchers hold.
    pub source: Vec<Matching>,
    /// What is kept silent: alerts for which all of these hold; every other alert for `[]`.
    pub target: Vec<Matching>,
    /// Labels that both must have with the same value. `rule`, `source` and `metric` count as labels; one that neither has is equal.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub equal: Vec<String>,
}

impl Inhibition {
    /// What cannot work.
    pub(super) fn faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        if self.source.is_empty() {
            let what = "every alert would be meant by `source`, and none would keep another silent";
            faults.push(Fault::of("source", what, "write for example source = [\"rule=host_down\"]"));
        }
        faults.extend(unnamed("equal", &self.equal));
        faults
    }
}

/// What a rule depends on, as it is written there. It belongs to who is told, and not to what the rule says: changing it computes nothing anew.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Depends {
    /// While an alert for which all of these matchers hold is active, those of this rule are not told, such as `["rule=host_down"]`: what
    /// is watched does not work without the other.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub depends_on: Vec<Matching>,
    /// Labels that both must have with the same value, such as `["host"]`; any two belong together when absent. Only with `depends_on`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub depends_equal: Vec<String>,
}

impl Depends {
    /// What cannot work.
    pub(super) fn faults(&self) -> Vec<Fault> {
        let mut faults = unnamed("depends_equal", &self.depends_equal);
        if self.depends_on.is_empty() && !self.depends_equal.is_empty() {
            faults.push(Fault::of("depends_equal", "the rule depends on nothing", "add `depends_on`, or remove this key"));
        }
        faults
    }
}

/// Windows that come again and again, in which alerts are not told. The days on which clocks change are right.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Maintenance {
    /// Which alerts: those for which all of these matchers hold, such as `"source=backup"`. All when absent.
    #[serde(rename = "match", default, skip_serializing_if = "Vec::is_empty")]
    pub matchers: Vec<Matching>,
    /// When a window begins, in the five fields of cron: minute, hour, day of month, month and day of week.
    pub begins: Begins,
    /// How long it lasts, up to 31 days.
    pub lasts: Span,
    /// The time zone of `begins`, by its name in the IANA database.
    #[serde(default)]
    pub zone: Timezone,
}

impl Maintenance {
    /// What cannot work.
    pub(super) fn faults(&self) -> Vec<Fault> {
        let works = !self.lasts.0.is_zero() && self.lasts.0 <= LASTS_MAX;
        let what = format!("a window cannot last {}", self.lasts);
        (!works).then(|| Fault::of("lasts", what, "write up to 31d, for example \"2h\"")).into_iter().collect()
    }
}

fn unnamed(key: &str, labels: &[String]) -> Vec<Fault> {
    let empty = labels.iter().enumerate().filter(|(_, label)| label.is_empty());
    empty.map(|(i, _)| Fault::of(key, "a label has a name", "write for example \"host\"").entry(i)).collect()
}
