//! The fields of results that can be expected, by name: what is compared, told apart and shown.

use serde::Serialize;

use super::moment::{Between, Moment};
use super::number::Expected;
use super::written::{Expect, ResultKind};

/// What a field has to be.
#[derive(Clone, Debug, PartialEq)]
pub enum Wanted {
    /// This text.
    Text(String),
    /// A number, which may differ by this share of it.
    Number(Expected, f64),
    /// This window.
    Window(Between),
    /// This time.
    Time(Moment),
}

/// A field that is expected.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// Its name, as it is shown: `mean`, `labels.host`, `quantiles.0.99`.
    pub name: String,
    /// What it has to be.
    pub wanted: Wanted,
}

/// Quantiles are within this share of the value.
const QUANTILE_SHARE: f64 = 0.01;

impl Expect {
    /// What is expected: first what tells which result is meant, then its values.
    pub fn fields(&self) -> Vec<Field> {
        let mut fields = Vec::new();
        let mut add = |name: &str, wanted: Option<Wanted>| fields.extend(wanted.map(|wanted| Field { name: name.to_owned(), wanted }));
        for (name, text) in [("operator", &self.operator), ("source", &self.source), ("metric", &self.metric), ("unit", &self.unit)] {
            add(name, text.clone().map(Wanted::Text));
        }
        for (label, value) in &self.labels {
            add(&format!("labels.{label}"), Some(Wanted::Text(value.clone())));
        }
        add("window", self.window.map(Wanted::Window));
        add("time", self.time.map(Wanted::Time));
        for (name, number) in self.numbers() {
            add(name, number.map(|number| Wanted::Number(number, 0.0)));
        }
        for (level, number) in &self.quantiles {
            add(&format!("quantiles.{level}"), Some(Wanted::Number(*number, QUANTILE_SHARE)));
        }
        for (name, numbers) in [("availability", &self.availability), ("histogram", &self.histogram), ("top", &self.top)] {
            for (key, number) in numbers {
                add(&format!("{name}.{key}"), Some(Wanted::Number(*number, 0.0)));
            }
        }
        for (name, text) in &self.annotations {
            add(&format!("annotations.{name}"), Some(Wanted::Text(text.clone())));
        }
        add("began", self.began.map(Wanted::Time));
        add("fired", self.fired.map(Wanted::Time));
        add("severity", self.severity.map(|severity| Wanted::Text(severity.name().to_owned())));
        add("before", self.before.map(|state| Wanted::Text(name_of(state))));
        add("flapping", self.flapping.map(|flapping| Wanted::Text(flapping.to_string())));
        add("head", self.head.map(|head| Wanted::Text(name_of(head))));
        add("state", self.state.map(|state| Wanted::Text(name_of(state))));
        fields
    }

    fn numbers(&self) -> [(&'static str, Option<Expected>); 23] {
        [
            ("revision", self.revision),
            ("count", self.count),
            ("sum", self.sum),
            ("mean", self.mean),
            ("min", self.min),
            ("max", self.max),
            ("stddev", self.stddev),
            ("first", self.first),
            ("last", self.last),
            ("delta", self.delta),
            ("increase", self.increase),
            ("rate", self.rate),
            ("distinct", self.distinct),
            ("value", self.value),
            ("score", self.score),
            ("novelty", self.novelty),
            ("jump", self.jump),
            ("staleness", self.staleness),
            ("baseline", self.baseline),
            ("lower", self.lower),
            ("upper", self.upper),
            ("threshold", self.threshold),
            ("step", self.step),
        ]
    }
}

/// The keys that are written, but that no result of the kind has, each with a kind that has it.
pub(super) fn misplaced(expect: &Expect) -> Vec<(&'static str, &'static str)> {
    let written = expect.numbers().into_iter().filter(|(_, number)| number.is_some()).map(|(key, _)| key);
    let others = [
        ("window", expect.window.is_some()),
        ("time", expect.time.is_some()),
        ("quantiles", !expect.quantiles.is_empty()),
        ("availability", !expect.availability.is_empty()),
        ("histogram", !expect.histogram.is_empty()),
        ("top", !expect.top.is_empty()),
        ("head", expect.head.is_some()),
        ("state", expect.state.is_some()),
        ("before", expect.before.is_some()),
        ("severity", expect.severity.is_some()),
        ("began", expect.began.is_some()),
        ("fired", expect.fired.is_some()),
        ("flapping", expect.flapping.is_some()),
        ("annotations", !expect.annotations.is_empty()),
    ];
    let written = written.chain(others.into_iter().filter(|(_, written)| *written).map(|(key, _)| key));
    let kind = name_of(expect.kind);
    written.filter(|key| !kinds_with(key).contains(&kind.as_str())).map(|key| (key, kinds_with(key)[0])).collect()
}

/// The kinds of result that have a field.
fn kinds_with(key: &str) -> &'static [&'static str] {
    match key {
        "window" | "revision" => &["rollup", "score"],
        "time" | "value" => &["late", "score", "alert"],
        "state" => &["score", "alert"],
        "before" | "severity" | "threshold" | "step" | "began" | "fired" | "flapping" | "annotations" => &["alert"],
        "count" | "sum" | "mean" | "min" | "max" | "stddev" | "first" | "last" | "delta" | "increase" | "rate" | "distinct"
        | "quantiles" | "availability" | "histogram" | "top" => &["rollup"],
        _ => &["score"],
    }
}

/// The name of a value as it stands in results.
pub(crate) fn name_of(value: impl Serialize) -> String {
    let json = serde_json::to_value(value).expect("a name is JSON");
    json.as_str().unwrap_or_default().to_owned()
}

/// What a kind is called.
pub(super) fn kind_name(kind: ResultKind) -> &'static str {
    match kind {
        ResultKind::Rollup => "rollup",
        ResultKind::Late => "late event",
        ResultKind::Score => "score",
        ResultKind::Alert => "alert",
    }
}
