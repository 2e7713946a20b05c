//! What the desk holds in memory, and how it is made.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use floodmark_schemas::{Severity, Timestamp};

use super::rebuild::Versions;
use super::{AlertRecord, Changes, Decision, IncidentRecord, Policy, Routes, Silence, Stored, Verdict};
use crate::{Error, Result};

/// Folds steps, actions and time into incidents and notifications. See the module.
#[derive(Debug)]
pub struct Desk {
    pub(super) policy: Policy,
    pub(super) routes: Routes,
    /// Incidents that are not done, by id.
    pub(super) files: BTreeMap<String, File>,
    /// Their live alerts, by id.
    pub(super) alerts: BTreeMap<String, AlertRecord>,
    /// The newest live alert of each line.
    pub(super) lines: BTreeMap<String, String>,
    /// The incident that takes more alerts of each group.
    pub(super) groups: BTreeMap<String, String>,
    /// When each incident that is not done began, by its source.
    pub(super) opened: BTreeMap<String, BTreeSet<(Timestamp, String)>>,
    /// Open alerts that keep others silent: of each inhibition by the values of its equal labels.
    pub(super) inhibitors: Vec<BTreeMap<Vec<String>, BTreeSet<String>>>,
    /// Silences that are not over.
    pub(super) silences: BTreeMap<String, Silence>,
    pub(super) versions: Versions,
    /// When each receiver with a limit was told last.
    pub(super) rates: BTreeMap<String, VecDeque<Timestamp>>,
    /// What is to be looked at, and when.
    pub(super) due: BTreeSet<(Timestamp, Due)>,
    pub(super) changed: Changed,
}

/// What is to be looked at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Due {
    /// A silence ends.
    Silence(String),
    /// An alert that flaps was quiet for long enough.
    Hold(String),
    /// An incident, for a receiver.
    Thread(String, String),
}

/// An incident that is not done.
#[derive(Debug)]
pub(super) struct File {
    pub(super) record: IncidentRecord,
    /// Where it began: the source of its first alert.
    pub(super) source: String,
    /// Its live alerts.
    pub(super) members: BTreeSet<String>,
    /// How many of them are open, by severity.
    pub(super) open: [u32; Severity::ALL.len()],
}

/// What has changed since it was last asked.
#[derive(Debug, Default)]
pub(super) struct Changed {
    pub(super) incidents: BTreeSet<String>,
    pub(super) alerts: BTreeSet<String>,
    pub(super) rates: BTreeSet<String>,
    /// What has gone from memory, and what is new and has no order.
    pub(super) out: Changes,
}

impl File {
    /// Without alerts yet.
    pub(super) fn new(record: IncidentRecord, source: String) -> Self {
        Self { record, source, members: BTreeSet::new(), open: Default::default() }
    }

    /// Whether an alert of it is open.
    pub(super) fn is_open(&self) -> bool {
        self.open.iter().any(|count| *count > 0)
    }
}

impl Desk {
    /// A desk that knows nothing yet.
    pub fn new(policy: Policy) -> Self {
        let routes = Routes::new(&policy.root);
        let inhibitors = vec![BTreeMap::new(); policy.inhibitions.len()];
        Self {
            policy,
            routes,
            files: BTreeMap::new(),
            alerts: BTreeMap::new(),
            lines: BTreeMap::new(),
            groups: BTreeMap::new(),
            opened: BTreeMap::new(),
            inhibitors,
            silences: BTreeMap::new(),
            versions: Versions::default(),
            rates: BTreeMap::new(),
            due: BTreeSet::new(),
            changed: Changed::default(),
        }
    }

