//! From files to a [`Config`]: parse, merge, decode each component, check what is between them.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use floodmark_connectors::settings::Span;
use floodmark_connectors::sources::connectivity;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use super::alert::{Alert, AlertCommon};
use super::check;
use super::decode::decode;
use super::desk_check;
use super::files::{self, Holds};
use super::incidents::Incidents;
use super::kinds::{AlertKind, Kind, LogKind, SinkKind, SourceKind};
use super::model::{Api, Config, Covering, EmbeddedSink, Operator, Partitions, Sink, Source, SourceCommon, Telemetry, Top};
use super::receivers::{Receiver, ReceiverCommon};
use super::report::Report;
use super::routes::Routing;
use super::silencing::{Depends, Inhibition, Maintenance};
use super::suggest;
use super::tests;
use super::tree::{self, Node, Table, Value};

/// The tables of the top level.
const SECTIONS: [&str; 15] = [
    "log",
    "api",
    "telemetry",
    "coverage",
    "connectivity",
    "sources",
    "operators",
    "alerts",
    "sinks",
    "receivers",
    "route",
    "incidents",
    "inhibitions",
    "maintenance",
    "tests",
];

/// The keys of every source.
pub(super) const SOURCE_COMMON: [&str; 3] = ["encoding", "compression", "disorder"];

/// The keys of every rule.
pub(super) const ALERT_COMMON: [&str; 14] = [
    "sources",
    "metrics",
    "where",
    "severity",
    "for",
    "keep_firing_for",
    "of",
    "no_data_for",
    "error_for",
    "flapping",
    "labels",
    "annotations",
    "series_max",
    "forget_after",
];

/// The keys of every rule that its results do not depend on.
pub(super) const ALERT_DEPENDS: [&str; 2] = ["depends_on", "depends_equal"];

/// The keys of every receiver.
pub(super) const RECEIVER_COMMON: [&str; 1] = ["rate"];

/// Reads a configuration: the file at `path`, and the files of `conf.d` beside it. Nothing is connected to.
///
/// # Errors
/// All that is wrong, at once.
pub fn load(path: &Path) -> Result<Config, Report> {
    let mut report = Report::default();
    files::read(path, &mut report);
    build(report)
}

/// Reads a configuration with the tests that stand in it or beside it.
///
/// # Errors
/// All that is wrong, at once.
pub fn load_with_tests(path: &Path) -> Result<Config, Report> {
    let mut report = Report::default();
    files::read(path, &mut report);
    files::read_tests(path, &mut report);
    build(report)
}

/// Reads a configuration from a text; `name` is what errors call it.
///
/// # Errors
/// As [`load`].
pub fn from_text(name: &str, text: &str) -> Result<Config, Report> {
    let mut report = Report::default();
    report.files.add(name, text.to_owned());
    build(report)
}

fn build(report: Report) -> Result<Config, Report> {
    build_with(report, |_, _| ())
}

/// Builds a configuration after something was changed in the merged tree.
pub(super) fn build_with(mut report: Report, change: impl FnOnce(&mut Node, &mut Report)) -> Result<Config, Report> {
    let files = report.files.clone();
    let mut root = Node { span: 0..0, value: Value::Table(Table::new()) };
    let mut written = Vec::new();
    for file in files.iter() {
        let mut tree = tree::parse(file, &mut report);
        written.extend(tests::take(&mut tree, &mut report));
        match (file.holds, &tree.value) {
            (Holds::Tests, Value::Table(table)) => tests::nothing_else(table, &mut report),
            _ => tree::merge(&mut root, tree, &mut report),
        }
    }
    change(&mut root, &mut report);
    // After a syntax error what follows it may be lost or misplaced: more errors would be guesses.
    if report.unreadable {
        return Err(report);
    }
    let config = decode_root(&root, &mut report);
    let tests = tests::decode_all(&written, &root, &mut report);
    match config {
        Some(config) if report.is_empty() => Ok(Config { tests, ..config }),
        _ => Err(report),
    }
}

