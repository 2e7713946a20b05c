//! How often the alerts of a series have fired and resolved.

use serde::{Deserialize, Serialize};

use super::timing::Timing;

/// The times of changes that may still count, and whether the series flaps.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Flaps {
    times: Vec<i64>,
    flapping: bool,
}

impl Flaps {
    pub fn is_flapping(&self) -> bool {
        self.flapping
    }

    pub fn is_empty(&self) -> bool {
        self.times.is_empty()
    }

    /// An alert has fired, or was resolved.
    pub fn change(&mut self, time: i64, timing: &Timing) {
        let Some(flapping) = timing.flapping else { return };
        if self.times.len() >= flapping.changes as usize {
            self.times.remove(0);
        }
        self.times.push(time);
        self.flapping |= flapping.begins(&self.times);
    }

    /// When the series stops to flap if nothing changes.
    pub fn ends(&self, timing: &Timing) -> Option<i64> {
        timing.flapping.filter(|_| self.flapping).map(|flapping| flapping.ends(&self.times))
    }

    /// Forgets what is too long ago.
    pub fn settle(&mut self, time: i64, timing: &Timing) {
        if self.ends(timing).is_some_and(|end| end <= time) {
            self.flapping = false;
        }
        if let Some(flapping) = timing.flapping.filter(|_| !self.flapping) {
            self.times.retain(|change| change.saturating_add(flapping.within_us) > time);
        }
    }
}
