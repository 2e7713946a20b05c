//! The log: an ordered, durable sequence of entries.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use floodmark_schemas::{DeadLetter, Headers, Timestamp, subject};

use crate::{Error, Result};

/// The place of an entry in a log, from 1. 0 is before the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(pub u64);

impl Position {
    /// Before the first entry.
    pub const START: Self = Self(0);
}

impl std::fmt::Display for Position {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// An entry to be appended.
#[derive(Clone, Debug)]
pub struct NewEntry {
    /// Where it goes; see [`floodmark_schemas::subject`].
    pub subject: String,
    /// For deduplication: a second entry with this id within the log's window is not stored again.
    pub id: Option<String>,
    /// Its headers.
    pub headers: Headers,
    /// Its body.
    pub body: Bytes,
}

/// The header of a dead letter's entry that says of what class its reason is ([`DeadLetter::class`]).
pub const REASON_CLASS: &str = "Floodmark-Reason-Class";

/// A dead letter as it goes into the output log. Appending it again stores nothing more.
///
/// # Errors
/// `Broken` when it cannot be written as JSON.
pub fn dead_letter_entry(letter: &DeadLetter) -> Result<NewEntry> {
    let mut headers = Headers::default();
    headers.set("Content-Type", "application/json");
    headers.set("Floodmark-Schema", "floodmark.dead-letter.v1");
    headers.set(REASON_CLASS, letter.class().name());
    Ok(NewEntry {
        subject: subject::dead(&letter.component),
        id: Some(format!("dead.{}.{}", letter.component, letter.id)),
        headers,
        body: serde_json::to_vec(letter).map_err(|e| Error::broken("writing a dead letter as JSON").because(e))?.into(),
    })
}

/// A stored entry.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its place.
    pub position: Position,
    /// When the log stored it: log time. Never goes backwards within a log.
    pub time: Timestamp,
    /// Where it went.
    pub subject: String,
    /// The id it was given.
    pub id: Option<String>,
    /// Its headers.
    pub headers: Headers,
    /// Its body.
    pub body: Bytes,
}

impl Entry {
    /// A hash of log time and body (XXH3, 64 bits, as hex): what tells this entry from another one that came to stand
    /// at its position.
    pub fn fingerprint(&self) -> String {
        let mut hasher = twox_hash::XxHash3_64::new();
        std::hash::Hasher::write(&mut hasher, &self.time.micros().to_le_bytes());
        std::hash::Hasher::write(&mut hasher, &self.body);
        format!("{:016x}", std::hash::Hasher::finish(&hasher))
    }
}

/// What must hold for an append.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expect {
    /// Nothing.
    Anything,
    /// The last entry of the (first) entry's subject stands at this position; [`Position::START`] when there must be
    /// none. Otherwise the append fails with [`crate::Kind::Conflict`] and nothing is stored.
    LastOnSubject(Position),
    /// The same for each of these subjects, on which entries of the append go.
    LastOnSubjects(BTreeMap<String, Position>),
}

impl Expect {
    /// Where the last entry before the first of `entries` on `subject` must stand, if that is to be checked.
    pub fn on(&self, subject: &str, entries: &[NewEntry]) -> Option<Position> {
        match self {
            Self::Anything => None,
            Self::LastOnSubject(position) => entries.first().filter(|first| first.subject == subject).map(|_| *position),
            Self::LastOnSubjects(positions) => positions.get(subject).copied(),
        }
    }

    /// The first entry on each subject, with where the last one before it must stand.
    pub fn each<'a>(&'a self, entries: &'a [NewEntry]) -> impl Iterator<Item = (&'a NewEntry, Position)> {
        let mut seen = BTreeSet::new();
        let firsts = entries.iter().filter(move |entry| !matches!(self, Self::Anything) && seen.insert(entry.subject.as_str()));
        firsts.filter_map(move |entry| self.on(&entry.subject, entries).map(|position| (entry, position)))
    }

    /// What an append has to check: on each subject the first entry that is not there already, with where the last one
    /// before it must stand. `known` tells where an entry with the same id stands. An entry of this very append that is
    /// there already, because it is repeated, is what the next must follow: a rival in between is a conflict.
    ///
    /// # Errors
    /// Those of `known`.
    pub fn checks<'a, E>(
        &self,
        entries: &'a [NewEntry],
        mut known: impl FnMut(&NewEntry) -> Result<Option<Position>, E>,
    ) -> Result<Vec<(&'a NewEntry, Position)>, E> {
        let mut checks = Vec::new();
        for (first, expected) in self.each(entries) {
            let mut before = expected;
            for entry in entries.iter().filter(|entry| entry.subject == first.subject) {
                match known(entry)? {
                    // A key that was used long ago stands before what is expected, and changes nothing.
                    Some(position) => before = before.max(position),
                    None => {
                        checks.push((entry, before));
                        break;
                    }
                }
            }
        }
        Ok(checks)
    }
}

