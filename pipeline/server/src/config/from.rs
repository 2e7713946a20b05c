//! Operators that read others: the one that is read exists, does not read them in turn, and has what they need.

use floodmark_core::cascade::unmergeable;
use floodmark_core::window::{AggregateSet, Unit as CoreUnit};

use super::aggregates::Aggregate;
use super::calendar::Unit;
use super::check::tables;
use super::kinds::OperatorKind;
use super::load::Parts;
use super::report::Report;
use super::suggest;
use super::tree::Value;

/// Checks every `from`.
pub(super) fn check(parts: &Parts<'_>, report: &mut Report) {
    // As they are written: an operator with another error still has its name.
    let known: Vec<&str> = tables(parts.root, "operators").map(|(id, _)| id.as_str()).collect();
    for (id, operator) in tables(parts.root, "operators") {
        let Some((Value::Text(from), span)) = operator.get("from").map(|node| (&node.value, node.span.clone())) else { continue };
        for key in ["where", "value"] {
            if let Some(expression) = operator.get(key) {
                let hint = format!("write it at the operator {from:?}, or remove `from`");
                report.add(expression.span.clone(), format!("`{key}` is about samples, and rollups are read here"), Some(hint));
            }
        }
        if !known.contains(&from.as_str()) {
            let hint = suggest::hint(from, known.iter().copied().filter(|other| other != id), "operator");
            report.add(span, format!("there is no operator {from:?}"), Some(hint));
        } else if reads_itself(id, parts) {
            let hint = "name an operator that reads events, or one that reads such a one";
            report.add(span, format!("operator {id:?} would read itself"), Some(hint.to_owned()));
        }
    }
    for (id, operator) in parts.operators {
        let Some(from) = operator.kind.from().filter(|_| !reads_itself(id, parts)).and_then(|from| parts.operators.get(from)) else {
            continue;
        };
        if let Some((key, what, remedy)) = fault(&operator.kind, &from.kind).or_else(|| ungroupable(&operator.kind, &from.kind, parts)) {
            report.add(parts.root.place(&["operators", id, key]), what, Some(remedy));
        }
    }
}

fn reads_itself(id: &str, parts: &Parts<'_>) -> bool {
    let mut at = id;
    for _ in 0..parts.operators.len() {
        match parts.operators.get(at).and_then(|operator| operator.kind.from()) {
            None => return false,
            Some(from) if from == id => return true,
            Some(from) => at = from,
        }
    }
    // It reads others that read each other: they are told of it.
    true
}