fn decode_root(root: &Node, report: &mut Report) -> Option<Config> {
    let Value::Table(table) = &root.value else { return None };
    let (sections, top): (Table, Table) = table.clone().into_iter().partition(|(key, _)| SECTIONS.contains(&key.as_str()));
    let top: Option<Top> = decode(&top, &root.span, &SECTIONS, report);
    let log = decode_log(sections.get("log"), report);
    let api: Option<Api> = decode_section(&sections, "api", report);
    let telemetry: Option<Telemetry> = decode_section(&sections, "telemetry", report);
    let coverage: Option<Covering> = decode_section(&sections, "coverage", report);
    let connectivity: Option<Option<connectivity::Config>> = decode_optional(&sections, "connectivity", report);
    // A check that waits for a test of the line is told so much later.
    let wait_max = connectivity.iter().flatten().map(|line| Span(line.wait_max())).next();
    let sources = components(&sections, "sources", report, |table, header, report| decode_source(table, header, wait_max, report));
    let operators = components(&sections, "operators", report, |table, header, report| {
        decode_kind(table, header, &[], report).map(|kind| Operator { kind })
    });
    let alerts = components(&sections, "alerts", report, decode_alert);
    let mut sinks =
        components(&sections, "sinks", report, |table, header, report| decode_kind(table, header, &[], report).map(|kind| Sink { kind }));
    let receivers = components(&sections, "receivers", report, decode_receiver);
    let routing: Option<Routing> = decode_section(&sections, "route", report);
    let incidents: Option<Incidents> = decode_section(&sections, "incidents", report);
    let inhibitions: BTreeMap<String, Inhibition> =
        components(&sections, "inhibitions", report, |table, header, report| decode(table, header, &[], report));
    let maintenance: BTreeMap<String, Maintenance> =
        components(&sections, "maintenance", report, |table, header, report| decode(table, header, &[], report));
    let parts = Parts {
        root,
        partitions: top.as_ref().map(|top| top.partitions),
        sources: &sources,
        operators: &operators,
        alerts: &alerts,
        receivers: &receivers,
        routing: routing.as_ref(),
        incidents: incidents.as_ref(),
        inhibitions: &inhibitions,
        maintenance: &maintenance,
        log: log.as_ref(),
        api: api.as_ref(),
        telemetry: telemetry.as_ref(),
        coverage: coverage.as_ref(),
        connectivity: connectivity.as_ref().and_then(Option::as_ref),
    };
    check::check(&parts, report);
    let notices = desk_check::notices(&parts, report);
    if sinks.is_empty() {
        sinks.insert("embedded".to_owned(), Sink { kind: SinkKind::Embedded(EmbeddedSink {}) });
    }
    let Top { data_dir, partitions } = top?;
    Some(Config {
        data_dir,
        partitions,
        log: log?,
        api: api?,
        telemetry: telemetry?,
        coverage: coverage?,
        connectivity: connectivity?,
        sources,
        operators,
        alerts,
        sinks,
        receivers,
        routing: routing?,
        incidents: incidents?,
        inhibitions,
        maintenance,
        tests: Vec::new(),
        notices,
    })
}

/// What was decoded, before it is a configuration: some of it may be missing because it was wrong.
pub(super) struct Parts<'a> {
    pub root: &'a Node,
    pub partitions: Option<Partitions>,
    pub sources: &'a BTreeMap<String, Source>,
    pub operators: &'a BTreeMap<String, Operator>,
    pub alerts: &'a BTreeMap<String, Alert>,
    pub receivers: &'a BTreeMap<String, Receiver>,
    pub routing: Option<&'a Routing>,
    pub incidents: Option<&'a Incidents>,
    pub inhibitions: &'a BTreeMap<String, Inhibition>,
    pub maintenance: &'a BTreeMap<String, Maintenance>,
    pub log: Option<&'a LogKind>,
    pub api: Option<&'a Api>,
    pub telemetry: Option<&'a Telemetry>,
    pub coverage: Option<&'a Covering>,
    pub connectivity: Option<&'a connectivity::Config>,
}

/// A section without components; it need not be there.
fn decode_section<T: Default + DeserializeOwned + JsonSchema>(sections: &Table, name: &str, report: &mut Report) -> Option<T> {
    decode_optional(sections, name, report).map(Option::unwrap_or_default)
}

/// The same, and nothing when it is not there.
fn decode_optional<T: DeserializeOwned + JsonSchema>(sections: &Table, name: &str, report: &mut Report) -> Option<Option<T>> {
    let Some((_, node)) = sections.get(name) else { return Some(None) };
    table_of(node, name, report).and_then(|table| decode(table, &node.span, &[], report)).map(Some)
}

/// A log without `type` is the embedded one, as is no log at all.
fn decode_log(section: Option<&(Range<usize>, Node)>, report: &mut Report) -> Option<LogKind> {
    let empty = Node { span: 0..0, value: Value::Table(Table::new()) };
    let node = section.map_or(&empty, |(_, node)| node);
    let mut table = table_of(node, "log", report)?.clone();
    let kind = Node { span: node.span.clone(), value: Value::Text("embedded".to_owned()) };
    table.entry("type".to_owned()).or_insert((node.span.clone(), kind));
    decode_kind(&table, &node.span, &[], report)
}

