//! Series whose story is known.

use std::collections::BTreeSet;
use std::time::Duration;

use floodmark_core::Kind;
use floodmark_core::alert::{Change, Condition, Direction, Holds, Input, Limit, Limits, Pattern, Rule, Side, Spec, Streak, Timing};
use floodmark_core::expression::{Expression, Scope};
use floodmark_core::ports::Operator;
use floodmark_core::selection::Selection;
use floodmark_schemas::{AlertState, Check, Event, Evidence, Reason, Record, Series, Severity, Timestamp};

use crate::world::{Writer, event, run, told};

fn above(at: f64) -> Condition {
    Condition::Limits(Limits(vec![Limit { severity: Severity::Warning, side: Side::Above, at, recover_at: at }]))
}

fn secs(secs: i64) -> i64 {
    secs * 1_000_000
}

/// What a rule tells of events of one source, each in a frame of its own that was stored when it happened, and of a tick at the end.
fn check(spec: &Spec, events: Vec<Event>, end_secs: i64, expected: &[&str]) {
    let mut writer = Writer::default();
    events.iter().for_each(|event| writer.frame(0, event.time.micros() / 1_000_000, std::slice::from_ref(event)));
    writer.tick(end_secs, &[("a", end_secs)]);
    assert_eq!(told(&run(spec, &writer.entries, &[true, false]).1), expected);
}

fn load(values: &[(i64, f64)]) -> Vec<Event> {
    values.iter().map(|(secs, value)| event(&(0, 0, *secs, *value))).collect()
}

#[test]
fn an_alert_fires_when_its_condition_was_met_for_long_enough_whenever_events_come() {
    let timing = Timing { for_us: secs(60), keep_firing_for_us: secs(30), ..Timing::default() };
    let spec = Spec { timing, ..Spec::new("hot", 0, Input::Samples, above(10.0)) };
    let fired = ["0 pending warning 0", "1 firing warning 60"];
    check(&spec, load(&[(0, 11.0)]), 61, &fired);
    check(&spec, load(&[(0, 11.0)]), 60, &fired[..1]);
    check(&spec, load(&[(0, 11.0), (60, 11.0)]), 60, &fired);
    check(&spec, load(&[(0, 11.0), (60, 9.0)]), 90, &["0 pending warning 0", "1 inactive warning 60"]);
    let over = [fired[0], fired[1], "2 recovering warning 70", "3 resolved warning 100"];
    check(&spec, load(&[(0, 11.0), (70, 9.0)]), 101, &over);
    let again =
        [fired[0], fired[1], "2 recovering warning 70", "3 firing warning 100", "4 recovering warning 110", "5 resolved warning 140"];
    check(&spec, load(&[(0, 11.0), (70, 9.0), (100, 11.0), (110, 9.0)]), 200, &again);
}

#[test]
fn what_was_told_is_not_taken_back_by_what_comes_late() {
    let timing = Timing { for_us: secs(5), keep_firing_for_us: secs(10), ..Timing::default() };
    let spec = Spec { timing, ..Spec::new("hot", 0, Input::Samples, above(10.0)) };
    let mut writer = Writer::default();
    writer.frame(0, 20, &[event(&(0, 0, 0, 11.0)), event(&(0, 1, 10, 1.0)), event(&(0, 0, 3, 9.0)), event(&(0, 1, 40, 1.0))]);
    let expected = ["0 pending warning 0", "1 firing warning 5", "2 recovering warning 5", "3 resolved warning 15"];
    assert_eq!(told(&run(&spec, &writer.entries, &[false]).1), expected);
}

