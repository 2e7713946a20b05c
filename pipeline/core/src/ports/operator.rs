//! Operators: pure functions from the entries of one partition to outputs.

use std::collections::BTreeMap;
use std::ops::Range;

use floodmark_schemas::{Presence, Timestamp, commit::Output};

use super::Entry;
use crate::Result;

/// Where an operator puts what it emits, in order.
pub type Outputs = Vec<Output>;

/// One operator on one partition, with its state. Synchronous, deterministic, without I/O.
pub trait Operator: Send {
    /// Takes the next entry of the event log. Entries come in order and each once.
    ///
    /// # Errors
    /// `Rejected` when the entry cannot be read: the state is then as before it, and the caller sets the entry aside.
    fn apply(&mut self, entry: &Entry, outputs: &mut Outputs) -> Result<()>;

    /// The watermark; `None` before the first event. It is a time that was reached, never the end of time.
    fn watermark(&self) -> Option<Timestamp>;

    /// The watermark of each source that has one, where the operator keeps them apart; the end of time for one that has
    /// ended. When it is started again or sends, it has a watermark again.
    fn watermarks(&self) -> BTreeMap<String, Timestamp> {
        BTreeMap::new()
    }

    /// How sources stand of which more is to be said than their watermark, at `now` in log time. Of one that has sent since `since`
    /// it is never said that it is idle. Nothing is said where nobody may bring several of these operators together.
    fn presence(&self, _since: Timestamp, _now: Timestamp) -> BTreeMap<String, Presence> {
        BTreeMap::new()
    }

    /// How many events came too late, in all.
    fn late(&self) -> u64;

    /// How many values were left out because the formula of a derived value made nothing finite of them, in all.
    fn undefined(&self) -> u64 {
        0
    }

    /// How many events it has taken, in all.
    fn events(&self) -> u64;

    /// How many results are still to come of what it has taken: the windows of each series that hold events, have not fired
    /// and start in this span. It looks through the whole state. None of an operator that answers at once.
    fn open(&self, _starts: Range<Timestamp>) -> u64 {
        0
    }

    /// The whole state as bytes. Equal states give equal bytes.
    fn snapshot(&self) -> Vec<u8>;

    /// Replaces the state.
    ///
    /// # Errors
    /// `Broken` when the bytes are not a snapshot of this operator.
    fn restore(&mut self, snapshot: &[u8]) -> Result<()>;
}
