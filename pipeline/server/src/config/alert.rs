//! `[alerts.<id>]`: what rules of all types have in common.

use std::collections::BTreeMap;

use floodmark_connectors::settings::{Fault, Span};
use floodmark_core::alert::{ANNOTATION_NAMES, LABEL_NAMES, Renderer};
use floodmark_schemas::Severity;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::check::CENTURY;
use super::kinds::{AlertKind, Kind};
use super::selection::Selecting;
use super::silencing::Depends;

/// One rule.
#[derive(Clone, Debug, Serialize)]
pub struct Alert {
    /// When something is wrong.
    #[serde(flatten)]
    pub kind: AlertKind,
    /// Of what, for how long, and what is said of it.
    #[serde(flatten)]
    pub common: AlertCommon,
    /// What it depends on.
    #[serde(flatten)]
    pub depends: Depends,
}

/// The keys that every rule has, whatever its `type`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AlertCommon {
    /// The ids of the sources it looks at; all when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sources: Option<Vec<String>>,
    /// The metrics it looks at, `*` stands for any text and `?` for one character; of records their names. All when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metrics: Option<Vec<String>>,
    /// Only what this expression holds for, for example `labels.env == "prod"`. Not with `from`.
    #[serde(rename = "where", default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub condition: Option<String>,
    /// How grave it is when there are no `levels`, and when there is no data or nothing can be judged.
    #[serde(default)]
    pub severity: Severity,
    /// For so long the condition must be met before the alert fires, by the time of events.
    #[serde(rename = "for", default = "at_once")]
    pub hold: Span,
    /// For so long the alert goes on after the condition was met last, each severity for itself, by the time of events. `"0s"` when absent,
    /// of `match` `"1h"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Span")]
    pub keep_firing_for: Option<Span>,
    /// The condition counts as met when at least `n` of the last `m` observations met it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<Of>,
    /// When nothing has come of a series for so long, the rule says that there is no data; never when absent. By the time of the log, in which
    /// the time is left out during which this program did not run. Not with `from`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Span")]
    pub no_data_for: Option<Span>,
    /// When nothing that came could be judged for so long, the rule says that it is in error; never when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Span")]
    pub error_for: Option<Span>,
    /// From when on alerts of a series are marked as flapping; never when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flapping: Option<Flapping>,
    /// Labels of the alerts besides those of their series. Templates, in which `rule`, `source`, `metric`, `unit` and `labels.<name>` may stand.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Texts for people, such as `summary`. Templates, in which `value`, `threshold`, `severity`, `state`, `began`, `time`, `flapping` and `text`
    /// may stand too: the text that matched, and of `availability` for which share of the time it was observed.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// The most series. What comes of further ones is counted and left out; it stays in the event log.
    #[serde(default = "series_max")]
    pub series_max: u32,
    /// After how long a silence a series is forgotten, and its alert over, by the time of its source's events.
    #[serde(default = "forget_after")]
    pub forget_after: Span,
}

/// How many of the last observations must meet the condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Of {
    /// At least so many.
    pub n: u32,
    /// Of so many, 64 at most.
    pub m: u32,
}

/// When alerts come and go too often.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Flapping {
    /// So many times alerts of a series have fired or resolved; it flaps until fewer than half as many are left within the span.
    #[serde(default = "six")]
    pub changes: u32,
    /// Within this span.
    #[serde(default = "hour")]
    pub within: Span,
}

fn six() -> u32 {
    6
}

fn hour() -> Span {
    Span::secs(3_600)
}

fn at_once() -> Span {
    Span::secs(0)
}

fn series_max() -> u32 {
    100_000
}

fn forget_after() -> Span {
    Span::secs(14 * 86_400)
}

impl Alert {
    /// What its settings say that cannot work, as far as they say it alone.
    pub(super) fn faults(&self) -> Vec<Fault> {
        let mut faults = self.kind.faults();
        faults.extend(self.common.faults());
        faults.extend(self.depends.faults());
        faults.extend(self.kind.limits_of().into_iter().flat_map(|limits| limits.faults(self.common.severity)));
        faults.extend(self.unfit());
        faults
    }

    /// The operator that it reads; `None` when it reads events.
    pub(crate) fn from(&self) -> Option<&str> {
        match &self.kind {
            AlertKind::Threshold(settings) => settings.from.as_deref(),
            AlertKind::Change(settings) => settings.from.as_deref(),
            AlertKind::Condition(settings) => settings.from.as_deref(),
            AlertKind::Anomaly(settings) => Some(&settings.from),
            AlertKind::State(_) | AlertKind::Absence(_) | AlertKind::Coverage(_) | AlertKind::Certificate(_) | AlertKind::Match(_) => None,
        }
    }

