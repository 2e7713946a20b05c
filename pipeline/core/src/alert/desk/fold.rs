//! Steps become alerts of incidents.

use std::collections::BTreeMap;

use floodmark_schemas::{Alert, AlertState, Incident, Timestamp};

use super::core::{Due, File};
use super::rebuild::{RuleEntry, Said};
use super::{AlertRecord, Desk, GroupBy, Hit, IncidentRecord, StepRecord, Thread, Verdict, hash, line, value};

impl Desk {
    /// Takes what entries of rules say, in the order of the log. Nobody is told by this: [`Self::tick`] does so.
    pub fn take(&mut self, now: Timestamp, entries: &[RuleEntry]) {
        for entry in entries {
            match self.versions.note(entry) {
                Said::Counts => entry.alerts.iter().for_each(|alert| self.step(now, alert, entry.job, entry.position)),
                Said::Aside => entry.alerts.iter().for_each(|alert| self.keep_aside(alert, entry)),
                Said::TakesOver => {
                    entry.alerts.iter().for_each(|alert| self.keep_aside(alert, entry));
                    self.take_over(now, entry);
                }
            }
        }
        self.drop_given_up(now);
        self.changed.out.notes.append(&mut self.versions.changes());
    }

    /// A step of a definition that counts. One that is older than what is known changes nothing.
    pub(super) fn step(&mut self, now: Timestamp, alert: &Alert, job: u32, position: u64) {
        let line = line(alert);
        let known = self.lines.get(&line).map(|id| &self.alerts[id].alert);
        let is_same = known.is_some_and(|known| known.id == alert.id);
        let is_older = known.is_some_and(|known| if is_same { alert.step <= known.step } else { alert.began < known.began });
        if is_older {
            return;
        }
        self.changed.out.steps.push(StepRecord { position, alert: alert.clone() });
        if is_same {
            self.update(now, alert, job, position);
        } else if alert.state.is_active() {
            self.admit(now, alert, line, job, position);
        } else {
            // It has not fired, or was over before the desk knew of it: only whoever asks for it is told.
            self.pass(alert, line, job, position);
        }
    }

    /// Stores an alert that the desk has nothing to do with.
    pub(super) fn pass(&mut self, alert: &Alert, line: String, job: u32, position: u64) {
        // One that has left an incident stays in it: stores see to that, unless they have not heard of it yet.
        let left = self.changed.out.alerts.remove(&alert.id);
        let (incident, receivers) = left.map(|left| (left.incident, left.receivers)).unwrap_or_default();
        let record = AlertRecord { alert: alert.clone(), line, job, position, incident, held: None, receivers, live: false };
        self.changed.out.alerts.insert(alert.id.clone(), record);
    }

    /// An alert fires: it comes to an incident.
    pub(super) fn admit(&mut self, now: Timestamp, alert: &Alert, line: String, job: u32, position: u64) {
        let hits: Vec<Hit> = self.routes.of(alert).into_iter().cloned().collect();
        let (key, group) = group(&hits, alert);
        let there = self.groups.get(&key).cloned();
        let is_new = there.is_none();
        let incident = there.unwrap_or_else(|| self.open(alert, key, group));
        // An alert of the same line that is over, or that the rule's new definition has begun at another time, is the same to
        // whoever was told of it.
        let before = self.lines.get(&line).cloned().filter(|id| self.files[&incident].members.contains(id));
        let receivers = before.map_or_else(BTreeMap::new, |before| self.replace(&before, alert.time));
        let id = alert.id.clone();
        let in_incident = Some(incident.clone());
        let record = AlertRecord { alert: alert.clone(), line, job, position, incident: in_incident, held: None, receivers, live: true };
        self.lines.insert(record.line.clone(), id.clone());
        self.alerts.insert(id.clone(), record);
        self.count_in(&id);
        let routes = hits.iter().map(|hit| hit.path.clone()).collect();
        self.decide(now, &incident, Some(&id), None, Verdict::Grouped { routes, opened: is_new });
        let fired = alert.fired.unwrap_or(alert.time);
        let late_us = alert.noticed.micros().saturating_sub(fired.micros());
        if i128::from(late_us) > self.policy.late_after.as_micros().cast_signed() {
            self.decide(now, &incident, Some(&id), None, Verdict::Late { fired });
        }
        self.reopen_when_graver(now, &incident, alert);
        self.refresh(&incident);
        if is_new {
            self.relate(&incident);
        }
        self.route(&id, &incident, &hits);
        if self.alerts[&id].receivers.is_empty() {
            self.decide(now, &incident, Some(&id), None, Verdict::NoRoute);
        }
        self.nudge_all(now, &id);
    }

