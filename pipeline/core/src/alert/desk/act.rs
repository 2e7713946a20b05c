//! What people ask the desk to do.

use std::collections::{BTreeMap, BTreeSet};

use floodmark_schemas::{Acknowledgement, Incident, Notification, NotificationReason, Severity, Timestamp};
use serde::{Deserialize, Serialize};

use super::core::Due;
use super::{Desk, Matchers, Silence, Verdict, hash};

/// Something that a person wants.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Action {
    /// Somebody looks after an incident: it is not repeated and not escalated any more.
    Acknowledge {
        /// Its id, in full.
        incident: String,
        /// Who.
        owner: String,
        /// What they say.
        #[serde(default)]
        note: String,
        /// Whether the alert was worth it.
        #[serde(default)]
        useful: Option<bool>,
    },
    /// Alerts that match are not to be told for a while.
    Silence {
        /// Which.
        matchers: Matchers,
        /// Who wants it.
        owner: String,
        /// Why.
        #[serde(default)]
        comment: String,
        /// From when.
        starts: Timestamp,
        /// Until when.
        ends: Timestamp,
    },
    /// A silence is to end now.
    Unsilence {
        /// Its id, in full.
        silence: String,
        /// Who wants it.
        owner: String,
    },
    /// A receiver is to be sent something, to see whether it arrives.
    Test {
        /// Who.
        receiver: String,
        /// Who wants it.
        owner: String,
    },
}

/// What became of a requested action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The number of the request.
    pub request: u64,
    /// When.
    pub time: Timestamp,
    /// Whether it was done.
    pub done: bool,
    /// The id of what was made or changed; when nothing was, why.
    pub text: String,
}

impl Desk {
    /// Does what is asked for by the request with this number, or answers why not. The answer is stored with what it changes.
    pub fn act(&mut self, now: Timestamp, request: u64, action: &Action) -> Answer {
        let outcome = match action {
            Action::Acknowledge { incident, owner, note, useful } => {
                let (owner, note) = (owner.clone(), note.clone());
                self.acknowledge(now, incident, Acknowledgement { owner, note, time: now, useful: *useful })
            }
            Action::Silence { matchers, owner, comment, starts, ends } => {
                let texts = serde_json::to_string(matchers).unwrap_or_default();
                let times = [request.to_string(), starts.micros().to_string(), ends.micros().to_string()];
                let id = hash::of([owner.as_str(), &texts].into_iter().chain(times.iter().map(String::as_str)));
                let (matchers, owner, comment) = (matchers.clone(), owner.clone(), comment.clone());
                self.silence(now, Silence { id, matchers, owner, comment, starts: *starts, ends: *ends, ended_by: None, over: false })
            }
            Action::Unsilence { silence, owner } => self.unsilence(now, silence, owner),
            Action::Test { receiver, owner } => self.test(now, request, receiver, owner),
        };
        let done = outcome.is_ok();
        let answer = Answer { request, time: now, done, text: outcome.unwrap_or_else(|refused| refused) };
        self.changed.out.answers.push(answer.clone());
        answer
    }

    fn acknowledge(&mut self, now: Timestamp, incident: &str, by: Acknowledgement) -> Result<String, String> {
        let Some(file) = self.files.get_mut(incident) else {
            return Err(format!("there is no open incident {incident}: it is over, or never was"));
        };
        let owner = by.owner.clone();
        file.record.incident.acknowledged = Some(by);
        let receivers: Vec<String> = file.record.threads.keys().cloned().collect();
        self.decide(now, incident, None, None, Verdict::Acknowledged { by: owner });
        for receiver in receivers {
            self.thread(incident, &receiver, |thread| {
                thread.escalates = None;
                if thread.number > 0 {
                    (thread.due, thread.asked) = (Some(now), Some(NotificationReason::Acknowledged));
                }
            });
        }
        self.changed.incidents.insert(incident.to_owned());
        Ok(incident.to_owned())
    }

    fn silence(&mut self, now: Timestamp, silence: Silence) -> Result<String, String> {
        if silence.ends <= now || silence.ends <= silence.starts {
            return Err(format!("the silence ends at {}: that is over already, or before it begins", silence.ends));
        }
        if silence.matchers.0.is_empty() {
            return Err("a silence without matchers would silence everything: say what is meant, for example rule=~.+".to_owned());
        }
        let id = silence.id.clone();
        self.due.insert((silence.ends, Due::Silence(id.clone())));
        self.changed.out.silences.insert(id.clone(), silence.clone());
        self.silences.insert(id.clone(), silence);
        Ok(id)
    }

    fn unsilence(&mut self, now: Timestamp, id: &str, owner: &str) -> Result<String, String> {
        let Some(silence) = self.silences.get_mut(id) else {
            return Err(format!("there is no silence {id}: it is over, or never was"));
        };
        self.due.remove(&(silence.ends, Due::Silence(id.to_owned())));
        (silence.ends, silence.ended_by) = (now, Some(owner.to_owned()));
        self.end_silence(now, id);
        Ok(id.to_owned())
    }

    /// A silence is over: it is said in the incidents that it concerns, and what goes on is told.
    pub(super) fn end_silence(&mut self, now: Timestamp, id: &str) {
        let Some(mut silence) = self.silences.remove(id) else { return };
        let name = Verdict::Silenced { silence: id.to_owned(), until: silence.ends }.mute_name();
        let mut concerned: BTreeMap<String, u32> = BTreeMap::new();
        let mut threads = BTreeSet::new();
        for record in self.alerts.values().filter(|record| record.is_open() && silence.matchers.matches(&record.alert)) {
            let Some(incident) = &record.incident else { continue };
            *concerned.entry(incident.clone()).or_default() += 1;
            let waiting = record.receivers.iter().filter(|(_, told)| told.muted.as_ref() == Some(&name));
            threads.extend(waiting.map(|(receiver, _)| (incident.clone(), receiver.clone())));
        }
        for (incident, alerts) in concerned {
            let (silence, owner) = (id.to_owned(), silence.owner.clone());
            self.decide(now, &incident, None, None, Verdict::SilenceOver { silence, owner, alerts });
        }
        for (incident, receiver) in threads {
            self.thread(&incident, &receiver, |thread| thread.due = Some(thread.due.map_or(now, |due| due.min(now))));
        }
        silence.over = true;
        self.changed.out.silences.insert(id.to_owned(), silence);
    }

    fn test(&mut self, now: Timestamp, request: u64, receiver: &str, owner: &str) -> Result<String, String> {
        if !self.policy.receivers.contains_key(receiver) {
            return Err(format!("there is no receiver {receiver}"));
        }
        let number = request.to_string();
        let [incident, id] = ["incident", "notification"].map(|what| hash::of(["test", what, receiver, &number]));
        let title = format!("A test of receiver {receiver}, asked for by {owner}. Nothing is wrong");
        let (group, severity) = (BTreeMap::new(), Severity::Info);
        let incident = Incident { id: incident, group, title, severity, opened: now, resolved: Some(now), acknowledged: None };
        let (receiver, reason) = (receiver.to_owned(), NotificationReason::Test);
        let (id_of, alerts, severity_before) = (id.clone(), Vec::new(), BTreeMap::new());
        let test = Notification { id: id_of, receiver, reason, time: now, number: 0, incident, alerts, left_out: 0, severity_before };
        self.changed.out.notifications.push(test);
        Ok(id)
    }
}
