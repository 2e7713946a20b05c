//! An incident is looked at for one receiver: is there something to tell?

use floodmark_schemas::{NotificationReason, Timestamp};

use super::record::AlertRecord;
use super::tick::after;
use super::{Desk, Thread, Told, Verdict};

/// What there is to say to a receiver.
#[derive(Default)]
pub(super) struct Said {
    /// Open alerts that nothing keeps silent.
    pub(super) open: Vec<String>,
    /// Alerts that are over, of which the receiver does not know it.
    pub(super) over: Vec<String>,
    /// How many open alerts are kept silent.
    muted: usize,
    /// Whether something is new.
    news: bool,
    /// What keeps alerts silent that it did not keep silent before, and those that nothing does any more.
    mutes: Vec<(String, Option<Verdict>)>,
}

impl Desk {
    /// Looks at a thread that is due.
    pub(super) fn look(&mut self, now: Timestamp, incident: &str, receiver: &str) {
        let thread = self.files.get(incident).and_then(|file| file.record.threads.get(receiver));
        let Some(thread) = thread else { return };
        let (due, escalates) = (thread.due.is_some_and(|at| at <= now), thread.escalates.is_some_and(|at| at <= now));
        if escalates {
            self.escalate(now, incident, receiver);
        }
        if due {
            self.flush(now, incident, receiver);
        }
        // It was taken out of what is due: what it waits for now goes in again.
        let thread = self.files.get(incident).and_then(|file| file.record.threads.get(receiver));
        let next = thread.and_then(Thread::next);
        self.due.extend(next.map(|at| (at, super::core::Due::Thread(incident.to_owned(), receiver.to_owned()))));
    }

    /// What there is to say now.
    pub(super) fn said(&self, now: Timestamp, incident: &str, receiver: &str) -> Said {
        let mut said = Said::default();
        for id in &self.files[incident].members {
            let record = &self.alerts[id];
            let Some(told) = record.receivers.get(receiver) else { continue };
            if !record.is_open() {
                if told.is_open() {
                    said.over.push(id.clone());
                    said.news = true;
                }
                continue;
            }
            let mute = self.muted(now, &record.alert);
            if mute.as_ref().map(Verdict::mute_name) != told.muted {
                said.mutes.push((id.clone(), mute.clone()));
            }
            if mute.is_some() {
                said.muted += 1;
            } else {
                said.news |= is_news(record, told);
                said.open.push(id.clone());
            }
        }
        said
    }

    fn flush(&mut self, now: Timestamp, incident: &str, receiver: &str) {
        let said = self.said(now, incident, receiver);
        for (id, mute) in &said.mutes {
            self.decide(now, incident, Some(id), Some(receiver), mute.clone().unwrap_or(Verdict::Unmuted));
            let record = self.alerts.get_mut(id).expect("members are known");
            record.receivers.get_mut(receiver).expect("the thread has it").muted = mute.as_ref().map(Verdict::mute_name);
            self.changed.alerts.insert(id.clone());
        }
        let file = &self.files[incident];
        let thread = &file.record.threads[receiver];
        let is_acknowledged = file.record.incident.acknowledged.is_some();
        let reason = reason(now, thread, &said, is_acknowledged);
        if let Some(until) = reason.and_then(|_| self.is_too_much(now, receiver)) {
            if !thread.limited {
                self.decide(now, incident, None, Some(receiver), Verdict::RateLimited { until });
            }
            self.thread(incident, receiver, |thread| (thread.due, thread.limited) = (Some(until), true));
            return;
        }
        if let Some(reason) = reason {
            self.tell(now, incident, receiver, reason, &said);
        }
        self.thread(incident, receiver, |thread| {
            (thread.looked, thread.asked, thread.limited) = (Some(now), None, false);
            let again = (said.muted > 0).then(|| after(now, thread.timings.group_interval));
            let repeat = thread.told.filter(|_| !said.open.is_empty() && !is_acknowledged);
            let repeat = repeat.map(|told| after(told, thread.timings.repeat_interval));
            thread.due = [again, repeat].into_iter().flatten().min();
        });
        self.let_go(now, incident, said.over);
    }

