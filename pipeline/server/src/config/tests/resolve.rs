//! The rules of tests: what is left out is filled in, names exist, and what cannot be is told at its place.

use std::ops::Range;

use floodmark_schemas::{Check, Record, Series, subject};

use super::super::check::CENTURY;
use super::super::report::Report;
use super::super::suggest;
use super::super::tree::{Node, Value};
use super::written::{WrittenInput, WrittenTest};
use super::{Input, What, fields};

/// The most events of a test.
const EVENTS_MAX: u64 = 1_000_000;

/// The names that tests may use, as they are written: a source with an error still has its name.
pub(super) struct Names<'a> {
    sources: Vec<&'a str>,
    operators: Vec<&'a str>,
}

impl<'a> Names<'a> {
    pub(super) fn of(root: &'a Node) -> Self {
        let ids = |section: &str| match root.get(section).map(|node| &node.value) {
            Some(Value::Table(table)) => table.keys().map(String::as_str).collect(),
            _ => Vec::new(),
        };
        let operators = [ids("operators"), ids("alerts")].concat();
        Self { sources: [ids("sources"), vec![subject::MONITOR]].concat(), operators }
    }
}

fn exists(what: &str, name: &str, known: &[&str], span: Range<usize>, report: &mut Report) {
    if !known.contains(&name) {
        report.add(span, format!("there is no {what} {name:?}"), Some(suggest::hint(name, known.iter().copied(), what)));
    }
}

/// What is wrong with a test, but for its input.
pub(super) fn check(test: &WrittenTest, node: &Node, names: &Names<'_>, report: &mut Report) {
    if let Some(operator) = &test.operator {
        exists("operator", operator, &names.operators, node.place(&["operator"]), report);
    }
    if test.advance.0 > CENTURY {
        report.add(node.place(&["advance"]), "this is more than 100 years", Some("write for example \"2m\"".to_owned()));
    }
    match (test.expect.is_empty(), test.expect_none) {
        (true, false) => {
            let hint = "add expect = [{ .. }], or expect_none = true".to_owned();
            report.add(node.span.clone(), "this test expects nothing", Some(hint));
        }
        (false, true) => {
            let hint = "remove `expect` or `expect_none`".to_owned();
            report.add(node.place(&["expect_none"]), "results are expected, and none", Some(hint));
        }
        _ => {}
    }
    for (i, expect) in test.expect.iter().enumerate() {
        let i = i.to_string();
        let place = |key: &str| node.place(&["expect", &i, key]);
        match (&expect.operator, &test.operator) {
            (Some(one), Some(other)) if one != other => {
                let hint = "remove `operator` of the test, or of this result".to_owned();
                report.add(place("operator"), format!("the test looks at results of {other:?} only"), Some(hint));
            }
            (Some(operator), _) => exists("operator", operator, &names.operators, place("operator"), report),
            (None, _) => {}
        }
        for (key, kinds) in fields::misplaced(expect) {
            let hint = format!("add kind = {kinds:?}, or remove `{key}`");
            report.add(place(key), format!("a {} has no `{key}`", fields::kind_name(expect.kind)), Some(hint));
        }
    }
}

/// What the entries before this one have said.
#[derive(Default)]
struct Said {
    source: Option<String>,
    series: Option<Series>,
    check: Option<Check>,
}

/// The input with everything filled in that entries leave out.
pub(super) fn input(test: &WrittenTest, node: &Node, names: &Names<'_>, report: &mut Report) -> Vec<Input> {
    let (mut said, mut resolved) = (Said::default(), Vec::new());
    for (i, entry) in test.input.iter().enumerate() {
        let i = i.to_string();
        let place = |key: &str| node.place(&["input", &i, key]);
        if let Some(source) = &entry.source {
            exists("source", source, &names.sources, place("source"), report);
            said = Said { source: Some(source.clone()), ..Said::default() };
        }
        match fill_in(entry, &mut said) {
            Ok(input) => resolved.push(input),
            Err((what, hint)) => report.add(node.place(&["input", &i]), what, Some(hint.to_owned())),
        }
    }
    let events: u64 = resolved.iter().map(|input| input.at.count(test.start.0)).fold(0, u64::saturating_add);
    if events > EVENTS_MAX {
        let hint = format!("a test takes at most {EVENTS_MAX}");
        report.add(node.place(&["input"]), format!("these are {events} events"), Some(hint));
    }
    resolved
}

