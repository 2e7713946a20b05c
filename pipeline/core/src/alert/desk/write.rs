//! Notifications are written.

use std::cmp::Reverse;

use floodmark_schemas::{Alert, Notification, NotificationReason, Severity, Timestamp};

use super::flush::Said;
use super::tick::after;
use super::{Desk, Verdict, hash};

/// The annotation of an alert whose newest step became known long after it happened.
const LATE: &str = "late";

impl Desk {
    /// Writes a notification and takes down what its receiver knows then.
    pub(super) fn tell(&mut self, now: Timestamp, incident: &str, receiver: &str, reason: NotificationReason, said: &Said) {
        let number = self.files[incident].record.threads[receiver].number;
        let mut alerts: Vec<&Alert> = said.open.iter().chain(&said.over).map(|id| &self.alerts[id].alert).collect();
        let steps: Vec<String> = alerts.iter().map(|alert| format!("{} {} {}", alert.id, alert.step, alert.version)).collect();
        let name = format!("{reason:?} {number}");
        let id = hash::of([receiver, incident, &name].into_iter().chain(steps.iter().map(String::as_str)));
        alerts.sort_by_key(|alert| (!alert.state.is_active(), Reverse(alert.severity), alert.id.as_str()));
        let left_out = u32::try_from(alerts.len().saturating_sub(self.policy.alerts_max)).unwrap_or(u32::MAX);
        alerts.truncate(self.policy.alerts_max);
        let severity_before = alerts.iter().filter_map(|alert| Some((alert.id.clone(), self.severity_before(alert, receiver)?))).collect();
        let alerts = alerts.into_iter().map(|alert| self.shown(alert)).collect();
        let notification = Notification {
            id: id.clone(),
            receiver: receiver.to_owned(),
            reason,
            time: now,
            number,
            incident: self.files[incident].record.incident.clone(),
            alerts,
            left_out,
            severity_before,
        };
        self.changed.out.notifications.push(notification);
        self.counts(now, receiver);
        self.decide(now, incident, None, Some(receiver), Verdict::Told { notification: id, reason });
        self.told(now, incident, receiver, reason, said);
    }

    /// The severity with which the receiver knows an alert, when that is another now.
    fn severity_before(&self, alert: &Alert, receiver: &str) -> Option<Severity> {
        let told = self.alerts[&alert.id].receivers.get(receiver)?;
        told.severity.filter(|severity| told.is_open() && *severity != alert.severity)
    }

    fn told(&mut self, now: Timestamp, incident: &str, receiver: &str, reason: NotificationReason, said: &Said) {
        for (ids, over) in [(&said.open, false), (&said.over, true)] {
            for id in ids {
                let record = self.alerts.get_mut(id).expect("members are known");
                let told = record.receivers.get_mut(receiver).expect("the thread has it");
                (told.severity, told.over) = (Some(record.alert.severity), over);
                self.changed.alerts.insert(id.clone());
            }
        }
        self.thread(incident, receiver, |thread| {
            thread.number += 1;
            thread.told = Some(now);
            if thread.first_told.is_none() {
                thread.first_told = Some(now);
                thread.escalates = thread.escalation.first().map(|step| after(now, step.after).max(now.plus_micros(1)));
            }
            if reason == NotificationReason::Resolved {
                thread.forget_who_answered();
            }
        });
        let file = self.files.get_mut(incident).expect("it was just found");
        if reason == NotificationReason::Resolved && !file.is_open() {
            file.record.closing = true;
            if self.groups.get(&file.record.key).is_some_and(|id| id == incident) {
                self.groups.remove(&file.record.key);
            }
        }
    }

    /// The alert as its receivers see it: what became known late says so.
    fn shown(&self, alert: &Alert) -> Alert {
        let mut alert = alert.clone();
        let late_us = alert.noticed.micros().saturating_sub(alert.time.micros());
        if i128::from(late_us) > self.policy.late_after.as_micros().cast_signed() {
            let what = match alert.fired {
                Some(fired) if fired == alert.time => "it would have fired at",
                _ if alert.state.is_active() => "it is like this since",
                _ => "it was over at",
            };
            let late = format!("{what} {}, but was noticed at {}", alert.time, alert.noticed);
            alert.annotations.insert(LATE.to_owned(), late);
        }
        alert
    }
}
