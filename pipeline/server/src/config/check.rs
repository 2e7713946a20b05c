//! The rules between keys and between components, each error with its place.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::time::Duration;

use floodmark_connectors::settings::{Size, Span};

use super::kinds::{LogKind, OperatorKind};
use super::load::Parts;
use super::model::{Compression, EmbeddedLog, Encoding};
use super::report::{Found, Report};
use super::suggest;
use super::tree::{Node, Value};
use super::tumbling::Tumbling;

const CENTURY: Duration = Duration::from_secs(36_600 * 86_400);

/// Checks what no component can check alone.
pub(super) fn check(parts: &Parts<'_>, report: &mut Report) {
    ids_are_unique(parts.root, report);
    sources_exist(parts.root, report);
    for (id, source) in parts.sources {
        let place = |key| parts.root.place(&["sources", id, key]);
        if source.compression != Compression::None && source.encoding == Encoding::Json {
            let hint = "add encoding = \"arrow\", or remove `compression`";
            report.add(place("compression"), "only Arrow frames can be compressed", Some(hint.to_owned()));
        }
        if source.disorder.0 > CENTURY {
            report.add(place("disorder"), "this is more than 100 years", Some("write for example \"5s\"".to_owned()));
        }
    }
    let log = parts.log.map(|LogKind::Embedded(log)| log);
    if let Some(log) = log {
        check_log(log, parts.root, report);
    }
    for (id, operator) in parts.operators {
        let OperatorKind::Tumbling(tumbling) = &operator.kind;
        check_tumbling(id, tumbling, parts, report);
        if let Some(log) = log {
            windows_close_before_events_go(id, tumbling, log, parts, report);
        }
    }
}

/// Dead letters name a component by its id alone.
fn ids_are_unique(root: &Node, report: &mut Report) {
    let mut seen: BTreeMap<&str, (Range<usize>, &str)> = BTreeMap::new();
    for section in ["sources", "operators", "sinks"] {
        let Some(Value::Table(table)) = root.get(section).map(|node| &node.value) else { continue };
        for (id, (span, _)) in table {
            if let Some((first, of)) = seen.get(id.as_str()) {
                let hint = format!("call it for example `{id}_{}`", section.trim_end_matches('s'));
                report.push(Found {
                    related: Some((first.clone(), format!("first used here, in `{of}`"))),
                    ..Found::at(span.clone(), format!("the id `{id}` is used twice"), Some(hint))
                });
            } else {
                seen.insert(id, (span.clone(), section));
            }
        }
    }
}

fn check_log(log: &EmbeddedLog, root: &Node, report: &mut Report) {
    let place = |key| root.place(&["log", key]);
    if log.retention_age.0.is_zero() {
        report.add(place("retention_age"), "nothing would be kept", Some("write for example \"7d\"".to_owned()));
    } else if log.duplicate_window > log.retention_age {
        let message =
            format!("duplicates cannot be recognised for {} when events are kept for {}", log.duplicate_window, log.retention_age);
        report.add(place("duplicate_window"), message, Some("make it at most `retention_age`".to_owned()));
    }
    if log.retention_size < Size(1 << 20) {
        report.add(
            place("retention_size"),
            format!("{} is too little for a log", log.retention_size),
            Some("give it 1MiB or more".to_owned()),
        );
    }
}