/// Decodes each table of a section; those that are wrong are reported and left out.
fn components<T>(
    sections: &Table,
    section: &str,
    report: &mut Report,
    mut decode: impl FnMut(&Table, &Range<usize>, &mut Report) -> Option<T>,
) -> BTreeMap<String, T> {
    let Some((_, node)) = sections.get(section) else { return BTreeMap::new() };
    let Some(table) = table_of(node, &format!("{section}.<id>"), report) else { return BTreeMap::new() };
    let mut found = BTreeMap::new();
    for (id, (key_span, node)) in table {
        check_id(id, key_span, section, report);
        let Some(table) = table_of(node, &format!("{section}.{id}"), report) else { continue };
        if let Some(component) = decode(table, &node.span, report) {
            found.insert(id.clone(), component);
        }
    }
    found
}

fn table_of<'a>(node: &'a Node, name: &str, report: &mut Report) -> Option<&'a Table> {
    match &node.value {
        Value::Table(table) => Some(table),
        _ => {
            report.add(
                node.span.clone(),
                format!("expected a table, found {}", node.describe()),
                Some(format!("begin a table with [{name}]")),
            );
            None
        }
    }
}

fn check_id(id: &str, span: &Range<usize>, section: &str, report: &mut Report) {
    let what = section.trim_end_matches('s');
    if let Err(e) = floodmark_schemas::subject::token(id) {
        let allowed: String = id.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).take(64).collect();
        let hint = if allowed.is_empty() { "give it a name".to_owned() } else { format!("call it `{allowed}`") };
        report.add(span.clone(), format!("the id of this {what}: {e}"), Some(hint));
    } else if id.starts_with("floodmark") {
        let hint = "choose another name: those that begin with `floodmark` are kept for the program itself";
        report.add(span.clone(), format!("the id `{id}` of this {what} is reserved"), Some(hint.to_owned()));
    }
}

fn decode_source(table: &Table, header: &Range<usize>, wait_max: Option<Span>, report: &mut Report) -> Option<Source> {
    let (common, own): (Table, Table) = table.clone().into_iter().partition(|(key, _)| SOURCE_COMMON.contains(&key.as_str()));
    let common: Option<SourceCommon> = decode(&common, header, &[], report);
    let kind: Option<SourceKind> = decode_kind(&own, header, &SOURCE_COMMON, report);
    let (SourceCommon { encoding, compression, disorder }, kind) = (common?, kind?);
    let disorder = disorder.unwrap_or_else(|| kind.default_disorder(wait_max.unwrap_or(Span::secs(0))));
    Some(Source { kind, encoding, compression, disorder })
}

fn decode_alert(table: &Table, header: &Range<usize>, report: &mut Report) -> Option<Alert> {
    let (common, own): (Table, Table) = table.clone().into_iter().partition(|(key, _)| ALERT_COMMON.contains(&key.as_str()));
    let (depends, own): (Table, Table) = own.into_iter().partition(|(key, _)| ALERT_DEPENDS.contains(&key.as_str()));
    let common: Option<AlertCommon> = decode(&common, header, &[], report);
    let depends: Option<Depends> = decode(&depends, header, &[], report);
    let also: Vec<&str> = ALERT_COMMON.into_iter().chain(ALERT_DEPENDS).collect();
    let kind: Option<AlertKind> = decode_kind(&own, header, &also, report);
    Some(Alert { common: common?, depends: depends?, kind: kind? })
}

fn decode_receiver(table: &Table, header: &Range<usize>, report: &mut Report) -> Option<Receiver> {
    let (common, own): (Table, Table) = table.clone().into_iter().partition(|(key, _)| RECEIVER_COMMON.contains(&key.as_str()));
    let common: Option<ReceiverCommon> = decode(&common, header, &[], report);
    let kind = decode_kind(&own, header, &RECEIVER_COMMON, report);
    Some(Receiver { common: common?, kind: kind? })
}

/// Takes `type` out of a table and decodes the rest as it says.
fn decode_kind<K: Kind>(table: &Table, header: &Range<usize>, also: &[&str], report: &mut Report) -> Option<K> {
    let mut own = table.clone();
    let Some((_, kind)) = own.remove("type") else {
        let hint = match K::TYPES {
            [only] => format!("add type = {only:?}"),
            types => format!("add `type`, one of {}", types.join(", ")),
        };
        report.add(header.clone(), "the key `type` is missing", Some(hint));
        return None;
    };
    match &kind.value {
        Value::Text(name) if K::TYPES.contains(&name.as_str()) => {
            let also: Vec<&str> = also.iter().copied().chain(["type"]).collect();
            K::decode(name, &own, header, &also, report)
        }
        Value::Text(name) => {
            let hint = suggest::hint(name, K::TYPES.iter().copied(), "type");
            report.add(kind.span, format!("unknown type {name:?}"), Some(hint));
            None
        }
        _ => {
            report.add(
                kind.span.clone(),
                format!("expected a text, found {}", kind.describe()),
                Some(format!("known types: {}", K::TYPES.join(", "))),
            );
            None
        }
    }
}