/// The key, what is wrong with it, and what to do.
type Fault = (&'static str, String, String);

fn fault(kind: &OperatorKind, from: &OperatorKind) -> Option<Fault> {
    let Some(before) = from.windows() else {
        let remedy = "name an operator with windows, or remove `from`".to_owned();
        return Some(("from", format!("an operator of type {:?} has no windows to read", from.type_name()), remedy));
    };
    if let OperatorKind::Anomaly(settings) = kind {
        let name = settings.aggregate.as_deref().unwrap_or("mean");
        let has = before.aggregates.iter().any(|aggregate| aggregate.name() == name);
        let level = before.quantiles.iter().any(|quantile| quantile.get().to_string() == name);
        let known = || before.aggregates.iter().map(|aggregate| aggregate.name().to_owned()).collect::<Vec<_>>().join(", ");
        let what = format!("the windows that are read have no {name:?}");
        return (!has && !level && name != "count")
            .then(|| ("aggregate", what, format!("they have {}; name one of them, or add it there", known())));
    }
    let windows = kind.windows()?;
    if let Some(what) = unfilled(kind, from) {
        return Some(what);
    }
    if !windows.quantiles.is_empty() {
        let what = "quantiles cannot be computed from shorter windows".to_owned();
        return Some(("quantiles", what, "remove them, or remove `from`".to_owned()));
    }
    let (computed, has) = (windows.computed, before.computed);
    let selecting = windows.selecting;
    let never = [
        ("distinct", computed.distinct.is_some()),
        ("top", computed.top.is_some()),
        ("where", selecting.condition.is_some()),
        ("value", selecting.value.is_some()),
    ];
    if let Some((key, _)) = never.into_iter().find(|(_, asked)| *asked) {
        return Some((
            key,
            format!("`{key}` needs the events, not shorter windows"),
            "set it in the operator that is read, or remove `from`".to_owned(),
        ));
    }
    let lacking = [
        ("histogram", !computed.histogram.is_empty() && computed.histogram != has.histogram),
        ("availability", computed.availability.is_some() && has.availability.is_none()),
    ];
    if let Some((key, _)) = lacking.into_iter().find(|(_, lacking)| *lacking) {
        return Some((key, format!("the shorter windows have no such `{key}`"), "set the same in the operator that is read".to_owned()));
    }
    let (asked, has): (_, AggregateSet) = (windows.aggregates, before.aggregates.iter().map(|aggregate| aggregate.core()).collect());
    let what = asked.iter().find_map(|aggregate| unmergeable(aggregate.core(), has))?;
    Some(("aggregates", what, "add it to the operator that is read, or remove it here".to_owned()))
}

/// Why the series of `from` cannot be brought together by `kind`.
fn ungroupable(kind: &OperatorKind, from: &OperatorKind, parts: &Parts<'_>) -> Option<Fault> {
    let (windows, before) = (kind.windows()?, from.windows()?);
    if windows.group_by.is_none() || windows.group_by == before.group_by {
        return None;
    }
    // Only commits of those that read events say which sources are idle.
    if from.from().is_some() && !is_one_job(from, parts) {
        let what = "the windows that are read are made of others, and spread over the partitions of the log".to_owned();
        return Some(("group_by", what, "set `group_by` in the operator that is read".to_owned()));
    }
    let by_time = windows.aggregates.iter().find(|aggregate| matches!(aggregate, Aggregate::First | Aggregate::Last))?;
    let what = format!("`{}` of several series together needs the events", by_time.name());
    Some(("aggregates", what, "name `aggregates` without it, or remove `from`".to_owned()))
}

/// Whether one job has all results of an operator.
fn is_one_job(kind: &OperatorKind, parts: &Parts<'_>) -> bool {
    let groups = kind.windows().is_some_and(|windows| windows.group_by.is_some());
    let before = kind.from().and_then(|from| parts.operators.get(from));
    groups || before.is_some_and(|before| is_one_job(&before.kind, parts))
}

/// Whether the windows of `from` do not fill those of `kind`.
fn unfilled(kind: &OperatorKind, from: &OperatorKind) -> Option<Fault> {
    let remedy = |text: &str| Some(text.to_owned());
    match (kind, from) {
        (_, OperatorKind::Hopping(_)) => {
            Some(("from", "windows that overlap would count events more than once".to_owned(), remedy("read tumbling windows")?))
        }
        (_, OperatorKind::Session(_)) => {
            Some(("from", "sessions have no length that fits into windows".to_owned(), remedy("read tumbling windows")?))
        }
        (OperatorKind::Tumbling(long), OperatorKind::Tumbling(short)) => {
            let (size, part) = (long.size.0.as_micros(), short.size.0.as_micros().max(1));
            let fits = size > part && size.is_multiple_of(part);
            let what = format!("windows of {} do not fill windows of {}", short.size, long.size);
            (!fits).then(|| ("size", what, format!("write a multiple of {}", short.size)))
        }
        (OperatorKind::Tumbling(_), OperatorKind::Calendar(_)) => Some((
            "from",
            "days of a time zone do not fill windows of a fixed length".to_owned(),
            remedy("make this one `type = \"calendar\"`")?,
        )),
        (OperatorKind::Calendar(long), OperatorKind::Tumbling(short)) => {
            let fits = long.timezone.zone().is_filled_by(short.size.0);
            let what = format!("windows of {} do not begin with every day of {}", short.size, long.timezone.zone().name());
            (!fits).then(|| ("from", what, "read shorter windows, for example of 15m".to_owned()))
        }
        (OperatorKind::Calendar(long), OperatorKind::Calendar(short)) => {
            let same = long.timezone.zone() == short.timezone.zone();
            let fits = same && short.unit.core() == CoreUnit::Day && long.unit != Unit::Day;
            (!fits).then(|| ("from", "its windows do not fill these".to_owned(), "read days of the same time zone".to_owned()))
        }
        _ => None,
    }
}
