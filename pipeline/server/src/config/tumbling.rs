//! The settings of `type = "tumbling"`: windows that follow each other without gaps.

use floodmark_connectors::settings::{Fault, Span};

use super::windows::{length, windows};

windows! {
    /// Windows of fixed length that follow each other without gaps, for each series on its own.
    ///
    /// They begin at the Unix epoch and its multiples of `size`, so that minutes, hours and days (UTC) are what they seem.
    Tumbling {
        /// How long a window is.
        size: Span,
        /// The operator whose windows these are made of; events when absent. The shorter windows must fill the longer ones, and
        /// have the aggregates that are asked for here.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<String>,
    }
}

impl Tumbling {
    /// What cannot work.
    pub fn validate(&self) -> Vec<Fault> {
        length("size", "a window", self.size).into_iter().chain(self.windows().validate()).collect()
    }
}
