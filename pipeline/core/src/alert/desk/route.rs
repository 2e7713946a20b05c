//! Which routes an alert takes.

use floodmark_schemas::Alert;

use super::{Escalation, GroupBy, Matchers, Route, Timings};

/// A tree of routes with what each inherits, in the order in which alerts are asked.
#[derive(Clone, Debug)]
pub struct Routes(Vec<Node>);

#[derive(Clone, Debug)]
struct Node {
    hit: Hit,
    matchers: Matchers,
    go_on: bool,
    /// The first node that is not below this one.
    end: usize,
}

/// A route that an alert takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// The names of the nodes down to it, parted by `/`; the root is empty.
    pub path: String,
    /// Who is told.
    pub receivers: Vec<String>,
    /// What becomes one incident.
    pub group_by: GroupBy,
    /// How soon and how often.
    pub timings: Timings,
    /// Who else, when nobody looks after it.
    pub escalation: Vec<Escalation>,
}

impl Routes {
    /// Those of the tree. Unless it says otherwise, alerts are grouped by rule.
    pub fn new(root: &Route) -> Self {
        let above = Hit {
            path: String::new(),
            receivers: Vec::new(),
            group_by: GroupBy::Labels(vec!["rule".to_owned()]),
            timings: Timings::default(),
            escalation: Vec::new(),
        };
        let mut nodes = Vec::new();
        add(&mut nodes, root, above);
        Self(nodes)
    }

    /// The routes that the alert takes, in the order of the tree.
    pub fn of(&self, alert: &Alert) -> Vec<&Hit> {
        let mut hits = Vec::new();
        self.descend(0, alert, &mut hits);
        hits
    }

    /// The deepest nodes at or below `at`, which takes the alert.
    fn descend<'a>(&'a self, at: usize, alert: &Alert, hits: &mut Vec<&'a Hit>) {
        let (before, mut below) = (hits.len(), at + 1);
        while below < self.0[at].end {
            let node = &self.0[below];
            if node.matchers.matches(alert) {
                self.descend(below, alert, hits);
                if !node.go_on {
                    break;
                }
            }
            below = node.end;
        }
        if hits.len() == before {
            hits.push(&self.0[at].hit);
        }
    }
}

fn add(nodes: &mut Vec<Node>, route: &Route, above: Hit) {
    let path = match (nodes.is_empty(), above.path.as_str()) {
        (true, _) => String::new(),
        (_, "") => route.id.clone(),
        (_, path) => format!("{path}/{}", route.id),
    };
    let hit = Hit {
        path,
        receivers: route.receivers.clone().unwrap_or(above.receivers),
        group_by: route.group_by.clone().unwrap_or(above.group_by),
        timings: above.timings.under(route),
        escalation: route.escalation.clone().unwrap_or(above.escalation),
    };
    let at = nodes.len();
    nodes.push(Node { hit: hit.clone(), matchers: route.matchers.clone(), go_on: route.go_on, end: 0 });
    for below in &route.routes {
        add(nodes, below, hit.clone());
    }
    nodes[at].end = nodes.len();
}