#[test]
fn an_alert_says_what_decided_and_where_to_find_it() {
    let texts = |name: &str, text: &str| [(name.to_owned(), text.to_owned())].into();
    let timing = Timing { for_us: secs(60), ..Timing::default() };
    let (labels, annotations) =
        (texts("team", "of-{{ labels.host }}"), texts("summary", "{{ labels.team }} {{ state }} at {{ value }} > {{ threshold }}"));
    let spec = Spec { timing, labels, annotations, version: 7, ..Spec::new("hot", 0, Input::Samples, above(10.0)) };
    let mut writer = Writer::default();
    writer.frame(0, 5, &load(&[(0, 1.0), (1, 11.5)]));
    writer.tick(99, &[("a", 98)]);
    let alerts = run(&spec, &writer.entries, &[true]).1;
    let [pending, firing] = &alerts[..] else { panic!("{alerts:?}") };
    assert_eq!((&pending.id, pending.id.len(), pending.version.as_str()), (&firing.id, 32, "00000007"));
    assert_eq!(pending.evidence, Some(Evidence::Event { position: 1, index: 1 }));
    assert_eq!((&firing.evidence, firing.noticed), (&Some(Evidence::Time { position: 2 }), Timestamp::from_secs(99)));
    assert_eq!((firing.value, firing.threshold, firing.fired), (Some(11.5), Some(10.0), Some(Timestamp::from_secs(61))));
    assert_eq!(firing.labels, [("host", "h0"), ("team", "of-h0")].map(|(name, value)| (name.to_owned(), value.to_owned())).into());
    assert_eq!(firing.annotations["summary"], "of-h0 firing at 11.5 > 10.0");
    // Another version of the rule finds the same alert.
    let changed = Spec { version: 8, annotations: Default::default(), ..spec };
    assert_eq!(run(&changed, &writer.entries, &[false]).1[0].id, pending.id);
}

#[test]
fn two_alerts_that_begin_at_one_time_have_two_ids() {
    let spec = Spec::new("hot", 0, Input::Samples, above(10.0));
    let mut writer = Writer::default();
    writer.frame(0, 5, &load(&[(1, 11.0), (1, 9.0), (1, 12.0), (1, 9.0), (1, 13.0)]));
    let ids: BTreeSet<String> = run(&spec, &writer.entries, &[false]).1.into_iter().map(|alert| alert.id).collect();
    assert_eq!(ids.len(), 3);
}

/// What a check has found: whether it was up, and why not.
type Look = (Option<bool>, Option<Reason>);

fn looks(at: &[(i64, Look)]) -> Vec<Event> {
    let one = |(secs, (up, reason)): &(i64, Look)| {
        Event::check("a", "", Timestamp::from_secs(*secs), Check { up: *up, reason: *reason, ..Check::of("web") })
    };
    at.iter().map(one).collect()
}

#[test]
fn a_target_is_down_after_failures_in_a_row_and_checks_that_could_not_be_made_are_none() {
    let streak = Streak { failures: 2, successes: 2, severity: Severity::Critical };
    let timing = Timing { error_for_us: Some(secs(100)), severity: Severity::Info, ..Timing::default() };
    let spec = Spec { timing, ..Spec::new("down", 0, Input::Checks, Condition::Streak(streak)) };
    let (up, down, missed) = ((Some(true), None), (Some(false), Some(Reason::Status)), (None, Some(Reason::Missed)));
    let local = (Some(false), Some(Reason::Local));
    let outage = [(0, up), (10, down), (20, missed), (30, down), (40, up), (50, down), (60, up), (70, up)];
    check(&spec, looks(&outage), 80, &["0 firing critical 30", "1 resolved critical 70"]);
    check(&spec, looks(&[(0, down), (10, local), (20, local), (30, up)]), 300, &[]);
    check(&spec, looks(&[(0, up), (10, local), (20, missed)]), 300, &["0 error info 110"]);
    check(&spec, looks(&[(0, up), (10, local), (200, up)]), 300, &["0 error info 110", "1 resolved info 200"]);
    let offline = (None, Some(Reason::MonitorOffline));
    check(&spec, looks(&[(0, up), (10, down), (20, offline), (30, offline), (40, up)]), 80, &[]);
    // What was firing fires on when it can be judged again.
    let story = ["0 firing critical 10", "1 error critical 120", "2 firing critical 200", "3 resolved critical 220"];
    check(&spec, looks(&[(0, down), (10, down), (20, missed), (200, down), (210, up), (220, up)]), 300, &story);
}

