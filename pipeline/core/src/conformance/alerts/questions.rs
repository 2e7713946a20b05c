//! What people ask.

use floodmark_schemas::{AlertState, Severity, Timestamp};

use super::samples::{incident, notification, record};
use super::turns::{everything, standing};
use super::{Fixture, Stores};
use crate::Kind;
use crate::alert::desk::{AlertRecord, Changes, Decision, IncidentRecord, StepRecord, Verdict};
use crate::conformance::store::all_pages;
use crate::ports::alerts::{Attempt, Outcome};
use crate::ports::{AlertFilter, IncidentFilter};

fn secs(n: i64) -> Timestamp {
    Timestamp::from_secs(n)
}

fn many() -> (Vec<IncidentRecord>, Vec<AlertRecord>) {
    let states = [AlertState::Firing, AlertState::Resolved, AlertState::Pending, AlertState::NoData];
    let incidents = (1..=17u64).map(|n| incident(n * 0x0101, (n % 5).cast_signed(), n.is_multiple_of(3).then_some(100)));
    let of = |n: u64| format!("{:032x}", (n % 17 + 1) * 0x0101);
    let alerts = (1..=23u64).map(|n| {
        let of = record(n * 0x0101, states[(n % 4) as usize], (n % 7).cast_signed(), Some(&of(n)));
        AlertRecord { live: of.live ^ n.is_multiple_of(5), ..of }
    });
    (incidents.collect(), alerts.collect())
}

async fn filled(fixture: &dyn Fixture) -> Stores {
    let stores = fixture.open().await;
    let turn = stores.store.open().await.expect("it opens").turn;
    let (incidents, alerts) = many();
    let changes = Changes {
        incidents: incidents.into_iter().map(|record| (record.incident.id.clone(), record)).collect(),
        alerts: alerts.into_iter().map(|record| (record.alert.id.clone(), record)).collect(),
        ..Changes::default()
    };
    stores.store.commit(turn, &standing(1), &changes).await.expect("committed");
    stores
}

/// For every filter and size of pages.
pub async fn pages_of_alerts_and_incidents_equal_the_oracle(fixture: &dyn Fixture) {
    let stores = &filled(fixture).await;
    let (mut incidents, mut alerts) = many();
    incidents.sort_by_key(|record| (std::cmp::Reverse(record.incident.opened), record.incident.id.clone()));
    alerts.sort_by_key(|record| (std::cmp::Reverse(record.alert.began), record.alert.id.clone()));
    let none = IncidentFilter::default();
    let filters = [
        none.clone(),
        IncidentFilter { open: Some(true), ..none.clone() },
        IncidentFilter { open: Some(false), ..none.clone() },
        IncidentFilter { severity_min: Some(Severity::Error), from: Some(secs(1)), to: Some(secs(3)), ..none },
    ];
    for (filter, limit) in filters.iter().flat_map(|filter| [1, 3, 99].map(|limit| (filter, limit))) {
        let found = all_pages(limit, |token| async move { stores.query.incidents(filter, token.as_deref(), limit).await }).await;
        let takes = |record: &&IncidentRecord| {
            let of = &record.incident;
            filter.open.is_none_or(|open| of.resolved.is_none() == open)
                && filter.severity_min.is_none_or(|least| of.severity >= least)
                && filter.from.is_none_or(|from| of.opened >= from)
                && filter.to.is_none_or(|to| of.opened < to)
        };
        assert_eq!(found, incidents.iter().filter(takes).cloned().collect::<Vec<_>>(), "{filter:?} {limit}");
    }
    let none = AlertFilter::default();
    let label = |name: &str, value: &str| [(name.to_owned(), value.to_owned())].into();
    let filters = [
        none.clone(),
        AlertFilter { rule: Some("rule-1".into()), active: Some(true), ..none.clone() },
        AlertFilter { source: Some("source-1".into()), active: Some(false), ..none.clone() },
        AlertFilter { incident: Some(format!("{:032x}", 0x0202)), ..none.clone() },
        AlertFilter { live: Some(true), active: Some(false), ..none.clone() },
        AlertFilter { live: Some(false), from: Some(secs(2)), ..none.clone() },
        AlertFilter { labels: label("team", "db"), severity_min: Some(Severity::Warning), ..none.clone() },
        AlertFilter { labels: label("a\"'\0", "ü\n%_"), from: Some(secs(2)), to: Some(secs(5)), ..none.clone() },
        AlertFilter { labels: label("team", "d"), ..none },
    ];
    for (filter, limit) in filters.iter().flat_map(|filter| [1, 3, 99].map(|limit| (filter, limit))) {
        let found = all_pages(limit, |token| async move { stores.query.alerts(filter, token.as_deref(), limit).await }).await;
        let takes = |record: &&AlertRecord| {
            let of = &record.alert;
            filter.rule.as_ref().is_none_or(|rule| of.rule == *rule)
                && filter.source.as_ref().is_none_or(|source| of.source == *source)
                && filter.incident.is_none_or_eq(record.incident.as_ref())
                && filter.active.is_none_or(|active| of.state.is_active() == active)
                && filter.live.is_none_or(|live| record.live == live)
                && filter.severity_min.is_none_or(|least| of.severity >= least)
                && filter.labels.iter().all(|(name, value)| of.labels.get(name) == Some(value))
                && filter.from.is_none_or(|from| of.began >= from)
                && filter.to.is_none_or(|to| of.began < to)
        };
        assert_eq!(found, alerts.iter().filter(takes).cloned().collect::<Vec<_>>(), "{filter:?} {limit}");
    }
    let page = stores.query.incidents(&IncidentFilter::default(), None, 1).await.expect("an answer").next.expect("there are more");
    for wrong in ["", "1", page.as_str()] {
        let error = stores.query.alerts(&AlertFilter::default(), Some(wrong), 1).await.expect_err("it is no page of this");
        assert_eq!(error.kind(), Kind::Rejected, "{wrong:?}");
    }
}

