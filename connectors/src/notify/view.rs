//! What templates see of a notification: every field is always there, `none` where there is nothing to say.
//!
//! Labels and annotations that an alert does not have are empty texts, so that a template may ask for them.

use std::collections::BTreeMap;
use std::sync::Arc;

use floodmark_schemas::{Acknowledgement, Alert, AlertState, Evidence, Notification, NotificationReason, Severity, Timestamp};
use minijinja::Value;
use minijinja::value::{Enumerator, Object, ObjectRepr, Serde};
use serde::Serialize;

use super::words::{self, Status};

/// Sooner than this after it was so, an alert does not count as noticed late.
const LATE_AFTER_US: i64 = 120_000_000;

#[derive(Serialize)]
struct View {
    id: String,
    receiver: String,
    reason: NotificationReason,
    why: String,
    time: Timestamp,
    number: u32,
    headline: String,
    status: Status,
    /// How many alerts are active, as text: `2`, or `50+`.
    active: String,
    incident: IncidentView,
    alerts: Vec<AlertView>,
    left_out: u32,
    link: Option<String>,
}

#[derive(Serialize)]
struct IncidentView {
    id: String,
    title: String,
    severity: Severity,
    opened: Timestamp,
    resolved: Option<Timestamp>,
    acknowledged: Option<Acknowledgement>,
    group: Value,
    lasted_secs: f64,
}

#[derive(Serialize)]
struct AlertView {
    id: String,
    step: u32,
    rule: String,
    version: String,
    source: String,
    series: String,
    metric: String,
    unit: String,
    state: AlertState,
    state_text: &'static str,
    active: bool,
    severity: Severity,
    summary: String,
    time: Timestamp,
    began: Timestamp,
    fired: Option<Timestamp>,
    noticed: Timestamp,
    /// How much later than it was so it was noticed, where that is worth saying.
    late_secs: Option<f64>,
    /// From when it fired until it was over, or until this notification.
    lasted_secs: f64,
    value: Option<f64>,
    threshold: Option<f64>,
    evidence: Option<Evidence>,
    flapping: bool,
    labels: Value,
    annotations: Value,
}

/// What templates see of `notification`. `link` is where people find the incident.
pub fn view(notification: &Notification, link: Option<String>) -> Value {
    let incident = &notification.incident;
    let until = incident.resolved.unwrap_or(notification.time);
    Value::from(Serde(View {
        id: notification.id.clone(),
        receiver: notification.receiver.clone(),
        reason: notification.reason,
        why: words::why(notification),
        time: notification.time,
        number: notification.number,
        headline: words::headline(notification),
        status: words::status(notification),
        active: words::active(notification),
        incident: IncidentView {
            id: incident.id.clone(),
            title: words::title(notification),
            severity: incident.severity,
            opened: incident.opened,
            resolved: incident.resolved,
            acknowledged: incident.acknowledged.clone(),
            group: texts(&incident.group),
            lasted_secs: secs_between(incident.opened, until),
        },
        alerts: notification.alerts.iter().map(|alert| alert_view(alert, notification.time)).collect(),
        left_out: notification.left_out,
        link,
    }))
}

fn alert_view(alert: &Alert, now: Timestamp) -> AlertView {
    let until = if alert.state.is_over() { alert.time } else { now };
    let late = alert.noticed.micros().saturating_sub(alert.time.micros()) > LATE_AFTER_US;
    AlertView {
        id: alert.id.clone(),
        step: alert.step,
        rule: alert.rule.clone(),
        version: alert.version.clone(),
        source: alert.source.clone(),
        series: alert.series.to_string(),
        metric: alert.series.metric.clone(),
        unit: alert.series.unit.clone(),
        state: alert.state,
        state_text: words::state(alert.state),
        active: alert.state.is_active(),
        severity: alert.severity,
        summary: words::summary(alert),
        time: alert.time,
        began: alert.began,
        fired: alert.fired,
        noticed: alert.noticed,
        late_secs: late.then(|| secs_between(alert.time, alert.noticed)),
        lasted_secs: secs_between(alert.fired.unwrap_or(alert.began), until),
        value: alert.value,
        threshold: alert.threshold,
        evidence: alert.evidence.clone(),
        flapping: alert.flapping,
        labels: texts(&alert.labels),
        annotations: texts(&alert.annotations),
    }
}

fn secs_between(from: Timestamp, to: Timestamp) -> f64 {
    to.micros().saturating_sub(from.micros()) as f64 / 1e6
}

fn texts(texts: &BTreeMap<String, String>) -> Value {
    Value::from_object(Texts(texts.clone()))
}

/// Texts by name; one that is not there is empty.
#[derive(Debug)]
struct Texts(BTreeMap<String, String>);

impl Object for Texts {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Map
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        Some(Value::from(key.as_str().and_then(|name| self.0.get(name)).map_or("", String::as_str)))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.0.keys().map(|name| Value::from(name.as_str())).collect())
    }
}
