//! Time passes: what is due is looked at.

use floodmark_schemas::Timestamp;

use super::core::Due;
use super::{Desk, Thread, Verdict};

impl Desk {
    /// Looks at everything that is due, and writes the notifications.
    pub fn tick(&mut self, now: Timestamp) {
        while let Some((at, due)) = self.due.pop_first() {
            if at > now {
                self.due.insert((at, due));
                return;
            }
            match due {
                Due::Silence(id) => self.end_silence(now, &id),
                Due::Hold(id) => self.end_hold(now, &id),
                Due::Thread(incident, receiver) => self.look(now, &incident, &receiver),
            }
        }
    }

    /// Changes a thread, and when it is looked at.
    pub(super) fn thread<T>(&mut self, incident: &str, receiver: &str, change: impl FnOnce(&mut Thread) -> T) -> T {
        let file = self.files.get_mut(incident).expect("the incident was just found");
        let thread = file.record.threads.get_mut(receiver).expect("the thread was just found");
        let before = thread.next();
        let changed = change(thread);
        let after = thread.next();
        if before != after {
            let due = |at| (at, Due::Thread(incident.to_owned(), receiver.to_owned()));
            if let Some(at) = before {
                self.due.remove(&due(at));
            }
            self.due.extend(after.map(due));
        }
        self.changed.incidents.insert(incident.to_owned());
        changed
    }

    /// There may be something to tell of an alert: its threads are looked at when their waits are over.
    pub(super) fn nudge_all(&mut self, now: Timestamp, id: &str) {
        let record = &self.alerts[id];
        let is_open = record.is_open();
        let news = record.receivers.iter().filter(|(_, told)| match told.severity.filter(|_| told.is_open()) {
            None => is_open,
            Some(_) if !is_open => true,
            Some(severity) => record.alert.severity > severity && !record.alert.flapping,
        });
        let news: Vec<String> = news.map(|(receiver, _)| receiver.clone()).collect();
        let incident = record.incident.clone().unwrap_or_default();
        for receiver in news {
            let waits = self.thread(&incident, &receiver, |thread| {
                let timings = thread.timings;
                let at = match thread.looked {
                    None => after(now, timings.group_wait),
                    Some(looked) => after(looked, timings.group_interval).max(now),
                };
                let is_new = thread.due.is_none();
                thread.due = Some(thread.due.map_or(at, |due| due.min(at)));
                (is_new && thread.due > Some(now)).then_some(at)
            });
            if let Some(until) = waits {
                self.decide(now, &incident, None, Some(&receiver), Verdict::Waiting { until });
            }
        }
    }

    /// An alert that flaps was quiet for long enough: it is over.
    fn end_hold(&mut self, now: Timestamp, id: &str) {
        let Some(incident) = self.alerts.get(id).and_then(|record| record.incident.clone()) else { return };
        self.count_out(id);
        self.alerts.get_mut(id).expect("it was just found").held = None;
        self.count_in(id);
        self.after(now, id, &incident);
    }

    /// Takes settled alerts among these out of memory, and the incident when none is left.
    pub(super) fn let_go(&mut self, now: Timestamp, incident: &str, ids: impl IntoIterator<Item = String>) {
        for id in ids {
            if self.alerts.get(&id).is_some_and(super::AlertRecord::is_settled) {
                self.leave(&id);
            }
        }
        let file = &self.files[incident];
        if !file.members.is_empty() {
            return;
        }
        let mut file = self.files.remove(incident).expect("it was just found");
        let record = &mut file.record;
        if let Some(opened) = self.opened.get_mut(&file.source) {
            opened.remove(&(record.incident.opened, incident.to_owned()));
        }
        if self.groups.get(&record.key).is_some_and(|id| id == incident) {
            self.groups.remove(&record.key);
        }
        for (receiver, thread) in &mut record.threads {
            let due = |at| (at, Due::Thread(incident.to_owned(), receiver.clone()));
            if let Some(at) = thread.next() {
                self.due.remove(&due(at));
            }
            (thread.due, thread.escalates) = (None, None);
        }
        let untold = record.threads.iter().filter(|(_, thread)| thread.number == 0).map(|(receiver, _)| receiver.clone());
        for receiver in untold.collect::<Vec<_>>() {
            self.decide(now, incident, None, Some(&receiver), Verdict::OverBefore);
        }
        record.done = true;
        self.changed.incidents.remove(incident);
        self.changed.out.incidents.insert(incident.to_owned(), file.record);
    }
}

/// So long after a time.
pub(super) fn after(time: Timestamp, wait: std::time::Duration) -> Timestamp {
    time.plus_micros(i64::try_from(wait.as_micros()).unwrap_or(i64::MAX))
}