    /// A desk that goes on where the one stopped that gave what is stored. The policy may be another one: open incidents keep
    /// their receivers and waits, but for receivers that are gone.
    ///
    /// # Errors
    /// `Broken` when a note cannot be read.
    pub fn restore(policy: Policy, stored: Stored) -> Result<Self> {
        let mut desk = Self::new(policy);
        for (name, note) in &stored.notes {
            if let Some(receiver) = name.strip_prefix(RATE) {
                let times = serde_json::from_str(note).map_err(|e| Error::broken(format!("reading note {name} of alerts")).because(e))?;
                desk.rates.insert(receiver.to_owned(), times);
            }
        }
        desk.versions = Versions::read(&stored.notes)?;
        for (id, record) in stored.incidents {
            if !record.closing {
                desk.groups.insert(record.key.clone(), id.clone());
            }
            for (receiver, thread) in &record.threads {
                desk.due.extend(thread.next().map(|at| (at, Due::Thread(id.clone(), receiver.clone()))));
            }
            desk.files.insert(id, File::new(record, String::new()));
        }
        for (id, silence) in stored.silences {
            desk.due.insert((silence.ends, Due::Silence(id.clone())));
            desk.silences.insert(id, silence);
        }
        for (id, record) in stored.alerts {
            let newest = desk.lines.get(&record.line).and_then(|other| desk.alerts.get(other));
            if newest.is_none_or(|newest| newest.alert.began < record.alert.began) {
                desk.lines.insert(record.line.clone(), id.clone());
            }
            desk.due.extend(record.held.map(|until| (until, Due::Hold(id.clone()))));
            desk.alerts.insert(id.clone(), record);
            desk.count_in(&id);
        }
        for (id, file) in &mut desk.files {
            let first = file.members.iter().map(|id| &desk.alerts[id].alert).min_by_key(|alert| (alert.fired, &alert.id));
            file.source = first.map(|alert| alert.source.clone()).unwrap_or_default();
            desk.opened.entry(file.source.clone()).or_default().insert((file.record.incident.opened, id.clone()));
        }
        desk.drop_receivers_that_are_gone();
        Ok(desk)
    }

    /// What has changed since it was last asked, to be stored in one transaction.
    pub fn changes(&mut self) -> Changes {
        let Changed { incidents, alerts, rates, mut out } = std::mem::take(&mut self.changed);
        for id in incidents {
            if let Some(file) = self.files.get(&id) {
                out.incidents.insert(id, file.record.clone());
            }
        }
        for id in alerts {
            if let Some(record) = self.alerts.get(&id) {
                out.alerts.insert(id, record.clone());
            }
        }
        for receiver in rates {
            let times = serde_json::to_string(&self.rates[&receiver]).expect("times are JSON");
            out.notes.insert(format!("{RATE}{receiver}"), Some(times));
        }
        out
    }

    /// When [`Self::tick`] has something to do next.
    pub fn next_due(&self) -> Option<Timestamp> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Incidents that are not done, by id.
    pub fn incidents(&self) -> impl Iterator<Item = &IncidentRecord> {
        self.files.values().map(|file| &file.record)
    }

    /// How many incidents are open, by severity.
    pub fn open_by_severity(&self) -> [u64; Severity::ALL.len()] {
        let mut open = [0; Severity::ALL.len()];
        for file in self.files.values().filter(|file| file.record.incident.resolved.is_none()) {
            open[file.record.incident.severity as usize] += 1;
        }
        open
    }

    pub(super) fn decide(&mut self, time: Timestamp, incident: &str, alert: Option<&str>, receiver: Option<&str>, verdict: Verdict) {
        let (alert, receiver) = (alert.map(str::to_owned), receiver.map(str::to_owned));
        self.changed.out.decisions.push(Decision { time, incident: incident.to_owned(), alert, receiver, verdict });
    }

    fn drop_receivers_that_are_gone(&mut self) {
        let (mut gone, mut forsaken) = (Vec::new(), BTreeMap::new());
        for (id, file) in &mut self.files {
            let unknown = file.record.threads.extract_if(.., |receiver, _| !self.policy.receivers.contains_key(receiver));
            gone.extend(unknown.map(|(receiver, thread)| (id.clone(), receiver, thread.told.or(thread.looked).unwrap_or_default())));
        }
        for (incident, receiver, time) in gone {
            self.decide(time, &incident, None, Some(&receiver), Verdict::ReceiverGone);
            self.due.retain(|(_, due)| *due != Due::Thread(incident.clone(), receiver.clone()));
            let members: Vec<String> = self.files[&incident].members.iter().cloned().collect();
            for id in &members {
                self.alerts.get_mut(id).expect("members are known").receivers.remove(&receiver);
                self.changed.alerts.insert(id.clone());
            }
            self.changed.incidents.insert(incident.clone());
            forsaken.insert(incident, (time, members));
        }
        for (incident, (time, members)) in forsaken {
            self.let_go(time, &incident, members);
        }
    }
}

/// Before the name of a receiver, in a note of when it was told.
const RATE: &str = "rate/";
