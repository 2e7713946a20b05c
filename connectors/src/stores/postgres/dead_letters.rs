//! The sink of dead letters, and how any sink sets something aside.

use async_trait::async_trait;
use deadpool_postgres::Transaction;
use floodmark_core::ports::{Entry, Position, Sink, Standing};
use floodmark_core::{Error, Result};
use floodmark_schemas::DeadLetter;
use twox_hash::XxHash3_128;

use super::error::Doing;
use super::position::{self, Turn};
use super::times::Time;
use super::{Store, begin, commit, text};

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
        position::read(&self.store, &self.sink).await
    }

    async fn write(&self, entries: &[Entry], from: Position, to: Position) -> Result<()> {
        let letters = entries.iter().map(|entry| match serde_json::from_slice::<DeadLetter>(&entry.body) {
            Ok(letter) => letter,
            Err(e) => of_entry(&self.sink, entry, &Error::rejected("reading a dead letter").because(e)),
        });
        let letters: Vec<DeadLetter> = letters.collect();
        let mut client = self.store.client().await?;
        let transaction = begin(&mut client).await?;
        if position::advance(&transaction, &self.sink, entries, from, to).await? == Turn::Done {
            return Ok(());
        }
        insert(&transaction, &letters).await?;
        commit(&self.store, transaction, &self.sink, to).await
    }
}

/// The dead letter of an entry that `sink` cannot read. The same entry gives the same letter.
pub(super) fn of_entry(sink: &str, entry: &Entry, error: &Error) -> DeadLetter {
    let id = format!("{}-{}", entry.position, entry.fingerprint());
    let origin = format!("entry {} on {}", entry.position, entry.subject);
    DeadLetter::new(sink, id, origin, error.chain(), entry.time, &entry.body)
}

/// What names a letter: ids may be longer than an index takes.
pub(super) fn identity(component: &str, id: &str) -> Vec<u8> {
    let mut hasher = XxHash3_128::new();
    hasher.write(component.as_bytes());
    hasher.write(&[0]);
    hasher.write(id.as_bytes());
    hasher.finish_128().to_be_bytes().to_vec()
}

/// Adds dead letters; one that is there stays as it is.
pub(super) async fn insert(transaction: &Transaction<'_>, letters: &[DeadLetter]) -> Result<()> {
    let doing = "adding a dead letter";
    if letters.is_empty() {
        return Ok(());
    }
    let sql = "INSERT INTO dead_letter (identity, component, id, origin, reason, time, time_us, original) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (identity) DO NOTHING";
    let statement = transaction.prepare_cached(sql).await.doing(doing)?;
    for DeadLetter { id, component, origin, reason, time, original } in letters {
        let identity = identity(component, id);
        let [component, id, origin, reason, original] = [component, id, origin, reason, original].map(|t| text::held(t));
        let values: [&(dyn tokio_postgres::types::ToSql + Sync); 8] =
            [&identity, &component, &id, &origin, &reason, &Time(*time), &time.micros(), &original];
        transaction.execute(&statement, &values).await.doing(doing)?;
    }
    Ok(())
}
