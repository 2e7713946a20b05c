//! What routes, inhibitions, dependences and maintenance need of what is around them: receivers, rules and sources that exist,
//! and routes that alerts can come to. Besides, what works and is most likely not meant.

use std::collections::BTreeSet;

use floodmark_connectors::settings::Fault;
use floodmark_schemas::{Severity, subject};

use super::check::{tables, tell};
use super::load::Parts;
use super::matching::Matching;
use super::report::{Found, Notice, Report};
use super::routes::Route;
use super::suggest;
use super::tree::{Node, Value};

/// Checks all of it.
pub(super) fn check(parts: &Parts<'_>, report: &mut Report) {
    let root = parts.root;
    tell(parts.incidents.map(|of| of.faults()).unwrap_or_default(), &["incidents"], root, report);
    tell(parts.routing.map(|of| of.faults()).unwrap_or_default(), &["route"], root, report);
    for (id, inhibition) in parts.inhibitions {
        tell(inhibition.faults(), &["inhibitions", id], root, report);
    }
    for (id, maintenance) in parts.maintenance {
        tell(maintenance.faults(), &["maintenance", id], root, report);
    }
    if let Some(route) = root.get("route") {
        let receivers: Vec<&str> = tables(root, "receivers").map(|(id, _)| id.as_str()).collect();
        receivers_exist(route, &receivers, report);
        ids_differ(route, report);
    }
    let known = Known::of(root);
    for (path, matchers) in matchers(parts) {
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        tell(matchers.iter().enumerate().filter_map(|(i, of)| known.fault(i, of)).collect(), &path, root, report);
    }
    no_circles(parts, report);
    reachable(parts.routing.map(|routing| routing.routes.as_slice()).unwrap_or_default(), vec!["route".to_owned()], parts, report);
}

/// Looks at what is written: a route with another error still names its receivers.
fn receivers_exist(route: &Node, known: &[&str], report: &mut Report) {
    let mut look = |node: &Node| {
        if let Value::Text(receiver) = &node.value
            && !known.contains(&receiver.as_str())
        {
            let hint = suggest::hint(receiver, known.iter().copied(), "receiver");
            report.add(node.span.clone(), format!("there is no receiver {receiver:?}"), Some(hint));
        }
    };
    items(route, "receivers").iter().for_each(&mut look);
    items(route, "escalation").iter().filter_map(|step| step.get("receiver")).for_each(look);
    items(route, "routes").iter().for_each(|route| receivers_exist(route, known, report));
}

/// Incidents belong to a route by its name.
fn ids_differ(route: &Node, report: &mut Report) {
    let mut seen: Vec<(&str, &Node)> = Vec::new();
    for below in items(route, "routes") {
        ids_differ(below, report);
        let Some((Value::Text(id), node)) = below.get("id").map(|node| (&node.value, node)) else { continue };
        match seen.iter().find(|(other, _)| other == id) {
            None => seen.push((id, node)),
            Some((_, first)) => report.push(Found {
                related: Some((first.span.clone(), "first used here".to_owned())),
                ..Found::at(
                    node.span.clone(),
                    format!("two routes beside each other are called `{id}`"),
                    Some("choose another name".to_owned()),
                )
            }),
        }
    }
}

fn items<'a>(node: &'a Node, key: &str) -> &'a [Node] {
    match node.get(key).map(|node| &node.value) {
        Some(Value::List(items)) => items,
        _ => &[],
    }
}

/// A route beside it takes everything that this one would.
fn reachable(routes: &[Route], at: Vec<String>, parts: &Parts<'_>, report: &mut Report) {
    for (i, route) in routes.iter().enumerate() {
        let way = |i: usize| at.iter().cloned().chain(["routes".to_owned(), i.to_string()]).collect::<Vec<_>>();
        let place = |i: usize| parts.root.place(&way(i).iter().map(String::as_str).collect::<Vec<_>>());
        let asks = |of: &Matching| route.matchers.iter().any(|own| own.matcher() == of.matcher());
        let takes_all = |before: &&(usize, &Route)| !before.1.go_on && before.1.matchers.iter().all(asks);
        if let Some((before, taker)) = routes[..i].iter().enumerate().collect::<Vec<_>>().iter().find(takes_all) {
            let hint = format!("put it before `{0}`, or add continue = true to `{0}`", taker.id);
            report.push(Found {
                related: Some((place(*before), "this one takes them".to_owned())),
                ..Found::at(place(i), format!("no alert comes to the route `{}`: one before it takes them all", route.id), Some(hint))
            });
        }
        reachable(&route.routes, way(i), parts, report);
    }
}

