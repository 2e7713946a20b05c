//! What was not looked at is told: downtime of the program by `kill -9`, a program that could not run, a line that is dead, and alerts that
//! come long after they would have fired.
#![cfg(test)]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use floodmark_schemas::commit::Output;
use floodmark_schemas::{Alert, AlertState, Event, JobEntry, Payload, Reason, Timestamp};
use floodmark_tests::support::eventually::eventually;
use floodmark_tests::support::program::{Api, Installation, Program, free_port};
use floodmark_tests::support::stored;
use serde_json::Value;
use tokio::net::TcpListener;

const HEAD: &str = "[api]\nlisten = \"127.0.0.1:0\"\n[coverage]\nevery = \"1s\"\n";
/// Two polls are due in each report.
const HOST: &str = "[sources.machine]\ntype = \"host\"\nevery = \"500ms\"\n";
const UNCOVERED: &str = "[alerts.uncovered]\ntype = \"coverage\"\nsources = [\"machine\"]\nbelow = 0.5\nseverity = \"error\"\n";
/// Who is told writes it down.
const TOLD: &str = "[incidents]\nlate_after = \"1s\"\n[route]\ngroup_wait = \"0s\"\n\
                    [receivers.book]\ntype = \"command\"\nargv = [\"/bin/sh\", \"-c\", \"cat >> told.json\"]\n";
/// For so long nobody looks.
const AWAY: Duration = Duration::from_secs(5);
const SECOND_US: i64 = 1_000_000;

fn installation(config: &str) -> Installation {
    let installation = Installation::new(env!("CARGO_BIN_EXE_floodmark"));
    installation.write("floodmark.toml", config);
    installation
}

/// Waits until the newest report says that this share was done; gives its time.
async fn covered(api: &Api, after: Option<Timestamp>) -> Timestamp {
    let time = |item: &Value| serde_json::from_value::<Timestamp>(item["event"]["time"].clone()).unwrap();
    let fits = |item: &Value| {
        item["event"]["data"]["value"] == 1.0 && item["event"]["data"]["metric"] == "poll_coverage" && Some(time(item)) > after
    };
    let from = after.map_or_else(String::new, |after| format!("&from={after}"));
    time(&api.item(&format!("/api/v1/events?limit=1000&source=floodmark{from}"), fits).await)
}

async fn pass(time: Duration) {
    let began = Instant::now();
    eventually("the time to pass", || async { (began.elapsed() >= time).then_some(()) }).await;
}

async fn stop(program: Program) {
    program.signal("INT");
    assert_eq!(program.ends().await.0, 0);
}

/// The events of a source, in the order of the log.
async fn events(installation: &Installation, source: &str) -> Vec<Event> {
    let mut entries = Vec::new();
    for pattern in floodmark_schemas::subject::events_of_source(source) {
        entries.extend(stored::entries(&installation.data("events.db"), &pattern).await);
    }
    stored::frames_of(entries, source).into_iter().flat_map(|frame| frame.events).collect()
}

/// What each report says, by its time in seconds: the numbers by their metric.
async fn reports(installation: &Installation) -> BTreeMap<i64, BTreeMap<String, f64>> {
    let mut reports: BTreeMap<i64, BTreeMap<String, f64>> = BTreeMap::new();
    for event in events(installation, "floodmark").await {
        let Payload::Sample(sample) = event.payload else { continue };
        assert_eq!(sample.series.labels["source"], "machine");
        let before = reports.entry(event.time.micros() / SECOND_US).or_default().insert(sample.series.metric, sample.value);
        assert_eq!(before, None, "each report is there once");
    }
    reports
}

async fn steps(installation: &Installation, rule: &str) -> Vec<Alert> {
    let jobs = stored::jobs(&installation.data("outputs.db")).await;
    let commits = jobs.into_values().flatten().filter_map(|written| match written.entry {
        JobEntry::Commit(commit) => Some(commit),
        JobEntry::Claim(_) => None,
    });
    let alerts = commits.flat_map(|commit| commit.outputs).filter_map(|output| match output {
        Output::Alert(alert) => Some(alert),
        _ => None,
    });
    alerts.filter(|alert| alert.rule == rule).collect()
}

