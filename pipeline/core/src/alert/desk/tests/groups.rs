use super::super::{Matchers, Route};
use super::*;

#[test]
fn an_incident_is_told_after_the_wait_then_what_changes_then_that_it_goes_on_then_that_it_is_over() {
    let mut bench = Bench::new(policy());
    let [a, b] = [alert("disk", "a", 100), alert("disk", "b", 110)];
    bench.take(100, std::slice::from_ref(&a));
    bench.take(110, std::slice::from_ref(&b));
    bench.until(129);
    assert_eq!(bench.told(), Vec::<String>::new());
    bench.until(400);
    let mut told = bench.told();
    told[0] = told[0].replace("disk/b disk/a", "disk/a disk/b");
    assert_eq!(told, ["130 ops Opened disk/a disk/b"]);
    bench.take(410, &[next(&a, AlertState::Resolved, 410)]);
    bench.until(4029);
    assert_eq!(bench.told(), ["430 ops Changed disk/b -disk/a"]);
    bench.until(4100);
    assert_eq!(bench.told(), ["4030 ops Repeated disk/b"]);
    bench.take(4101, &[next(&b, AlertState::Resolved, 4101)]);
    bench.until(10_000);
    assert_eq!(bench.told(), ["4330 ops Resolved -disk/b"]);
    assert_eq!((bench.stored.incidents.len(), bench.stored.alerts.len(), bench.desk.next_due()), (0, 0, None));
    // What comes then is another incident.
    bench.take(20_000, &[alert("disk", "a", 20_000)]);
    bench.until(20_030);
    assert_eq!(bench.told(), ["20030 ops Opened disk/a"]);
    assert_eq!(bench.all.incidents.len(), 2);
}

#[test]
fn numbers_and_ids_of_notifications_are_of_their_incident_and_receiver() {
    let mut bench = Bench::new(policy());
    bench.take(0, &[alert("disk", "a", 0)]);
    bench.until(2 * 3600 + 60);
    let all = &bench.all.notifications;
    assert_eq!(
        all.iter().map(|told| (told.number, told.reason)).collect::<Vec<_>>(),
        [(0, NotificationReason::Opened), (1, NotificationReason::Repeated), (2, NotificationReason::Repeated)]
    );
    let ids: std::collections::BTreeSet<_> = all.iter().map(|told| &told.id).collect();
    assert_eq!(ids.len(), 3);
}

#[test]
fn an_alert_that_is_over_before_the_wait_is_told_to_nobody() {
    let mut bench = Bench::new(policy());
    let a = alert("disk", "a", 0);
    bench.take(0, std::slice::from_ref(&a));
    bench.take(20, &[next(&a, AlertState::Resolved, 20)]);
    bench.until(10_000);
    assert_eq!(bench.told(), Vec::<String>::new());
    assert_eq!(bench.decided(), ["grouped", "waiting", "over_before"]);
    assert_eq!(bench.desk.incidents().count(), 0);
}

#[test]
fn a_step_that_is_older_than_what_is_known_changes_nothing() {
    let mut bench = Bench::new(policy());
    let a = alert("disk", "a", 0);
    let graver = Alert { severity: Severity::Critical, ..next(&a, AlertState::Firing, 10) };
    bench.take(0, &[a.clone(), graver.clone()]);
    let before = bench.stored.clone();
    bench.take(11, &[a.clone(), graver, alert("disk", "a", -10)]);
    assert_eq!(bench.stored, before);
    bench.until(30);
    assert_eq!(bench.told(), ["30 ops Opened disk/a"]);
}

#[test]
fn a_notification_says_which_severity_its_receiver_knows_when_it_is_another_now() {
    let mut bench = Bench::new(policy());
    let [a, b] = [alert("disk", "a", 0), alert("disk", "b", 0)];
    let graver = Alert { severity: Severity::Critical, ..next(&a, AlertState::Firing, 100) };
    let less = Alert { severity: Severity::Error, ..next(&graver, AlertState::Firing, 400) };
    bench.take(0, &[a.clone(), b]);
    bench.take(100, std::slice::from_ref(&graver));
    // It was told to be critical at 330, and is over as an error.
    bench.take(400, std::slice::from_ref(&less));
    bench.take(410, &[next(&less, AlertState::Resolved, 410)]);
    // Nothing is new at 4230, and over it was told before.
    bench.until(5_000);
    let known = |told: &Notification| (told.reason, told.severity_before.clone());
    let told: Vec<_> = bench.all.notifications.iter().map(known).collect();
    let of_a = |severity| [(a.id.clone(), severity)].into();
    assert_eq!(
        told,
        [
            (NotificationReason::Opened, Default::default()),
            (NotificationReason::Changed, of_a(Severity::Warning)),
            (NotificationReason::Changed, of_a(Severity::Critical)),
            (NotificationReason::Repeated, Default::default()),
        ]
    );
}

#[test]
fn what_gets_graver_is_told_and_reaches_those_who_want_only_that() {
    let mut policy = policy();
    let matchers = super::super::Matchers::parse(["severity>=critical"]).unwrap();
    policy.root.routes = vec![
        Route { id: "page".into(), matchers, receivers: Some(vec!["boss".into()]), go_on: true, ..Route::default() },
        Route { id: "all".into(), ..Route::default() },
    ];
    let mut bench = Bench::new(policy);
    let a = alert("disk", "a", 0);
    bench.take(0, std::slice::from_ref(&a));
    bench.until(100);
    bench.take(100, &[Alert { severity: Severity::Critical, ..next(&a, AlertState::Firing, 100) }]);
    bench.until(1000);
    assert_eq!(bench.told(), ["30 ops Opened disk/a", "130 boss Opened disk/a", "330 ops Changed disk/a"]);
}

