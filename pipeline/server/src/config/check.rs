//! The rules between keys and between components, each error with its place.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::Range;
use std::time::Duration;

use floodmark_connectors::settings::{Fault, Span};
use floodmark_connectors::sources::connectivity;
use floodmark_schemas::subject;

use super::alert_check;
use super::desk_check;
use super::from;
use super::inside::inside;
use super::kinds::{Kind, OperatorKind, SourceKind};
use super::load::Parts;
use super::model::{Compression, Covering, Encoding, Telemetry};
use super::receivers;
use super::report::{Found, Report};
use super::suggest;
use super::tree::{Node, Value};

/// Above this, arithmetic on event times could overflow.
pub(super) const CENTURY: Duration = Duration::from_secs(36_600 * 86_400);

/// Checks what no component can check alone.
pub(super) fn check(parts: &Parts<'_>, report: &mut Report) {
    ids_are_unique(parts.root, report);
    sources_exist(parts.root, report);
    from::check(parts, report);
    alert_check::check(parts, report);
    for (id, source) in parts.sources {
        let place = |key| parts.root.place(&["sources", id, key]);
        if source.compression != Compression::None && source.encoding == Encoding::Json {
            let hint = "add encoding = \"arrow\", or remove `compression`";
            report.add(place("compression"), "only Arrow frames can be compressed", Some(hint.to_owned()));
        }
        if source.disorder.0 > CENTURY {
            report.add(place("disorder"), "this is more than 100 years", Some("write for example \"5s\"".to_owned()));
        }
        tell(source.kind.faults(), &["sources", id], parts.root, report);
    }
    addresses_are_unique(parts, report);
    tell(parts.telemetry.map(Telemetry::faults).unwrap_or_default(), &["telemetry"], parts.root, report);
    tell(parts.coverage.map(Covering::faults).unwrap_or_default(), &["coverage"], parts.root, report);
    tell(parts.connectivity.map(connectivity::Config::validate).unwrap_or_default(), &["connectivity"], parts.root, report);
    tell(parts.log.map(Kind::faults).unwrap_or_default(), &["log"], parts.root, report);
    for (id, receiver) in parts.receivers {
        let faults = receiver.kind.faults().into_iter().chain(receiver.common.faults());
        tell(faults.collect(), &["receivers", id], parts.root, report);
    }
    receivers::check(parts, report);
    desk_check::check(parts, report);
    for (id, operator) in parts.operators {
        tell(operator.kind.faults(), &["operators", id], parts.root, report);
        derived_series_lie_in_one_partition(id, &operator.kind, parts, report);
        if let Some(log) = parts.log {
            windows_close_before_events_go(id, &operator.kind, log.retention_age(), parts, report);
        }
    }
}

/// Dead letters name a component by its id alone.
fn ids_are_unique(root: &Node, report: &mut Report) {
    let mut seen: BTreeMap<&str, (Range<usize>, &str)> = BTreeMap::new();
    for section in ["sources", "operators", "alerts", "sinks", "receivers"] {
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

/// Tells the faults of one component at the places of their settings; of a setting that is not written, at its table.
pub(super) fn tell(faults: Vec<Fault>, component: &[&str], root: &Node, report: &mut Report) {
    for Fault { path, what, remedy, within } in faults {
        let path: Vec<&str> = component.iter().copied().chain(path.iter().map(String::as_str)).collect();
        let place = root.place(&path);
        let narrower = within.and_then(|within| place_inside(&place, &within, report));
        report.add(narrower.unwrap_or(place), what, Some(remedy));
    }
}

/// The place of some bytes of the text that stands at `place`.
fn place_inside(place: &Range<usize>, within: &Range<usize>, report: &Report) -> Option<Range<usize>> {
    let (file, span) = report.files.locate(place)?;
    let found = inside(&file.text[span], within)?;
    Some(place.start + found.start..place.start + found.end)
}

/// Two that listen on one address: the second could never start.
fn addresses_are_unique(parts: &Parts<'_>, report: &mut Report) {
    let mut seen: BTreeMap<SocketAddr, String> = BTreeMap::new();
    if let Some(api) = parts.api.filter(|api| api.enabled) {
        seen.insert(api.listen.0, "the API".to_owned());
    }
    for (id, source) in parts.sources {
        let SourceKind::Push(push) = &source.kind else { continue };
        // At port 0 the system chooses one that is free.
        if let Some(other) = seen.insert(push.listen, format!("source `{id}`")).filter(|_| push.listen.port() != 0) {
            let message = format!("{other} listens on {} already", push.listen);
            report.add(parts.root.place(&["sources", id, "listen"]), message, Some("set another `listen`".to_owned()));
        }
    }
}

/// Looks at what is written, not at what was decoded: an operator or a source with another error still has its name.
fn sources_exist(root: &Node, report: &mut Report) {
    let known: Vec<&str> = tables(root, "sources").map(|(id, _)| id.as_str()).chain([subject::MONITOR]).collect();
    for (_, reader) in tables(root, "operators").chain(tables(root, "alerts")) {
        let Some(Value::List(items)) = reader.get("sources").map(|node| &node.value) else { continue };
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
pub(super) fn tables<'a>(root: &'a Node, section: &str) -> impl Iterator<Item = (&'a String, &'a Node)> {
    let table = match root.get(section).map(|node| &node.value) {
        Some(Value::Table(table)) => Some(table),
        _ => None,
    };
    table.into_iter().flatten().map(|(id, (_, node))| (id, node))
}

/// Series that differ only in their metric become one by a derived value, and a job sees one partition.
fn derived_series_lie_in_one_partition(id: &str, kind: &OperatorKind, parts: &Parts<'_>, report: &mut Report) {
    let (selecting, groups) = (kind.selecting(), kind.windows().is_some_and(|windows| windows.group_by.is_some()));
    let of_one_metric = selecting.metrics.is_some_and(|metrics| metrics.len() == 1);
    let spread = parts.partitions.is_some_and(|partitions| partitions.get() > 1);
    if selecting.value.is_some() && spread && !of_one_metric && !groups {
        let message = "what is derived of several metrics becomes one series, and they may lie in different partitions of the log";
        let hint = match kind.windows() {
            Some(_) => "name one metric in `metrics`, or say in `group_by` which labels a series has",
            None => "name one metric in `metrics`",
        };
        report.add(parts.root.place(&["operators", id, "value"]), message, Some(hint.to_owned()));
    }
}

/// Everything after the log can be rebuilt from it: so an event must stay until its window takes no more.
fn windows_close_before_events_go(id: &str, kind: &OperatorKind, kept: Span, parts: &Parts<'_>, report: &mut Report) {
    // Windows of windows need no events.
    let Some(((key, length), windows)) = kind.length().zip(kind.windows()).filter(|_| kind.from().is_none()) else { return };
    let reads = |source: &String| windows.sources.as_ref().is_none_or(|list| list.contains(source));
    let disorder = parts.sources.iter().filter(|(source, _)| reads(source)).map(|(_, s)| s.disorder).max().unwrap_or(Span::secs(0));
    let open = length.0.saturating_add(windows.allowed_lateness.0).saturating_add(disorder.0);
    if open > kept.0 && !kept.0.is_zero() {
        let message =
            format!("a window stays open for {} ({key}, allowed lateness and disorder), but the log keeps events for {}", Span(open), kept);
        let place = parts.root.place(&["operators", id, key]);
        report.add(place, message, Some("raise `retention_age` in [log], or make the window shorter".to_owned()));
    }
}
