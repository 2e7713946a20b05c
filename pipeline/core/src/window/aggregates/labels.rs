//! What a slot that several series share keeps of the labels of each.

/// The labels of one series that aggregates ask for. Made once for a series and used for each of its events.
#[derive(Clone, Debug, Default)]
pub(in crate::window) struct Labels {}
