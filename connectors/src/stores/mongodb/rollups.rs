//! The sink of outputs: rollups by their highest revision.

use std::sync::Arc;

use ::mongodb::bson::{Document, RawArrayBuf, RawDocumentBuf, cstr, doc};
use async_trait::async_trait;
use floodmark_core::ports::log::dead_letter_entry;
use floodmark_core::ports::{Entry, Expect, Log, Position, Sink, Standing};
use floodmark_core::{Error, Result};
use floodmark_schemas::DeadLetter;

use super::error::{Doing, UNAUTHORIZED, kind_of_code};
use super::plan::{Plan, Planned};
use super::position::{self, Turn};
use super::{Store, error};
use crate::stores::embedded::dead_letters;

/// The most documents in one command.
const STATEMENTS_MAX: usize = 1_000;
/// The most bytes of statements in one command, beside the first. A message has at most 48 MB, a statement 16 MiB.
const COMMAND_BYTES_MAX: usize = 8 * 1024 * 1024;
/// The collection refuses the document: by its validator, as too large, or because of an index somebody added.
const REFUSED: [i32; 4] = [121, 10_334, 17_280, error::DUPLICATE_KEY];

/// Keeps the rollups in the commits of `floodmark.outputs.>`, one document for each operator, series and window.
///
/// A rollup replaces one of a lower revision and is ignored beside one of the same or a higher revision. One of another
/// definition of the operator is replaced. Late events and claims are passed. An entry that cannot be read or written
/// becomes a dead letter in the output log before the position moves.
pub struct Rollups {
    store: Store,
    sink: String,
    outputs: Arc<dyn Log>,
}

impl Rollups {
    /// A sink that keeps its position under the name `sink` and appends dead letters to the log `outputs`.
    pub fn new(store: Store, sink: impl Into<String>, outputs: Arc<dyn Log>) -> Self {
        Self { store, sink: sink.into(), outputs }
    }

    /// Writes what a plan holds; gives the letters of what the server refused.
    async fn documents(&self, rounds: &[Vec<Planned>], entries: &[Entry]) -> Result<Vec<DeadLetter>> {
        let mut letters = Vec::new();
        for round in rounds {
            let mut rest = round.as_slice();
            while !rest.is_empty() {
                let (part, following) = rest.split_at(one_command(rest));
                for (index, e) in self.update(part).await? {
                    letters.push(dead_letters::of_entry(&self.sink, &entries[part[index].entry], &e));
                }
                rest = following;
            }
        }
        Ok(letters)
    }

    /// Writes documents with one command; gives the ones that were refused.
    async fn update(&self, part: &[Planned]) -> Result<Vec<(usize, Error)>> {
        let store = &self.store;
        let mut updates = RawArrayBuf::new();
        part.iter().for_each(|planned| updates.push(planned.statement.clone()));
        let timeout_ms = i64::try_from(store.inner.config.write_timeout.0.as_millis()).unwrap_or(i64::MAX);
        let durable = doc! { "w": "majority", "j": true, "wtimeout": timeout_ms };
        let mut command = RawDocumentBuf::new();
        command.append(cstr!("update"), store.inner.config.collection.as_str());
        command.append(cstr!("updates"), updates);
        command.append(cstr!("ordered"), false);
        command.append(cstr!("writeConcern"), RawDocumentBuf::try_from(&durable).expect("it is a small document"));
        let answer = within(store, async { store.inner.database.run_raw_command(command).await.doing("writing rollups to MongoDB") });
        refused(&answer.await?)
    }

    async fn set_aside(&self, letters: &[DeadLetter]) -> Result<()> {
        let entries = letters.iter().map(dead_letter_entry).collect::<Result<Vec<_>>>()?;
        if !entries.is_empty() {
            self.outputs.append(entries, Expect::Anything).await?;
        }
        Ok(())
    }
}

/// How many of the planned documents one command takes.
fn one_command(planned: &[Planned]) -> usize {
    let mut bytes = 0;
    let fits = planned.iter().take(STATEMENTS_MAX).take_while(|planned| {
        bytes += planned.statement.as_bytes().len();
        bytes <= COMMAND_BYTES_MAX
    });
    fits.count().max(1)
}

/// Reads the answer to the command `update`.
fn refused(answer: &Document) -> Result<Vec<(usize, Error)>> {
    if let Ok(failed) = answer.get_document("writeConcernError") {
        let why = failed.get_str("errmsg").unwrap_or("no reason given").to_owned();
        return Err(Error::unavailable("waiting until a majority of the MongoDB servers has the rollups").because(why));
    }
    let mut refused = Vec::new();
    for failed in answer.get_array("writeErrors").into_iter().flatten().filter_map(|e| e.as_document()) {
        let code = failed.get_i32("code").unwrap_or_default();
        let why = format!("{} (code {code})", failed.get_str("errmsg").unwrap_or("no reason given"));
        let index = failed.get_i32("index").ok().and_then(|index| usize::try_from(index).ok());
        match index {
            Some(index) if REFUSED.contains(&code) && !of_id(failed) => {
                refused.push((index, Error::rejected("writing a rollup to MongoDB").because(why)))
            }
            // Somebody else made the document at the same moment: the next time it is there to be compared.
            _ if code == error::DUPLICATE_KEY => {
                return Err(Error::unavailable("writing a rollup to MongoDB while somebody else does").because(why));
            }
            _ if code == UNAUTHORIZED => {
                return Err(Error::broken("writing rollups to MongoDB; give the user the role readWrite on the database").because(why));
            }
            _ => return Err(Error::new(kind_of_code(code), "writing rollups to MongoDB").because(why)),
        }
    }
    Ok(refused)
}

/// Whether a duplicate key is that of the document itself.
fn of_id(failed: &Document) -> bool {
    failed.get_document("keyPattern").is_ok_and(|key| key.contains_key("_id"))
}

/// Runs `work` within the time that a write may take.
pub(super) async fn within<T>(store: &Store, work: impl Future<Output = Result<T>>) -> Result<T> {
    let timeout = store.inner.config.write_timeout;
    let late = |_| Err(Error::unavailable(format!("waiting for MongoDB, which did not answer within {timeout} (`write_timeout`)")));
    tokio::time::timeout(timeout.0, work).await.unwrap_or_else(late)
}

#[async_trait]
impl Sink for Rollups {
    async fn standing(&self) -> Result<Standing> {
        position::of(&self.store, &self.sink).await
    }

    async fn write(&self, entries: &[Entry], from: Position, to: Position) -> Result<()> {
        if position::turn(&self.store, &self.sink, from, to).await? == Turn::Done {
            return Ok(());
        }
        let mut plan = Plan::of(&self.sink, entries);
        plan.letters.extend(self.documents(&plan.rounds, entries).await?);
        self.set_aside(&plan.letters).await?;
        position::advance(&self.store, &self.sink, entries, from, to).await
    }
}
