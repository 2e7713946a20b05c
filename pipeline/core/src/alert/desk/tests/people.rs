use super::super::{Escalation, Matchers, Route};
use super::*;

fn escalating() -> Policy {
    let mut policy = policy();
    let step = |after, receiver: &str| Escalation { after: Duration::from_secs(after), receiver: receiver.into() };
    policy.root.escalation = Some(vec![step(600, "db"), step(1200, "boss")]);
    policy
}

fn acknowledge(bench: &Bench) -> Action {
    let incident = bench.desk.incidents().next().unwrap().incident.id.clone();
    Action::Acknowledge { incident, owner: "kim".into(), note: "on it".into(), useful: Some(true) }
}

#[test]
fn nobody_answers_and_others_are_told_until_somebody_does() {
    let mut bench = Bench::new(escalating());
    let a = alert("disk", "a", 0);
    bench.take(0, std::slice::from_ref(&a));
    bench.until(700);
    bench.restart();
    assert_eq!(bench.told(), ["30 ops Opened disk/a", "630 db Escalated disk/a"]);
    let action = acknowledge(&bench);
    assert!(bench.act(700, &action).done);
    bench.until(50_000);
    assert_eq!(bench.told(), ["700 db Acknowledged disk/a", "700 ops Acknowledged disk/a"]);
    bench.take(50_000, &[next(&a, AlertState::Resolved, 50_000)]);
    bench.until(60_000);
    assert_eq!(bench.told(), ["50000 db Resolved -disk/a", "50000 ops Resolved -disk/a"]);
    let refused = bench.act(60_000, &action);
    assert!(!refused.done && refused.text.ends_with("it is over, or never was"), "{refused:?}");
}

#[test]
fn without_an_answer_every_step_is_taken_once() {
    let mut bench = Bench::new(escalating());
    bench.take(0, &[alert("disk", "a", 0)]);
    bench.until(3000);
    assert_eq!(bench.told(), ["30 ops Opened disk/a", "630 db Escalated disk/a", "1230 boss Escalated disk/a"]);
}

#[test]
fn what_comes_after_all_was_told_to_be_over_is_escalated_anew() {
    let mut policy = escalating();
    policy.root.routes = vec![Route {
        id: "grave".into(),
        matchers: Matchers::parse(["severity=critical"]).unwrap(),
        receivers: Some(vec!["boss".into()]),
        escalation: Some(vec![Escalation { after: Duration::from_secs(600), receiver: "db".into() }]),
        go_on: true,
        ..Route::default()
    }];
    // Of one route, so of one incident.
    let small = Alert { severity: Severity::Warning, ..alert("disk", "small", 0) };
    let grave = |source, at| Alert { severity: Severity::Critical, ..alert("disk", source, at) };
    policy.root.routes.push(Route { id: "rest".into(), escalation: Some(Vec::new()), ..Route::default() });
    let mut bench = Bench::new(policy);
    let first = grave("first", 0);
    bench.take(0, std::slice::from_ref(&first));
    bench.until(100);
    bench.take(100, &[next(&first, AlertState::Resolved, 100)]);
    bench.take(200, &[small]);
    bench.until(2000);
    bench.take(50_000, &[grave("second", 50_000)]);
    bench.until(51_000);
    let told: Vec<String> = bench.told().into_iter().filter(|told| told.contains("second") && !told.contains("ops")).collect();
    assert_eq!(told, ["50030 boss Opened disk/second", "50630 db Escalated disk/second"]);
}

#[test]
fn an_acknowledgement_ends_when_something_graver_comes() {
    let mut bench = Bench::new(escalating());
    bench.take(0, &[alert("disk", "a", 0)]);
    bench.until(100);
    let action = acknowledge(&bench);
    bench.act(100, &action);
    bench.until(1_000);
    bench.take(1_000, &[alert("disk", "as_grave", 1_000)]);
    bench.until(20_000);
    assert_eq!(bench.told(), ["30 ops Opened disk/a", "100 ops Acknowledged disk/a", "1000 ops Changed disk/a disk/as_grave"]);
    bench.decided();
    bench.take(20_000, &[Alert { severity: Severity::Critical, ..alert("disk", "graver", 20_000) }]);
    bench.restart();
    bench.until(20_600);
    let all = "disk/graver disk/a disk/as_grave";
    assert_eq!(bench.told(), [format!("20000 ops Changed {all}"), format!("20600 db Escalated {all}")]);
    assert!(bench.decided().contains(&"acknowledged_no_more".to_owned()));
}

#[test]
fn what_is_over_is_not_escalated() {
    let mut bench = Bench::new(escalating());
    let a = alert("disk", "a", 0);
    bench.take(0, std::slice::from_ref(&a));
    bench.until(100);
    bench.take(400, &[next(&a, AlertState::Resolved, 400)]);
    bench.until(3000);
    assert_eq!(bench.told(), ["30 ops Opened disk/a", "400 ops Resolved -disk/a"]);
}

#[test]
fn a_test_is_sent_at_once_and_only_to_those_who_are_there() {
    let mut bench = Bench::new(policy());
    assert!(bench.act(5, &Action::Test { receiver: "boss".into(), owner: "kim".into() }).done);
    assert_eq!(bench.told(), ["5 boss Test "]);
    assert!(!bench.act(5, &Action::Test { receiver: "nobody".into(), owner: "kim".into() }).done);
}

#[test]
fn an_incident_whose_receivers_are_all_gone_comes_to_others() {
    let mut bench = Bench::new(policy());
    let a = alert("disk", "a", 0);
    bench.take(0, std::slice::from_ref(&a));
    bench.until(60);
    bench.policy.receivers.remove("ops");
    bench.policy.root.receivers = Some(vec!["boss".into()]);
    bench.restart();
    bench.desk.reroute(Timestamp::from_secs(100));
    bench.until(200);
    bench.restart();
    bench.desk.reroute(Timestamp::from_secs(200));
    bench.until(300);
    assert_eq!(bench.told(), ["30 ops Opened disk/a", "130 boss Opened disk/a"]);
    bench.take(400, &[next(&a, AlertState::Resolved, 400)]);
    bench.until(9000);
    assert_eq!(bench.told(), ["430 boss Resolved -disk/a"]);
}

#[test]
fn a_receiver_that_is_gone_is_told_nothing_more() {
    let mut bench = Bench::new(policy());
    let a = alert("disk", "a", 0);
    bench.take(0, std::slice::from_ref(&a));
    bench.until(60);
    bench.policy.receivers.remove("ops");
    bench.restart();
    bench.take(400, &[next(&a, AlertState::Resolved, 400)]);
    bench.until(9000);
    assert_eq!(bench.told(), ["30 ops Opened disk/a"]);
    assert_eq!(bench.stored.incidents.len(), 0);
}
