use super::super::{Matchers, Route};
use super::*;

const OLD: &str = "00000001";
const NEW: &str = "00000002";

fn of_new(alert: Alert) -> Alert {
    Alert { version: NEW.into(), ..alert }
}

#[test]
fn a_changed_rule_takes_over_in_silence_but_for_what_differs() {
    let mut bench = Bench::new(policy());
    let [both, old_only, new_only] = ["both", "old", "new"].map(|source| alert("disk", source, 0));
    bench.take(0, &[both.clone(), old_only.clone()]);
    bench.until(100);
    bench.told();
    bench.decided();
    let gone = of_new(alert("disk", "gone", 50));
    let rebuilt = [of_new(both.clone()), gone.clone(), of_new(next(&gone, AlertState::Resolved, 60)), of_new(new_only)];
    let entry = bench.entry(1000, NEW, true, &rebuilt);
    bench.entries(1000, &[entry]);
    bench.until(1500);
    bench.restart();
    assert_eq!(bench.told(), Vec::<String>::new());
    let through = bench.entry(2000, NEW, false, &[]);
    bench.entries(2000, &[through]);
    bench.until(2000);
    let told = bench.told();
    assert_eq!(told.len(), 1);
    assert!(told[0].starts_with("2000 ops Changed disk/") && told[0].ends_with(" -disk/old"), "{told:?}");
    assert!(told[0].contains("disk/new") && told[0].contains("disk/both"), "{told:?}");
    assert!(bench.decided().contains(&"rule_changed".to_owned()));
    let reasons: Vec<_> = bench.all.steps.iter().filter_map(|step| step.alert.annotations.get("reason")).collect();
    assert_eq!(reasons, ["the rule was changed"]);
    assert!(bench.stored.notes.keys().all(|name| !name.starts_with("aside/")), "{:?}", bench.stored.notes);
    // It goes on with the new definition.
    bench.take(3000, &[of_new(next(&both, AlertState::Resolved, 3000))]);
    bench.until(3000);
    assert_eq!(bench.told(), ["3000 ops Changed disk/new -disk/both"]);
}

#[test]
fn a_new_rule_over_an_old_log_tells_only_what_is_open_in_the_end() {
    let mut bench = Bench::new(policy());
    let [a, b] = [alert("disk", "a", 0), alert("disk", "b", 0)];
    let entry = bench.entry(9000, OLD, true, &[a.clone(), b, next(&a, AlertState::Resolved, 10)]);
    bench.entries(9000, &[entry]);
    bench.until(9500);
    assert_eq!(bench.told(), Vec::<String>::new());
    let through = bench.entry(9600, OLD, false, &[]);
    bench.entries(9600, &[through]);
    bench.until(9700);
    assert_eq!(bench.told(), ["9630 ops Opened disk/b"]);
    assert_eq!(bench.all.steps.len(), 3);
}

#[test]
fn an_alert_that_the_new_definition_begins_at_another_time_goes_on() {
    let mut bench = Bench::new(policy());
    bench.take(100, &[alert("disk", "a", 100)]);
    bench.until(200);
    let entry = bench.entry(1000, NEW, true, &[of_new(alert("disk", "a", 90))]);
    let through = bench.entry(1001, NEW, false, &[]);
    bench.entries(1001, &[entry, through]);
    bench.until(3000);
    assert_eq!(bench.told(), ["130 ops Opened disk/a"]);
    assert_eq!(bench.desk.incidents().count(), 1);
    // The one that it takes the place of is over for everybody who asks.
    let before = &bench.all.alerts[&alert("disk", "a", 100).id];
    assert_eq!((before.alert.state, before.live), (AlertState::Resolved, false));
}

#[test]
fn an_alert_that_is_graver_by_the_new_definition_is_told_to_all_whom_it_concerns_now() {
    let mut policy = policy();
    policy.root.routes = vec![Route {
        id: "grave".into(),
        matchers: Matchers::parse(["severity=critical"]).unwrap(),
        receivers: Some(vec!["ops".into(), "boss".into()]),
        ..Route::default()
    }];
    let mut bench = Bench::new(policy);
    let a = alert("disk", "a", 100);
    bench.take(100, std::slice::from_ref(&a));
    bench.until(200);
    let grave = Alert { severity: Severity::Critical, ..of_new(a) };
    let entries = [bench.entry(1000, NEW, true, &[grave]), bench.entry(1000, NEW, false, &[])];
    bench.entries(1000, &entries);
    bench.until(1030);
    assert_eq!(bench.told(), ["130 ops Opened disk/a", "1000 ops Changed disk/a", "1030 boss Opened disk/a"]);
}

