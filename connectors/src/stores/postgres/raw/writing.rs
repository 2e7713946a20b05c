//! One write of the sink, from entries to the commit.

use std::collections::BTreeSet;
use std::pin::{Pin, pin};

use bytes::Bytes;
use deadpool_postgres::Transaction;
use floodmark_core::ports::{Entry, Position};
use floodmark_core::{Error, Result};
use floodmark_schemas::{DeadLetter, FrameHeader};
use futures_util::SinkExt;
use tokio_postgres::CopyInSink;

use super::memory::Memory;
use super::rows::{Kept, is_of_a_row, of_event};
use super::{Raw, Way, frames};
use crate::stores::postgres::error::Doing;
use crate::stores::postgres::position::{self, Turn};
use crate::stores::postgres::{begin, commit, dead_letters, fields};

/// Rows are sent when there are so many bytes of them: the server works on them while the next are encoded.
const SEND_BYTES: usize = 64 * 1024;
/// A frame that spans more partitions is read to find those that it really needs.
const SPAN_MAX: i64 = 3;

/// An entry that is to be written.
type Frame<'a> = (usize, &'a Entry, FrameHeader);

impl Raw {
    pub(super) async fn write_in(&self, way: Way, memory: &mut Memory, entries: &[Entry], from: Position, to: Position) -> Result<()> {
        let mut client = self.store.client().await?;
        let stands = memory.refresh(&client, &self.sink, from).await?;
        let mut dead = Vec::new();
        // When it stands elsewhere, moving it fails below, or finds that all is there.
        let frames = if stands == from { self.frames(memory, entries, &mut dead) } else { Vec::new() };
        if let Some(last) = entries.last() {
            let times = needed(&frames, self.store.inner.config.partition.micros());
            self.store.make_partitions(&times, last.time).await?;
        }
        let transaction = begin(&mut client).await?;
        if position::advance(&transaction, &self.sink, entries, from, to).await? == Turn::Done {
            *memory = Memory::default();
            return Ok(());
        }
        if stands != from {
            return Err(Error::unavailable(format!("sink {} came to {from} only now", self.sink)));
        }
        match way {
            Way::AtOnce => self.copy_at_once(&transaction, memory, &frames, &mut dead).await?,
            Way::Halving => self.copy_halving(&transaction, memory, &frames, &mut dead).await?,
        }
        dead_letters::insert(&transaction, &dead).await?;
        memory.store(&transaction, &self.sink, to).await?;
        commit(&self.store, transaction, &self.sink, to).await
    }

    /// The entries that are new frames with events.
    fn frames<'a>(&self, memory: &mut Memory, entries: &'a [Entry], dead: &mut Vec<DeadLetter>) -> Vec<Frame<'a>> {
        let mut frames = Vec::with_capacity(entries.len());
        for (number, entry) in entries.iter().enumerate() {
            match FrameHeader::from_headers(&entry.headers) {
                Ok(header) if memory.takes(&self.sink, &entry.subject, &header, entry.position) => frames.push((number, entry, header)),
                Ok(_) => {}
                Err(e) => {
                    let error = Error::rejected("reading the headers of a frame").because(e);
                    dead.push(dead_letters::of_entry(&self.sink, entry, &error));
                }
            }
        }
        frames
    }

    async fn copy_at_once(
        &self,
        transaction: &Transaction<'_>,
        memory: &mut Memory,
        frames: &[Frame<'_>],
        dead: &mut Vec<DeadLetter>,
    ) -> Result<()> {
        if frames.is_empty() {
            return Ok(());
        }
        let mut copy = pin!(copy(transaction).await?);
        let mut rows = Kept::new(2 * SEND_BYTES);
        rows.bytes.extend_from_slice(fields::HEADER);
        for (number, entry, header) in frames {
            rows.frame(&self.sink, (*number, entry, header), dead, |rows| frames::encode(memory, header, entry, rows));
            if rows.bytes.len() >= SEND_BYTES {
                send(&mut copy, rows.take()).await?;
            }
        }
        rows.bytes.extend_from_slice(fields::TRAILER);
        send(&mut copy, rows.take()).await?;
        copy.finish().await.doing(COPYING).map(|_| ())
    }

    async fn copy_halving(
        &self,
        transaction: &Transaction<'_>,
        memory: &mut Memory,
        frames: &[Frame<'_>],
        dead: &mut Vec<DeadLetter>,
    ) -> Result<()> {
        let mut rows = Kept::new(1 << 20);
        for (number, entry, header) in frames {
            rows.frame(&self.sink, (*number, entry, header), dead, |rows| frames::encode(memory, header, entry, rows));
        }
        let (bytes, ends) = (rows.bytes.freeze(), rows.ends);
        let start = |row: usize| if row == 0 { 0 } else { ends[row - 1].0 };
        let mut parts = vec![(0, ends.len())];
        while let Some((first, end)) = parts.pop().filter(|(first, end)| first < end) {
            transaction.batch_execute("SAVEPOINT part").await.doing(COPYING)?;
            let done = copy_part(transaction, bytes.slice(start(first)..start(end))).await;
            let over = if done.is_ok() { "RELEASE part" } else { "ROLLBACK TO part; RELEASE part" };
            match done {
                Err(e) if !is_of_a_row(&e) => return Err(e),
                Err(e) if end - first == 1 => {
                    let (_, number, index) = ends[first];
                    let (_, entry, header) = frames.iter().find(|(n, ..)| *n == number).expect("a row is of a frame of this write");
                    dead.push(of_event(&self.sink, entry, header, index, &e.chain()));
                }
                Err(_) => {
                    let middle = first + (end - first) / 2;
                    parts.extend([(middle, end), (first, middle)]);
                }
                Ok(()) => {}
            }
            transaction.batch_execute(over).await.doing(COPYING)?;
        }
        Ok(())
    }
}

const COPYING: &str = "copying raw events into PostgreSQL";

async fn copy(transaction: &Transaction<'_>) -> Result<CopyInSink<Bytes>> {
    let statement = transaction.prepare_cached(fields::COPY).await.doing(COPYING)?;
    transaction.copy_in(&statement).await.doing(COPYING)
}

async fn copy_part(transaction: &Transaction<'_>, rows: Bytes) -> Result<()> {
    let mut copy = pin!(copy(transaction).await?);
    for bytes in [Bytes::from_static(fields::HEADER), rows, Bytes::from_static(fields::TRAILER)] {
        send(&mut copy, bytes).await?;
    }
    copy.finish().await.doing(COPYING).map(|_| ())
}

async fn send(copy: &mut Pin<&mut CopyInSink<Bytes>>, bytes: Bytes) -> Result<()> {
    copy.send(bytes).await.doing(COPYING)
}

/// Event times for which there must be partitions of `width`.
fn needed(frames: &[Frame<'_>], width: i64) -> BTreeSet<i64> {
    let mut times = BTreeSet::new();
    for (_, entry, header) in frames {
        let Some((min, max)) = header.times.map(|(min, max)| (min.micros(), max.micros())) else { continue };
        let slot = |time: i64| time.div_euclid(width).saturating_mul(width);
        if max.saturating_sub(min) < width.saturating_mul(SPAN_MAX) {
            times.extend([min, max]);
            times.extend((1..=SPAN_MAX).map(|n| slot(min).saturating_add(n * width)).take_while(|at| *at < max));
        } else {
            times.extend(frames::times(header, entry));
        }
    }
    times
}
