use super::super::{Cron, DependsOn, Inhibition, Maintenance, Matchers};
use super::*;
use crate::window::Zone;

fn matchers(texts: &[&str]) -> Matchers {
    Matchers::parse(texts.iter().copied()).unwrap()
}

#[test]
fn a_dependent_alert_is_silent_while_what_it_depends_on_is_active_and_told_when_it_outlives_it() {
    let mut policy = policy();
    policy.inhibitions = vec![Inhibition {
        id: "needs the network".into(),
        source: matchers(&["rule=net"]),
        target: matchers(&["rule=web"]),
        equal: vec!["source".into()],
        depends: DependsOn::Yes,
    }];
    let mut bench = Bench::new(policy);
    let net = alert("net", "a", 10);
    bench.take(0, &[alert("web", "a", 0), alert("web", "b", 0)]);
    bench.take(10, std::slice::from_ref(&net));
    bench.until(100);
    assert_eq!(bench.told(), ["30 ops Opened web/b", "40 ops Opened net/a"]);
    bench.restart();
    bench.take(400, &[next(&net, AlertState::Resolved, 400)]);
    bench.until(1000);
    let told = bench.told();
    assert_eq!((told.len(), told[0].as_str(), &told[1][..16]), (2, "400 ops Resolved -net/a", "630 ops Changed "));
    assert!(told[1].contains("web/a"), "{told:?}");
    let decided = bench.decided();
    assert!(decided.contains(&"inhibited".to_owned()) && decided.contains(&"unmuted".to_owned()), "{decided:?}");
}

#[test]
fn alerts_that_both_sides_mean_do_not_silence_each_other() {
    let mut policy = policy();
    policy.inhibitions = vec![Inhibition {
        id: "i".into(),
        source: matchers(&["severity>=warning"]),
        target: matchers(&["rule=~.*"]),
        ..Inhibition::default()
    }];
    let mut bench = Bench::new(policy);
    let info = Alert { severity: Severity::Info, ..alert("web", "a", 0) };
    bench.take(0, &[alert("disk", "a", 0), alert("net", "a", 0), info]);
    bench.until(100);
    assert_eq!(bench.told().len(), 2);
}

#[test]
fn a_silence_holds_until_it_ends_and_says_so() {
    let mut bench = Bench::new(policy());
    let silence = Action::Silence {
        matchers: matchers(&["source=a"]),
        owner: "kim".into(),
        comment: "known".into(),
        starts: Timestamp::from_secs(0),
        ends: Timestamp::from_secs(1000),
    };
    assert!(bench.act(0, &silence).done);
    let a = alert("disk", "a", 0);
    bench.take(0, &[a.clone(), alert("net", "b", 0)]);
    bench.until(999);
    bench.restart();
    assert_eq!(bench.told(), ["30 ops Opened net/b"]);
    bench.until(1000);
    assert_eq!(bench.told(), ["1000 ops Opened disk/a"]);
    let decided = bench.decided();
    assert!(decided.contains(&"silenced".to_owned()) && decided.contains(&"silence_over".to_owned()), "{decided:?}");
    assert_eq!(bench.stored.silences.len(), 0);
}

#[test]
fn what_was_told_is_told_to_be_over_even_in_a_silence_and_a_silence_can_be_ended() {
    let mut bench = Bench::new(policy());
    let [a, b] = [alert("disk", "a", 0), alert("net", "a", 100)];
    bench.take(0, std::slice::from_ref(&a));
    bench.until(100);
    let silence = Action::Silence {
        matchers: matchers(&["source=a"]),
        owner: "kim".into(),
        comment: String::new(),
        starts: Timestamp::from_secs(0),
        ends: Timestamp::from_secs(100_000),
    };
    let id = bench.act(100, &silence).text;
    bench.take(100, &[next(&a, AlertState::Resolved, 100), b]);
    bench.until(9000);
    assert_eq!(bench.told(), ["30 ops Opened disk/a", "330 ops Resolved -disk/a"]);
    assert!(bench.act(9000, &Action::Unsilence { silence: id.clone(), owner: "kim".into() }).done);
    bench.until(9000);
    assert_eq!(bench.told(), ["9000 ops Opened net/a"]);
    assert!(!bench.act(9001, &Action::Unsilence { silence: id, owner: "kim".into() }).done);
}

#[test]
fn maintenance_keeps_silent_while_it_lasts() {
    let mut policy = policy();
    // The first of January 1970 was a Thursday.
    let window = Maintenance::new(
        "nightly",
        matchers(&["rule=disk"]),
        Cron::parse("0 0 * * thu").unwrap(),
        Duration::from_secs(1000),
        Zone::named("UTC").unwrap(),
    );
    policy.maintenance = vec![window.unwrap()];
    let mut bench = Bench::new(policy);
    bench.take(0, &[alert("disk", "a", 0), alert("net", "a", 0)]);
    bench.until(2000);
    assert_eq!(bench.told(), ["30 ops Opened net/a", "1230 ops Opened disk/a"]);
}
