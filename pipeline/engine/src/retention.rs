//! What may be deleted from the logs: nothing that anybody still has to read.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use floodmark_core::Result;
use floodmark_core::ports::{Leases, Position};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use crate::ingest::Logs;

/// How often retention is applied.
const EVERY: Duration = Duration::from_secs(60);

/// The lowest positions that readers still need, by reader.
#[derive(Clone, Debug, Default)]
pub struct Floors(Arc<Mutex<BTreeMap<String, Needs>>>);

/// What one reader needs of each log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Needs {
    /// The definition that it is of: another one may need more.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    version: String,
    events: Option<u64>,
    outputs: Option<u64>,
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
        lowest(self.all().values())
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<String, Needs>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn lowest<'a>(needs: impl Iterator<Item = &'a Needs> + Clone) -> (Position, Position) {
    let least = |of: fn(&Needs) -> Option<u64>| needs.clone().filter_map(of).min().map_or(Position::START, Position);
    (least(|needs| needs.events), least(|needs| needs.outputs))
}

impl Floor {
    /// The same, for one definition of the reader.
    #[must_use]
    pub fn version(self, version: &str) -> Self {
        self.change(|needs| version.clone_into(&mut needs.version));
        self
    }

    /// Entries of the event log after this position are needed.
    pub fn events(&self, position: Position) {
        self.change(|needs| needs.events = Some(position.0));
    }

    /// Entries of the output log from this position on are needed.
    pub fn outputs(&self, position: Position) {
        self.change(|needs| needs.outputs = Some(position.0));
    }

    fn change(&self, change: impl FnOnce(&mut Needs)) {
        change(self.floors.all().entry(self.reader.clone()).or_default());
    }
}

/// The floors of this process as notes for the process that applies retention.
pub(crate) struct Notes {
    floors: Floors,
    written: BTreeMap<String, Needs>,
}

fn key(reader: &str) -> String {
    format!("floor.{reader}")
}

impl Notes {
    pub(crate) fn new(floors: Floors) -> Self {
        Self { floors, written: BTreeMap::new() }
    }

    /// Notes what has changed of these readers.
    pub(crate) async fn write<'a>(&mut self, leases: &dyn Leases, readers: impl Iterator<Item = &'a String>) -> Result<()> {
        let changed: Vec<(String, Needs)> = {
            let all = self.floors.all();
            let known = readers.filter_map(|reader| all.get(reader).map(|needs| (reader.clone(), needs.clone())));
            known.filter(|(reader, needs)| self.written.get(reader) != Some(needs)).collect()
        };
        for (reader, needs) in changed {
            let text = serde_json::to_vec(&needs).expect("three fields are plain data");
            leases.note(&key(&reader), text.into()).await?;
            self.written.insert(reader, needs);
        }
        Ok(())
    }

    /// The reader is another process's from now on.
    pub(crate) fn forget(&mut self, reader: &str) {
        self.written.remove(reader);
        self.floors.all().remove(reader);
    }
}

/// The readers of all processes, with the definition of each.
pub(crate) struct Everybody {
    pub(crate) leases: Arc<dyn Leases>,
    pub(crate) readers: Vec<(String, String)>,
}

impl Everybody {
    /// What must be kept. A reader of which nothing is known needs everything.
    async fn keep_from(&self, floors: &Floors) -> Result<(Position, Position)> {
        let notes = self.leases.notes().await?;
        let here = floors.all().clone();
        let everything = Needs { version: String::new(), events: Some(0), outputs: Some(0) };
        let needs: Vec<Needs> = self
            .readers
            .iter()
            .map(|(reader, version)| {
                let noted = || notes.get(&key(reader)).and_then(|text| serde_json::from_slice(text).ok());
                let known: Option<Needs> = here.get(reader).cloned().or_else(noted);
                known.filter(|needs| needs.version == *version).unwrap_or_else(|| everything.clone())
            })
            .collect();
        Ok(lowest(needs.iter()))
    }
}

/// Applies the logs' retention from time to time until `stop`, as far as `everybody` allows; without others, as far as
/// this process's readers do.
pub(crate) async fn keep(logs: Logs, floors: Floors, everybody: Option<Everybody>, stop: CancellationToken) {
    while stop.run_until_cancelled(tokio::time::sleep(EVERY)).await.is_some() {
        let found = match &everybody {
            Some(everybody) => everybody.keep_from(&floors).await,
            None => Ok(floors.keep_from()),
        };
        let (events, outputs) = match found {
            Ok(found) => found,
            Err(e) => {
                tracing::warn!(error = e.chain(), "what others still need is not known, retention waits");
                continue;
            }
        };
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
