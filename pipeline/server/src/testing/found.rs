//! Results as fields with names, to be compared and shown.

use std::collections::BTreeMap;

use floodmark_connectors::settings::Span;
use floodmark_schemas::commit::{Late, Output};
use floodmark_schemas::{Alert, Rollup, Score, Series, Timestamp};

use crate::config::{ResultKind, Test, name_of};

/// A result that came out.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// What it is.
    pub kind: ResultKind,
    /// Its fields by name, as [`crate::config::Field`] has them.
    pub fields: BTreeMap<String, Value>,
}

/// The value of a field.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A text.
    Text(String),
    /// A number.
    Number(f64),
    /// A window.
    Window(Timestamp, Timestamp),
    /// A time.
    Time(Timestamp),
}

/// How times are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// From the start of the test.
    FromStart(Timestamp),
    /// As dates.
    AsDates,
}

impl Shown {
    /// As the test itself speaks of times.
    pub fn of(test: &Test) -> Self {
        if test.start == Timestamp::from_secs(0) { Self::FromStart(test.start) } else { Self::AsDates }
    }

    /// A time as text.
    pub fn time(self, time: Timestamp) -> String {
        match self {
            Self::AsDates => time.to_string(),
            Self::FromStart(start) => {
                let micros = time.micros().saturating_sub(start.micros());
                let span = Span(std::time::Duration::from_micros(micros.unsigned_abs()));
                if micros < 0 { format!("-{span}") } else { span.to_string() }
            }
        }
    }

    /// A window as text.
    pub fn window(self, (from, to): (Timestamp, Timestamp)) -> String {
        format!("{}..{}", self.time(from), self.time(to))
    }

    /// A value as text.
    pub fn value(self, value: &Value) -> String {
        match value {
            Value::Text(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            Value::Window(from, to) => self.window((*from, *to)),
            Value::Time(time) => self.time(*time),
        }
    }
}

impl Found {
    /// The fields of an output.
    pub(super) fn of(output: &Output) -> Self {
        let mut fields = Fields::default();
        let kind = match output {
            Output::Rollup(rollup) => fields.rollup(rollup),
            Output::Late(late) => fields.late(late),
            Output::Score(score) => fields.score(score),
            Output::Alert(alert) => fields.alert(alert),
        };
        Self { kind, fields: fields.0 }
    }

    /// The operator that made it.
    pub fn operator(&self) -> &str {
        match self.fields.get("operator") {
            Some(Value::Text(operator)) => operator,
            _ => "",
        }
    }
}

#[derive(Default)]
struct Fields(BTreeMap<String, Value>);

impl Fields {
    fn rollup(&mut self, rollup: &Rollup) -> ResultKind {
        self.origin(&rollup.operator, &rollup.source, &rollup.series);
        self.set("window", Value::Window(rollup.window.start, rollup.window.end));
        self.number("revision", Some(rollup.revision.into()));
        let a = &rollup.aggregates;
        self.number("count", Some(a.count as f64));
        let named =
            [("sum", a.sum), ("mean", a.mean), ("min", a.min), ("max", a.max), ("stddev", a.stddev), ("first", a.first), ("last", a.last)];
        named.into_iter().for_each(|(name, number)| self.number(name, number));
        [("delta", a.delta), ("increase", a.increase), ("rate", a.rate)].into_iter().for_each(|(name, number)| self.number(name, number));
        self.number("distinct", a.distinct.map(|n| n as f64));
        if let Some(availability) = a.availability {
            self.number("availability.up", Some(availability.up));
            self.number("availability.observed", Some(availability.observed));
        }
        a.quantiles.iter().for_each(|(level, number)| self.number(&format!("quantiles.{level}"), Some(*number)));
        a.histogram.iter().for_each(|bucket| self.number(&format!("histogram.{}", bucket.le), Some(bucket.count as f64)));
        a.top.iter().for_each(|ranked| self.number(&format!("top.{}", ranked.name), Some(ranked.amount)));
        ResultKind::Rollup
    }

    fn late(&mut self, late: &Late) -> ResultKind {
        self.origin(&late.operator, &late.source, &late.series);
        self.set("time", Value::Time(late.time));
        self.number("value", Some(late.value));
        ResultKind::Late
    }

    fn score(&mut self, score: &Score) -> ResultKind {
        self.origin(&score.operator, &score.source, &score.series);
        self.set("time", Value::Time(score.time));
        if let Some(window) = score.window {
            self.set("window", Value::Window(window.start, window.end));
        }
        self.number("revision", Some(score.revision.into()));
        for (name, number) in [
            ("value", Some(score.value)),
            ("score", Some(score.score)),
            ("novelty", Some(score.novelty)),
            ("jump", Some(score.jump)),
            ("staleness", Some(score.staleness)),
            ("baseline", score.baseline),
            ("lower", score.lower),
            ("upper", score.upper),
        ] {
            self.number(name, number);
        }
        self.set("head", Value::Text(name_of(score.head)));
        self.set("state", Value::Text(name_of(score.state)));
        ResultKind::Score
    }

    /// The rule stands in the place of the operator, and the labels are all that the alert has.
    fn alert(&mut self, alert: &Alert) -> ResultKind {
        self.origin(&alert.rule, &alert.source, &alert.series);
        alert.labels.iter().for_each(|(name, value)| self.set(&format!("labels.{name}"), Value::Text(value.clone())));
        alert.annotations.iter().for_each(|(name, text)| self.set(&format!("annotations.{name}"), Value::Text(text.clone())));
        let times = [("time", Some(alert.time)), ("began", Some(alert.began)), ("fired", alert.fired)];
        for (name, time) in times.into_iter().filter_map(|(name, time)| Some((name, time?))) {
            self.set(name, Value::Time(time));
        }
        for (name, number) in [("step", Some(alert.step.into())), ("value", alert.value), ("threshold", alert.threshold)] {
            self.number(name, number);
        }
        for (name, text) in [
            ("state", name_of(alert.state)),
            ("before", name_of(alert.before)),
            ("severity", alert.severity.name().to_owned()),
            ("flapping", alert.flapping.to_string()),
        ] {
            self.set(name, Value::Text(text));
        }
        ResultKind::Alert
    }

    fn origin(&mut self, operator: &str, source: &str, series: &Series) {
        let texts = [("operator", operator), ("source", source), ("metric", &series.metric), ("unit", &series.unit)];
        texts.into_iter().for_each(|(name, text)| self.set(name, Value::Text(text.to_owned())));
        series.labels.iter().for_each(|(name, value)| self.set(&format!("labels.{name}"), Value::Text(value.clone())));
    }

    fn number(&mut self, name: &str, number: Option<f64>) {
        if let Some(number) = number {
            self.set(name, Value::Number(number));
        }
    }

    fn set(&mut self, name: &str, value: Value) {
        self.0.insert(name.to_owned(), value);
    }
}