trait NoneOrEq {
    fn is_none_or_eq(&self, other: Option<&String>) -> bool;
}

impl NoneOrEq for Option<String> {
    fn is_none_or_eq(&self, other: Option<&String>) -> bool {
        self.as_ref().is_none_or(|wanted| other == Some(wanted))
    }
}

/// As long as it means one.
pub async fn one_is_found_by_the_beginning_of_its_id(fixture: &dyn Fixture) {
    let stores = filled(fixture).await;
    let id = format!("{:032x}", 0x0202);
    assert_eq!(stores.query.incident(&id).await.expect("an answer").expect("it is there").incident.id, id);
    assert_eq!(stores.query.alert(&id).await.expect("an answer").expect("it is there").alert.id, id);
    assert_eq!(stores.query.incident(&id[..31]).await.expect("an answer").expect("it is there").incident.id, id);
    assert_eq!(stores.query.incident("00000000").await.expect_err("it means several").kind(), Kind::Rejected);
    assert_eq!(stores.query.alert("00000000").await.expect_err("it means several").kind(), Kind::Rejected);
    for none in ["ff", "%", "_", "'", "g"] {
        assert_eq!(stores.query.incident(none).await.expect("an answer"), None, "{none}");
        assert_eq!(stores.query.alert(none).await.expect("an answer"), None, "{none}");
    }
}

/// The history of an alert, and the reasons of an incident; a step that comes again is there once.
pub async fn steps_and_decisions_come_back_in_order(fixture: &dyn Fixture) {
    let stores = fixture.open().await;
    let turn = stores.store.open().await.expect("it opens").turn;
    let steps: Vec<StepRecord> = [AlertState::Firing, AlertState::Resolved]
        .into_iter()
        .zip(3..)
        .map(|(state, position)| StepRecord { position, alert: record(9, state, 1, None).alert })
        .collect();
    let decision = |n: u32| Decision {
        time: secs(1),
        incident: "i".into(),
        alert: None,
        receiver: None,
        verdict: Verdict::SilenceOver { silence: "s".into(), owner: "k\0".into(), alerts: n },
    };
    let decisions: Vec<Decision> = (0..12).map(decision).collect();
    let mut changes = Changes { steps: steps.clone(), decisions: decisions.clone(), ..Changes::default() };
    changes.steps.extend(steps.clone());
    stores.store.commit(turn, &standing(1), &changes).await.expect("committed");
    let expected: Vec<_> = steps.into_iter().map(|step| (step.position, step.alert)).collect();
    assert_eq!(stores.query.steps(&format!("{:032x}", 9)).await.expect("an answer"), expected);
    assert_eq!(stores.query.decisions("i", 99).await.expect("an answer"), decisions);
    assert_eq!(stores.query.decisions("i", 3).await.expect("an answer"), decisions[9..]);
    assert_eq!(stores.query.decisions("j", 3).await.expect("an answer"), []);
}

