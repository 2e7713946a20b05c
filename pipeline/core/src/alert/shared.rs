//! Entries of the event log for many rules: each is read and decoded once, however many rules take it.
//!
//! What a rule makes of an entry is the same as when it takes it alone.

use std::collections::BTreeMap;
use std::sync::Arc;

use floodmark_schemas::frame::{Decoder, Visitor};
use floodmark_schemas::{Event, FrameHeader, subject};

use super::rule::{At, Rule};
use crate::ports::{Entry, Outputs};
use crate::{Error, Result};

/// Reads entries, source by source.
#[derive(Debug, Default)]
pub struct Sharing {
    sources: BTreeMap<String, Source>,
}

/// How series of one source were spelled so far.
#[derive(Debug, Default)]
struct Source {
    decoder: Decoder,
    ids: BTreeMap<Arc<str>, u32>,
    /// The keys by their ids, with the frame that had each last.
    keys: Vec<(Arc<str>, u64)>,
    frames: u64,
}

/// An entry as rules take it.
#[derive(Debug)]
pub struct Shared {
    entry: Entry,
    header: Option<FrameHeader>,
    frame: Option<Frame>,
}

/// What a frame holds, in order.
#[derive(Debug, Default)]
pub(super) struct Frame {
    items: Vec<Item>,
    /// The keys of the series in it, by the ids of [`Sharing`].
    keys: Vec<(u32, Arc<str>)>,
}

#[derive(Debug)]
enum Item {
    Sample { index: u32, time: i64, series: u32, value: f64 },
    Event { index: u32, event: Box<Event> },
}

/// The numbers that a rule has given to the series of one source, by the ids of [`Sharing`].
pub(super) type Known = Vec<Option<u32>>;

impl Sharing {
    /// Reads an entry. Events are decoded when their source is `wanted`; what cannot be read is nothing to the rules that want it.
    pub fn read(&mut self, entry: Entry, wanted: impl FnOnce(&str) -> bool) -> Shared {
        let header = FrameHeader::from_headers(&entry.headers).ok();
        let wants = header.as_ref().filter(|header| !subject::is_ticker(&header.source) && wanted(&header.source));
        let frame = wants.and_then(|header| {
            let source = self.sources.entry(header.source.clone()).or_default();
            source.frames += 1;
            let Source { decoder, ids, keys, frames } = source;
            let mut filling = Filling { ids, keys, number: *frames, frame: Frame::default() };
            decoder.visit(header.encoding, &entry.body, &mut filling).ok().map(|()| filling.frame)
        });
        Shared { entry, header, frame }
    }
}

impl Shared {
    /// The entry.
    pub fn entry(&self) -> &Entry {
        &self.entry
    }

    /// What a frame says of itself; absent when it cannot be read.
    pub fn header(&self) -> Option<&FrameHeader> {
        self.header.as_ref()
    }
}

struct Filling<'a> {
    ids: &'a mut BTreeMap<Arc<str>, u32>,
    keys: &'a mut Vec<(Arc<str>, u64)>,
    number: u64,
    frame: Frame,
}

impl Visitor for Filling<'_> {
    fn series(&mut self, key: &str) -> u32 {
        if let Some(id) = self.ids.get(key) {
            return *id;
        }
        let (id, key): (u32, Arc<str>) = (self.keys.len() as u32, key.into());
        self.ids.insert(key.clone(), id);
        self.keys.push((key, 0));
        id
    }

    fn sample(&mut self, index: u32, time: i64, series: u32, value: f64) {
        let (key, seen) = &mut self.keys[series as usize];
        if std::mem::replace(seen, self.number) != self.number {
            self.frame.keys.push((series, key.clone()));
        }
        self.frame.items.push(Item::Sample { index, time, series, value });
    }

    fn event(&mut self, index: u32, event: Event) {
        self.frame.items.push(Item::Event { index, event: Box::new(event) });
    }
}

impl Frame {
    /// Visits every event in order.
    pub(super) fn visit(&self, known: &mut Known, visitor: &mut impl Visitor) {
        for (id, key) in &self.keys {
            let at = *id as usize;
            if known.len() <= at {
                known.resize(at + 1, None);
            }
            known[at].get_or_insert_with(|| visitor.series(key));
        }
        for item in &self.items {
            match item {
                Item::Sample { index, time, series, value } => {
                    let series = known[*series as usize].expect("the keys of a frame come before its samples");
                    visitor.sample(*index, *time, series, *value);
                }
                Item::Event { index, event } => visitor.event(*index, (**event).clone()),
            }
        }
    }
}

impl Rule {
    /// Takes an entry as [`Operator::apply`](crate::ports::Operator::apply) does; one that cannot be read changes nothing.
    ///
    /// # Errors
    /// `Rejected` when it cannot be read.
    pub fn share(&mut self, shared: &Shared, outputs: &mut Outputs) -> Result<()> {
        let Shared { entry, header, frame } = shared;
        if self.spec.input.upstream().is_some() {
            return self.take_commits(entry, outputs);
        }
        let header = header.as_ref().ok_or_else(|| Error::rejected(format!("entry {} is no frame", entry.position)))?;
        if !subject::is_ticker(&header.source) && self.spec.takes_source(&header.source) {
            return match frame {
                Some(frame) => self.take_frame(header, entry, Some(frame), outputs),
                None => Err(Error::rejected(format!("the events of entry {} cannot be read", entry.position))),
            };
        }
        let at = At { position: entry.position.0, log_time: entry.time.micros() };
        self.take_other(header, at, outputs);
        Ok(())
    }

    /// Whether events of a source concern it.
    pub fn wants(&self, source: &str) -> bool {
        self.spec.input.upstream().is_none() && self.spec.takes_source(source)
    }
}
