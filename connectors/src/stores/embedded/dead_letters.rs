//! The sink of dead letters, and how any sink sets an entry aside.

use async_trait::async_trait;
use floodmark_core::ports::{Entry, Position, Sink, Standing};
use floodmark_core::{Error, Result};
use floodmark_schemas::DeadLetter;
use rusqlite::{Transaction, params};

use super::error::Doing;
use super::position::{self, Turn};
use super::{Inner, Store};

/// Keeps the entries of `floodmark.dead.>` in the table `dead_letter`.
pub struct DeadLetters {
    store: Store,
    sink: String,
}

impl DeadLetters {
    /// A sink that keeps its position under the name `sink`.
    pub fn new(store: Store, sink: impl Into<String>) -> Self {
        Self { store, sink: sink.into() }
    }
}

#[async_trait]
impl Sink for DeadLetters {
    async fn standing(&self) -> Result<Standing> {
        let sink = self.sink.clone();
        self.store.read(move |snapshot| position::of(snapshot, &sink)).await
    }

    async fn write(&self, entries: &[Entry], from: Position, to: Position) -> Result<()> {
        let (sink, entries) = (self.sink.clone(), entries.to_vec());
        self.store.blocking(move |inner| write(inner, &sink, &entries, from, to)).await
    }
}

fn write(inner: &Inner, sink: &str, entries: &[Entry], from: Position, to: Position) -> Result<()> {
    let letters = entries.iter().map(|entry| match serde_json::from_slice::<DeadLetter>(&entry.body) {
        Ok(letter) => letter,
        Err(e) => of_entry(sink, entry, &Error::rejected("reading a dead letter").because(e)),
    });
    let letters: Vec<DeadLetter> = letters.collect();
    inner.transaction(|transaction, _| match position::advance(transaction, sink, entries, from, to)? {
        Turn::Write => letters.iter().try_for_each(|letter| insert(transaction, letter)),
        Turn::Done => Ok(()),
    })
}

/// The dead letter of an entry that `sink` cannot read. The same entry gives the same letter.
pub(in crate::stores) fn of_entry(sink: &str, entry: &Entry, error: &Error) -> DeadLetter {
    let id = format!("{}-{}", entry.position, entry.fingerprint());
    let origin = format!("entry {} on {}", entry.position, entry.subject);
    DeadLetter::new(sink, id, origin, error.chain(), entry.time, &entry.body)
}

/// Adds a dead letter; one that is there stays as it is.
pub(super) fn insert(transaction: &Transaction<'_>, letter: &DeadLetter) -> Result<()> {
    let sql = "INSERT INTO dead_letter (component, id, origin, reason, time_us, original) VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
               ON CONFLICT (component, id) DO NOTHING";
    let mut statement = transaction.prepare_cached(sql).doing("adding a dead letter")?;
    let DeadLetter { id, component, origin, reason, time, original } = letter;
    statement.execute(params![component, id, origin, reason, time.micros(), original]).doing("adding a dead letter")?;
    Ok(())
}
