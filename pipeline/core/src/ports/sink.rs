//! Sinks: where entries of a log go.

use async_trait::async_trait;

use super::{Entry, Position};
use crate::Result;

/// Where a sink stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// The last position that is in the store.
    pub position: Position,
    /// The last entry that was written; absent before the first.
    pub mark: Option<Mark>,
}

/// An entry by which a log is recognised: another log has another one there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Where it stands.
    pub position: Position,
    /// [`Entry::fingerprint`].
    pub fingerprint: String,
}

impl Mark {
    /// The last of the entries.
    pub fn of(entries: &[Entry]) -> Option<Self> {
        entries.last().map(|entry| Self { position: entry.position, fingerprint: entry.fingerprint() })
    }

    /// Reads what [`Display`](std::fmt::Display) has written: `position:fingerprint`.
    pub fn parse(text: &str) -> Option<Self> {
        let (position, fingerprint) = text.split_once(':')?;
        Some(Self { position: Position(position.parse().ok()?), fingerprint: fingerprint.to_owned() })
    }
}

impl std::fmt::Display for Mark {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.position, self.fingerprint)
    }
}

/// Writes entries of a log into a store, and keeps its position in the same store.
#[async_trait]
pub trait Sink: Send + Sync {
    /// Where it stands.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn standing(&self) -> Result<Standing>;

    /// The last position that is in the store.
    ///
    /// # Errors
    /// As [`Self::standing`].
    async fn position(&self) -> Result<Position> {
        Ok(self.standing().await?.position)
    }

    /// Writes the entries, which follow `from`, moves the position to `to` and keeps the mark of the last entry. Repeating
    /// it changes nothing.
    ///
    /// # Errors
    /// `Unavailable`: repeat. `Conflict`: somebody else has moved the position. An entry that the store can never take
    /// is the sink's to set aside, with the reason.
    async fn write(&self, entries: &[Entry], from: Position, to: Position) -> Result<()>;
}
