//! A desk on the store.

use std::collections::BTreeSet;
use std::time::Duration;

use floodmark_schemas::{Alert, AlertState, Notification, Timestamp};

use super::Fixture;
use super::samples::alert;
use super::turns::standing;
use crate::alert::desk::{Action, Desk, Escalation, Matchers, Policy, Rate, Receiver, Route, RuleEntry, Stored};

fn policy() -> Policy {
    let escalation = vec![Escalation { after: Duration::from_secs(700), receiver: "boss".into() }];
    let root = Route { receivers: Some(vec!["ops".into()]), escalation: Some(escalation), ..Route::default() };
    let rate = Some(Rate { count: 2, per: Duration::from_secs(900) });
    Policy { root, receivers: [("ops".into(), Receiver { rate }), ("boss".into(), Receiver::default())].into(), ..Policy::default() }
}

/// Seconds and alerts: twelve begin one after the other, and end in another order. A definition that is rebuilt comes between.
fn script() -> Vec<(i64, RuleEntry)> {
    let entry = |at: i64, alert: Alert, rebuilding: bool| {
        let (rule, version, time) = (alert.rule.clone(), alert.version.clone(), Timestamp::from_secs(at));
        (at, RuleEntry { rule, job: 0, jobs: 1, version, rebuilding, position: at.cast_unsigned(), time, alerts: vec![alert] })
    };
    let of = |n: u64, state, at| {
        let began = alert(n, AlertState::Firing, n.cast_signed() * 200 + 1);
        Alert {
            state,
            step: u32::from(state != AlertState::Firing),
            time: Timestamp::from_secs(at),
            source: format!("source-{n}"),
            ..began
        }
    };
    let mut script: Vec<_> =
        (1..=12u64).map(|n| (n.cast_signed() * 200 + 1, n)).map(|(at, n)| entry(at, of(n, AlertState::Firing, at), false)).collect();
    script.extend(
        (1..=12u64).map(|n| (4000 + (n * 7 % 13).cast_signed() * 500, n)).map(|(at, n)| entry(at, of(n, AlertState::Resolved, at), false)),
    );
    let changed = |n, rebuilding, at| entry(at, Alert { version: "00000002".into(), ..of(n, AlertState::Firing, at) }, rebuilding);
    script.push(changed(50, true, 3001));
    script.push(changed(51, true, 3002));
    script.sort_by_key(|(at, _)| *at);
    script
}

/// What a desk tells whose state is kept in memory.
fn in_memory() -> Vec<Notification> {
    let (mut desk, mut told, mut stored) = (Desk::new(policy()), Vec::new(), Stored::default());
    let mut keep = |desk: &mut Desk| {
        let changes = desk.changes();
        stored.apply(&changes);
        told.extend(changes.notifications);
    };
    desk.act(Timestamp::from_secs(0), 1, &silence());
    for (at, entry) in script() {
        while let Some(due) = desk.next_due().filter(|due| *due < Timestamp::from_secs(at)) {
            desk.tick(due);
        }
        desk.take(Timestamp::from_secs(at), &[entry]);
        keep(&mut desk);
    }
    while let Some(due) = desk.next_due().filter(|due| *due < Timestamp::from_secs(40_000)) {
        desk.tick(due);
    }
    keep(&mut desk);
    told
}

fn silence() -> Action {
    let matchers = Matchers::parse(["source=~source-[34]"]).expect("it is a matcher");
    let (owner, comment) = ("kim".into(), String::new());
    Action::Silence { matchers, owner, comment, starts: Timestamp::from_secs(0), ends: Timestamp::from_secs(2500) }
}

/// A desk that is made again from the store before every entry tells what one does that runs through.
pub async fn a_desk_tells_the_same_whoever_goes_on(fixture: &dyn Fixture) {
    let expected = in_memory();
    assert!(expected.len() > 10, "there is something to tell");
    let opened = fixture.open().await.store.open().await.expect("it opens");
    let mut desk = Desk::restore(policy(), opened.stored).expect("it is new");
    desk.act(Timestamp::from_secs(0), 1, &silence());
    let stores = fixture.open().await;
    stores.store.commit(opened.turn, &standing(0), &desk.changes()).await.expect("committed");
    let last = std::iter::once((40_000, None));
    for (at, entry) in script().into_iter().map(|(at, entry)| (at, Some(entry))).chain(last) {
        let stores = fixture.open().await;
        let opened = stores.store.open().await.expect("it opens");
        let mut desk = Desk::restore(policy(), opened.stored).expect("it reads what it wrote");
        while let Some(due) = desk.next_due().filter(|due| *due < Timestamp::from_secs(at)) {
            desk.tick(due);
        }
        desk.take(Timestamp::from_secs(at), entry.as_slice());
        stores.store.commit(opened.turn, &standing(at.cast_unsigned()), &desk.changes()).await.expect("committed");
    }
    let stores = fixture.open().await;
    let incidents: BTreeSet<&str> = expected.iter().map(|told| told.incident.id.as_str()).collect();
    let mut sent = Vec::new();
    for incident in incidents {
        sent.extend(stores.query.sent(incident, 1_000).await.expect("an answer").into_iter().map(|sent| sent.notification));
    }
    let sorted = |mut told: Vec<Notification>| {
        told.sort_by(|a, b| a.id.cmp(&b.id));
        told
    };
    assert_eq!(sorted(sent), sorted(expected));
}
