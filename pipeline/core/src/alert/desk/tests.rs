//! The desk as a whole.

mod groups;
mod mutes;
mod people;
mod plain;
mod rebuilds;
mod routes;
mod splits;

use std::time::Duration;

use floodmark_schemas::{Alert, AlertState, Notification, NotificationReason, Series, Severity, Timestamp};

use super::{Action, Changes, Desk, GroupBy, Policy, Receiver, Route, RuleEntry, Stored, hash};

/// The first step of an alert of `rule` on `source`, firing at so many seconds.
pub(super) fn alert(rule: &str, source: &str, at: i64) -> Alert {
    let time = Timestamp::from_secs(at);
    Alert {
        id: hash::of([rule, source, &at.to_string()]),
        step: 0,
        rule: rule.into(),
        version: "00000001".into(),
        source: source.into(),
        series: Series::new("load"),
        state: AlertState::Firing,
        before: AlertState::Inactive,
        severity: Severity::Warning,
        time,
        began: time,
        fired: Some(time),
        noticed: time,
        value: Some(1.0),
        threshold: None,
        evidence: None,
        flapping: false,
        labels: [("rule", rule), ("source", source)].map(|(name, value)| (format!("of_{name}"), value.to_owned())).into(),
        annotations: Default::default(),
    }
}

/// The next step of an alert.
pub(super) fn next(alert: &Alert, state: AlertState, at: i64) -> Alert {
    let (time, before) = (Timestamp::from_secs(at), alert.state);
    Alert { step: alert.step + 1, state, before, time, noticed: time, ..alert.clone() }
}

/// Everything to `ops`, grouped by rule: 30 s, 300 s, 1 h.
pub(super) fn policy() -> Policy {
    let root = Route {
        receivers: Some(vec!["ops".into()]),
        group_by: Some(GroupBy::Labels(vec!["rule".into()])),
        group_wait: Some(Duration::from_secs(30)),
        group_interval: Some(Duration::from_secs(300)),
        repeat_interval: Some(Duration::from_secs(3600)),
        ..Route::default()
    };
    let receivers = ["ops", "boss", "db"].map(|id| (id.to_owned(), Receiver::default())).into();
    Policy { root, receivers, ..Policy::default() }
}

/// A desk with all that it has stored, which may be made again from it at any time.
pub(super) struct Bench {
    pub(super) desk: Desk,
    pub(super) policy: Policy,
    pub(super) stored: Stored,
    /// All that it gave.
    pub(super) all: Changes,
    position: u64,
}

impl Bench {
    pub(super) fn new(policy: Policy) -> Self {
        Self { desk: Desk::new(policy.clone()), policy, stored: Stored::default(), all: Changes::default(), position: 0 }
    }

    fn keep(&mut self) {
        let changes = self.desk.changes();
        self.stored.apply(&changes);
        self.all.extend(changes);
    }

    /// Alerts of one entry that counts.
    pub(super) fn take(&mut self, at: i64, alerts: &[Alert]) {
        self.until(at - 1);
        self.position += 1;
        let entry = |alert: &Alert| self.entry(at, &alert.version, false, std::slice::from_ref(alert));
        let entries: Vec<RuleEntry> = alerts.iter().map(entry).collect();
        self.entries(at, &entries);
    }

    pub(super) fn entry(&self, at: i64, version: &str, rebuilding: bool, alerts: &[Alert]) -> RuleEntry {
        RuleEntry {
            rule: alerts.first().map_or("disk", |alert| &alert.rule).to_owned(),
            job: 0,
            jobs: 1,
            version: version.to_owned(),
            rebuilding,
            position: self.position,
            time: Timestamp::from_secs(at),
            alerts: alerts.to_vec(),
        }
    }

    pub(super) fn entries(&mut self, at: i64, entries: &[RuleEntry]) {
        self.desk.take(Timestamp::from_secs(at), entries);
        self.keep();
    }

    pub(super) fn act(&mut self, at: i64, action: &Action) -> super::Answer {
        let answer = self.desk.act(Timestamp::from_secs(at), self.position, action);
        self.keep();
        answer
    }

    /// Lets time pass until then, looking whenever something is due.
    pub(super) fn until(&mut self, at: i64) {
        let end = Timestamp::from_secs(at);
        while let Some(due) = self.desk.next_due().filter(|due| *due <= end) {
            self.desk.tick(due);
            self.keep();
        }
    }

    /// Another process goes on.
    pub(super) fn restart(&mut self) {
        self.desk = Desk::restore(self.policy.clone(), self.stored.clone()).unwrap();
        self.keep();
    }

    /// What was told since it was last asked: seconds, receiver, reason, and `rule/source` of the alerts, `-` before those that are over.
    pub(super) fn told(&mut self) -> Vec<String> {
        std::mem::take(&mut self.all.notifications).iter().map(shown).collect()
    }

    /// Names of decisions since it was last asked.
    pub(super) fn decided(&mut self) -> Vec<String> {
        let name = |decision: &super::Decision| serde_json::to_value(decision).unwrap()["decided"].as_str().unwrap().to_owned();
        std::mem::take(&mut self.all.decisions).iter().map(name).collect()
    }
}

pub(super) fn shown(notification: &Notification) -> String {
    let alert = |alert: &Alert| {
        let over = if alert.state.is_active() { "" } else { "-" };
        format!("{over}{}/{}", alert.rule, alert.source)
    };
    let alerts: Vec<String> = notification.alerts.iter().map(alert).collect();
    let reason: &NotificationReason = &notification.reason;
    format!("{} {} {reason:?} {}", notification.time.micros() / 1_000_000, notification.receiver, alerts.join(" "))
}