    /// Another step of an alert of an incident.
    pub(super) fn update(&mut self, now: Timestamp, alert: &Alert, job: u32, position: u64) {
        let id = alert.id.clone();
        self.count_out(&id);
        let record = self.alerts.get_mut(&id).expect("the line leads to it");
        let incident = record.incident.clone().expect("live alerts are in incidents");
        let graver = alert.severity > record.alert.severity;
        (record.alert, record.job, record.position) = (alert.clone(), job, position);
        if let Some(until) = record.held.take() {
            self.due.remove(&(until, Due::Hold(id.clone())));
        }
        if !alert.state.is_active() && alert.flapping {
            let until = now.plus_micros(i64::try_from(self.policy.flapping_hold.as_micros()).unwrap_or(i64::MAX));
            record.held = Some(until);
            self.due.insert((until, Due::Hold(id.clone())));
            self.decide(now, &incident, Some(&id), None, Verdict::Flapping { until });
        }
        self.count_in(&id);
        if graver && alert.state.is_active() {
            self.reopen_when_graver(now, &incident, alert);
            self.route_anew(&id);
        }
        self.after(now, &id, &incident);
    }

    /// Whoever acknowledged the incident knew of nothing as grave as this alert.
    pub(super) fn reopen_when_graver(&mut self, now: Timestamp, incident: &str, alert: &Alert) {
        let record = &mut self.files.get_mut(incident).expect("the incident was just found").record;
        if alert.severity <= record.worst || record.incident.acknowledged.take().is_none() {
            return;
        }
        let receivers: Vec<String> = record.threads.keys().cloned().collect();
        for receiver in receivers {
            self.thread(incident, &receiver, Thread::forget_who_answered);
        }
        self.decide(now, incident, Some(&alert.id), None, Verdict::AcknowledgedNoMore { severity: alert.severity });
    }

    /// Incidents whose receivers are all gone from the configuration come to others, by the routes that there are now. Say so when a
    /// desk is made again.
    pub fn reroute(&mut self, now: Timestamp) {
        let forsaken = self.files.values().filter(|file| file.record.threads.is_empty());
        let open: Vec<String> = forsaken.flat_map(|file| &file.members).filter(|id| self.alerts[*id].is_open()).cloned().collect();
        for id in open {
            self.route_anew(&id);
            self.nudge_all(now, &id);
            self.changed.alerts.insert(id);
        }
    }

    /// Adds whoever is to be told of a live alert by the routes that it takes now.
    pub(super) fn route_anew(&mut self, id: &str) {
        let record = &self.alerts[id];
        let hits: Vec<Hit> = self.routes.of(&record.alert).into_iter().cloned().collect();
        let incident = record.incident.clone().expect("live alerts are in incidents");
        self.route(id, &incident, &hits);
    }

    /// What follows when an alert has changed.
    pub(super) fn after(&mut self, now: Timestamp, id: &str, incident: &str) {
        self.refresh(incident);
        self.nudge_all(now, id);
        self.let_go(now, incident, [id.to_owned()]);
    }

    /// Opens an incident for its first alert.
    fn open(&mut self, alert: &Alert, key: String, group: BTreeMap<String, String>) -> String {
        let id = hash::of([key.as_str(), &alert.id]);
        // A template whose labels are missing gives nothing.
        let title = alert.annotations.get("summary").filter(|summary| !summary.trim().is_empty()).cloned();
        let title = title.unwrap_or_else(|| format!("{}: {} of {}", alert.rule, alert.series, alert.source));
        let opened = alert.fired.unwrap_or(alert.time);
        let incident = Incident { id: id.clone(), group, title, severity: alert.severity, opened, resolved: None, acknowledged: None };
        let (threads, related) = (BTreeMap::new(), Vec::new());
        let worst = alert.severity;
        let record = IncidentRecord { incident, key: key.clone(), worst, threads, related, closing: false, done: false };
        self.groups.insert(key, id.clone());
        self.opened.entry(alert.source.clone()).or_default().insert((opened, id.clone()));
        self.files.insert(id.clone(), File::new(record, alert.source.clone()));
        id
    }

    /// Adds whoever is to be told of the alert.
    fn route(&mut self, id: &str, incident: &str, hits: &[Hit]) {
        let threads = &mut self.files.get_mut(incident).expect("the incident was just found").record.threads;
        let receivers = &mut self.alerts.get_mut(id).expect("the alert was just found").receivers;
        for hit in hits {
            for receiver in hit.receivers.iter().filter(|receiver| self.policy.receivers.contains_key(*receiver)) {
                threads.entry(receiver.clone()).or_insert_with(|| Thread {
                    route: hit.path.clone(),
                    timings: hit.timings,
                    escalation: hit.escalation.clone(),
                    ..Thread::default()
                });
                receivers.entry(receiver.clone()).or_default();
            }
        }
    }

