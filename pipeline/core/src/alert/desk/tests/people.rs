use super::super::Escalation;
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
