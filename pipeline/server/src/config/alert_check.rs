//! What rules need of the components around them: sources and operators that exist and have what is asked for.

use floodmark_connectors::settings::Fault;
use floodmark_core::expression::Scope;

use super::alert::Alert;
use super::anomaly::Emit;
use super::check::{tables, tell};
use super::kinds::{AlertKind, OperatorKind};
use super::load::Parts;
use super::report::Report;
use super::suggest;
use super::tree::Value;
use super::windows::Windows;

/// Checks every rule.
pub(super) fn check(parts: &Parts<'_>, report: &mut Report) {
    names_exist(parts, report);
    for (id, alert) in parts.alerts {
        let mut faults = alert.faults();
        faults.extend(alert.from().and_then(|from| parts.operators.get(from)).into_iter().flat_map(|from| of_operator(alert, &from.kind)));
        faults.extend(nothing_is_due(alert, parts));
        tell(faults, &["alerts", id], parts.root, report);
    }
}

/// Looks at what is written: an operator with another error still has its name.
fn names_exist(parts: &Parts<'_>, report: &mut Report) {
    let operators: Vec<&str> = tables(parts.root, "operators").map(|(id, _)| id.as_str()).collect();
    for (_, alert) in tables(parts.root, "alerts") {
        let Some((Value::Text(from), span)) = alert.get("from").map(|node| (&node.value, node.span.clone())) else { continue };
        if let Some(expression) = alert.get("where") {
            let hint = format!("write it at the operator {from:?}, or remove `from`");
            report.add(expression.span.clone(), "`where` is about events, and results are read here", Some(hint));
        }
        if !operators.contains(&from.as_str()) {
            let hint = suggest::hint(from, operators.iter().copied(), "operator");
            report.add(span, format!("there is no operator {from:?}"), Some(hint));
        }
    }
}

/// The names that stand for the numbers of a window, each with the name of the aggregate. The first is the value.
pub(crate) fn numbers_of(windows: &Windows<'_>, aggregate: Option<&str>) -> Vec<(String, String)> {
    let plain = |name: &str| (name.to_owned(), name.to_owned());
    let mut names = vec![("value".to_owned(), aggregate.unwrap_or("mean").to_owned()), plain("count")];
    names.extend(windows.aggregates.iter().map(|aggregate| plain(aggregate.name())).filter(|(name, _)| name != "count"));
    names.extend(windows.quantiles.iter().map(|quantile| {
        let level = quantile.get();
        // 0.999 * 100 is not quite 99.9.
        let percent = (level * 1e8).round() / 1e6;
        (format!("p{}", percent.to_string().replace('.', "_")), level.to_string())
    }));
    if windows.computed.distinct.is_some() {
        names.push(plain("distinct"));
    }
    if windows.computed.availability.is_some() {
        names.extend(["availability", "observed"].map(plain));
    }
    names
}

/// Sources whose coverage is asked for although they take what comes.
fn nothing_is_due(alert: &Alert, parts: &Parts<'_>) -> Vec<Fault> {
    if !matches!(alert.kind, AlertKind::Coverage(_)) {
        return Vec::new();
    }
    let polls = |id: &String| parts.sources.get(id).is_none_or(|source| !source.kind.polls(id).is_empty());
    match &alert.common.sources {
        Some(sources) => {
            let fault = |(place, id): (usize, &String)| {
                let remedy = "remove it; a rule with type = \"absence\" tells when nothing comes of it";
                Fault::of("sources", format!("source {id:?} has no schedule, so no poll of it can be missed"), remedy).entry(place)
            };
            sources.iter().enumerate().filter(|(_, id)| !polls(id)).map(fault).collect()
        }
        None if parts.sources.iter().any(|(id, _)| polls(id)) => Vec::new(),
        None => {
            let remedy = "add a source that polls, such as type = \"http_probe\", or remove the rule";
            vec![Fault::of("sources", "no source has a schedule, so no poll can be missed", remedy)]
        }
    }
}

/// What an operator lacks that a rule asks for.
fn of_operator(alert: &Alert, from: &OperatorKind) -> Vec<Fault> {
    let aggregate = match &alert.kind {
        AlertKind::Anomaly(settings) => {
            let OperatorKind::Anomaly(operator) = from else {
                let what = format!("an operator of type {:?} gives no scores", from.type_name());
                return vec![Fault::of("from", what, "name an operator of type \"anomaly\"")];
            };
            let is_partial = settings.has_limits() && operator.emit != Emit::All;
            let what = "the operator leaves out low scores, so the alert would not end";
            let remedy = "add emit = \"all\" to the operator, or remove the limits and look at episodes";
            return is_partial.then(|| Fault::of("from", what, remedy)).into_iter().collect();
        }
        AlertKind::Threshold(settings) => &settings.aggregate,
        AlertKind::Change(settings) => &settings.aggregate,
        AlertKind::Condition(settings) => &settings.aggregate,
        _ => return Vec::new(),
    };
    let Some(windows) = from.windows() else {
        let what = format!("an operator of type {:?} has no windows to look at", from.type_name());
        return vec![Fault::of("from", what, "name an operator with windows; for scores write type = \"anomaly\"")];
    };
    let names = numbers_of(&windows, aggregate.as_deref());
    if let AlertKind::Condition(settings) = &alert.kind {
        let scope = Scope::numbers(names.iter().map(|(name, _)| name.clone()));
        return settings.expression_faults(&scope);
    }
    let asked = aggregate.as_deref().unwrap_or("mean");
    if names[1..].iter().any(|(_, aggregate)| aggregate == asked) {
        return Vec::new();
    }
    let known: Vec<&str> = names[1..].iter().map(|(_, aggregate)| aggregate.as_str()).collect();
    let what = format!("the windows that are read have no {asked:?}");
    vec![Fault::of("aggregate", what, format!("they have {}; name one of them, or add it there", known.join(", ")))]
}
