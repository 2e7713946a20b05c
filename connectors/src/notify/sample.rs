//! A notification that shows what a receiver gets: for tests of receivers, and to look at templates.

use std::collections::BTreeMap;

use floodmark_schemas::{
    Acknowledgement, Alert, AlertState, Evidence, Incident, Notification, NotificationReason, Series, Severity, Timestamp, Window,
};

const MINUTE_US: i64 = 60_000_000;

/// A notification for `receiver`, as of `now`: three alerts, one of them over, or all when the reason is that all is over. Another
/// microsecond is another incident.
pub fn sample(receiver: &str, now: Timestamp, reason: NotificationReason) -> Notification {
    let tag = format!("{:016x}", now.micros());
    let mut alerts = vec![disk(&tag, now), certificate(&tag, now), load(&tag, now)];
    let resolved = (reason == NotificationReason::Resolved).then_some(now);
    if resolved.is_some() {
        for alert in &mut alerts[..2] {
            *alert = Alert { step: 2, state: AlertState::Resolved, before: AlertState::Firing, time: now, noticed: now, ..alert.clone() };
        }
    }
    let by = || Acknowledgement { owner: "ada".to_owned(), note: "I am making space".to_owned(), time: now, useful: None };
    Notification {
        id: format!("5e9d{:012x}{tag}", 0),
        receiver: receiver.to_owned(),
        reason,
        time: now,
        number: u32::from(!matches!(reason, NotificationReason::Opened | NotificationReason::Test)),
        incident: Incident {
            id: format!("7e57{:012x}{tag}", 0),
            group: BTreeMap::from([("host".to_owned(), "db-1".to_owned())]),
            title: "The disk of db-1 is nearly full".to_owned(),
            severity: Severity::Critical,
            opened: now.plus_micros(-12 * MINUTE_US),
            resolved,
            acknowledged: (reason == NotificationReason::Acknowledged).then(by),
        },
        alerts,
        left_out: 0,
        severity_before: BTreeMap::new(),
    }
}

fn disk(tag: &str, now: Timestamp) -> Alert {
    let (fired, start) = (now.plus_micros(-12 * MINUTE_US), now.plus_micros(-2 * MINUTE_US));
    let window = Window { start, end: now.plus_micros(-MINUTE_US) };
    let series = Series::new("disk_used").unit("%").label("host", "db-1").label("mount", "/var/lib/postgresql");
    Alert {
        state: AlertState::Firing,
        fired: Some(fired),
        value: Some(96.4),
        threshold: Some(90.0),
        evidence: Some(Evidence::Rollup { id: "00000000000000000000000000000001".to_owned(), window }),
        annotations: texts(&[("summary", "The disk of db-1 is 96.4 % full"), ("runbook", "https://wiki.example.org/disk")]),
        ..alert(tag, 1, "disk_full", series, Severity::Critical, fired)
    }
}

fn certificate(tag: &str, now: Timestamp) -> Alert {
    let fired = now.plus_micros(-7 * MINUTE_US);
    let series = Series::new("certificate_days_left").unit("d").label("target", "https://shop.example.org");
    Alert {
        state: AlertState::Firing,
        fired: Some(fired),
        value: Some(6.5),
        threshold: Some(14.0),
        annotations: texts(&[("summary", "The certificate of shop.example.org ends in 6.5 days")]),
        ..alert(tag, 2, "certificate_ends", series, Severity::Warning, fired)
    }
}

fn load(tag: &str, now: Timestamp) -> Alert {
    let fired = now.plus_micros(-9 * MINUTE_US);
    Alert {
        step: 3,
        state: AlertState::Resolved,
        before: AlertState::Recovering,
        fired: Some(fired),
        time: now.plus_micros(-3 * MINUTE_US),
        noticed: now.plus_micros(-3 * MINUTE_US),
        value: Some(2.25),
        threshold: Some(8.0),
        ..alert(tag, 3, "load_high", Series::new("load1").label("host", "db-1"), Severity::Error, fired)
    }
}

/// An alert that fired at `fired`, two minutes after its condition was met.
fn alert(tag: &str, number: u32, rule: &str, series: Series, severity: Severity, fired: Timestamp) -> Alert {
    Alert {
        id: format!("a1e7{number:012x}{tag}"),
        step: 1,
        rule: rule.to_owned(),
        version: "00000000".to_owned(),
        source: "machines".to_owned(),
        labels: series.labels.clone(),
        series,
        state: AlertState::Pending,
        before: AlertState::Pending,
        severity,
        time: fired,
        began: fired.plus_micros(-2 * MINUTE_US),
        fired: None,
        noticed: fired,
        value: None,
        threshold: None,
        evidence: None,
        flapping: false,
        annotations: BTreeMap::new(),
    }
}

fn texts(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}