    /// Nobody looks after it: somebody else is told.
    fn escalate(&mut self, now: Timestamp, incident: &str, receiver: &str) {
        let record = &self.files[incident].record;
        let thread = &record.threads[receiver];
        let next = thread.escalation.get(thread.escalated as usize).cloned();
        let (timings, route, interval) = (thread.timings, thread.route.clone(), thread.timings.group_interval);
        let is_acknowledged = record.incident.acknowledged.is_some();
        let said = self.said(now, incident, receiver);
        let Some(step) = next.filter(|_| !(is_acknowledged || said.open.is_empty() && said.muted == 0)) else {
            self.thread(incident, receiver, |thread| thread.escalates = None);
            return;
        };
        if said.open.is_empty() {
            self.thread(incident, receiver, |thread| thread.escalates = Some(after(now, interval)));
            return;
        }
        self.thread(incident, receiver, |thread| {
            thread.escalated += 1;
            let next = thread.escalation.get(thread.escalated as usize).zip(thread.first_told);
            thread.escalates = next.map(|(next, told)| after(told, next.after).max(now.plus_micros(1)));
        });
        let to = step.receiver;
        if !self.policy.receivers.contains_key(&to) {
            self.decide(now, incident, None, Some(&to), Verdict::ReceiverGone);
            return;
        }
        self.decide(now, incident, None, Some(receiver), Verdict::Escalated { to: to.clone() });
        for id in &said.open {
            let record = self.alerts.get_mut(id).expect("members are known");
            record.receivers.entry(to.clone()).or_default();
            self.changed.alerts.insert(id.clone());
        }
        let threads = &mut self.files.get_mut(incident).expect("it was just found").record.threads;
        threads.entry(to.clone()).or_insert_with(|| Thread { route, timings, ..Thread::default() });
        self.thread(incident, &to, |thread| (thread.due, thread.asked) = (Some(now), Some(NotificationReason::Escalated)));
    }

    /// Until when the receiver is to be left alone, if it was told too much.
    fn is_too_much(&self, now: Timestamp, receiver: &str) -> Option<Timestamp> {
        let rate = self.policy.receivers.get(receiver)?.rate?;
        let times = self.rates.get(receiver)?;
        let oldest = times.len().checked_sub(rate.count.max(1) as usize).map(|n| times[n])?;
        let free = after(oldest, rate.per.max(std::time::Duration::from_secs(1)));
        (free > now).then_some(free)
    }

    /// Takes down that the receiver was told, if it has a limit.
    pub(super) fn counts(&mut self, now: Timestamp, receiver: &str) {
        let Some(rate) = self.policy.receivers.get(receiver).and_then(|receiver| receiver.rate) else { return };
        let times = self.rates.entry(receiver.to_owned()).or_default();
        times.push_back(now);
        while times.len() > rate.count.max(1) as usize {
            times.pop_front();
        }
        self.changed.rates.insert(receiver.to_owned());
    }
}

fn is_news(record: &AlertRecord, told: &Told) -> bool {
    match told.severity.filter(|_| told.is_open()) {
        None => true,
        Some(severity) => record.alert.severity > severity && !record.alert.flapping,
    }
}

/// Why the receiver is to be told now, if there is a reason.
fn reason(now: Timestamp, thread: &Thread, said: &Said, is_acknowledged: bool) -> Option<NotificationReason> {
    let is_open = !said.open.is_empty();
    match thread.asked {
        Some(NotificationReason::Escalated) if is_open => return Some(NotificationReason::Escalated),
        _ if thread.number == 0 => return is_open.then_some(NotificationReason::Opened),
        _ if !is_open && said.muted == 0 && !said.over.is_empty() => return Some(NotificationReason::Resolved),
        _ if said.news => return Some(NotificationReason::Changed),
        Some(asked) if is_open => return Some(asked),
        _ => {}
    }
    let repeat = thread.told.map(|told| after(told, thread.timings.repeat_interval));
    let is_time = repeat.is_some_and(|repeat| repeat <= now);
    (is_open && is_time && !is_acknowledged).then_some(NotificationReason::Repeated)
}
