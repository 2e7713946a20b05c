//! Writing planned documents into a collection, then the position; what cannot be written is set aside first.

use std::sync::Arc;

use ::mongodb::bson::{Document, RawArrayBuf, RawDocumentBuf, cstr, doc};
use floodmark_core::ports::log::dead_letter_entry;
use floodmark_core::ports::{Entry, Expect, Log, Position, Standing};
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

/// A sink into one collection of the store.
pub(super) struct Writing {
    pub(super) store: Store,
    /// The name under which the position is kept.
    pub(super) sink: String,
    /// Where dead letters go.
    pub(super) outputs: Arc<dyn Log>,
    pub(super) collection: String,
    /// What the documents are called in errors.
    pub(super) what: &'static str,
}

impl Writing {
    /// Where the sink stands.
    pub(super) async fn standing(&self) -> Result<Standing> {
        position::of(&self.store, &self.sink).await
    }

    /// Writes `entries` as `plan` says for a sink of this name.
    pub(super) async fn write(
        &self,
        entries: &[Entry],
        from: Position,
        to: Position,
        plan: impl FnOnce(&str, &[Entry]) -> Plan,
    ) -> Result<()> {
        let Turn::Write(mut sets) = position::turn(&self.store, &self.sink, from, to).await? else { return Ok(()) };
        let mut plan = plan(&self.sink, entries);
        plan.letters.extend(self.documents(&plan.documents, entries).await?);
        self.set_aside(&plan.letters).await?;
        let changed = entries.iter().fold(false, |changed, entry| sets.note(entry) | changed);
        let sink = (self.sink.as_str(), self.collection.as_str());
        position::advance(&self.store, sink, entries, (from, to), changed.then_some(&sets)).await
    }

    /// Writes what a plan holds; gives the letters of what the server refused.
    async fn documents(&self, mut rest: &[Planned], entries: &[Entry]) -> Result<Vec<DeadLetter>> {
        let mut letters = Vec::new();
        while !rest.is_empty() {
            let (part, following) = rest.split_at(one_command(rest));
            for (index, e) in self.update(part).await? {
                letters.push(dead_letters::of_entry(&self.sink, &entries[part[index].entry], &e));
            }
            rest = following;
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
        command.append(cstr!("update"), self.collection.as_str());
        command.append(cstr!("updates"), updates);
        command.append(cstr!("ordered"), false);
        command.append(cstr!("writeConcern"), RawDocumentBuf::try_from(&durable).expect("it is a small document"));
        let answer = within(store, async { store.inner.database.run_raw_command(command).await.doing(&self.doing()) });
        self.refused(&answer.await?)
    }

    fn doing(&self) -> String {
        format!("writing {} to MongoDB", self.what)
    }

    /// Reads the answer to the command `update`.
    fn refused(&self, answer: &Document) -> Result<Vec<(usize, Error)>> {
        if let Ok(failed) = answer.get_document("writeConcernError") {
            let why = failed.get_str("errmsg").unwrap_or("no reason given").to_owned();
            return Err(Error::unavailable(format!("waiting until a majority of the MongoDB servers has the {}", self.what)).because(why));
        }
        let mut refused = Vec::new();
        for failed in answer.get_array("writeErrors").into_iter().flatten().filter_map(|e| e.as_document()) {
            let code = failed.get_i32("code").unwrap_or_default();
            let why = format!("{} (code {code})", failed.get_str("errmsg").unwrap_or("no reason given"));
            let index = failed.get_i32("index").ok().and_then(|index| usize::try_from(index).ok());
            match index {
                Some(index) if REFUSED.contains(&code) && !of_id(failed) => {
                    refused.push((index, Error::rejected(self.doing()).because(why)))
                }
                // Somebody else made the document at the same moment: the next time it is there to be compared.
                _ if code == error::DUPLICATE_KEY => {
                    return Err(Error::unavailable(format!("{} while somebody else does", self.doing())).because(why));
                }
                _ if code == UNAUTHORIZED => {
                    return Err(Error::broken(format!("{}; give the user the role readWrite on the database", self.doing())).because(why));
                }
                _ => return Err(Error::new(kind_of_code(code), self.doing()).because(why)),
            }
        }
        Ok(refused)
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
