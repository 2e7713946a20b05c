//! The parts of a configuration and what they read.

use serde_json::Value;

use super::told::Told;
use crate::config::{Config, LogKind, SinkKind, show_json};

/// What flows where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Topology {
    /// What the log is, in words.
    pub(super) log: String,
    /// Ids and types of the sources.
    pub(super) sources: Vec<(String, String)>,
    /// The operators; each after the one it reads.
    pub(super) operators: Vec<Operator>,
    /// What stores write.
    pub(super) sinks: Vec<Sink>,
    /// Who is told of alerts, when there are rules.
    pub(super) told: Option<Told>,
}

/// An operator and what it reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Operator {
    pub(super) id: String,
    /// Its type and what tells it from others of the type: `tumbling 1m`.
    pub(super) kind: String,
    /// The operator it reads; the event log when absent.
    pub(super) from: Option<String>,
    /// How many operators lie between it and the event log.
    pub(super) depth: usize,
    /// What it takes of that: `sources machine`, `metrics cpu_*`, `by host`.
    pub(super) takes: Vec<String>,
}

/// What a store writes of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sink {
    pub(super) id: String,
    pub(super) kind: &'static str,
    pub(super) reads: Reads,
    pub(super) what: &'static str,
}

/// Which log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reads {
    Events,
    Outputs,
}

/// The lengths that tell operators of one type apart.
const LENGTHS: [&str; 5] = ["size", "slide", "gap", "unit", "timezone"];
/// What an operator may choose from its input, and how it is said.
const CHOICES: [(&str, &str); 3] = [("sources", "sources"), ("metrics", "metrics"), ("group_by", "by")];

impl Topology {
    pub(super) fn of(config: &Config) -> Self {
        let partitions = config.partitions.get();
        let log = match &config.log {
            LogKind::Embedded(_) => format!("embedded, {}", counted(partitions)),
            LogKind::Jetstream(_) => format!("jetstream, {}", counted(partitions)),
        };
        let sources = config.sources.iter().map(|(id, source)| (id.clone(), source.kind.type_name().to_owned())).collect();
        let shown = show_json(config);
        // Rules are operators that give alerts.
        let of = |section: &str| match &shown[section] {
            Value::Object(operators) => operators.iter().map(|(id, settings)| operator(id, settings)).collect(),
            _ => Vec::new(),
        };
        let operators = ordered([of("operators"), of("alerts")].concat());
        Self { log, sources, operators, sinks: sinks(config), told: Told::of(config) }
    }
}

fn counted(partitions: u32) -> String {
    format!("{partitions} partition{}", if partitions == 1 { "" } else { "s" })
}

/// Looks at the settings by their names, which mean the same in every type of operator.
pub(super) fn operator(id: &str, settings: &Value) -> Operator {
    let text = |key: &str| settings[key].as_str().map(str::to_owned);
    let lengths = LENGTHS.into_iter().filter_map(text);
    let kind = text("type").into_iter().chain(lengths).collect::<Vec<_>>().join(" ");
    let takes = CHOICES.into_iter().filter_map(|(key, said)| {
        let items: Vec<&str> = settings[key].as_array()?.iter().filter_map(Value::as_str).collect();
        // Of all choices an empty list means something for this one only.
        Some(if items.is_empty() { "all as one".to_owned() } else { format!("{said} {}", items.join(", ")) })
    });
    Operator { id: id.to_owned(), kind, from: text("from"), depth: 0, takes: takes.collect() }
}

/// Each operator after the one it reads, those that read events in order of their ids.
pub(super) fn ordered(operators: Vec<Operator>) -> Vec<Operator> {
    let mut ordered = Vec::with_capacity(operators.len());
    let known = |id: &String| operators.iter().any(|operator| operator.id == *id);
    let roots = operators.iter().rev().filter(|operator| !operator.from.as_ref().is_some_and(known));
    let mut waiting: Vec<(usize, &Operator)> = roots.map(|root| (0, root)).collect();
    while let Some((depth, operator)) = waiting.pop() {
        ordered.push(Operator { depth, ..operator.clone() });
        let readers = operators.iter().filter(|reader| reader.from.as_ref() == Some(&operator.id));
        waiting.extend(readers.rev().map(|reader| (depth + 1, reader)));
    }
    ordered
}

/// What each sink takes, as the stores are opened: the embedded one takes what the others leave.
fn sinks(config: &Config) -> Vec<Sink> {
    let mut sinks = Vec::new();
    let (mut rollups, mut others) = (false, false);
    for (id, sink) in &config.sinks {
        let kind = sink.kind.type_name();
        let mut add = |reads, what| sinks.push(Sink { id: id.clone(), kind, reads, what });
        match &sink.kind {
            SinkKind::Embedded(_) => {}
            SinkKind::Mongodb(_) => {
                add(Reads::Outputs, "results");
                rollups = true;
            }
            SinkKind::Postgres(_) => {
                add(Reads::Events, "raw events");
                add(Reads::Events, "series");
                add(Reads::Outputs, "dead letters");
                others = true;
            }
        }
    }
    let embedded = config.sinks.iter().find(|(_, sink)| matches!(sink.kind, SinkKind::Embedded(_)));
    let id = embedded.map_or("embedded", |(id, _)| id.as_str());
    let mut add = |reads, what| sinks.push(Sink { id: id.to_owned(), kind: "embedded", reads, what });
    if !rollups {
        add(Reads::Outputs, "results");
    }
    if !others {
        add(Reads::Events, "series");
        add(Reads::Outputs, "dead letters");
    }
    sinks
}
