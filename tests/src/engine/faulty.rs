//! A log that fails when a test says so, and that lets others run between any two steps.

use std::collections::{BTreeSet, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use floodmark_core::ports::{Appended, Continuity, Entry, Expect, Limit, Log, NewEntry, Position, Reader};
use floodmark_core::{Error, Result};
use tokio::sync::watch;
use tokio::task::yield_now;

/// What goes wrong with an append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// It is refused as `Unavailable`, and nothing is stored.
    Before,
    /// It is stored, and the answer says `Unavailable`.
    After,
    /// So many entries of it are stored, and the answer says `Unavailable`: what logs may do that are not atomic.
    Prefix(usize),
}

/// Passes everything on to a log, with faults. Appends and reads give way once before and once after they work, so that
/// a test can drop their future at either point.
pub struct Faulty {
    log: Arc<dyn Log>,
    appends: Mutex<VecDeque<Fault>>,
    /// How many reads work before one fails.
    reads: Arc<Mutex<VecDeque<usize>>>,
    /// Entries that the next reader passes over that comes to them.
    passed_over: Arc<Mutex<BTreeSet<Position>>>,
    read_entries_max: usize,
    asked: AtomicUsize,
    gate: watch::Sender<bool>,
}

impl Faulty {
    /// `log` without faults so far.
    pub fn new(log: Arc<dyn Log>) -> Self {
        let gate = watch::Sender::new(true);
        let (appends, reads, asked) = (Mutex::default(), Arc::default(), AtomicUsize::new(0));
        Self { log, appends, reads, passed_over: Arc::default(), read_entries_max: usize::MAX, asked, gate }
    }

    /// The same, but reads give at most this many entries at once.
    #[must_use]
    pub fn reading_at_most(self, entries: usize) -> Self {
        Self { read_entries_max: entries.max(1), ..self }
    }

    /// What becomes of the next appends.
    pub fn appends(&self, faults: impl IntoIterator<Item = Fault>) {
        self.appends.lock().unwrap_or_else(PoisonError::into_inner).extend(faults);
    }

    /// After each of these numbers of reads that work, one fails.
    pub fn reads(&self, work: impl IntoIterator<Item = usize>) {
        self.reads.lock().unwrap_or_else(PoisonError::into_inner).extend(work);
    }

    /// The next reader that comes to one of these passes it over, and no other.
    pub fn passes_over(&self, positions: impl IntoIterator<Item = Position>) {
        self.passed_over.lock().unwrap_or_else(PoisonError::into_inner).extend(positions);
    }

    /// How many appends were asked for.
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }

    /// From now on appends wait and are not answered.
    pub fn hang(&self) {
        self.gate.send_replace(false);
    }

    /// Appends that wait are answered, and later ones too.
    pub fn answer(&self) {
        self.gate.send_replace(true);
    }
}

fn lost() -> Error {
    Error::unavailable("appending to a log that is made to fail")
}

#[async_trait]
impl Log for Faulty {
    async fn append(&self, mut entries: Vec<NewEntry>, expect: Expect) -> Result<Vec<Appended>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.gate.subscribe().wait_for(|open| *open).await.map_err(|e| lost().because(e))?;
        yield_now().await;
        let fault = self.appends.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        let answer = match fault.unwrap_or(Fault::None) {
            Fault::None => self.log.append(entries, expect).await,
            Fault::Before => Err(lost()),
            Fault::After => self.log.append(entries, expect).await.and(Err(lost())),
            Fault::Prefix(stored) => {
                entries.truncate(stored);
                self.log.append(entries, expect).await.and(Err(lost()))
            }
        };
        yield_now().await;
        answer
    }

    async fn reader(&self, patterns: Vec<String>, after: Position) -> Result<Box<dyn Reader>> {
        let (faults, passed_over, entries_max) = (self.reads.clone(), self.passed_over.clone(), self.read_entries_max);
        Ok(Box::new(FaultyReader { reader: self.log.reader(patterns, after).await?, faults, passed_over, entries_max }))
    }

    async fn last(&self, subject: &str) -> Result<Option<Entry>> {
        yield_now().await;
        self.log.last(subject).await
    }

    async fn get(&self, position: Position) -> Result<Option<Entry>> {
        yield_now().await;
        self.log.get(position).await
    }

    async fn continuity(&self) -> Result<Continuity> {
        self.log.continuity().await
    }

    async fn purge(&self, subject: &str, before: Position) -> Result<u64> {
        yield_now().await;
        self.log.purge(subject, before).await
    }

    async fn retain(&self, keep_from: Position) -> Result<u64> {
        self.log.retain(keep_from).await
    }
}

struct FaultyReader {
    reader: Box<dyn Reader>,
    faults: Arc<Mutex<VecDeque<usize>>>,
    passed_over: Arc<Mutex<BTreeSet<Position>>>,
    entries_max: usize,
}

impl FaultyReader {
    fn fails(&self) -> bool {
        let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        match faults.front_mut() {
            None => return false,
            Some(0) => {}
            Some(left) => {
                *left -= 1;
                return false;
            }
        }
        faults.pop_front();
        true
    }
}

#[async_trait]
impl Reader for FaultyReader {
    async fn next(&mut self, limit: Limit) -> Result<Vec<Entry>> {
        yield_now().await;
        if self.fails() {
            return Err(Error::unavailable("reading a log that is made to fail"));
        }
        loop {
            let mut entries = self.reader.next(Limit { entries: limit.entries.min(self.entries_max), ..limit }).await?;
            let read = entries.len();
            let mut passed_over = self.passed_over.lock().unwrap_or_else(PoisonError::into_inner);
            entries.retain(|entry| !passed_over.remove(&entry.position));
            // None at all would say that the log has ended.
            if !entries.is_empty() || read == 0 {
                return Ok(entries);
            }
        }
    }
}
