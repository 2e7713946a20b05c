//! Sinks: where entries of a log go.

use async_trait::async_trait;

use super::{Entry, Position};
use crate::Result;

/// Writes entries of a log into a store, and keeps its position in the same store.
#[async_trait]
pub trait Sink: Send + Sync {
    /// The last position that is in the store.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn position(&self) -> Result<Position>;

    /// Writes the entries, which follow `from`, and moves the position to `to`. Repeating it changes nothing.
    ///
    /// # Errors
    /// `Unavailable`: repeat. `Conflict`: somebody else has moved the position. An entry that the store can never take
    /// is the sink's to set aside, with the reason.
    async fn write(&self, entries: &[Entry], from: Position, to: Position) -> Result<()>;
}
