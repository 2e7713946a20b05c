//! Answers about dead letters straight from their stream in a log, for installations that keep no table of them.
//!
//! A question reads the whole stream, as far as the log still holds it: dead letters are few. Of letters with the same
//! component and id the first one counts.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use floodmark_core::ports::{DeadLetterQuery, Entry, Limit, Log, Page, Position};
use floodmark_core::{Error, Result};
use floodmark_schemas::{DeadLetter, Timestamp, subject};
use foldhash::fast::FixedState;
use hashbrown::HashSet;

use super::embedded::dead_letters::of_entry;
use super::embedded::query::token::{self, Tokens};

/// The most answers on a page; a larger limit is cut to it.
pub const PAGE_MAX: usize = 10_000;

/// The component of letters about entries of the stream that cannot be read themselves.
const COMPONENT: &str = "dead-letters";

/// Answers from the stream of dead letters in `log`.
#[derive(Clone)]
pub struct LogLetters {
    log: Arc<dyn Log>,
}

/// The order of the answers: newest first, then by component and id.
type Place = (std::cmp::Reverse<Timestamp>, String, String);

fn place(letter: &DeadLetter) -> Place {
    (std::cmp::Reverse(letter.time), letter.component.clone(), letter.id.clone())
}

fn letter(entry: &Entry) -> DeadLetter {
    serde_json::from_slice(&entry.body).unwrap_or_else(|e| of_entry(COMPONENT, entry, &Error::rejected("reading a dead letter").because(e)))
}

impl LogLetters {
    /// Answers from the log that holds the stream of dead letters.
    pub fn new(log: Arc<dyn Log>) -> Self {
        Self { log }
    }

    /// Shows the first letter of each id, in the order of the log, until `look` has seen enough.
    async fn each(&self, mut look: impl FnMut(Position, DeadLetter) -> Seen + Send) -> Result<()> {
        let mut reader = self.log.reader(vec![subject::DEAD.to_owned()], Position::START).await?;
        let limit = Limit { until: Some(self.log.continuity().await?.tail), ..Limit::default() };
        let mut known: HashSet<(String, String), FixedState> = HashSet::default();
        loop {
            let entries = reader.next(limit).await?;
            if entries.is_empty() {
                return Ok(());
            }
            for entry in &entries {
                let letter = letter(entry);
                let first = known.insert((letter.component.clone(), letter.id.clone()));
                if first && look(entry.position, letter) == Seen::Enough {
                    return Ok(());
                }
            }
        }
    }
}

/// Whether to go on.
#[derive(PartialEq, Eq)]
enum Seen {
    More,
    Enough,
}

#[async_trait]
impl DeadLetterQuery for LogLetters {
    async fn dead_letters(&self, component: Option<&str>, after: Option<&str>, limit: usize) -> Result<Page<DeadLetter>> {
        let limit = limit.clamp(1, PAGE_MAX);
        let tokens = Tokens::of("l1", &component);
        let after = match after {
            None => None,
            Some(text) => {
                let [position] = tokens.read(text)?;
                let position = Position(token::number(text, position)?.cast_unsigned());
                let entry = self.log.get(position).await?.filter(|entry| subject::matches(subject::DEAD, &entry.subject));
                Some(place(&letter(&entry.ok_or_else(|| token::invalid(text))?)))
            }
        };
        // The page and one more: that tells whether there is another.
        let mut found: BTreeMap<Place, (Position, DeadLetter)> = BTreeMap::new();
        self.each(|position, letter| {
            let here = place(&letter);
            if component.is_none_or(|component| component == letter.component) && after.as_ref().is_none_or(|after| here > *after) {
                found.insert(here, (position, letter));
                if found.len() > limit + 1 {
                    found.pop_last();
                }
            }
            Seen::More
        })
        .await?;
        let more = found.len() > limit;
        let mut rows: Vec<(Position, DeadLetter)> = found.into_values().collect();
        rows.truncate(limit);
        let next = rows.last().filter(|_| more).map(|(position, _)| tokens.write(&[position]));
        Ok(Page { items: rows.into_iter().map(|(_, letter)| letter).collect(), next })
    }

    async fn dead_letter(&self, component: &str, id: &str) -> Result<Option<DeadLetter>> {
        let mut found = None;
        self.each(|_, letter| {
            if letter.component != component || letter.id != id {
                return Seen::More;
            }
            found = Some(letter);
            Seen::Enough
        })
        .await?;
        Ok(found)
    }
}

#[cfg(test)]
mod tests;
