//! The keys of every operator that reads samples: which it takes, and with which value.

use floodmark_connectors::settings::Fault;
use floodmark_core::expression::{self, Expression, Scope};
use floodmark_core::selection::{Derived, Selection};
use floodmark_core::{Error, Result};

use super::aggregates::told_twice;

/// The settings of one operator, borrowed from wherever its type keeps them.
#[derive(Clone, Copy, Debug)]
pub struct Selecting<'a> {
    /// The key `sources`.
    pub sources: Option<&'a [String]>,
    /// The key `metrics`.
    pub metrics: Option<&'a [String]>,
    /// The key `where`.
    pub condition: Option<&'a str>,
    /// The key `value`.
    pub value: Option<&'a str>,
    /// The key `metric`.
    pub metric: Option<&'a str>,
    /// The key `metric_unit`.
    pub unit: Option<&'a str>,
}

impl Selecting<'_> {
    /// What cannot work.
    pub fn faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        for (key, list) in [("sources", self.sources), ("metrics", self.metrics)] {
            let Some(list) = list else { continue };
            if list.is_empty() {
                faults.push(Fault::of(key, "an empty list selects nothing", format!("remove `{key}` to select all")));
            }
            faults.extend(told_twice(key, list));
        }
        let scope = Scope::sample();
        let condition = self.condition.map(|text| ("where", Expression::compile_bool(text, &scope)));
        let value = self.value.map(|text| ("value", Expression::compile_number(text, &scope)));
        for (key, compiled) in condition.into_iter().chain(value) {
            faults.extend(compiled.err().map(|fault| inside(key, fault)));
        }
        match (self.value, self.metric) {
            (Some(_), None) => {
                faults.push(Fault::of("value", "what it gives has no name", "add `metric`, for example metric = \"wait_seconds\""));
            }
            (Some(_), Some("")) => faults.push(Fault::of("metric", "a metric has a name", "write for example \"wait_seconds\"")),
            (Some(_), Some(_)) => {}
            (None, _) => {
                let alone = [("metric", self.metric), ("metric_unit", self.unit)].into_iter().filter(|(_, key)| key.is_some());
                let (what, remedy) = ("it names what `value` gives, and there is no `value`", "add `value`, or remove this key");
                faults.extend(alone.map(|(key, _)| Fault::of(key, what, remedy)));
            }
        }
        faults
    }

    /// The same as the core takes it, without sources and metrics.
    ///
    /// # Errors
    /// `Broken` when an expression is wrong, which [`Self::faults`] would have told.
    pub fn selection(&self) -> Result<Selection> {
        let scope = Scope::sample();
        let wrong = |fault: expression::Fault| Error::broken("reading an expression").because(fault);
        let filter = self.condition.map(|text| Expression::compile_bool(text, &scope).map_err(wrong)).transpose()?;
        let value = self.value.map(|text| Expression::compile_number(text, &scope).map_err(wrong)).transpose()?;
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        Ok(Selection { filter, derived: value.map(|value| Derived { value, metric: text(self.metric), unit: text(self.unit) }) })
    }
}

/// The fault of an expression that is the value of `key`.
pub(super) fn inside(key: &str, fault: expression::Fault) -> Fault {
    Fault::of(key, fault.message, fault.help).within(fault.at)
}