#[test]
fn while_processes_are_changed_one_by_one_nothing_is_over_that_goes_on() {
    let mut bench = Bench::new(policy());
    let [a, b] = [alert("disk", "a", 0), alert("disk", "b", 0)];
    let of = |bench: &Bench, at, job, version: &str, rebuilding, alerts: &[Alert]| RuleEntry {
        job,
        jobs: 2,
        ..bench.entry(at, version, rebuilding, alerts)
    };
    let entries = [of(&bench, 0, 0, OLD, false, std::slice::from_ref(&a)), of(&bench, 0, 1, OLD, false, std::slice::from_ref(&b))];
    bench.entries(0, &entries);
    bench.until(100);
    // The first process has the new definition, the second still the old one; then it has it too.
    let first = [of(&bench, 1000, 0, NEW, true, &[of_new(a)]), of(&bench, 1001, 0, NEW, false, &[])];
    bench.entries(1001, &first);
    let old = of(&bench, 1002, 1, OLD, false, &[]);
    bench.entries(1002, &[old]);
    let second = [of(&bench, 1003, 1, NEW, true, &[of_new(b)]), of(&bench, 1004, 1, NEW, false, &[])];
    bench.entries(1004, &second);
    bench.until(2000);
    assert_eq!(bench.told(), ["30 ops Opened disk/a disk/b"]);
    assert_eq!(bench.desk.open_by_severity().iter().sum::<u64>(), 1);
}

#[test]
fn every_job_has_to_be_through_and_what_is_given_up_never_counts() {
    let mut bench = Bench::new(policy());
    bench.take(0, &[alert("disk", "a", 0)]);
    bench.until(100);
    bench.told();
    let of = |bench: &Bench, version: &str, job, rebuilding, alerts: &[Alert]| RuleEntry {
        job,
        jobs: 2,
        ..bench.entry(1000, version, rebuilding, alerts)
    };
    let given_up = of(&bench, "00000003", 0, true, &[Alert { version: "00000003".into(), ..alert("disk", "x", 0) }]);
    let entries = [given_up, of(&bench, NEW, 0, true, &[of_new(alert("disk", "b", 0))]), of(&bench, NEW, 0, false, &[])];
    bench.entries(1000, &entries);
    bench.until(1000);
    assert_eq!(bench.told(), Vec::<String>::new());
    let last = of(&bench, NEW, 1, false, &[]);
    bench.entries(1000, &[last]);
    bench.until(1000);
    assert_eq!(bench.told(), ["1000 ops Changed disk/b -disk/a"]);
    let given_up = &bench.all.alerts[&alert("disk", "x", 0).id].alert;
    assert_eq!(
        (given_up.state, given_up.annotations["reason"].as_str()),
        (AlertState::Resolved, "the definition of the rule was given up")
    );
}

#[test]
fn alerts_of_a_rule_that_was_removed_are_over() {
    let mut bench = Bench::new(policy());
    bench.take(0, &[alert("disk", "a", 0), alert("net", "a", 0)]);
    bench.until(400);
    bench.told();
    let aside = bench.entry(400, NEW, true, &[of_new(alert("disk", "b", 390))]);
    bench.entries(400, &[aside]);
    bench.restart();
    bench.desk.retire(Timestamp::from_secs(500), &["net".to_owned()].into());
    bench.entries(500, &[]);
    bench.until(1000);
    assert_eq!(bench.told(), ["500 ops Resolved -disk/a"]);
    assert_eq!(bench.stored.notes.keys().collect::<Vec<_>>(), ["rule/net"]);
    assert_eq!(bench.all.alerts[&alert("disk", "b", 390).id].alert.state, AlertState::Resolved);
    assert_eq!(bench.desk.incidents().count(), 1);
}

#[test]
fn an_alert_that_is_found_again_stays_in_the_incident_that_it_has_just_left() {
    let mut bench = Bench::new(policy());
    let a = alert("disk", "a", 0);
    // Over before anybody was told, and found again by the new definition before any of it is stored.
    let entries =
        [bench.entry(0, OLD, false, &[a.clone(), next(&a, AlertState::Resolved, 10)]), bench.entry(10, NEW, true, &[of_new(a.clone())])];
    bench.entries(10, &entries);
    let stored = &bench.all.alerts[&a.id];
    assert!(stored.incident.is_some() && !stored.live, "{stored:?}");
}