#[test]
fn an_alert_that_flaps_keeps_its_incident_open_and_is_told_once() {
    let mut bench = Bench::new(policy());
    for n in 0..10 {
        let up = Alert { flapping: n > 0, ..alert("disk", "a", n * 400) };
        bench.take(n * 400, std::slice::from_ref(&up));
        bench.until(n * 400 + 100);
        bench.take(n * 400 + 100, &[next(&up, AlertState::Resolved, n * 400 + 100)]);
        bench.until(n * 400 + 399);
        bench.restart();
    }
    bench.until(20_000);
    let end = 3700 + 900;
    assert_eq!(
        bench.told(),
        [
            "30 ops Opened disk/a",
            "330 ops Resolved -disk/a",
            "430 ops Opened disk/a",
            "4030 ops Repeated -disk/a",
            &format!("{end} ops Resolved -disk/a")
        ]
    );
}

#[test]
fn late_alerts_are_told_and_say_when_they_would_have_fired() {
    let mut bench = Bench::new(policy());
    let late = Alert { noticed: Timestamp::from_secs(10_000), ..alert("disk", "a", 100) };
    bench.take(10_000, &[late]);
    bench.until(10_030);
    let told = &bench.all.notifications[0].alerts[0];
    assert_eq!(told.annotations["late"], "it would have fired at 1970-01-01T00:01:40Z, but was noticed at 1970-01-01T02:46:40Z");
    assert_eq!(bench.decided(), ["grouped", "late", "waiting", "told"]);
}

#[test]
fn an_end_that_became_known_late_says_when_it_was() {
    let mut bench = Bench::new(policy());
    let a = alert("disk", "a", 0);
    bench.take(0, std::slice::from_ref(&a));
    bench.until(100);
    bench.told();
    let over = next(&a, AlertState::Resolved, 200);
    bench.take(10_000, &[Alert { noticed: Timestamp::from_secs(10_000), ..over }]);
    bench.until(10_000);
    let [.., told] = &bench.all.notifications[..] else { panic!("it was told") };
    assert_eq!(told.alerts[0].annotations["late"], "it was over at 1970-01-01T00:03:20Z, but was noticed at 1970-01-01T02:46:40Z");
}

#[test]
fn routes_do_not_share_incidents_and_titles_are_never_empty() {
    let mut policy = policy();
    let route = |id: &str, rule: &str| Route {
        id: id.into(),
        matchers: Matchers::parse([rule]).unwrap(),
        group_by: Some(GroupBy::Labels(vec!["source".into()])),
        ..Route::default()
    };
    policy.root.routes = vec![route("disks", "rule=disk"), route("nets", "rule=net")];
    let mut bench = Bench::new(policy);
    let disk = Alert { annotations: [("summary".to_owned(), " ".to_owned())].into(), ..alert("disk", "a", 0) };
    bench.take(0, &[disk, alert("net", "a", 0), alert("net", "a", 0)]);
    let titles: Vec<_> = bench.desk.incidents().map(|of| of.incident.title.clone()).collect();
    assert_eq!(titles.len(), 2);
    assert!(titles.contains(&"disk: load of a".to_owned()), "{titles:?}");
}

#[test]
fn incidents_of_other_sources_that_open_at_about_the_same_time_are_related() {
    let mut policy = policy();
    policy.root.group_by = Some(GroupBy::Each);
    let mut bench = Bench::new(policy);
    bench.take(0, &[alert("disk", "a", 0), alert("disk", "b", 200), alert("net", "a", 250), alert("disk", "c", 400)]);
    let related: Vec<(String, Vec<(String, i64)>)> = bench
        .desk
        .incidents()
        .map(|of| {
            let related = of.related.iter().map(|other| (other.source.clone(), other.later_us / 1_000_000)).collect();
            (of.incident.title.clone(), related)
        })
        .collect();
    let of = |title: &str| related.iter().find(|(of, _)| of == title).unwrap().1.clone();
    let source = |source: &str, later| (source.to_owned(), later);
    assert_eq!(of("disk: load of a"), [source("b", 200)]);
    assert_eq!(of("disk: load of b"), [source("a", -200), source("a", 50), source("c", 200)]);
    assert_eq!(of("disk: load of c"), [source("b", -200), source("a", -150)]);
}

#[test]
fn a_receiver_with_a_limit_is_told_later_and_of_everything() {
    let mut policy = policy();
    policy.root.group_by = Some(GroupBy::Each);
    policy.receivers.get_mut("ops").unwrap().rate = Some(super::super::Rate { count: 2, per: Duration::from_secs(60) });
    let mut bench = Bench::new(policy);
    let alerts: Vec<Alert> = (0..5).map(|n| alert("disk", &format!("{n}"), 0)).collect();
    bench.take(0, &alerts);
    bench.until(60);
    bench.restart();
    bench.until(200);
    let told = bench.told();
    let times: Vec<&str> = told.iter().map(|told| told.split(' ').next().unwrap()).collect();
    assert_eq!(times, ["30", "30", "90", "90", "150"]);
    let alerts: std::collections::BTreeSet<&str> = told.iter().map(|told| told.rsplit(' ').next().unwrap()).collect();
    assert_eq!(alerts.len(), 5);
    assert_eq!(bench.decided().iter().filter(|decided| *decided == "rate_limited").count(), 3);
}