fn check_tumbling(id: &str, tumbling: &Tumbling, parts: &Parts<'_>, report: &mut Report) {
    let path = |key| ["operators", id, key];
    let place = |key| parts.root.place(&path(key));
    if tumbling.size.0 < Duration::from_millis(1) {
        report.add(place("size"), "a window must be 1ms or longer", Some("write for example \"1m\"".to_owned()));
    }
    if !tumbling.size.0.subsec_nanos().is_multiple_of(1_000) {
        report.add(place("size"), "a window must be whole microseconds", Some("write for example \"1m\"".to_owned()));
    }
    for (key, time) in [("allowed_lateness", tumbling.allowed_lateness), ("idle_timeout", tumbling.idle_timeout)] {
        if time.0 > CENTURY {
            report.add(place(key), "this is more than 100 years", Some("write for example \"10m\"".to_owned()));
        }
    }
    if tumbling.idle_timeout.0.is_zero() {
        report.add(place("idle_timeout"), "every source would always be idle", Some("write for example \"30s\"".to_owned()));
    }
    if tumbling.series_max == 0 {
        report.add(place("series_max"), "no series could be aggregated", Some("write 1 or more".to_owned()));
    }
    for (key, list) in [("sources", &tumbling.sources), ("metrics", &tumbling.metrics)] {
        let Some(list) = list else { continue };
        if list.is_empty() {
            report.add(place(key), "an empty list selects nothing", Some(format!("remove `{key}` to select all")));
        }
        told_once(&path(key), list, parts.root, report);
    }
    if tumbling.aggregates.is_empty() && tumbling.quantiles.is_empty() {
        report.add(place("aggregates"), "nothing would be computed", Some("remove `aggregates` for the usual ones".to_owned()));
    }
    let names: Vec<String> = tumbling.aggregates.iter().map(|a| format!("{a:?}").to_lowercase()).collect();
    told_once(&path("aggregates"), &names, parts.root, report);
    let levels: Vec<String> = tumbling.quantiles.iter().map(|q| q.get().to_string()).collect();
    told_once(&path("quantiles"), &levels, parts.root, report);
}

fn told_once(path: &[&str], list: &[String], root: &Node, report: &mut Report) {
    let mut seen = BTreeSet::new();
    for (i, item) in list.iter().enumerate() {
        if !seen.insert(item) {
            let index = i.to_string();
            let path: Vec<&str> = path.iter().copied().chain([index.as_str()]).collect();
            report.add(root.place(&path), format!("`{item}` is listed twice"), Some("remove one of the two".to_owned()));
        }
    }
}

/// Looks at what is written, not at what was decoded: an operator or a source with another error still has its name.
fn sources_exist(root: &Node, report: &mut Report) {
    let known: Vec<&str> = tables(root, "sources").map(|(id, _)| id.as_str()).collect();
    for (_, operator) in tables(root, "operators") {
        let Some(Value::List(items)) = operator.get("sources").map(|node| &node.value) else { continue };
        for item in items {
            if let Value::Text(source) = &item.value
                && !known.contains(&source.as_str())
            {
                let hint = suggest::hint(source, known.iter().copied(), "source");
                report.add(item.span.clone(), format!("there is no source {source:?}"), Some(hint));
            }
        }
    }
}

/// The components of a section, as they are written.
fn tables<'a>(root: &'a Node, section: &str) -> impl Iterator<Item = (&'a String, &'a Node)> {
    let table = match root.get(section).map(|node| &node.value) {
        Some(Value::Table(table)) => Some(table),
        _ => None,
    };
    table.into_iter().flatten().map(|(id, (_, node))| (id, node))
}

/// Everything after the log can be rebuilt from it: so an event must stay until its window takes no more.
fn windows_close_before_events_go(id: &str, tumbling: &Tumbling, log: &EmbeddedLog, parts: &Parts<'_>, report: &mut Report) {
    let reads = |source: &String| tumbling.sources.as_ref().is_none_or(|list| list.contains(source));
    let disorder = parts.sources.iter().filter(|(source, _)| reads(source)).map(|(_, s)| s.disorder).max().unwrap_or(Span::secs(0));
    let open = tumbling.size.0.saturating_add(tumbling.allowed_lateness.0).saturating_add(disorder.0);
    if open > log.retention_age.0 && !log.retention_age.0.is_zero() {
        let message = format!(
            "a window stays open for {} (size, allowed lateness and disorder), but the log keeps events for {}",
            Span(open),
            log.retention_age
        );
        let place = parts.root.place(&["operators", id, "size"]);
        report.add(place, message, Some("raise `retention_age` in [log], or make the window shorter".to_owned()));
    }
}
