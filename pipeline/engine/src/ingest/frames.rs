//! The frames of one source, or of one of its shards, in one partition: numbering and encoding.

use bytes::Bytes;
use floodmark_core::ports::{Entry, NewEntry, Position, SourceSpec};
use floodmark_core::{Error, Result};
use floodmark_schemas::frame::{self, BYTES_MAX, EVENTS_MAX};
use floodmark_schemas::{DeadLetter, Encoding, EventBatch, FrameHeader, Timestamp, subject};
use twox_hash::XxHash3_128;

/// The largest body of a frame with one event: below the 1 MiB that NATS takes as a message.
const EVENT_BYTES_MAX: usize = 768 * 1024;

/// Makes the frames of one writer in one partition. Numbers are contiguous as long as every frame is stored once.
#[derive(Debug)]
pub(super) struct Framer {
    pub(super) subject: String,
    /// Where the newest entry on the subject stands, as far as its owner knows.
    pub(super) newest: Position,
    writer: String,
    partition: u32,
    header: FrameHeader,
    latest: Option<i64>,
}

impl Framer {
    /// Goes on after frame `number` under `epoch`.
    pub(super) fn new(spec: &SourceSpec, partition: u32, epoch: u64, number: u64) -> Self {
        let disorder_us = i64::try_from(spec.disorder.as_micros()).unwrap_or(i64::MAX);
        let (source, shard, encoding, writer) = (spec.id.clone(), spec.shard, spec.encoding, spec.writer());
        let header = FrameHeader { source, shard, epoch, number, disorder_us, encoding, ..FrameHeader::default() };
        Self { subject: subject::events(partition, &writer), newest: Position::START, writer, partition, header, latest: None }
    }

    /// The number of the newest frame.
    pub(super) fn number(&self) -> u64 {
        self.header.number
    }

    /// The epoch it writes under.
    pub(super) fn epoch(&self) -> u64 {
        self.header.epoch
    }

    /// Goes on after the newest entry on the subject, or after frame `number` when there is none any more.
    ///
    /// # Errors
    /// `Conflict` when it is of another owner.
    pub(super) fn resume(&mut self, newest: Option<&Entry>, number: u64) -> Result<()> {
        self.header.number = number;
        let Some(newest) = newest else { return Ok(()) };
        let found = FrameHeader::from_headers(&newest.headers)?;
        if found.epoch != self.header.epoch {
            let writer = &self.writer;
            return Err(Error::conflict(format!("sending events of source {writer}: somebody else has taken it over")));
        }
        (self.header.number, self.newest) = (found.number, newest.position);
        Ok(())
    }

    /// Goes on after frame `number` under another epoch.
    pub(super) fn begin_again(&mut self, epoch: u64, number: u64) {
        (self.header.epoch, self.header.number) = (epoch, number);
    }

    /// Makes a frame of the epoch before the next of this one.
    pub(super) fn adopt(&mut self, frame: &mut NewEntry) {
        let before = FrameHeader::from_headers(&frame.headers).expect("a frame that was just made has its headers");
        // Keys stay: they tell a repeated request.
        if frame.id == Some(self.id_of(before.epoch, before.number)) {
            frame.id = Some(self.next_id(None, 0));
        }
        self.header.number += 1;
        frame.headers = FrameHeader { epoch: self.header.epoch, number: self.header.number, ..before }.to_headers();
    }

    /// The events as frames within the limits; an event that is too large for any frame is set aside. `key` makes ids
    /// that a repeated request has again.
    pub(super) fn frames(
        &mut self,
        events: EventBatch,
        cursor: Option<&str>,
        key: Option<&str>,
        out: &mut Vec<NewEntry>,
        oversized: &mut Vec<DeadLetter>,
    ) {
        for chunk in events.chunks(EVENTS_MAX) {
            self.fit(chunk, cursor, key, out, oversized);
        }
    }

    fn fit(
        &mut self,
        events: EventBatch,
        cursor: Option<&str>,
        key: Option<&str>,
        out: &mut Vec<NewEntry>,
        oversized: &mut Vec<DeadLetter>,
    ) {
        let id = self.next_id(key, out.len());
        let body = frame::encode(&events, self.header.encoding, &self.header.source, &id);
        if body.len() > BYTES_MAX && events.len() > 1 {
            let half = events.len().div_ceil(2);
            for part in events.chunks(half) {
                self.fit(part, cursor, key, out, oversized);
            }
            return;
        }
        if body.len() > EVENT_BYTES_MAX {
            oversized.push(self.set_aside(&events, body.len()));
            return;
        }
        let times = events.times();
        let span = times.iter().min().zip(times.iter().max()).map(|(min, max)| (*min, *max));
        self.latest = self.latest.max(span.map(|(_, max)| max));
        self.header.times = span.map(|(min, max)| (Timestamp::from_micros(min), Timestamp::from_micros(max)));
        let watermark = self.latest.map(|latest| Timestamp::from_micros(latest).plus_micros(-self.header.disorder_us));
        out.push(self.entry(id, events.len() as u32, cursor, watermark, body));
    }

    /// The dead letter of an event that is too large. Its id follows from the event: the same one read again has the same.
    fn set_aside(&self, event: &EventBatch, bytes: usize) -> DeadLetter {
        let source = &self.header.source;
        let text = frame::encode(event, Encoding::Json, source, source);
        let id = format!("oversized-{:032x}", XxHash3_128::oneshot(&text));
        let reason = format!("the event has {bytes} bytes; at most {EVENT_BYTES_MAX} fit into a frame");
        DeadLetter::new(source, id, format!("source {source}"), reason, Timestamp::from_micros(event.times()[0]), &text)
    }

    /// A frame without events. With a watermark it is a promise; without one it claims the epoch or marks a cursor.
    pub(super) fn empty(&mut self, watermark: Option<Timestamp>, cursor: Option<&str>) -> NewEntry {
        let id = self.next_id(None, 0);
        self.header.times = None;
        self.entry(id, 0, cursor, watermark, Bytes::new())
    }

    /// Lets a frame tell another cursor.
    pub(super) fn tell(frame: &mut NewEntry, cursor: &str) {
        let header = FrameHeader::from_headers(&frame.headers).expect("a frame that was just made has its headers");
        frame.headers = FrameHeader { cursor: Some(cursor.to_owned()), ..header }.to_headers();
    }

    fn next_id(&self, key: Option<&str>, index: usize) -> String {
        let (writer, p) = (&self.writer, self.partition);
        match key {
            Some(key) => format!("{writer}.{p}.key.{key}.{index}"),
            None => self.id_of(self.header.epoch, self.header.number + 1),
        }
    }

    fn id_of(&self, epoch: u64, number: u64) -> String {
        format!("{}.{}.{epoch}.{number}", self.writer, self.partition)
    }

    fn entry(&mut self, id: String, count: u32, cursor: Option<&str>, watermark: Option<Timestamp>, body: Bytes) -> NewEntry {
        self.header.number += 1;
        self.header.count = count;
        self.header.cursor = cursor.map(str::to_owned);
        self.header.watermark = watermark;
        NewEntry { subject: self.subject.clone(), id: Some(id), headers: self.header.to_headers(), body }
    }
}
