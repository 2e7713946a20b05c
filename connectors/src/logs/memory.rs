//! A log in memory: the only fake there is, held to the same conformance suite as the durable ones.
//!
//! What it holds is lost with the last clone of it; a clone is the same log, so a test keeps one while "restarting" what
//! uses it. It needs no runtime and no real time: it works when tokio's time is paused.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use floodmark_core::ports::{
    Appended, Clock, Continuity, Entry, Expect, Limit, Log as LogPort, NewEntry, Position, Reader as ReaderPort, Size,
};
use floodmark_core::{Error, Result};
use floodmark_schemas::{Timestamp, subject};
use tokio::sync::watch;

use super::Options;
use super::newest::Page;

/// A log in memory. Clones share what it holds.
#[derive(Clone)]
pub struct Log {
    shared: Arc<Shared>,
}

struct Shared {
    options: Options,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    tail: watch::Sender<Position>,
}

struct State {
    created: Timestamp,
    time: Timestamp,
    tail: u64,
    entries: BTreeMap<u64, Entry>,
    bytes: u64,
    /// Positions of each subject in order.
    subjects: BTreeMap<String, VecDeque<u64>>,
    /// Ids within the duplicate window, and in order of time.
    ids: HashMap<String, Position>,
    ids_by_time: VecDeque<(Timestamp, String)>,
}

impl Log {
    /// A new, empty log.
    pub fn new(options: Options, clock: Arc<dyn Clock>) -> Self {
        let created = clock.now();
        let state = State {
            created,
            time: created,
            tail: 0,
            entries: BTreeMap::new(),
            bytes: 0,
            subjects: BTreeMap::new(),
            ids: HashMap::new(),
            ids_by_time: VecDeque::new(),
        };
        Self { shared: Arc::new(Shared { options, clock, state: Mutex::new(state), tail: watch::Sender::new(Position::START) }) }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn last(&self, subject: &str) -> Position {
        Position(self.subjects.get(subject).and_then(|positions| positions.back().copied()).unwrap_or(0))
    }

    fn forget_ids(&mut self, window: std::time::Duration) {
        let oldest = self.time.micros() - window.as_micros() as i64;
        while self.ids_by_time.front().is_some_and(|(time, _)| time.micros() < oldest) {
            let (_, id) = self.ids_by_time.pop_front().expect("there is a front");
            self.ids.remove(&id);
        }
    }

    fn store(&mut self, new: NewEntry) -> Appended {
        if let Some(position) = new.id.as_ref().and_then(|id| self.ids.get(id)) {
            return Appended { position: *position, duplicate: true };
        }
        self.tail += 1;
        let position = Position(self.tail);
        if let Some(id) = &new.id {
            self.ids.insert(id.clone(), position);
            self.ids_by_time.push_back((self.time, id.clone()));
        }
        self.subjects.entry(new.subject.clone()).or_default().push_back(position.0);
        self.bytes += new.body.len() as u64;
        let NewEntry { subject, id, headers, body } = new;
        self.entries.insert(position.0, Entry { position, time: self.time, subject, id, headers, body });
        Appended { position, duplicate: false }
    }

    fn delete(&mut self, position: u64) {
        let Some(entry) = self.entries.remove(&position) else { return };
        self.bytes -= entry.body.len() as u64;
        if let Some(positions) = self.subjects.get_mut(&entry.subject)
            && let Ok(index) = positions.binary_search(&position)
        {
            positions.remove(index);
        }
    }
}

#[async_trait]
impl LogPort for Log {
    async fn append(&self, entries: Vec<NewEntry>, expect: Expect) -> Result<Vec<Appended>> {
        self.shared.options.check(&entries)?;
        if entries.is_empty() {
            return Ok(Vec::new());
        }
        let (appended, tail) = {
            let mut state = self.shared.state();
            state.time = state.time.max(self.shared.clock.now());
            state.forget_ids(self.shared.options.duplicate_window);
            let known = |entry: &NewEntry| Ok::<_, Error>(entry.id.as_ref().and_then(|id| state.ids.get(id).copied()));
            for (first, expected) in expect.checks(&entries, known)? {
                let found = state.last(&first.subject);
                if found != expected {
                    return Err(Error::conflict(format!("appending to {} after {expected}: its last entry is {found}", first.subject)));
                }
            }
            let appended = entries.into_iter().map(|entry| state.store(entry)).collect();
            (appended, Position(state.tail))
        };
        self.shared.tail.send_if_modified(|known| std::mem::replace(known, tail.max(*known)) < tail);
        Ok(appended)
    }

