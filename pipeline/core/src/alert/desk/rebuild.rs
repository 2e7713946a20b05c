//! What a rule says while its definition changes.
//!
//! A changed rule is computed anew from the log, and nobody is told of that: its alerts are kept aside. When every job of the
//! new definition is through, it takes over: alerts that are open by both go on silently, those that are open only by the new
//! definition are told, and so are those that are graver by it, those that are open only by the old one are over. The same holds for jobs that begin anew with the
//! definition that counts, and for the first definition of a rule that is computed from a log that was there before it.

use std::collections::{BTreeMap, BTreeSet};

use floodmark_schemas::{Alert, Timestamp};
use serde::{Deserialize, Serialize};

use super::fold::over;
use super::{Desk, StepRecord, Verdict, line};
use crate::{Error, Result};

/// What an entry of a rule's job says: a commit with its alerts, or a claim without.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleEntry {
    /// The rule.
    pub rule: String,
    /// Its job.
    pub job: u32,
    /// How many jobs it has.
    pub jobs: u32,
    /// Its definition.
    pub version: String,
    /// Whether the job still goes through what was there when this definition began.
    pub rebuilding: bool,
    /// Where it stands in the output log.
    pub position: u64,
    /// When the log stored it.
    pub time: Timestamp,
    /// Its alerts, in order.
    pub alerts: Vec<Alert>,
}

/// What is done with an entry.
pub(super) enum Said {
    Counts,
    Aside,
    /// It is kept aside, and then all that was kept aside counts.
    TakesOver,
}

/// The definitions of all rules.
#[derive(Debug, Default)]
pub(super) struct Versions {
    rules: BTreeMap<String, Rule>,
    changed: BTreeMap<String, Option<String>>,
    /// What was kept aside for definitions that will never count.
    given_up: Vec<Kept>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Rule {
    /// The definition that counts.
    current: Option<String>,
    /// The one that is computed anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    aside: Option<Aside>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Aside {
    version: String,
    /// The jobs that have said something, with whether they are through.
    jobs: BTreeMap<u32, bool>,
    /// Its alerts that are not over, by id. Each is a note of its own.
    #[serde(skip)]
    alerts: BTreeMap<String, Kept>,
}

/// An alert that is kept aside.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Kept {
    alert: Alert,
    job: u32,
    position: u64,
}

const RULE: &str = "rule/";
const ASIDE: &str = "aside/";

fn aside_note(rule: &str, id: &str) -> String {
    format!("{ASIDE}{rule}/{id}")
}

impl Versions {
    /// Those that are in notes.
    pub(super) fn read(notes: &BTreeMap<String, String>) -> Result<Self> {
        let broken = |name: &str, e| Error::broken(format!("reading note {name} of alerts")).because(e);
        let mut rules: BTreeMap<String, Rule> = BTreeMap::new();
        for (name, note) in notes {
            if let Some(rule) = name.strip_prefix(RULE) {
                rules.insert(rule.to_owned(), serde_json::from_str(note).map_err(|e| broken(name, e))?);
            }
        }
        for (name, note) in notes {
            let Some((rule, id)) = name.strip_prefix(ASIDE).and_then(|name| name.rsplit_once('/')) else { continue };
            let kept = serde_json::from_str(note).map_err(|e| broken(name, e))?;
            if let Some(aside) = rules.get_mut(rule).and_then(|rule| rule.aside.as_mut()) {
                aside.alerts.insert(id.to_owned(), kept);
            }
        }
        Ok(Self { rules, ..Self::default() })
    }

    /// Notes that have changed since it was last asked.
    pub(super) fn changes(&mut self) -> BTreeMap<String, Option<String>> {
        std::mem::take(&mut self.changed)
    }