/// What became of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Where it stands: of a duplicate, where the first one stands.
    pub position: Position,
    /// Whether it was there already.
    pub duplicate: bool,
}

/// How much a reader takes at once. At least one entry is always taken.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    /// Read no further than this position. When no matching entry stands at or before it any more, the answer is empty
    /// instead of waiting. `None` waits at the tail for ever.
    pub until: Option<Position>,
    /// The most entries.
    pub entries: usize,
    /// The most bytes of bodies; the entry that crosses it is still taken.
    pub bytes: usize,
}

impl Default for Limit {
    fn default() -> Self {
        Self { until: None, entries: 256, bytes: 8 * 1024 * 1024 }
    }
}

/// What a log says about itself: enough to notice that it is not the one that was read before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Continuity {
    /// When it was created. A log made anew has another time.
    pub created: Timestamp,
    /// The oldest position still held (tail + 1 when empty).
    pub first: Position,
    /// The newest position ever given; never goes back.
    pub tail: Position,
}

/// How much a log holds, and how much it may.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// What it holds, in bytes of its own way of storing.
    pub bytes: u64,
    /// Above this the oldest entries may go; absent when it is not known here.
    pub retention_bytes: Option<u64>,
    /// At this it takes no more; absent when only the disk says so.
    pub bytes_max: Option<u64>,
}

/// How long a log keeps its entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Older entries may go.
    pub age_max: Duration,
    /// Above this size the oldest entries may go.
    pub bytes_max: u64,
}

/// An ordered, durable sequence of entries with subjects.
///
/// Contract, checked by the conformance suite on every backend: when `append` has returned, the entries survive kill -9
/// of this process; positions of one log rise by one in the order of appending; a reader sees every entry that matches
/// exactly once and in order, and waits at the tail.
#[async_trait]
pub trait Log: Send + Sync {
    /// Appends in order and returns when all are durable. The embedded log stores all or none. Others may store some when
    /// they fail: of each subject the first ones, and the last of `entries` only when all others are stored. Repeating an
    /// append whose entries have ids is safe within the duplicate window: what is there already is no conflict, and with an
    /// expectation the first new entry on the subject must directly follow it (see [`Expect::checks`]).
    ///
    /// # Errors
    /// `Conflict` when `expect` does not hold; `Rejected` when an entry is larger than the log takes; `Unavailable`
    /// when the outcome is unknown or the log is full: repeat.
    async fn append(&self, entries: Vec<NewEntry>, expect: Expect) -> Result<Vec<Appended>>;

    /// A reader of the entries whose subject matches one of `patterns` (NATS wildcards) and that stand after `after`.
    ///
    /// # Errors
    /// `Unavailable`. Entries between `after` and the oldest held are gone: that is for the caller to notice by
    /// [`Self::continuity`].
    async fn reader(&self, patterns: Vec<String>, after: Position) -> Result<Box<dyn Reader>>;

    /// The newest entry on exactly this subject.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn last(&self, subject: &str) -> Result<Option<Entry>>;

    /// The entry at a position, if it is still held.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn get(&self, position: Position) -> Result<Option<Entry>>;

    /// What the log says about itself.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn continuity(&self) -> Result<Continuity>;

    /// Whether it holds only some of what was stored, chosen on purpose: the numbers of its frames then have gaps.
    fn is_selection(&self) -> bool {
        false
    }

    /// Deletes the entries on exactly `subject` that stand before `before`. Repeating it changes nothing.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn purge(&self, subject: &str, before: Position) -> Result<u64>;

    /// How many entries a reader of `patterns` after `after` would get now. A log that can count overrides this, which
    /// reads them.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn pending(&self, patterns: &[String], after: Position) -> Result<u64> {
        let limit = Limit { until: Some(self.continuity().await?.tail), ..Limit::default() };
        let mut reader = self.reader(patterns.to_vec(), after).await?;
        let mut count = 0;
        loop {
            match reader.next(limit).await?.len() {
                0 => return Ok(count),
                some => count += some as u64,
            }
        }
    }

    /// How much it holds. `None` from a log that cannot tell.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn size(&self) -> Result<Option<Size>> {
        Ok(None)
    }

    /// Applies the log's retention: deletes what is too old or too much, but nothing at or after `keep_from`, the
    /// lowest position that a reader still needs. Returns how many entries went.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn retain(&self, keep_from: Position) -> Result<u64>;
}

/// Reads a log onwards from a position.
#[async_trait]
pub trait Reader: Send {
    /// The next entries in order, at least one: waits when there is none yet, unless `limit.until` ends the reading. May
    /// be dropped at any await without losing an entry.
    ///
    /// # Errors
    /// `Unavailable`: repeat.
    async fn next(&mut self, limit: Limit) -> Result<Vec<Entry>>;
}
