//! Which routes an alert takes.

use floodmark_schemas::Alert;

use super::{Escalation, GroupBy, Matcher, Matchers, Route, Timings};

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

/// A node of the tree, and what it says to an alert.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked<'a> {
    /// The node, with what it inherits.
    pub node: &'a Hit,
    /// What it says.
    pub reply: Reply<'a>,
}

/// What a node of the tree says to an alert.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply<'a> {
    /// It takes the alert, and nothing below it does.
    Takes,
    /// It takes the alert, and so does something below it.
    Below,
    /// It does not take the alert.
    Refuses {
        /// The first of its matchers that does not hold.
        matcher: &'a Matcher,
    },
    /// It is not asked.
    NotAsked {
        /// The node above it that refuses, or the one beside it that takes the alert and does not continue.
        because: &'a str,
    },
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

    /// Every node in the order of the tree, and what it says to the alert: those that take it are [`Self::of`].
    pub fn asked<'a>(&'a self, alert: &Alert) -> Vec<Asked<'a>> {
        let mut asked = Vec::with_capacity(self.0.len());
        self.ask(0, alert, &mut asked);
        asked
    }

    /// Asks the nodes at and below `at`, which takes the alert.
    fn ask<'a>(&'a self, at: usize, alert: &Alert, asked: &mut Vec<Asked<'a>>) {
        let own = asked.len();
        asked.push(Asked { node: &self.0[at].hit, reply: Reply::Takes });
        let (mut below, mut ended_by) = (at + 1, None);
        while below < self.0[at].end {
            let node = &self.0[below];
            let refusal = node.matchers.0.iter().find(|matcher| !matcher.matches(alert));
            match (ended_by, refusal) {
                (Some(because), _) => asked.extend(self.0[below..node.end].iter().map(|node| not_asked(node, because))),
                (None, Some(matcher)) => {
                    asked.push(Asked { node: &node.hit, reply: Reply::Refuses { matcher } });
                    asked.extend(self.0[below + 1..node.end].iter().map(|below| not_asked(below, &node.hit.path)));
                }
                (None, None) => {
                    asked[own].reply = Reply::Below;
                    self.ask(below, alert, asked);
                    ended_by = (!node.go_on).then_some(node.hit.path.as_str());
                }
            }
            below = node.end;
        }
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

fn not_asked<'a>(node: &'a Node, because: &'a str) -> Asked<'a> {
    Asked { node: &node.hit, reply: Reply::NotAsked { because } }
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
