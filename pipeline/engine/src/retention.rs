//! What may be deleted from the logs: nothing that anybody still has to read.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use floodmark_core::ports::Position;
use tokio_util::sync::CancellationToken;

use crate::ingest::Logs;

/// How often retention is applied.
const EVERY: Duration = Duration::from_secs(60);

/// The lowest positions that readers still need, by reader.
#[derive(Clone, Debug, Default)]
pub struct Floors(Arc<Mutex<BTreeMap<String, Needs>>>);

/// What one reader needs of each log.
#[derive(Clone, Copy, Debug, Default)]
struct Needs {
    events: Option<Position>,
    outputs: Option<Position>,
}

/// The entry of one reader in [`Floors`].
#[derive(Clone, Debug)]
pub struct Floor {
    floors: Floors,
    reader: String,
}

impl Floors {
    /// The entry of `reader`. Until it says what it needs, it needs nothing.
    pub fn of(&self, reader: impl Into<String>) -> Floor {
        Floor { floors: self.clone(), reader: reader.into() }
    }

    /// What must be kept of the event log and of the output log.
    pub fn keep_from(&self) -> (Position, Position) {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let lowest = |pick: fn(&Needs) -> Option<Position>| all.values().filter_map(pick).min().unwrap_or(Position::START);
        (lowest(|needs| needs.events), lowest(|needs| needs.outputs))
    }
}

impl Floor {
    /// Entries of the event log after this position are needed.
    pub fn events(&self, position: Position) {
        self.change(|needs| needs.events = Some(position));
    }

    /// Entries of the output log from this position on are needed.
    pub fn outputs(&self, position: Position) {
        self.change(|needs| needs.outputs = Some(position));
    }

    fn change(&self, change: impl FnOnce(&mut Needs)) {
        change(self.floors.0.lock().unwrap_or_else(PoisonError::into_inner).entry(self.reader.clone()).or_default());
    }
}

/// Applies the logs' retention from time to time until `stop`.
pub async fn keep(logs: Logs, floors: Floors, stop: CancellationToken) {
    while stop.run_until_cancelled(tokio::time::sleep(EVERY)).await.is_some() {
        let (events, outputs) = floors.keep_from();
        for (log, keep_from, name) in [(&logs.events, events, "events"), (&logs.outputs, outputs, "outputs")] {
            match log.retain(keep_from).await {
                Ok(0) => {}
                Ok(entries) => tracing::info!(log = name, entries, "retention deleted old entries"),
                Err(e) => tracing::warn!(log = name, error = e.chain(), "retention failed, will retry"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slowest_reader_decides() {
        let floors = Floors::default();
        assert_eq!(floors.keep_from(), (Position::START, Position::START));
        let (a, b) = (floors.of("a"), floors.of("b"));
        a.events(Position(9));
        b.events(Position(4));
        b.outputs(Position(7));
        assert_eq!(floors.keep_from(), (Position(4), Position(7)));
        b.events(Position(12));
        assert_eq!(floors.keep_from(), (Position(9), Position(7)));
    }
}
