//! Routing against a plain recursive reading of the tree.

use proptest::prelude::*;

use super::super::{Asked, Hit, Matcher, Matchers, Reply, Routes};
use super::*;

/// The receivers, waits and labels to group by that hold at a node.
type Settings = (Vec<String>, u64, Vec<String>);

/// The deepest nodes that take the alert, as the documentation says it.
fn plainly(route: &Route, alert: &Alert, above: &Settings) -> Vec<Settings> {
    let settings = (
        route.receivers.clone().unwrap_or_else(|| above.0.clone()),
        route.group_wait.map_or(above.1, |wait| wait.as_secs()),
        match &route.group_by {
            Some(GroupBy::Labels(names)) => names.clone(),
            _ => above.2.clone(),
        },
    );
    let mut found = Vec::new();
    for below in &route.routes {
        if below.matchers.0.iter().all(|matcher| matcher.matches(alert)) {
            found.extend(plainly(below, alert, &settings));
            if !below.go_on {
                break;
            }
        }
    }
    if found.is_empty() { vec![settings] } else { found }
}

fn tree() -> impl Strategy<Value = Route> {
    let leaf = (
        prop::option::of(prop::collection::vec("[a-c]", 0..3)),
        prop::option::of(1u64..5),
        prop::option::of(prop::collection::vec("[xyz]", 0..2)),
        prop::collection::vec(("[xyz]", "[01]"), 0..2),
        any::<bool>(),
    );
    let leaf = leaf.prop_map(|(receivers, wait, group_by, matchers, go_on)| Route {
        receivers,
        group_wait: wait.map(Duration::from_secs),
        group_by: group_by.map(GroupBy::Labels),
        matchers: Matchers(matchers.into_iter().map(|(name, value)| Matcher::equals(name, value)).collect()),
        go_on,
        ..Route::default()
    });
    leaf.clone().prop_recursive(4, 40, 4, move |inner| {
        (leaf.clone(), prop::collection::vec(inner, 0..4)).prop_map(|(route, routes)| Route { routes, ..route })
    })
}

proptest! {
    #[test]
    fn an_alert_takes_the_routes_of_a_plain_reading(root in tree(), labels in prop::collection::btree_map("[xyz]", "[01]", 0..4)) {
        let alert = Alert { labels, ..alert("disk", "a", 0) };
        let routes = Routes::new(&root);
        let hits = routes.of(&alert).into_iter().map(|hit| {
            let GroupBy::Labels(names) = &hit.group_by else { unreachable!() };
            (hit.receivers.clone(), hit.timings.group_wait.as_secs(), names.clone())
        });
        let above = (Vec::new(), 30, vec!["rule".to_owned()]);
        prop_assert_eq!(hits.collect::<Vec<_>>(), plainly(&root, &alert, &above));
        let asked = routes.asked(&alert);
        let takes = asked.iter().filter(|asked| asked.reply == Reply::Takes).map(|asked| asked.node);
        prop_assert_eq!(takes.collect::<Vec<&Hit>>(), routes.of(&alert));
        prop_assert_eq!(asked.len(), nodes(&root));
    }
}

fn nodes(route: &Route) -> usize {
    1 + route.routes.iter().map(nodes).sum::<usize>()
}

#[test]
fn every_node_says_why_it_does_not_take_an_alert() {
    let route = |id: &str, matcher: &str, go_on: bool, routes: Vec<Route>| {
        let matchers = Matchers::parse([matcher]).unwrap();
        Route { id: id.into(), matchers, go_on, routes, ..Route::default() }
    };
    let db = route("db", "team=db", false, vec![route("grave", "severity>=error", false, Vec::new())]);
    let night = route("night", "rule=~d.*", true, vec![route("any", "rule=disk", false, Vec::new())]);
    let below = vec![route("web", "team=web", true, vec![route("eu", "region=eu", false, Vec::new())]), night, db];
    let last = route("last", "rule=disk", false, Vec::new());
    let root = Route { routes: below.into_iter().chain([last]).collect(), ..Route::default() };
    let alert = Alert { labels: [("team".to_owned(), "db".to_owned())].into(), ..alert("disk", "a", 0) };
    let routes = Routes::new(&root);
    let said: Vec<String> = routes.asked(&alert).iter().map(said).collect();
    let expected = [
        ": below",
        "web: refuses, team=\"web\"",
        "web/eu: not asked, web",
        "night: below",
        "night/any: takes",
        "db: takes",
        "db/grave: refuses, severity>=\"error\"",
        "last: not asked, db",
    ];
    assert_eq!(said, expected);
}

fn said(asked: &Asked<'_>) -> String {
    let reply = match &asked.reply {
        Reply::Takes => "takes".to_owned(),
        Reply::Below => "below".to_owned(),
        Reply::Refuses { matcher } => format!("refuses, {matcher}"),
        Reply::NotAsked { because } => format!("not asked, {because}"),
    };
    format!("{}: {reply}", asked.node.path)
}
