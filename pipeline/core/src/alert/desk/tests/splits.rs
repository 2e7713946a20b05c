//! Whatever the batches, and wherever another process goes on: the same is told, nothing is lost and nothing doubled.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::super::{Escalation, Inhibition, Matchers, Rate};
use super::*;

const RULES: [&str; 3] = ["disk", "net", "web"];
const SOURCES: [&str; 4] = ["a", "b", "c", "d"];
const GRAVITY: [Severity; 2] = [Severity::Warning, Severity::Critical];

fn everything() -> Policy {
    let mut policy = policy();
    let matchers = |texts: &[&str]| Matchers::parse(texts.iter().copied()).unwrap();
    policy.root.escalation = Some(vec![Escalation { after: Duration::from_secs(900), receiver: "boss".into() }]);
    policy.root.routes = vec![
        Route {
            id: "db".into(),
            matchers: matchers(&["severity>=critical"]),
            receivers: Some(vec!["db".into()]),
            group_wait: Some(Duration::ZERO),
            go_on: true,
            ..Route::default()
        },
        Route { id: "all".into(), ..Route::default() },
    ];
    policy.receivers.get_mut("ops").unwrap().rate = Some(Rate { count: 3, per: Duration::from_secs(600) });
    let (source, target) = (matchers(&["rule=net"]), matchers(&["rule=web"]));
    policy.inhibitions = vec![Inhibition { id: "net".into(), source, target, equal: vec!["source".into()], ..Inhibition::default() }];
    policy
}

/// Steps in order of time: rule, source, gravity, and whether it flaps.
fn steps(inputs: &[(i64, usize, usize, usize, bool)]) -> Vec<Alert> {
    let mut live: BTreeMap<(usize, usize), Alert> = BTreeMap::new();
    let mut steps = Vec::new();
    for (n, (at, rule, source, gravity, flapping)) in inputs.iter().enumerate() {
        let severity = GRAVITY[*gravity];
        let step = match live.remove(&(*rule, *source)) {
            None => {
                let fresh = alert(RULES[*rule], SOURCES[*source], *at);
                Alert {
                    id: format!("{n:032}"),
                    began: Timestamp::from_micros(at * 1_000_000 + n as i64),
                    severity,
                    flapping: *flapping,
                    ..fresh
                }
            }
            Some(known) if severity > known.severity => Alert { severity, ..next(&known, AlertState::Firing, *at) },
            Some(known) => Alert { flapping: *flapping, ..next(&known, AlertState::Resolved, *at) },
        };
        if step.state.is_active() {
            live.insert((*rule, *source), step.clone());
        }
        steps.push(step);
    }
    let end = inputs.last().map_or(0, |input| input.0) + 5_000;
    steps.extend(live.values().map(|alert| next(alert, AlertState::Resolved, end)));
    steps
}

/// Takes the steps in batches of what falls on the same second, cut where `cuts` says so; there it may start again.
fn told(steps: &[Alert], cuts: &BTreeMap<usize, bool>) -> (Bench, Vec<Notification>) {
    let mut bench = Bench::new(everything());
    let mut batch: Vec<Alert> = Vec::new();
    for (n, step) in steps.iter().enumerate() {
        let is_cut = cuts.contains_key(&n) || batch.first().is_some_and(|first| first.time != step.time);
        if is_cut && !batch.is_empty() {
            bench.take(batch[0].time.micros() / 1_000_000, &std::mem::take(&mut batch));
        }
        if cuts.get(&n) == Some(&true) {
            bench.restart();
        }
        batch.push(step.clone());
    }
    if let Some(first) = batch.first() {
        bench.take(first.time.micros() / 1_000_000, &batch);
    }
    bench.until(1_000_000);
    let told = std::mem::take(&mut bench.all.notifications);
    (bench, told)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]
    #[test]
    fn batches_and_restarts_change_nothing_and_everything_is_told(
        inputs in prop::collection::vec((0i64..400, 0usize..3, 0usize..4, 0usize..2, prop::bool::weighted(0.2)), 1..60),
        cuts in prop::collection::btree_map(0usize..60, any::<bool>(), 0..30),
    ) {
        let mut inputs: Vec<_> = inputs.into_iter().map(|(at, r, s, g, f)| (at * 20, r, s, g, f)).collect();
        inputs.sort_by_key(|input| input.0);
        let steps = steps(&inputs);
        let (bench, straight) = told(&steps, &BTreeMap::new());
        let (_, cut) = told(&steps, &cuts);
        prop_assert_eq!(&straight, &cut);
        let ids: BTreeSet<&str> = straight.iter().map(|told| told.id.as_str()).collect();
        prop_assert_eq!(ids.len(), straight.len(), "no notification comes twice");
        // Nothing is left, and whoever was told that something is wrong was told that it is over.
        prop_assert_eq!((bench.stored.incidents.len(), bench.stored.alerts.len(), bench.desk.next_due()), (0, 0, None));
        let mut open: BTreeSet<(&str, &str, String)> = BTreeSet::new();
        let mut numbers: BTreeMap<(&str, &str), u32> = BTreeMap::new();
        for told in &straight {
            let number = numbers.entry((&told.receiver, &told.incident.id)).or_default();
            prop_assert_eq!(told.number, *number, "numbers have no gaps");
            *number += 1;
            for alert in &told.alerts {
                let key = (told.receiver.as_str(), told.incident.id.as_str(), super::super::line(alert));
                if alert.state.is_active() { open.insert(key); } else { open.remove(&key); }
            }
        }
        prop_assert!(open.is_empty(), "{:?}", open);
        // Alerts that last were told to somebody.
        let heard: BTreeSet<&str> = straight.iter().flat_map(|told| &told.alerts).map(|alert| alert.id.as_str()).collect();
        let last = steps.iter().filter(|step| step.state == AlertState::Resolved && !step.flapping && step.rule != "web" && step.step == 1);
        for step in last.filter(|step| step.time.micros() - step.began.micros() > 4_000_000_000) {
            let is_same_line = |told: &Alert| super::super::line(told) == super::super::line(step);
            prop_assert!(heard.contains(step.id.as_str()) || straight.iter().flat_map(|told| &told.alerts).any(is_same_line), "{:?}", step);
        }
    }
}