/// Rules that depend on each other: when both fire, nobody is told.
fn no_circles(parts: &Parts<'_>, report: &mut Report) {
    let on = |id: &str| match parts.alerts.get(id).map(|rule| rule.depends.depends_on.as_slice()) {
        Some([only]) => only.matcher().exactly().filter(|(name, _)| *name == "rule").map(|(_, other)| other.to_owned()),
        _ => None,
    };
    let mut told = BTreeSet::new();
    for id in parts.alerts.keys() {
        let way: Vec<String> = std::iter::successors(on(id), |other| on(other)).take(parts.alerts.len()).collect();
        let Some(end) = way.iter().position(|other| other == id) else { continue };
        let circle = &way[..=end];
        // A rule that depends on itself only lets its first alert through. Each circle is told once.
        if end > 0 && told.insert(circle.iter().cloned().collect::<BTreeSet<_>>()) {
            let message = format!("rules that depend on each other are silent when all of them fire: {id} on {}", circle.join(" on "));
            report.add(
                parts.root.place(&["alerts", id, "depends_on"]),
                message,
                Some("let one of them depend on none of the others".to_owned()),
            );
        }
    }
}

/// All matchers, with the way to their list.
fn matchers<'a>(parts: &Parts<'a>) -> Vec<(Vec<String>, &'a [Matching])> {
    fn below<'a>(routes: &'a [Route], at: &[String], all: &mut Vec<(Vec<String>, &'a [Matching])>) {
        for (i, route) in routes.iter().enumerate() {
            let way: Vec<String> = at.iter().cloned().chain(["routes".to_owned(), i.to_string()]).collect();
            all.push((way.iter().cloned().chain(["match".to_owned()]).collect(), &route.matchers));
            below(&route.routes, &way, all);
        }
    }
    let mut all = Vec::new();
    let way = |section: &str, id: &str, key: &str| vec![section.to_owned(), id.to_owned(), key.to_owned()];
    below(parts.routing.map(|routing| routing.routes.as_slice()).unwrap_or_default(), &["route".to_owned()], &mut all);
    for (id, inhibition) in parts.inhibitions {
        all.push((way("inhibitions", id, "source"), &inhibition.source));
        all.push((way("inhibitions", id, "target"), &inhibition.target));
    }
    all.extend(parts.maintenance.iter().map(|(id, of)| (way("maintenance", id, "match"), of.matchers.as_slice())));
    all.extend(parts.alerts.iter().map(|(id, of)| (way("alerts", id, "depends_on"), of.depends.depends_on.as_slice())));
    all
}

/// What there is, by name.
struct Known<'a> {
    rules: Vec<&'a str>,
    sources: Vec<&'a str>,
}

impl<'a> Known<'a> {
    fn of(root: &'a Node) -> Self {
        let names = |section| tables(root, section).map(|(id, _)| id.as_str());
        // Alerts of coverage have the program itself as their source.
        let sources = names("sources").chain([subject::MONITOR]).collect();
        Self { rules: names("alerts").collect(), sources }
    }

    /// A matcher that asks for what there is not matches nothing.
    fn fault(&self, entry: usize, matching: &Matching) -> Option<Fault> {
        let (name, value) = matching.matcher().exactly()?;
        let severities: Vec<&str> = Severity::ALL.iter().map(|severity| severity.name()).collect();
        let (known, what) = match name {
            "rule" => (&self.rules, "rule"),
            "source" => (&self.sources, "source"),
            "severity" => (&severities, "severity"),
            _ => return None,
        };
        // An empty value means that there is none, which can be meant of every label.
        let missing = !value.is_empty() && !known.contains(&value);
        let remedy = || match what {
            "severity" => "the severities are info, warning, error and critical".to_owned(),
            _ => suggest::hint(value, known.iter().copied(), what),
        };
        missing.then(|| Fault { path: vec![entry.to_string()], ..Fault::of("", format!("there is no {what} {value:?}"), remedy()) })
    }
}

/// What works and is most likely not meant.
pub(super) fn notices(parts: &Parts<'_>, report: &Report) -> Vec<Notice> {
    let notice = |path: &[&str], message: String, hint: &str| {
        let place = report.place(&parts.root.place(path));
        Notice { place, message, hint: hint.to_owned() }
    };
    let mut notices = Vec::new();
    if let Some(rule) = parts.alerts.keys().next().filter(|_| parts.receivers.is_empty()) {
        let hint = "add a receiver, for example [receivers.team] with type = \"email\"; incidents can be read in any case";
        notices.push(notice(&["alerts", rule], "nobody is told of alerts: there is no receiver".to_owned(), hint));
    }
    let Some(routing) = parts.routing else { return notices };
    let Some(told) = &routing.receivers else { return notices };
    let mut named: Vec<&str> = told.iter().map(String::as_str).collect();
    named_below(&routing.routes, &mut named);
    named.extend(routing.escalation.iter().flatten().map(|step| step.receiver.as_str()));
    for id in parts.receivers.keys().filter(|id| !named.contains(&id.as_str())) {
        let message = format!("the receiver `{id}` is told of nothing: no route names it");
        notices.push(notice(&["receivers", id], message, "name it in `receivers` of a route, or remove it"));
    }
    notices
}

fn named_below<'a>(routes: &'a [Route], named: &mut Vec<&'a str>) {
    for route in routes {
        named.extend(route.receivers.iter().flatten().map(String::as_str));
        named.extend(route.escalation.iter().flatten().map(|step| step.receiver.as_str()));
        named_below(&route.routes, named);
    }
}