    async fn reader(&self, patterns: Vec<String>, after: Position) -> Result<Box<dyn ReaderPort>> {
        Ok(Box::new(Reader { shared: self.shared.clone(), tail: self.shared.tail.subscribe(), patterns, after }))
    }

    async fn last(&self, subject: &str) -> Result<Option<Entry>> {
        let state = self.shared.state();
        Ok(state.entries.get(&state.last(subject).0).cloned())
    }

    async fn get(&self, position: Position) -> Result<Option<Entry>> {
        Ok(self.shared.state().entries.get(&position.0).cloned())
    }

    async fn continuity(&self) -> Result<Continuity> {
        let state = self.shared.state();
        let first = state.entries.keys().next().copied().unwrap_or(state.tail + 1);
        Ok(Continuity { created: state.created, first: Position(first), tail: Position(state.tail) })
    }

    async fn purge(&self, subject: &str, before: Position) -> Result<u64> {
        let mut state = self.shared.state();
        let Some(positions) = state.subjects.get(subject) else { return Ok(0) };
        let old: Vec<u64> = positions.iter().copied().take_while(|p| *p < before.0).collect();
        old.iter().for_each(|position| state.delete(*position));
        Ok(old.len() as u64)
    }

    async fn size(&self) -> Result<Option<Size>> {
        let retention_bytes = Some(self.shared.options.retention.bytes_max);
        Ok(Some(Size { bytes: self.shared.state().bytes, retention_bytes, bytes_max: None }))
    }

    async fn retain(&self, keep_from: Position) -> Result<u64> {
        let retention = self.shared.options.retention;
        let mut state = self.shared.state();
        state.time = state.time.max(self.shared.clock.now());
        let oldest = state.time.micros() - i64::try_from(retention.age_max.as_micros()).unwrap_or(i64::MAX / 2);
        let mut deleted = 0;
        while let Some((position, entry)) = state.entries.first_key_value().map(|(p, e)| (*p, e)) {
            if position >= keep_from.0 || (entry.time.micros() >= oldest && state.bytes <= retention.bytes_max) {
                break;
            }
            state.delete(position);
            deleted += 1;
        }
        Ok(deleted)
    }
}

struct Reader {
    shared: Arc<Shared>,
    tail: watch::Receiver<Position>,
    patterns: Vec<String>,
    after: Position,
}

impl Reader {
    fn take(&mut self, limit: Limit) -> Vec<Entry> {
        let state = self.shared.state();
        let mut page = Page::new(limit);
        let upto = limit.until.map_or(state.tail, |until| until.0.min(state.tail)).max(self.after.0);
        for (position, entry) in state.entries.range(self.after.0.saturating_add(1)..) {
            if *position > upto {
                break;
            }
            self.after = Position(*position);
            if self.patterns.iter().any(|pattern| subject::matches(pattern, &entry.subject)) && page.push(entry.clone()) {
                return page.entries;
            }
        }
        self.after = Position(upto);
        page.entries
    }
}

#[async_trait]
impl ReaderPort for Reader {
    async fn next(&mut self, limit: Limit) -> Result<Vec<Entry>> {
        loop {
            self.tail.borrow_and_update();
            let entries = self.take(limit);
            if !entries.is_empty() || limit.until.is_some_and(|until| self.after >= until) {
                return Ok(entries);
            }
            self.tail.changed().await.map_err(|e| Error::unavailable("reading a log that was closed").because(e))?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::testing::ManualClock;
    use floodmark_core::conformance::log::{Capabilities, Fixture, Settings};
    use std::time::Duration;

    struct InMemory {
        log: Log,
        clock: Arc<ManualClock>,
    }

    async fn make(settings: Settings) -> InMemory {
        let clock = Arc::new(ManualClock::default());
        let Settings { retention, duplicate_window } = settings;
        let options = Options { retention, duplicate_window, entry_bytes_max: 1 << 20, ..Options::default() };
        InMemory { log: Log::new(options, clock.clone()), clock }
    }

    #[async_trait]
    impl Fixture for InMemory {
        fn capabilities(&self) -> Capabilities {
            Capabilities { atomic_append: true, exact_time: true, entry_bytes_max: 1 << 20 }
        }

        async fn open(&self) -> Arc<dyn LogPort> {
            Arc::new(self.log.clone())
        }

        async fn advance(&self, by: Duration) {
            self.clock.advance(by);
        }
    }

    floodmark_core::log_conformance_tests!(
        #[tokio::test(start_paused = true)]
        make
    );
}
