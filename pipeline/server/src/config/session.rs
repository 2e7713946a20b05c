//! The settings of `type = "session"`: windows that last as long as events come.

use floodmark_connectors::settings::{Fault, Span};

use super::windows::{length, windows};

windows! {
    /// Windows that each series has for itself: as long as its events come with less than `gap` between them.
    ///
    /// A session starts with its first event and ends one `gap` after its last. A late event may make a session longer, or one
    /// of two: what was told before is then taken back, by a revision with a count of 0, and the new session is told.
    Session {
        /// The pause that ends a session.
        gap: Span,
    }
}

impl Session {
    /// What cannot work.
    pub fn validate(&self) -> Vec<Fault> {
        length("gap", "a gap", self.gap).into_iter().chain(self.windows().validate()).collect()
    }
}
