//! What the suite stores.

use std::collections::BTreeMap;

use floodmark_schemas::{Alert, AlertState, Incident, Notification, NotificationReason, Series, Severity, Timestamp};

use crate::alert::desk::{AlertRecord, IncidentRecord, Told, line};

/// An alert with this number, in this state, begun at so many seconds. Its texts hold what makes trouble.
pub(super) fn alert(number: u64, state: AlertState, at: i64) -> Alert {
    let time = Timestamp::from_micros(at * 1_000_000 + 7);
    Alert {
        id: format!("{number:032x}"),
        step: u32::from(state != AlertState::Firing),
        rule: format!("rule-{}", number % 3),
        version: "00000001".into(),
        source: format!("source-{}", number % 2),
        series: Series::new("load").unit("%").label("a\"'\0", "ü\n%_"),
        state,
        before: AlertState::Pending,
        severity: Severity::ALL[(number % 4) as usize],
        time,
        began: time,
        fired: Some(time),
        noticed: time,
        value: Some(0.1 + 0.2),
        threshold: Some(-0.0),
        evidence: None,
        flapping: false,
        labels: [("team", if number.is_multiple_of(2) { "db" } else { "web" }), ("a\"'\0", "ü\n%_")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
        annotations: [("summary".to_owned(), "\0 it's \"bad\" ␀".to_owned())].into(),
    }
}

/// The record of an alert in an incident; live when it is active.
pub fn record(number: u64, state: AlertState, at: i64, incident: Option<&str>) -> AlertRecord {
    let alert = alert(number, state, at);
    AlertRecord {
        line: line(&alert),
        job: 3,
        position: u64::MAX >> 1,
        incident: incident.map(str::to_owned),
        held: None,
        receivers: [("ops".to_owned(), Told { severity: Some(Severity::Error), over: false, muted: Some("silence x".into()) })].into(),
        live: state.is_active(),
        alert,
    }
}

/// An incident with this number, opened at so many seconds; done when it is over.
pub fn incident(number: u64, at: i64, resolved: Option<i64>) -> IncidentRecord {
    let incident = Incident {
        id: format!("{number:032x}"),
        group: [("team".to_owned(), "d\0b".to_owned())].into(),
        title: "\0 it's \"bad\" ␀".to_owned(),
        severity: Severity::ALL[(number % 4) as usize],
        opened: Timestamp::from_secs(at),
        resolved: resolved.map(Timestamp::from_secs),
        acknowledged: None,
    };
    let (threads, related) = (BTreeMap::new(), Vec::new());
    let worst = incident.severity;
    IncidentRecord { incident, key: number.to_string(), worst, threads, related, closing: false, done: resolved.is_some() }
}

/// The notification with this number of an incident for a receiver, written at so many seconds.
pub fn notification(of: &IncidentRecord, receiver: &str, number: u32, at: i64) -> Notification {
    Notification {
        id: format!("{receiver}-{}-{number}", of.incident.id),
        receiver: receiver.to_owned(),
        reason: NotificationReason::Changed,
        time: Timestamp::from_secs(at),
        number,
        incident: of.incident.clone(),
        alerts: vec![alert(1, AlertState::Firing, 1)],
        left_out: 2,
        severity_before: BTreeMap::from([(alert(1, AlertState::Firing, 1).id, Severity::Critical)]),
    }
}