#[test]
fn a_certificate_is_told_by_the_days_that_are_left() {
    const DAY: i64 = 86_400;
    let limit = |severity, at| Limit { severity, side: Side::Below, at, recover_at: at };
    let limits = Condition::Limits(Limits(vec![limit(Severity::Warning, 14.0), limit(Severity::Critical, 3.0)]));
    let spec = Spec::new("certificates", 0, Input::Certificates, limits);
    let seen = |day: i64, end: i64| {
        let certificate_expires = Some(Timestamp::from_secs(end * DAY));
        Event::check("a", "", Timestamp::from_secs(day * DAY), Check { up: Some(true), certificate_expires, ..Check::of("web") })
    };
    let story = ["0 firing warning 518400", "1 firing critical 1468800", "2 resolved critical 1555200"];
    check(&spec, vec![seen(1, 19), seen(5, 19), seen(6, 19), seen(17, 19), seen(18, 90)], 19 * DAY, &story);
}

#[test]
fn what_matches_fires_for_a_while_and_names_what_it_found() {
    let timing = Timing { keep_firing_for_us: secs(100), momentary: true, ..Timing::default() };
    let annotations = [("summary".to_owned(), "{{ labels.subject }} {{ text }}".to_owned())].into();
    let pattern = Pattern::new("fact.tag", r"^v\d+\.0$").unwrap();
    let spec = Spec { timing, annotations, ..Spec::new("major", 0, Input::Texts(pattern), Condition::Always(Severity::Info)) };
    let release = |secs: i64, tag: &str| {
        let fact = [("tag".to_owned(), tag.into())].into_iter().collect();
        let record = Event::record("a", "", Timestamp::from_secs(secs), Record { name: "release".to_owned(), fact });
        Event { subject: Some("rust".to_owned()), ..record }
    };
    let releases = vec![release(0, "v1.0"), release(10, "v1.1"), release(50, "v2.0"), release(200, "v3.0")];
    let story = ["0 firing info 0", "1 resolved info 150", "0 firing info 200", "1 resolved info 300"];
    check(&spec, releases.clone(), 400, &story);
    let mut writer = Writer::default();
    writer.frame(0, 1, &releases);
    let alerts = run(&spec, &writer.entries, &[true]).1;
    assert_eq!(alerts.last().unwrap().annotations["summary"], "rust v3.0");
    assert_eq!(alerts[0].series, Series::new("release").label("subject", "rust"));
    // An older release that comes late is told all the same.
    check(&spec, vec![release(10, "v1.1"), release(5, "v1.0")], 20, &["0 firing info 5"]);
}

#[test]
fn a_change_is_measured_within_its_span() {
    let limits = Limits(vec![Limit { severity: Severity::Error, side: Side::Above, at: 5.0, recover_at: 5.0 }]);
    let change = Change { within_us: secs(60), direction: Direction::Up, as_ratio: false };
    let spec = Spec::new("rising", 0, Input::Samples, Condition::Change(change, limits));
    let values = [(0, 1.0), (30, 4.0), (60, 6.5), (90, 7.0), (100, 7.0)];
    check(&spec, load(&values), 200, &["0 firing error 60", "1 resolved error 90"]);
    // A share of nothing cannot be judged.
    let change = Change { within_us: secs(60), direction: Direction::Any, as_ratio: true };
    let timing = Timing { error_for_us: Some(0), ..Timing::default() };
    let spec = Spec { timing, ..Spec::new("rising", 0, Input::Samples, Condition::Change(change, Limits::default())) };
    check(&spec, load(&[(0, 0.0), (10, 1.0), (100, 1.0)]), 200, &["0 error warning 10", "1 resolved warning 100"]);
}

#[test]
fn an_expression_is_met_until_another_one_holds() {
    let compile = |text: &str| Expression::compile_bool(text, &Scope::sample()).unwrap();
    let holds =
        Holds { met: compile("value > 5 and labels.host == 'h0'"), recovers: Some(compile("value < 2")), severity: Severity::Error };
    let spec = Spec::new("odd", 0, Input::Samples, Condition::Expression(Box::new(holds)));
    let events = [(0, 0, 6.0), (1, 1, 6.0), (2, 0, 3.0), (3, 0, 1.0)].map(|(secs, host, value)| event(&(0, host, secs, value)));
    check(&spec, events.to_vec(), 10, &["0 firing error 0", "1 resolved error 3"]);
}

