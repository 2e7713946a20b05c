//! How far each source has come, on the lanes its frames come on.

use std::collections::BTreeMap;

use bytes::{Buf, BufMut, TryGetError};
use floodmark_schemas::FrameHeader;

use crate::watermark::{Freshness, Lane, Progress, Reach, Sources, writer};
use crate::{Error, Result};

/// A lane that was silent for longer than this, in log time, does not hold its source back.
const IDLE_US: i64 = 30_000_000;

/// The sources in order of first appearance, each with a watermark of its own.
#[derive(Debug, Default)]
pub(crate) struct Lanes {
    list: Vec<Part>,
    by_name: BTreeMap<String, u32>,
}

/// One source.
#[derive(Debug)]
pub(crate) struct Part {
    pub name: String,
    /// Its lanes; it is the only one in there.
    pub sources: Sources,
    pub watermark: i64,
}

impl Lanes {
    pub fn list(&self) -> &[Part] {
        &self.list
    }

    pub fn find(&self, name: &str) -> Option<u32> {
        self.by_name.get(name).copied()
    }

    pub fn part(&mut self, source: u32) -> &mut Part {
        &mut self.list[source as usize]
    }

    /// The number of a source, which is known from now on.
    pub fn enter(&mut self, name: &str) -> u32 {
        if let Some(source) = self.find(name) {
            return source;
        }
        let source = self.list.len() as u32;
        self.by_name.insert(name.to_owned(), source);
        self.list.push(Part { name: name.to_owned(), sources: Sources::default(), watermark: i64::MIN });
        source
    }

    /// Whether a frame is new.
    pub fn freshness(&self, partition: u32, header: &FrameHeader) -> Freshness {
        let part = self.find(&header.source).map(|source| &self.list[source as usize]);
        part.map_or(Freshness::Fresh(0), |part| part.sources.freshness_in(partition, header))
    }

    /// Takes note of what a tick promises for sources that have sent.
    pub fn tick(&mut self, partition: u32, header: &FrameHeader, log_time: i64) {
        for (name, promise) in &header.watermarks {
            if let Some(source) = self.find(writer(name).0) {
                let part = self.part(source);
                part.sources.tick(partition, name, promise.micros(), log_time);
                part.follow(log_time);
            }
        }
    }
}

impl Lanes {
    /// Writes it into a snapshot: numbers are little-endian and of fixed width, texts stand after their length.
    pub fn put(&self, out: &mut Vec<u8>) {
        out.put_u32_le(self.list.len() as u32);
        for part in &self.list {
            put_bytes(out, part.name.as_bytes());
            out.put_i64_le(part.watermark);
            out.put_u32_le(part.sources.list().len() as u32);
            part.sources.list().iter().for_each(|lane| put_lane(out, lane));
        }
    }

    /// Reads it back.
    ///
    /// # Errors
    /// `Broken` when the bytes are not what [`Self::put`] wrote.
    pub fn get(input: &mut &[u8]) -> Result<Self> {
        let mut lanes = Self::default();
        for number in 0..input.try_get_u32_le().map_err(early)? {
            if lanes.enter(get_text(input)?) != number {
                return Err(broken("a source stands in it twice"));
            }
            let part = lanes.part(number);
            part.watermark = input.try_get_i64_le().map_err(early)?;
            let name = part.name.clone();
            part.sources.name(&name);
            for _ in 0..input.try_get_u32_le().map_err(early)? {
                if !part.sources.add(get_lane(input)?) {
                    return Err(broken("a lane stands in it twice"));
                }
            }
        }
        Ok(lanes)
    }
}

/// A lane; its source is known.
fn put_lane(out: &mut Vec<u8>, progress: &Progress) {
    let Progress { lane, epoch, number, reached, watermark, seen, ended } = progress;
    out.put_u8(u8::from(lane.shard.is_some()) | u8::from(number.is_some()) << 1 | u8::from(*ended) << 2);
    out.put_u32_le(lane.shard.unwrap_or(0));
    out.put_u32_le(lane.partition);
    out.put_u64_le(*epoch);
    out.put_u64_le(number.unwrap_or(0));
    [reached, watermark, seen].into_iter().for_each(|time| out.put_i64_le(*time));
}

fn get_lane(input: &mut &[u8]) -> Result<Progress> {
    let read = |input: &mut &[u8]| -> Result<Progress, TryGetError> {
        let flags = input.try_get_u8()?;
        let shard = Some(input.try_get_u32_le()?).filter(|_| flags & 1 != 0);
        let lane = Lane { source: 0, shard, partition: input.try_get_u32_le()? };
        let epoch = input.try_get_u64_le()?;
        let number = Some(input.try_get_u64_le()?).filter(|_| flags & 2 != 0);
        let (reached, watermark, seen) = (input.try_get_i64_le()?, input.try_get_i64_le()?, input.try_get_i64_le()?);
        Ok(Progress { lane, epoch, number, reached, watermark, seen, ended: flags & 4 != 0 })
    };
    read(input).map_err(early)
}

/// Bytes after their length.
pub(crate) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    out.put_u32_le(bytes.len() as u32);
    out.put_slice(bytes);
}

/// Reads [`put_bytes`] back.
pub(crate) fn get_bytes<'a>(input: &mut &'a [u8]) -> Result<&'a [u8]> {
    let length = input.try_get_u32_le().map_err(early)? as usize;
    let (bytes, rest) = input.split_at_checked(length).ok_or_else(|| broken("it ends early"))?;
    *input = rest;
    Ok(bytes)
}

/// The same, of a text.
pub(crate) fn get_text<'a>(input: &mut &'a [u8]) -> Result<&'a str> {
    std::str::from_utf8(get_bytes(input)?).map_err(|e| broken("a text is not UTF-8").because(e))
}

/// The snapshot ends before it should.
pub(crate) fn early(_: TryGetError) -> Error {
    broken("it ends early")
}

/// What is wrong with a snapshot.
pub(crate) fn broken(what: &str) -> Error {
    Error::broken(format!("reading a snapshot: {what}"))
}

impl Part {
    /// Moves the watermark as far as the lanes allow.
    pub fn follow(&mut self, log_time: i64) {
        let reached = || self.sources.list().iter().map(|lane| lane.reached).max();
        let target = match self.sources.reach(log_time, IDLE_US) {
            Reach::Hold => None,
            Reach::To(time) => Some(time),
            Reach::PastWindowOf(_) | Reach::Everything => reached(),
        };
        self.watermark = self.watermark.max(target.unwrap_or(i64::MIN));
    }

    /// Moves the watermark to a time, unless it is there already, and returns where it was and is.
    pub fn reach(&mut self, time: i64) -> (i64, i64) {
        let before = self.watermark;
        self.watermark = before.max(time);
        (before, self.watermark)
    }

    /// The least watermark of the lanes that are active besides this one.
    pub fn others(&self, lane: u32, log_time: i64) -> i64 {
        self.sources.others(lane, log_time, IDLE_US)
    }
}