/// Nobody looked between two times, seconds since the epoch: reports of every second say so, and the alert says since when.
async fn the_gap_is_told(installation: &Installation, from: i64, to: i64) -> Vec<Alert> {
    let reports = reports(installation).await;
    let times: Vec<i64> = reports.keys().copied().collect();
    let all: Vec<i64> = (times[0]..=*times.last().unwrap()).collect();
    assert_eq!(times, all, "there is a report of every second");
    for (at, report) in &reports {
        let said = ["polls_done", "polls_failed", "polls_missed"].map(|metric| report[metric]);
        assert_eq!(said.iter().sum::<f64>(), report["polls_expected"], "{at}: {report:?}");
    }
    // Those that were due in a second are told when they are settled: an interval and a report later.
    for at in from + 3..=to {
        assert_eq!((reports[&at]["polls_expected"], reports[&at]["polls_missed"]), (2.0, 2.0), "{at} of {from} to {to}");
        assert_eq!(reports[&at]["poll_coverage"], 0.0);
    }
    let steps = steps(installation, "uncovered").await;
    let fired = steps.iter().find(|step| step.state == AlertState::Firing && (from..=to).contains(&(step.time.micros() / SECOND_US)));
    let fired = fired.unwrap_or_else(|| panic!("an alert of {from} to {to}: {steps:?}"));
    assert_eq!((fired.source.as_str(), fired.series.labels["source"].as_str()), ("floodmark", "machine"));
    let over = steps.iter().find(|step| step.id == fired.id && step.state == AlertState::Resolved);
    assert!(over.is_some_and(|over| over.time.micros() / SECOND_US >= to), "{steps:?}");
    let began = fired.time;
    steps.into_iter().filter(|step| step.time >= began).collect()
}

#[tokio::test]
async fn the_time_after_a_kill_is_told_at_the_next_start() {
    let installation = installation(&format!("{HEAD}{HOST}{UNCOVERED}{TOLD}"));
    let program = installation.run();
    let last = covered(&program.ready(1).await, None).await;
    program.kill().await;
    pass(AWAY).await;
    let program = installation.run();
    let api = program.ready(1).await;
    let back = covered(&api, Some(last.plus_micros(AWAY.as_micros() as i64))).await;
    let source = api.item("/api/v1/sources", |source| source["id"] == "machine" && source["polls"]["last_poll"].is_string()).await;
    assert!(source["polls"]["next_due"].is_string(), "{source}");
    let (_, metrics) = api.get("/metrics").await.unwrap();
    let missed = metrics.lines().find(|line| line.starts_with("floodmark_polls_total") && line.contains("missed")).unwrap();
    assert!(missed.rsplit(' ').next().unwrap().parse::<f64>().unwrap() >= 4.0, "{missed}");
    let told = || async { std::fs::read_to_string(installation.path().join("told.json")).ok() };
    let late = eventually("a notification", || async { told().await.filter(|text| text.contains("uncovered")) }).await;
    assert!(late.contains("it would have fired at"), "{late}");
    stop(program).await;
    let from = last.micros() / SECOND_US;
    let to = from + AWAY.as_secs() as i64;
    let steps = the_gap_is_told(&installation, from + 1, to).await;
    // It would have fired while nobody looked, and is noticed when somebody does.
    assert!(steps[0].noticed.micros() - steps[0].time.micros() > SECOND_US, "{:?}", steps[0]);
    assert_eq!(steps[0].fired, Some(steps[0].time));
    assert!(back.micros() / SECOND_US > to);
    let told = events(&installation, "floodmark").await;
    let records = told.iter().filter(|event| matches!(&event.payload, Payload::Record(record) if record.name == "polls.missed"));
    assert!(records.count() >= 2);
}

#[tokio::test]
async fn a_program_that_could_not_run_is_told_too() {
    let installation = installation(&format!("{HEAD}{HOST}{UNCOVERED}"));
    let program = installation.run();
    let api = program.ready(1).await;
    let last = covered(&api, None).await;
    program.signal("STOP");
    pass(AWAY).await;
    program.signal("CONT");
    covered(&api, Some(last.plus_micros(AWAY.as_micros() as i64))).await;
    stop(program).await;
    let from = last.micros() / SECOND_US;
    the_gap_is_told(&installation, from + 1, from + AWAY.as_secs() as i64).await;
}

