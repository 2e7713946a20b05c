//! The last windows of a series that were judged, so that a revision can be judged again as if it had come first.
//!
//! What was learnt of a window cannot be taken back. Its corrected value is therefore compared with all that is known, its own first
//! value included, and would look the less new the less it was corrected. But the novelty of two values cannot differ by more than
//! their distance, and that of the first one was kept: so it is at least that less the distance.

use std::collections::VecDeque;

use super::counter::Counter;

/// How many windows are kept. A revision of an older one is judged by its novelty alone.
const WINDOWS_MAX: usize = 8;

/// What was known when a window was judged first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Seen {
    /// The window's end, in microseconds.
    pub end: i64,
    /// What was judged.
    pub value: f64,
    /// What had been judged before it.
    pub before: f64,
    /// The counter before it, for one that is differenced.
    pub counter: Option<Counter>,
    pub novelty: f64,
    /// By how much the novelty could differ at most for each unit of the value.
    pub slope: f64,
    pub staleness: f64,
}

/// The windows, in the order in which they were judged.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Recent(pub VecDeque<Seen>);

impl Recent {
    pub fn learn(&mut self, seen: Seen) {
        if self.0.len() >= WINDOWS_MAX {
            self.0.pop_front();
        }
        self.0.push_back(seen);
    }

    /// The window that ends then.
    pub fn find(&self, end: i64) -> Option<Seen> {
        self.0.iter().rev().find(|seen| seen.end == end).copied()
    }
}
