//! Copying another log into a new stream: positions, log times and the time of creation stay what they were.
//!
//! The stream begins at the first position that the other log holds. Each entry is stored only if the one before it stands
//! directly before it (`Nats-Expected-Last-Sequence`), many on their way at once. Positions that the other log holds no
//! more are filled with empty placeholders, which are deleted at the end. Until then the stream does not know its number of
//! partitions, so that nobody takes it for complete.

use std::collections::VecDeque;
use std::future::IntoFuture;

use async_nats::jetstream::context::PublishAckFuture;
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::{Config as StreamConfig, Info};
use floodmark_core::ports::{Entry, NewEntry, Position};
use floodmark_core::{Error, Result};
use floodmark_schemas::Timestamp;

use super::streams::{CREATED, PARTITIONS, wanted};
use super::wire::{self, Stored};
use super::{Connection, Log, Spec, append, error};

/// What stands for the number of partitions while the copy is not complete.
const INCOMPLETE: &str = "copying";
/// The most entries, and bytes of bodies, on their way.
const ON_THE_WAY_ENTRIES_MAX: usize = 1_000;
const ON_THE_WAY_BYTES_MAX: usize = 8 << 20;

/// A stream that is being filled with the entries of another log.
pub struct Restore {
    log: Log,
    /// The stream as it is to be.
    complete: StreamConfig,
    /// The subject of placeholders.
    gap: String,
    next: Position,
    on_the_way: VecDeque<(usize, PublishAckFuture)>,
    bytes: usize,
}

impl Connection {
    /// Makes the stream of `spec` for a copy of a log that was created at `created` and whose oldest entry stands at
    /// `first` (the one after its tail when it holds none). A copy that was interrupted goes on: see [`Restore::next`].
    ///
    /// # Errors
    /// `Broken` when the stream is there and is no incomplete copy of that log; `Unavailable`.
    pub async fn create_at(&self, spec: &Spec, partitions: u32, first: Position, created: Timestamp) -> Result<Restore> {
        let mut complete = wanted(&self.config, spec, partitions);
        complete.metadata.insert(CREATED.to_owned(), created.micros().to_string());
        complete.first_sequence = (first > Position(1)).then_some(first.0);
        let mut incomplete = complete.clone();
        incomplete.metadata.insert(PARTITIONS.to_owned(), INCOMPLETE.to_owned());
        let (found, _) = self.find_or_create(&incomplete).await?;
        let marks = |config: &StreamConfig| [CREATED, PARTITIONS].map(|key| config.metadata.get(key).cloned());
        if marks(&found.config) != marks(&incomplete) || found.state.last_sequence + 1 < first.0.max(1) {
            let text = format!("copying a log into stream {}: it is there already and holds another log", complete.name);
            return Err(Error::broken(format!("{text}; choose another `prefix`, or delete it")));
        }
        let gap = spec.subjects()[0].replace('>', "gap");
        let next = Position(found.state.last_sequence + 1);
        Ok(Restore { log: (*self.log(spec)).clone(), complete, gap, next, on_the_way: VecDeque::new(), bytes: 0 })
    }
}

impl Restore {
    /// The position of the next entry, or of the gap before it.
    pub fn next(&self) -> Position {
        self.next
    }

    /// Stores an entry at its position, which is not before [`Self::next`]. Its id no longer tells repetitions.
    ///
    /// # Errors
    /// `Unavailable`: make the copy go on by [`Connection::create_at`]. `Rejected` when NATS does not carry the entry.
    /// `Broken` when somebody else writes to the stream.
    pub async fn put(&mut self, entry: Entry) -> Result<()> {
        self.fill(entry.position).await?;
        let Entry { position, time, subject, id, headers, body } = entry;
        if position < self.next {
            return Err(Error::broken(format!("copying the entry at {position} of a log: it is there already")));
        }
        self.send(NewEntry { subject, id, headers, body }, Stored::At(time)).await
    }

    /// Completes the copy of a log whose newest position is `tail`.
    ///
    /// # Errors
    /// As [`Self::put`].
    pub async fn finish(mut self, tail: Position) -> Result<()> {
        self.fill(Position(tail.0 + 1)).await?;
        self.settle(0).await?;
        self.log.delete(Some(&self.gap), Position(u64::MAX)).await?;
        let doing = || format!("completing the copy in {}", self.log.stream());
        let subject = format!("STREAM.UPDATE.{}", self.log.stream());
        self.log.connection.ask::<Info>(doing, subject, &self.complete).await?.given(doing)?;
        Ok(())
    }

    /// Placeholders up to before `position`.
    async fn fill(&mut self, position: Position) -> Result<()> {
        while self.next < position {
            let placeholder = NewEntry { subject: self.gap.clone(), id: None, headers: Default::default(), body: Default::default() };
            self.send(placeholder, Stored::Now).await?;
        }
        Ok(())
    }

    async fn send(&mut self, entry: NewEntry, stored: Stored) -> Result<()> {
        wire::check_subject(&entry.subject)?;
        append::check_size(&self.log, &entry)?;
        let headers = wire::encode(&entry, stored)?.unwrap_or_default();
        let bytes = entry.body.len();
        let before = self.next.0 - 1;
        let publish = PublishMessage::build().payload(entry.body).headers(headers).expected_last_sequence(before);
        let subject = self.log.subjects.to_wire(&entry.subject);
        let ack = self.log.connection.context.send_publish(subject, publish).await;
        let ack = ack.map_err(|e| error::unpublished(&entry.subject, Some(Position(before)), e))?;
        self.on_the_way.push_back((bytes, ack));
        self.bytes += bytes;
        self.next = Position(self.next.0 + 1);
        self.settle(ON_THE_WAY_ENTRIES_MAX).await
    }

    /// Waits until at most `entries` are on their way.
    async fn settle(&mut self, entries: usize) -> Result<()> {
        while self.on_the_way.len() > entries || self.bytes > ON_THE_WAY_BYTES_MAX {
            let Some((bytes, ack)) = self.on_the_way.pop_front() else { break };
            self.bytes -= bytes;
            ack.into_future().await.map_err(|e| {
                let stream = self.log.stream();
                match error::unpublished(stream, None, e) {
                    e if e.kind() == floodmark_core::Kind::Conflict => {
                        Error::broken(format!("copying a log into {stream}: somebody else writes to it")).because(e)
                    }
                    e => e,
                }
            })?;
        }
        Ok(())
    }
}