/// A rule that is computed anew says of each alert how it is, but not where it belongs.
pub async fn an_alert_that_comes_again_without_an_incident_stays_in_the_one_it_was_in(fixture: &dyn Fixture) {
    let stores = fixture.open().await;
    let mut turn = stores.store.open().await.expect("it opens").turn;
    let of = |incident: &str| AlertFilter { incident: Some(incident.to_owned()), ..AlertFilter::default() };
    let first = record(9, AlertState::Resolved, 5, Some("i"));
    let passed = |number, state| AlertRecord { receivers: [].into(), live: false, ..record(number, state, 5, None) };
    let (again, alone) = (record(9, AlertState::Firing, 5, Some("j")), passed(8, AlertState::Pending));
    let stays =
        |record: AlertRecord, of: &AlertRecord| AlertRecord { incident: of.incident.clone(), receivers: of.receivers.clone(), ..record };
    let script = [
        (first.clone(), first.clone()),
        (passed(9, AlertState::Pending), stays(passed(9, AlertState::Pending), &first)),
        (passed(9, AlertState::Firing), stays(passed(9, AlertState::Firing), &first)),
        // One that fires again may come to another incident.
        (again.clone(), again.clone()),
        (passed(9, AlertState::Resolved), stays(passed(9, AlertState::Resolved), &again)),
    ];
    for (comes, expected) in script {
        let incident = expected.incident.clone().expect("it is in one");
        let alerts = [comes, alone.clone()].map(|record| (record.alert.id.clone(), record)).into();
        turn = stores.store.commit(turn, &standing(1), &Changes { alerts, ..Changes::default() }).await.expect("committed");
        assert_eq!(stores.query.alert(&expected.alert.id).await.expect("an answer").as_ref(), Some(&expected));
        assert_eq!(stores.query.alerts(&of(&incident), None, 9).await.expect("an answer").items, [expected]);
        assert_eq!(stores.query.alert(&alone.alert.id).await.expect("an answer").as_ref(), Some(&alone));
    }
}

/// With all that belongs to it; what is open, newer or still to be sent stays.
pub async fn what_is_old_and_over_is_forgotten(fixture: &dyn Fixture) {
    let stores = fixture.open().await;
    let turn = stores.store.open().await.expect("it opens").turn;
    let mut changes = everything();
    let (newer, waits) = (incident(3, 5, Some(90)), incident(4, 5, Some(9)));
    changes.notifications.extend([notification(&waits, "ops", 0, 6), notification(&incident(2, 5, Some(9)), "ops", 0, 6)]);
    for record in [newer, waits] {
        changes.incidents.insert(record.incident.id.clone(), record);
    }
    let passed = record(5, AlertState::Inactive, 5, None);
    changes.alerts.insert(passed.alert.id.clone(), passed);
    let owner = stores.store.commit(turn, &standing(1), &changes).await.expect("committed").owner;
    let notification = format!("ops-{:032x}-0", 2);
    let sent = Attempt { notification, number: 1, time: secs(7), outcome: Outcome::Delivered, answer: String::new() };
    stores.store.attempted(owner, &[sent]).await.expect("stored");
    let mut deleted = 0;
    loop {
        let some = stores.store.forget(owner, secs(50)).await.expect("forgotten");
        deleted += some;
        if some == 0 {
            break;
        }
    }
    assert!(deleted > 0);
    let incidents = stores.query.incidents(&IncidentFilter::default(), None, 99).await.expect("an answer").items;
    let mut left: Vec<String> = incidents.iter().map(|record| record.incident.id.trim_start_matches('0').to_owned()).collect();
    left.sort();
    assert_eq!(left, ["1", "3", "4"]);
    let alerts = stores.query.alerts(&AlertFilter::default(), None, 99).await.expect("an answer").items;
    assert_eq!(alerts.iter().map(|record| record.alert.id.trim_start_matches('0')).collect::<Vec<_>>(), ["1"]);
    assert_eq!(stores.query.sent(&format!("{:032x}", 2), 9).await.expect("an answer"), []);
    assert_eq!(stores.query.steps(&format!("{:032x}", 2)).await.expect("an answer"), []);
    assert_eq!(stores.query.sent(&format!("{:032x}", 4), 9).await.expect("an answer").len(), 1);
    assert_eq!(stores.query.silences(true).await.expect("an answer").len(), 2, "they ended later");
}
