//! How far each source has come, on the lanes its frames come on.

use std::collections::BTreeMap;

use floodmark_schemas::FrameHeader;

use crate::watermark::{Freshness, Reach, Sources, writer};

/// A lane that was silent for longer than this, in log time, does not hold its source back.
const IDLE_US: i64 = 30_000_000;

/// The sources in order of first appearance, each with a watermark of its own.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    list: Vec<Part>,
    by_name: BTreeMap<String, u32>,
}

/// One source.
#[derive(Debug)]
pub(super) struct Part {
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