    /// Takes note of what an entry says of its definition.
    pub(super) fn note(&mut self, entry: &RuleEntry) -> Said {
        let rule = self.rules.entry(entry.rule.clone()).or_default();
        let is_aside = rule.aside.as_ref().is_some_and(|aside| aside.version == entry.version);
        let is_current = rule.current.as_ref() == Some(&entry.version);
        if !entry.rebuilding && !is_aside && (is_current || rule.current.is_none()) {
            // While processes are changed one by one, jobs of one version and of the next stand side by side. A job that has gone back
            // gives the definition up that was being computed.
            let is_given_up = rule.aside.as_ref().is_some_and(|aside| aside.jobs.contains_key(&entry.job));
            if !is_current || is_given_up {
                self.set(&entry.rule, Rule { current: Some(entry.version.clone()), aside: None });
            }
            return Said::Counts;
        }
        let mut rule = if is_aside { std::mem::take(rule) } else { Rule { current: rule.current.clone(), aside: None } };
        let aside = rule.aside.get_or_insert_default();
        aside.version.clone_from(&entry.version);
        let before = aside.jobs.insert(entry.job, !entry.rebuilding);
        // Jobs that begin anew with the definition that counts are those that have said so.
        let wanted = if is_current { aside.jobs.len() } else { entry.jobs as usize };
        let is_through = aside.jobs.values().filter(|through| **through).count() >= wanted;
        let is_news = !is_aside || before != Some(!entry.rebuilding);
        if is_news {
            self.set(&entry.rule, rule)
        } else {
            drop(self.rules.insert(entry.rule.clone(), rule))
        }
        if is_through { Said::TakesOver } else { Said::Aside }
    }

    fn set(&mut self, id: &str, rule: Rule) {
        let before = self.rules.insert(id.to_owned(), rule.clone());
        let is_same = |aside: &Aside| rule.aside.as_ref().is_some_and(|now| now.version == aside.version);
        for aside in before.and_then(|before| before.aside).into_iter().filter(|aside| !is_same(aside)) {
            self.changed.extend(aside.alerts.keys().map(|alert| (aside_note(id, alert), None)));
            self.given_up.extend(aside.alerts.into_values());
        }
        let note = serde_json::to_string(&rule).expect("texts and numbers are JSON");
        self.changed.insert(format!("{RULE}{id}"), Some(note));
    }

    fn keep(&mut self, entry: &RuleEntry, alert: &Alert) {
        let aside = self.rules.get_mut(&entry.rule).and_then(|rule| rule.aside.as_mut()).expect("the entry is kept aside");
        let name = aside_note(&entry.rule, &alert.id);
        if alert.state.is_over() {
            aside.alerts.remove(&alert.id);
            self.changed.insert(name, None);
            return;
        }
        let kept = Kept { alert: alert.clone(), job: entry.job, position: entry.position };
        self.changed.insert(name, Some(serde_json::to_string(&kept).expect("an alert is JSON")));
        aside.alerts.insert(alert.id.clone(), kept);
    }
}

impl Desk {
    /// A step that nobody is told of. It is stored; of an alert that the desk has to do with, the record stays.
    pub(super) fn keep_aside(&mut self, alert: &Alert, entry: &RuleEntry) {
        self.changed.out.steps.push(StepRecord { position: entry.position, alert: alert.clone() });
        self.versions.keep(entry, alert);
        if !self.alerts.contains_key(&alert.id) {
            self.pass(alert, line(alert), entry.job, entry.position);
        }
    }

