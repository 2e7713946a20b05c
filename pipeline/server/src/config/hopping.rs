//! The settings of `type = "hopping"`: windows that overlap.

use floodmark_connectors::settings::{Fault, Span};
use floodmark_core::window::{PANES_MAX, panes};

use super::windows::{length, windows};

windows! {
    /// Windows of fixed length that overlap: one begins at every multiple of `slide` since the Unix epoch.
    ///
    /// The last hour, told every minute, is `size = "1h"` and `slide = "1m"`. An event costs the same however many windows it is
    /// in. An event that comes too late for one of its windows is told as late, and still counts in the others.
    Hopping {
        /// How long a window is.
        size: Span,
        /// From the beginning of a window to the beginning of the next; at most `size`.
        slide: Span,
    }
}

impl Hopping {
    /// What cannot work.
    pub fn validate(&self) -> Vec<Fault> {
        let mut faults = length("size", "a window", self.size);
        faults.extend(length("slide", "a slide", self.slide));
        if faults.is_empty() && self.slide.0 > self.size.0 {
            let what = format!("windows of {} every {} would leave events out", self.size, self.slide);
            faults.push(Fault::of("slide", what, "make it at most as long as `size`"));
        } else if faults.is_empty() && panes(self.size.0, self.slide.0) > PANES_MAX {
            let what = format!("a window would have {} parts, more than {PANES_MAX}", panes(self.size.0, self.slide.0));
            faults.push(Fault::of("slide", what, "make it longer, or such that it divides `size`"));
        }
        faults.extend(self.windows().validate());
        faults
    }
}