#[tokio::test]
async fn a_dead_line_makes_targets_unknown_and_no_alert() {
    let (line, target) = (free_port(), free_port());
    let installation = installation(&format!(
        "{HEAD}[connectivity]\ntargets = [\"127.0.0.1:{line}\"]\nevery = \"1s\"\ntimeout = \"500ms\"\n\
         [sources.ports]\ntype = \"tcp_probe\"\ntargets = [\"127.0.0.1:{target}\"]\nevery = \"500ms\"\ntimeout = \"300ms\"\n\
         [alerts.down]\ntype = \"state\"\n\
         [alerts.offline]\ntype = \"state\"\nsources = [\"floodmark\"]\n"
    ));
    let program = installation.run();
    let api = program.ready(1).await;
    let reason = |text: &'static str| move |item: &Value| item["event"]["data"]["reason"] == text;
    let unknown = api.item("/api/v1/events?limit=1000&source=ports", reason("monitor_offline")).await;
    assert!(unknown["event"]["data"].get("up").is_none(), "{unknown}");
    let listening = TcpListener::bind(("127.0.0.1", line)).await.unwrap();
    api.item("/api/v1/events?limit=1000&source=ports", reason("connect_refused")).await;
    stop(program).await;
    drop(listening);
    let steps_of = |rule: &'static str| {
        let installation = &installation;
        async move { steps(installation, rule).await.into_iter().map(|step| (step.state, step.time)).collect::<Vec<_>>() }
    };
    let down = steps_of("down").await;
    let offline = steps_of("offline").await;
    let checks = events(&installation, "ports").await;
    let first_down = checks.iter().find(|event| matches!(&event.payload, Payload::Check(check) if check.up == Some(false))).unwrap();
    // What was unknown before has fired nothing.
    assert_eq!(down, [(AlertState::Firing, first_down.time)]);
    assert!(checks.iter().any(|event| event.time < first_down.time && reason_of(event) == Some(Reason::MonitorOffline)));
    assert_eq!(offline.first().map(|(state, _)| *state), Some(AlertState::Firing));
}

fn reason_of(event: &Event) -> Option<Reason> {
    if let Payload::Check(check) = &event.payload { check.reason } else { None }
}

#[tokio::test]
async fn an_alert_of_events_that_came_late_says_when_it_would_have_fired() {
    let config = "[api]\nenabled = false\n[sources.history]\ntype = \"file\"\npath = \"history.csv\"\ntime = \"time\"\n\
                  values = [{ column = \"load\", metric = \"load\" }]\n\
                  [alerts.busy]\ntype = \"threshold\"\nmetrics = [\"load\"]\nabove = 3\nfor = \"1m\"\n";
    let installation = installation(config);
    let rows = "time,load\n2024-05-01T10:00:00Z,1\n2024-05-01T10:01:00Z,2\n";
    installation.write("history.csv", rows);
    assert_eq!(installation.run().ends().await.0, 0);
    assert_eq!(steps(&installation, "busy").await, []);
    // While the program is away it gets worse.
    installation.write("history.csv", format!("{rows}2024-05-01T10:02:00Z,4\n2024-05-01T10:03:00Z,5\n2024-05-01T10:04:00Z,5\n"));
    assert_eq!(installation.run().ends().await.0, 0);
    let steps = steps(&installation, "busy").await;
    let at = |text: &str| serde_json::from_value::<Timestamp>(text.into()).unwrap();
    let told: Vec<_> = steps.iter().map(|step| (step.state, step.time, step.fired)).collect();
    let fired = at("2024-05-01T10:03:00Z");
    assert_eq!(told, [(AlertState::Pending, at("2024-05-01T10:02:00Z"), None), (AlertState::Firing, fired, Some(fired))]);
    assert!(steps.iter().all(|step| step.noticed > at("2026-01-01T00:00:00Z")), "{steps:?}");
}
