//! Who is told of alerts, by which routes.

use crate::config::{Config, Escalation, Route, SinkKind};

/// What becomes of the alerts of rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Told {
    /// The id of the sink whose server keeps incidents; the embedded store when absent.
    pub(super) store: Option<String>,
    /// Who is told.
    pub(super) receivers: Vec<Receiver>,
}

/// A receiver and the routes that lead there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Receiver {
    pub(super) id: String,
    pub(super) kind: &'static str,
    /// In words: `route, route/database; later route/grave`.
    pub(super) by: String,
}

/// A node of the tree of routes with what it inherits.
struct Node {
    path: String,
    at_once: Vec<String>,
    later: Vec<String>,
}

impl Told {
    /// Of a configuration with rules.
    pub(super) fn of(config: &Config) -> Option<Self> {
        if config.alerts.is_empty() {
            return None;
        }
        let store = config.sinks.iter().find(|(_, sink)| matches!(sink.kind, SinkKind::Postgres(_))).map(|(id, _)| id.clone());
        let root = Node {
            path: "route".to_owned(),
            at_once: config.routing.receivers.clone().unwrap_or_else(|| config.receivers.keys().cloned().collect()),
            later: names(config.routing.escalation.as_deref()),
        };
        let mut nodes = vec![root];
        below(&mut nodes, 0, &config.routing.routes);
        let receiver = |(id, receiver): (&String, &crate::config::Receiver)| {
            let of = |list: fn(&Node) -> &Vec<String>| {
                let paths = nodes.iter().filter(|node| list(node).contains(id)).map(|node| node.path.as_str());
                paths.collect::<Vec<_>>().join(", ")
            };
            let (at_once, later) = (of(|node| &node.at_once), of(|node| &node.later));
            let by = match (at_once.as_str(), later.as_str()) {
                ("", "") => "no route".to_owned(),
                (at_once, "") => at_once.to_owned(),
                ("", later) => format!("later {later}"),
                (at_once, later) => format!("{at_once}; later {later}"),
            };
            Receiver { id: id.clone(), kind: receiver.kind.type_name(), by }
        };
        Some(Self { store, receivers: config.receivers.iter().map(receiver).collect() })
    }

    /// Where incidents are kept, in words.
    pub(super) fn kept(&self) -> String {
        self.store.clone().unwrap_or_else(|| "embedded".to_owned())
    }
}

fn below(nodes: &mut Vec<Node>, above: usize, routes: &[Route]) {
    for route in routes {
        let Node { path, at_once, later } = &nodes[above];
        let node = Node {
            path: format!("{path}/{}", route.id),
            at_once: route.receivers.clone().unwrap_or_else(|| at_once.clone()),
            later: route.escalation.as_deref().map_or_else(|| later.clone(), |steps| names(Some(steps))),
        };
        nodes.push(node);
        below(nodes, nodes.len() - 1, &route.routes);
    }
}

fn names(steps: Option<&[Escalation]>) -> Vec<String> {
    steps.into_iter().flatten().map(|step| step.receiver.clone()).collect()
}
