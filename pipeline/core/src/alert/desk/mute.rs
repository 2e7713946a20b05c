//! What keeps an alert silent.

use floodmark_schemas::{Alert, Timestamp};

use super::{DependsOn, Desk, Inhibition, Verdict, value};

impl Desk {
    /// What keeps the alert silent at a time: a silence, a maintenance window, an inhibition or a dependence, in this order.
    pub fn muted(&self, now: Timestamp, alert: &Alert) -> Option<Verdict> {
        self.mutes(now, alert).next()
    }

    /// All that keeps the alert silent at a time, in the order of [`Self::muted`].
    pub fn mutes<'a>(&'a self, now: Timestamp, alert: &'a Alert) -> impl Iterator<Item = Verdict> + 'a {
        let silences = self.silences.values().filter(move |silence| silence.mutes(alert, now));
        let silences = silences.map(|silence| Verdict::Silenced { silence: silence.id.clone(), until: silence.ends });
        let windows = self.policy.maintenance.iter().filter_map(move |window| {
            let until = window.mutes(alert, now)?;
            Some(Verdict::InMaintenance { window: window.id.clone(), until })
        });
        silences.chain(windows).chain(self.inhibited(alert))
    }

    fn inhibited<'a>(&'a self, alert: &'a Alert) -> impl Iterator<Item = Verdict> + 'a {
        self.policy.inhibitions.iter().zip(&self.inhibitors).filter_map(|(inhibition, inhibitors)| {
            if !inhibition.target.matches(alert) {
                return None;
            }
            let both = inhibition.source.matches(alert);
            let sources = inhibitors.get(&inhibition.equal_values(alert))?;
            let by = sources.iter().find(|id| **id != alert.id && !(both && inhibition.target.matches(&self.alerts[*id].alert)))?;
            let depends = inhibition.depends == DependsOn::Yes;
            Some(Verdict::Inhibited { inhibition: inhibition.id.clone(), by: by.clone(), depends })
        })
    }

    /// Takes an open alert among those that keep others silent.
    pub(super) fn inhibits(&mut self, id: &str) {
        let alert = &self.alerts[id].alert;
        for (inhibition, inhibitors) in self.policy.inhibitions.iter().zip(&mut self.inhibitors) {
            if inhibition.source.matches(alert) {
                inhibitors.entry(inhibition.equal_values(alert)).or_default().insert(id.to_owned());
            }
        }
    }

    /// Takes it out, before it changes.
    pub(super) fn inhibits_no_more(&mut self, id: &str) {
        let alert = &self.alerts[id].alert;
        for (inhibition, inhibitors) in self.policy.inhibitions.iter().zip(&mut self.inhibitors) {
            let key = inhibition.equal_values(alert);
            if let Some(sources) = inhibitors.get_mut(&key) {
                sources.remove(id);
                if sources.is_empty() {
                    inhibitors.remove(&key);
                }
            }
        }
    }
}

impl Inhibition {
    fn equal_values(&self, alert: &Alert) -> Vec<String> {
        self.equal.iter().map(|name| value(alert, name).to_owned()).collect()
    }
}

impl Verdict {
    /// What tells one reason to be silent from another.
    pub(super) fn mute_name(&self) -> String {
        match self {
            Self::Silenced { silence, .. } => format!("silence {silence}"),
            Self::InMaintenance { window, .. } => format!("maintenance {window}"),
            Self::Inhibited { inhibition, .. } => format!("inhibition {inhibition}"),
            _ => String::new(),
        }
    }
}
