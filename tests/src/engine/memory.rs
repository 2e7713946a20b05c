//! Both logs in memory, and what stands in them.

use std::sync::Arc;

use floodmark_connectors::clock::TokioClock;
use floodmark_engine::ingest::Logs;
use floodmark_schemas::{DeadLetter, Timestamp, subject};

use super::chain::entries;
use super::faulty::Faulty;
use super::lives::memory_log;

/// Two empty logs whose time begins at 1,000 s.
pub fn logs() -> Logs {
    let clock = Arc::new(TokioClock::starting_at(Timestamp::from_secs(1_000)));
    Logs { events: memory_log(clock.clone()), outputs: memory_log(clock) }
}

/// The same logs with an event log that fails when it is told to.
pub fn with_faults(logs: &Logs) -> (Arc<Faulty>, Logs) {
    let faulty = Arc::new(Faulty::new(logs.events.clone()));
    (faulty.clone(), Logs { events: faulty, ..logs.clone() })
}

/// The dead letters in order.
///
/// # Panics
/// When one cannot be read.
pub async fn dead_letters(logs: &Logs) -> Vec<DeadLetter> {
    let read = |body: &[u8]| serde_json::from_slice(body).expect("a dead letter is JSON");
    entries(&*logs.outputs, subject::DEAD).await.iter().map(|entry| read(&entry.body)).collect()
}
