//! Episodes: unusual values that belong together.
//!
//! One opens at a score of the threshold or more, and closes after 30 events in a row below half of it. So there are at least 30 events
//! between the beginnings of two, which is the refractory of the study.

use floodmark_schemas::{Episode, Timestamp};

/// Events below half of the threshold that close an episode.
pub(super) const QUIET_EVENTS: u8 = 30;

/// An episode that is open.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Open {
    /// The id of the score that opened it.
    pub id: String,
    /// Its time.
    pub opened: i64,
    pub peak: f64,
    /// Events in a row below half of the threshold.
    pub quiet: u8,
}

impl Open {
    /// Takes the next score; whether the episode closes.
    pub fn learn(&mut self, score: f64, threshold: f64) -> bool {
        self.peak = self.peak.max(score);
        self.quiet = if score < 0.5 * threshold { self.quiet + 1 } else { 0 };
        self.quiet >= QUIET_EVENTS
    }

    pub fn told(&self, closed: bool) -> Episode {
        Episode { id: self.id.clone(), opened: Timestamp::from_micros(self.opened), peak: self.peak, closed }
    }
}