    /// Common keys that mean nothing for its type.
    fn unfit(&self) -> Vec<Fault> {
        let (common, mut faults) = (&self.common, Vec::new());
        let written = [
            ("for", !common.hold.0.is_zero()),
            ("keep_firing_for", common.keep_firing_for.is_some()),
            ("of", common.of.is_some()),
            ("error_for", common.error_for.is_some()),
            ("no_data_for", common.no_data_for.is_some()),
        ];
        let (refused, why): (&[&str], &str) = match &self.kind {
            AlertKind::Absence(_) => (&["for", "keep_firing_for", "of", "error_for"], "silence is all that this rule looks at"),
            AlertKind::Match(_) => {
                (&["for", "of", "error_for", "no_data_for"], "a match is a moment, and events that do not match say nothing")
            }
            _ if self.from().is_some() => (&["no_data_for"], "silence is told from events, and results are read here"),
            _ => (&[], ""),
        };
        for (key, _) in written.into_iter().filter(|(key, written)| *written && refused.contains(key)) {
            let remedy = match key {
                "no_data_for" if self.from().is_some() => "write a rule with type = \"absence\" for the events",
                _ => "remove it",
            };
            faults.push(Fault::of(key, format!("`{key}` means nothing here: {why}"), remedy));
        }
        if matches!(self.kind, AlertKind::Absence(_)) && common.no_data_for.is_none() {
            faults.push(Fault::of(
                "no_data_for",
                "the rule does not say how long a silence is too long",
                "add for example no_data_for = \"5m\"",
            ));
        }
        if matches!(self.kind, AlertKind::Coverage(_)) && common.metrics.is_some() {
            faults.push(Fault::of("metrics", "`metrics` means nothing here: the rule looks at the polls of sources", "remove it"));
        }
        let is_zero = common.keep_firing_for.is_some_and(|keep| keep.0.is_zero());
        if matches!(self.kind, AlertKind::Match(_)) && is_zero {
            faults.push(Fault::of("keep_firing_for", "the alert would be over as soon as it fires", "write for example \"1h\""));
        }
        let of_numbers = matches!(self.kind, AlertKind::Threshold(_) | AlertKind::Change(_) | AlertKind::Condition(_));
        if of_numbers && self.from().is_none() && common.metrics.is_none() && common.condition.is_none() {
            let what = "the rule would hold the numbers of all metrics against one limit";
            faults.push(Fault::of("metrics", what, "name the metrics, for example metrics = [\"cpu_usage\"], or an operator in `from`"));
        }
        faults
    }
}

impl AlertCommon {
    /// Which events it looks at.
    pub(crate) fn selecting(&self) -> Selecting<'_> {
        let (sources, metrics, condition) = (self.sources.as_deref(), self.metrics.as_deref(), self.condition.as_deref());
        Selecting { sources, metrics, condition, value: None, metric: None, unit: None }
    }

    fn faults(&self) -> Vec<Fault> {
        let mut faults = self.selecting().faults();
        let spans = [
            ("for", Some(self.hold)),
            ("keep_firing_for", self.keep_firing_for),
            ("no_data_for", self.no_data_for),
            ("error_for", self.error_for),
            ("forget_after", Some(self.forget_after)),
        ];
        for (key, _) in spans.into_iter().filter(|(_, span)| span.is_some_and(|span| span.0 > CENTURY)) {
            faults.push(Fault::of(key, "this is more than 100 years", "write for example \"10m\""));
        }
        for (key, span) in [("no_data_for", self.no_data_for), ("error_for", self.error_for)] {
            if span.is_some_and(|span| span.0 < Span::secs(1).0) {
                faults.push(Fault::of(
                    key,
                    "this is shorter than a second",
                    "write more than the time between two events, for example \"5m\"",
                ));
            }
        }
        if self.forget_after.0 < Span::secs(3_600).0 {
            faults.push(Fault::of("forget_after", "series would be forgotten too soon", "write 1h or more"));
        }
        if self.series_max == 0 {
            faults.push(Fault::of("series_max", "no series could be looked at", "write 1 or more"));
        }
        if let Some(Of { n, m }) = self.of.filter(|of| of.n == 0 || of.n > of.m || of.m > 64) {
            let what = format!("{n} of the last {m} cannot be counted");
            faults.push(Fault::of("of", what, "write n from 1 to m, and m up to 64, for example of = { n = 3, m = 5 }"));
        }
        if let Some(flapping) = self.flapping {
            if !(2..=64).contains(&flapping.changes) {
                faults.push(Fault::of("flapping", format!("{} changes are no measure", flapping.changes), "write 2 to 64").key("changes"));
            }
            if flapping.within.0.is_zero() || flapping.within.0 > CENTURY {
                faults.push(Fault::of("flapping", "nothing lies within this span", "write for example \"1h\"").key("within"));
            }
        }
        faults.extend(self.template_faults());
        faults
    }

    fn template_faults(&self) -> Vec<Fault> {
        let renderer = Renderer::default();
        let lists = [("labels", &self.labels, &LABEL_NAMES[..]), ("annotations", &self.annotations, &ANNOTATION_NAMES[..])];
        let all = lists.into_iter().flat_map(|(key, list, names)| list.iter().map(move |(name, template)| (key, name, template, names)));
        let fault = |(key, name, template, names): (&str, &String, &String, &[&str])| {
            let (what, remedy) = renderer.fault(template, names)?;
            Some(Fault::of(key, what, remedy).key(name))
        };
        all.filter_map(fault).collect()
    }
}