#[test]
fn only_what_is_asked_for_is_looked_at() {
    let filter = Expression::compile_bool("labels.host != 'h1'", &Scope::sample()).unwrap();
    let selection = Selection { filter: Some(filter), derived: None };
    let events = vec![event(&(0, 0, 0, 11.0)), event(&(0, 1, 0, 11.0))];
    let spec = Spec::new("hot", 0, Input::Samples, above(10.0));
    check(&Spec { selection, ..spec.clone() }, events.clone(), 10, &["0 firing warning 0"]);
    check(&Spec { metrics: Some(vec!["other".to_owned()]), ..spec.clone() }, events.clone(), 10, &[]);
    check(&Spec { sources: Some(vec!["b".to_owned()]), ..spec.clone() }, events.clone(), 10, &[]);
    check(&Spec { series_max: 1, ..spec }, events, 10, &["0 firing warning 0"]);
}

#[test]
fn a_series_that_is_forgotten_leaves_no_alert_behind() {
    let hour = 3_600;
    let spec = Spec { forget_after: Duration::from_secs(7_200), ..Spec::new("hot", 0, Input::Samples, above(10.0)) };
    let mut writer = Writer::default();
    writer.frame(0, 0, &load(&[(0, 11.0)]));
    (1..5).for_each(|n| writer.frame(0, n * hour, &[event(&(0, 1, n * hour, 1.0))]));
    let (rule, alerts) = run(&spec, &writer.entries, &[true]);
    assert_eq!((told(&alerts), rule.live_series()), (vec!["0 firing warning 0".to_owned(), format!("1 resolved warning {}", 3 * hour)], 1));
}

#[test]
fn bytes_that_are_no_snapshot_are_refused_and_frames_that_cannot_be_read_change_nothing() {
    let spec = Spec::new("hot", 0, Input::Samples, above(10.0));
    let mut writer = Writer::default();
    (0..3).for_each(|n| writer.frame(0, n, &load(&[(n, 11.0)])));
    let mut damaged = writer.entries.pop().unwrap();
    let (mut rule, _) = run(&spec, &writer.entries, &[false]);
    let snapshot = rule.snapshot();
    damaged.body = damaged.body.slice(..damaged.body.len() - 1);
    let mut outputs = Vec::new();
    assert_eq!(rule.apply(&damaged, &mut outputs).unwrap_err().kind(), Kind::Rejected);
    assert!(rule.snapshot() == snapshot && outputs.is_empty());
    for at in 0..snapshot.len() {
        let mut wrong = snapshot.clone();
        wrong[at] ^= 1;
        assert_eq!(Rule::new(spec.clone()).unwrap().restore(&wrong).unwrap_err().kind(), Kind::Broken, "byte {at}");
        assert_eq!(Rule::new(spec.clone()).unwrap().restore(&snapshot[..at]).unwrap_err().kind(), Kind::Broken, "up to {at}");
    }
    let other = Spec { version: 2, ..spec.clone() };
    assert_eq!(Rule::new(other).unwrap().restore(&snapshot).unwrap_err().kind(), Kind::Broken);
    // Frames that were seen are dropped.
    let (again, alerts) = run(&spec, &[writer.entries.clone(), writer.entries].concat(), &[false]);
    assert_eq!((again.events(), alerts.len()), (2, 1));
}

#[test]
fn a_firing_alert_of_which_nothing_comes_has_no_data_until_something_comes() {
    let timing = Timing { no_data_for_us: Some(secs(50)), ..Timing::default() };
    let spec = Spec { timing, ..Spec::new("hot", 0, Input::Samples, above(10.0)) };
    let mut writer = Writer::default();
    writer.frame(0, 0, &load(&[(0, 11.0)]));
    (1..100).for_each(|n| writer.tick(n, &[]));
    writer.frame(0, 100, &load(&[(100, 12.0)]));
    writer.frame(0, 101, &load(&[(101, 1.0)]));
    let alerts = run(&spec, &writer.entries, &[true, false, false]).1;
    assert_eq!(told(&alerts), ["0 firing warning 0", "1 no_data warning 50", "2 firing warning 100", "3 resolved warning 101"]);
    assert!(alerts.iter().all(|alert| alert.id == alerts[0].id && alert.state != AlertState::Error));
}
