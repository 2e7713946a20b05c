//! What began at about the same time elsewhere.

use floodmark_schemas::Timestamp;

use super::{Desk, Related};

/// How many are shown at most.
const SHOWN_MAX: usize = 20;
/// How many are looked at: of one source many may begin at once.
const LOOKED_AT_MAX: usize = 500;

impl Desk {
    /// Shows the incident and those of other sources that began within the window of it to each other.
    pub(super) fn relate(&mut self, id: &str, source: &str) {
        let opened = self.files[id].record.incident.opened;
        let window = i64::try_from(self.policy.correlate.as_micros()).unwrap_or(i64::MAX);
        let span = (opened.plus_micros(-window), String::new())..=(opened.plus_micros(window), "~".to_owned());
        let mut found: Vec<(Timestamp, String, String)> = Vec::new();
        for (time, other) in self.opened.range(span).take(LOOKED_AT_MAX) {
            if found.len() >= SHOWN_MAX {
                break;
            }
            if other != id
                && let Some(theirs) = self.source_of(other)
                && theirs != source
            {
                found.push((*time, other.clone(), theirs.to_owned()));
            }
        }
        for (time, other, theirs) in found {
            let later_us = time.micros().saturating_sub(opened.micros());
            self.show(id, &other, &theirs, later_us);
            self.show(&other, id, source, -later_us);
        }
    }

    fn show(&mut self, to: &str, other: &str, source: &str, later_us: i64) {
        let title = self.files[other].record.incident.title.clone();
        let related = &mut self.files.get_mut(to).expect("the incident was just found").record.related;
        if related.len() < SHOWN_MAX {
            related.push(Related { incident: other.to_owned(), title, source: source.to_owned(), later_us });
            self.changed.incidents.insert(to.to_owned());
        }
    }

    /// The source of an alert of the incident.
    fn source_of(&self, incident: &str) -> Option<&str> {
        let first = self.files.get(incident)?.members.first()?;
        Some(&self.alerts.get(first)?.alert.source)
    }
}