    /// Brings severity and end of the incident up to date.
    pub(super) fn refresh(&mut self, incident: &str) {
        let file = self.files.get_mut(incident).expect("the incident was just found");
        let gravest = floodmark_schemas::Severity::ALL.into_iter().rev().find(|severity| file.open[*severity as usize] > 0);
        let record = &mut file.record;
        record.worst = record.worst.max(gravest.unwrap_or_default());
        record.incident.severity = gravest.unwrap_or(record.worst);
        // Only once for an incident: it may have very many alerts.
        let last = || file.members.iter().map(|id| self.alerts[id].alert.time).max();
        record.incident.resolved = if gravest.is_some() { None } else { last() };
        self.changed.incidents.insert(incident.to_owned());
    }

    /// Counts a live alert as it is.
    pub(super) fn count_in(&mut self, id: &str) {
        let record = &self.alerts[id];
        let file = record.incident.as_ref().and_then(|incident| self.files.get_mut(incident));
        let Some(file) = file else { return };
        file.members.insert(id.to_owned());
        if record.is_open() {
            file.open[record.alert.severity as usize] += 1;
            self.inhibits(id);
        }
        self.changed.alerts.insert(id.to_owned());
    }

    /// Takes that back, before it changes.
    pub(super) fn count_out(&mut self, id: &str) {
        let record = &self.alerts[id];
        if record.is_open() {
            let incident = record.incident.as_ref().and_then(|incident| self.files.get_mut(incident));
            incident.into_iter().for_each(|file| file.open[record.alert.severity as usize] -= 1);
            self.inhibits_no_more(id);
        }
    }

    /// Another alert of the same series takes the place of this one.
    fn replace(&mut self, id: &str, time: Timestamp) -> BTreeMap<String, super::Told> {
        if self.alerts[id].alert.state.is_active() {
            self.end(id, time, "another alert of the same series took its place");
        }
        self.leave(id)
    }

    /// Ends a live alert of which its rule says no more. Its incident is not looked at.
    pub(super) fn end(&mut self, id: &str, time: Timestamp, reason: &str) {
        self.count_out(id);
        let record = self.alerts.get_mut(id).expect("it is live");
        record.alert = over(&record.alert, time, reason);
        let step = StepRecord { position: record.position, alert: record.alert.clone() };
        self.changed.out.steps.push(step);
        self.count_in(id);
    }

    /// Takes a live alert out of memory; gives what its receivers know of it.
    pub(super) fn leave(&mut self, id: &str) -> BTreeMap<String, super::Told> {
        self.count_out(id);
        let mut record = self.alerts.remove(id).expect("it is live");
        if let Some(until) = record.held.take() {
            self.due.remove(&(until, Due::Hold(id.to_owned())));
        }
        if let Some(file) = record.incident.as_ref().and_then(|incident| self.files.get_mut(incident)) {
            file.members.remove(id);
        }
        if self.lines.get(&record.line).is_some_and(|newest| newest == id) {
            self.lines.remove(&record.line);
        }
        record.live = false;
        let receivers = record.receivers.clone();
        self.changed.out.alerts.insert(id.to_owned(), record);
        receivers
    }
}

/// The step that ends an alert of which its rule says no more.
pub(super) fn over(alert: &Alert, time: Timestamp, reason: &str) -> Alert {
    let state = if alert.state.is_active() { AlertState::Resolved } else { AlertState::Inactive };
    let mut over = Alert { before: alert.state, state, flapping: false, step: alert.step + 1, time, noticed: time, ..alert.clone() };
    over.annotations.insert("reason".to_owned(), reason.to_owned());
    over
}

/// What alerts must have in common with this one to be of the same incident, besides its first route: as a hash, and as labels.
fn group(hits: &[Hit], alert: &Alert) -> (String, BTreeMap<String, String>) {
    let (path, group_by) = hits.first().map_or(("", &GroupBy::Each), |hit| (hit.path.as_str(), &hit.group_by));
    match group_by {
        GroupBy::Each => (hash::of(["each", path, &line(alert)]), alert.labels.clone()),
        GroupBy::Labels(names) => {
            let pairs = names.iter().map(|name| (name.clone(), value(alert, name).to_owned()));
            let group: BTreeMap<String, String> = pairs.filter(|(_, value)| !value.is_empty()).collect();
            (hash::of(["labels", path].into_iter().chain(group.iter().flat_map(|(name, value)| [name.as_str(), value]))), group)
        }
    }
}