    /// What was kept aside counts from now on.
    pub(super) fn take_over(&mut self, now: Timestamp, entry: &RuleEntry) {
        let Some(rule) = self.versions.rules.get_mut(&entry.rule) else { return };
        let Some(aside) = rule.aside.take() else { return };
        let is_same = rule.current.as_ref() == Some(&aside.version);
        let jobs: BTreeSet<u32> = aside.jobs.keys().copied().collect();
        let replaced = self.alerts.values().filter(|record| {
            let is_of_job = !is_same || jobs.contains(&record.job);
            record.alert.rule == entry.rule
                && is_of_job
                && !aside.alerts.get(&record.alert.id).is_some_and(|kept| kept.alert.state.is_active())
        });
        let replaced: Vec<String> = replaced.map(|record| record.alert.id.clone()).collect();
        self.versions.changed.extend(aside.alerts.keys().map(|alert| (aside_note(&entry.rule, alert), None)));
        self.versions.set(&entry.rule, Rule { current: Some(aside.version), aside: None });
        for Kept { alert, job, position } in aside.alerts.into_values() {
            if !alert.state.is_active() {
                // Its step is stored already, and the desk has nothing to do with it yet.
                continue;
            }
            if self.alerts.contains_key(&alert.id) {
                self.goes_on(now, &alert, job, position);
            } else {
                self.admit(now, &alert, line(&alert), job, position);
            }
        }
        for id in replaced {
            self.is_none(now, &id, entry.time, "the rule was changed");
        }
    }

    /// Rules that are not among these are configured no more: their alerts are over. Say so when a desk is made again.
    pub fn retire(&mut self, now: Timestamp, rules: &BTreeSet<String>) {
        let gone = self.alerts.values().filter(|record| !rules.contains(&record.alert.rule));
        let gone: Vec<String> = gone.map(|record| record.alert.id.clone()).collect();
        for id in gone {
            self.is_none(now, &id, now, "the rule was removed");
        }
        let gone: Vec<String> = self.versions.rules.keys().filter(|rule| !rules.contains(*rule)).cloned().collect();
        for rule in gone {
            self.versions.set(&rule, Rule::default());
            self.versions.rules.remove(&rule);
            self.versions.changed.insert(format!("{RULE}{rule}"), None);
        }
        self.drop_given_up(now);
        self.changed.out.notes.append(&mut self.versions.changes());
    }

    /// Alerts of definitions that never counted are over.
    pub(super) fn drop_given_up(&mut self, time: Timestamp) {
        for Kept { alert, job, position } in std::mem::take(&mut self.versions.given_up) {
            if !self.alerts.contains_key(&alert.id) {
                let alert = over(&alert, time, "the definition of the rule was given up");
                self.changed.out.steps.push(StepRecord { position, alert: alert.clone() });
                self.pass(&alert, line(&alert), job, position);
            }
        }
    }

    /// An alert that is open by both definitions. Nobody is told, unless it is graver by the new one.
    fn goes_on(&mut self, now: Timestamp, alert: &Alert, job: u32, position: u64) {
        self.count_out(&alert.id);
        let record = self.alerts.get_mut(&alert.id).expect("it was just looked up");
        let graver = alert.severity > record.alert.severity;
        (record.alert, record.job, record.position) = (alert.clone(), job, position);
        let until = record.held.take();
        let incident = record.incident.clone();
        self.due.extract_if(.., |(at, due)| Some(*at) == until && *due == super::core::Due::Hold(alert.id.clone())).for_each(drop);
        self.count_in(&alert.id);
        let Some(incident) = incident else { return };
        if graver {
            self.reopen_when_graver(now, &incident, alert);
            self.route_anew(&alert.id);
        }
        self.refresh(&incident);
        if graver {
            self.nudge_all(now, &alert.id);
        }
    }

    /// An alert that is none any more, for this reason.
    fn is_none(&mut self, now: Timestamp, id: &str, time: Timestamp, reason: &str) {
        // The alert of the new definition on the same series may have taken its place.
        let Some(record) = self.alerts.get(id) else { return };
        let Some(incident) = record.incident.clone() else { return };
        if record.is_open() {
            let alert = over(&record.alert, time, reason);
            let (job, position) = (record.job, record.position);
            self.decide(now, &incident, Some(id), None, Verdict::RuleChanged { reason: reason.to_owned() });
            self.changed.out.steps.push(StepRecord { position, alert: alert.clone() });
            self.update(now, &alert, job, position);
        }
    }
}
