//! What began at about the same time elsewhere.

use floodmark_schemas::Timestamp;

use super::{Desk, Related};

/// How many are shown at most.
const SHOWN_MAX: usize = 20;

impl Desk {
    /// Shows the incident and those of other sources that began within the window of it to each other, the earliest first.
    pub(super) fn relate(&mut self, id: &str) {
        let (source, opened) = (self.files[id].source.clone(), self.files[id].record.incident.opened);
        let window = i64::try_from(self.policy.correlate.as_micros()).unwrap_or(i64::MAX);
        let span = (opened.plus_micros(-window), String::new())..=(opened.plus_micros(window), "~".to_owned());
        let others = self.opened.iter().filter(|(theirs, _)| **theirs != source);
        let mut found: Vec<(Timestamp, String)> = others.flat_map(|(_, of)| of.range(span.clone()).take(SHOWN_MAX).cloned()).collect();
        found.sort_unstable();
        for (time, other) in found.into_iter().take(SHOWN_MAX) {
            let later_us = time.micros().saturating_sub(opened.micros());
            self.show(id, &other, later_us);
            self.show(&other, id, -later_us);
        }
    }

    fn show(&mut self, to: &str, other: &str, later_us: i64) {
        let their = &self.files[other];
        let related =
            Related { incident: other.to_owned(), title: their.record.incident.title.clone(), source: their.source.clone(), later_us };
        let shown = &mut self.files.get_mut(to).expect("the incident was just found").record.related;
        if shown.len() < SHOWN_MAX {
            shown.push(related);
            self.changed.incidents.insert(to.to_owned());
        }
    }
}