type Wrong = (&'static str, &'static str);

fn fill_in(entry: &WrittenInput, said: &mut Said) -> Result<Input, Wrong> {
    let at = entry.at.ok_or(("the key `at` is missing here", "add for example at = \"10s\", or at = \"0s..1m every 10s\""))?;
    let what = match (entry.value.is_some(), entry.up.is_some() || entry.reason.is_some(), &entry.record, entry.end) {
        (true, false, None, false) => samples(entry, said)?,
        (false, true, None, false) => checks(entry, said)?,
        (false, false, Some(name), false) => records(entry, name)?,
        (false, false, None, true) => What::End,
        (false, false, None, false) => return Err(("this is no event", "add `value` of a sample, `up` of a check, or `record`")),
        _ => {
            let hint = "write a sample (`value`), a check (`up`, `reason`), a record (`record`) or an `end` alone";
            return Err(("this is more than one event", hint));
        }
    };
    let source = said.source.clone().ok_or(("the source is missing here", "add `source`; the entries after it need not repeat it"))?;
    Ok(Input { source, at, arrives: entry.arrives, what })
}

/// A metric goes on with its unit and labels; another one begins without.
fn samples(entry: &WrittenInput, said: &mut Said) -> Result<What, Wrong> {
    if entry.target.is_some() || entry.duration.is_some() || entry.certificate_expires.is_some() {
        return Err(("a sample has no target, no duration and no certificate", "write a check with `up`, or remove them"));
    }
    let mut series = match (&entry.metric, said.series.take()) {
        (Some(metric), _) => Series::new(metric),
        (None, Some(series)) => series,
        (None, None) => return Err(("the metric is missing here", "add `metric`; the entries after it need not repeat it")),
    };
    series.unit = entry.unit.clone().unwrap_or(series.unit);
    series.labels = entry.labels.clone().unwrap_or(series.labels);
    said.series = Some(series.clone());
    Ok(What::Samples(series, entry.value.clone().map(|values| values.0).unwrap_or_default()))
}

/// A target goes on with its labels; another one begins without.
fn checks(entry: &WrittenInput, said: &mut Said) -> Result<What, Wrong> {
    if entry.metric.is_some() || entry.unit.is_some() {
        return Err(("a check has no metric and no unit", "write a sample with `value`, or remove them"));
    }
    let known = match (&entry.target, said.check.take()) {
        (Some(target), _) => Check::of(target),
        (None, Some(check)) => check,
        (None, None) => return Err(("the target is missing here", "add `target`; the entries after it need not repeat it")),
    };
    let labels = entry.labels.clone().unwrap_or(known.labels);
    let known = Check { labels, ..Check::of(known.target) };
    said.check = Some(known.clone());
    let duration_us = entry.duration.map(|duration| duration.micros().unsigned_abs());
    Ok(What::Checks(Box::new(Check { up: entry.up, reason: entry.reason, duration_us, ..known }), entry.certificate_expires))
}

/// A record says all of itself.
fn records(entry: &WrittenInput, name: &str) -> Result<What, Wrong> {
    if entry.metric.is_some() || entry.target.is_some() || entry.labels.is_some() {
        return Err(("a record has no metric, target or labels", "say what it is about in `subject`, and the rest in `fact`"));
    }
    let fact = entry.fact.iter().flatten().map(|(name, text)| (name.clone(), text.clone().into())).collect();
    Ok(What::Records(Record { name: name.to_owned(), fact }, entry.subject.clone()))
}
