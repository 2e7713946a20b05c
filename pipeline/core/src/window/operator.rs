//! Windows as an operator: which frames it takes, and how time moves.
//!
//! - A window fires revision 0 of every series in it when the watermark reaches its end: in the order in which the series
//!   first had an event in it (hopping: in which they came up; sessions: by their ends, then so).
//! - A later event within the allowed lateness emits the next revision at once, with the whole new value. An event after
//!   that goes to the late output.
//! - The watermark moves with each event, so outputs do not depend on how events were cut into frames.
//! - A frame whose number was seen, or whose epoch is over, is dropped. Missing frames are counted.
//! - When all sources have ended, all windows fire. Some ended and none active: the windows that those have reached.

use std::ops::Range;

use floodmark_schemas::{FrameHeader, Presence, Series, Timestamp, frame::Decoder, subject};

use super::{
    accumulators::Layout,
    body::Body,
    books::{Books, Counts},
    columns::{Columns, Filling},
    grouping,
    spec::Spec,
};
use crate::{
    Result,
    ports::{Entry, Operator, Outputs},
    selection::Inputs,
    watermark::{self, Freshness, Reach},
};

/// Windows of one partition, or of all when series are grouped.
pub struct Windows {
    pub(super) books: Books,
    pub(super) body: Body,
    layout: Layout,
    decoders: Vec<Decoder>,
    columns: Columns,
    inputs: Inputs,
}

impl std::fmt::Debug for Windows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut text = f.debug_struct("Windows");
        text.field("spec", &self.books.spec).field("watermark", &self.body.watermark()).field("counts", &self.books.counts);
        text.field("sources", &self.books.sources).field("live_series", &self.live_series()).finish_non_exhaustive()
    }
}

impl Windows {
    /// An operator that has seen nothing.
    ///
    /// # Errors
    /// `Broken` when the spec cannot work.
    pub fn new(spec: Spec) -> Result<Self> {
        spec.check()?;
        let (decoders, columns, inputs) = Default::default();
        Ok(Self { body: Body::new(&spec), layout: Layout::of(&spec), books: Books::new(spec), decoders, columns, inputs })
    }

    /// What has been counted.
    pub fn counts(&self) -> Counts {
        self.books.counts
    }

    /// How many series have an event in an open window.
    pub fn live_series(&self) -> usize {
        self.body.live()
    }

    /// The lane of a source for [`super::Batch`]; a new one when it is not known.
    pub fn lane(&mut self, source: &str, log_time: Timestamp) -> u32 {
        self.books.sources.enter(source, None, self.books.spec.partition, log_time.micros())
    }

    /// The number of a series of a lane's source for [`Columns`]. Valid until the next [`Operator::apply`].
    pub fn series(&mut self, lane: u32, series: &Series) -> u32 {
        self.books.table.intern(self.books.sources.get(lane).lane.source, &series.key())
    }

    /// Whether all its sources have ended.
    pub fn has_ended(&self) -> bool {
        self.books.sources.has_ended()
    }

    /// How all its sources together stand, if more is to be said than the watermark; as [`Operator::presence`].
    pub fn presence(&self, since: Timestamp, now: Timestamp) -> Option<Presence> {
        let presence = self.books.sources.presence(since.micros(), now.micros(), self.books.idle_timeout_us);
        presence.or_else(|| Operator::watermark(self).is_none().then_some(Presence::New))
    }

    /// Moves the watermark as far as the sources allow.
    pub(super) fn follow(&mut self, log_time: i64, outputs: &mut Outputs) {
        let target = match self.books.sources.reach(log_time, self.books.idle_timeout_us) {
            Reach::Hold => return,
            Reach::To(time) => time,
            Reach::PastWindowOf(i64::MIN) => return,
            Reach::PastWindowOf(time) => self.body.end_of(time),
            Reach::Everything => match self.body.last_end() {
                Some(end) => end,
                None => return,
            },
        };
        self.body.advance(&mut self.books, target, outputs);
    }

    fn take_tick(&mut self, header: &FrameHeader, entry: &Entry, outputs: &mut Outputs) {
        let (partition, log_time) = (self.books.partition(entry), entry.time.micros());
        for (name, promise) in &header.watermarks {
            if self.books.spec.takes_source(watermark::writer(name).0) {
                self.books.sources.tick(partition, name, promise.micros(), log_time);
            }
        }
        self.follow(log_time, outputs);
    }

    /// Decodes a frame in full before anything of it counts. What it leaves in the series table when it fails is not state:
    /// nothing depends on it.
    fn decode(&mut self, header: &FrameHeader, entry: &Entry) -> Result<()> {
        let Books { spec, sources, table, grouping, .. } = &mut self.books;
        let source = sources.find(&header.source).unwrap_or(sources.names().len() as u32);
        if self.decoders.len() <= source as usize {
            self.decoders.resize_with(source as usize + 1, Decoder::default);
        }
        self.columns.clear();
        let (columns, layout, inputs) = (&mut self.columns, &self.layout, &mut self.inputs);
        let named = (source, header.source.as_str());
        let mut filling = Filling { spec, table, inputs, source: named, columns, grouping: grouping.as_mut(), layout };
        let decoder = &mut self.decoders[source as usize];
        decoder.visit(header.encoding, &entry.body, &mut filling).map_err(|e| {
            let doing = format!("reading frame {} of source {} at position {}", header.number, header.source, entry.position);
            crate::Error::rejected(doing).because(e)
        })
    }

    /// Forgets series that are in no window once they are the greater part: memory follows what is live.
    fn compact(&mut self, log_time: i64) {
        let books = &mut self.books;
        let much = books.table.len() > 2 * self.body.live() + 1024;
        if much {
            let (table, moved) = books.table.retain(|id| self.body.is_live(id));
            self.body.renumber(&moved, table.len());
            books.table = table;
        }
        let many = books.grouping.as_ref().is_some_and(|grouping| grouping.len() > grouping::MEMBERS_MAX);
        if much || many || self.inputs.tidy(log_time, 2 * grouping::MEMBERS_MAX) {
            books.grouping.iter_mut().for_each(grouping::Grouping::reset);
            self.inputs.forget();
            self.decoders.iter_mut().for_each(Decoder::reset);
        }
    }
}

impl Operator for Windows {
    fn apply(&mut self, entry: &Entry, outputs: &mut Outputs) -> Result<()> {
        let header = FrameHeader::from_headers(&entry.headers)?;
        let log_time = entry.time.micros();
        if subject::is_ticker(&header.source) {
            self.take_tick(&header, entry, outputs);
            return Ok(());
        }
        if !self.books.spec.takes_source(&header.source) {
            return Ok(());
        }
        let partition = self.books.partition(entry);
        let Freshness::Fresh(missing) = self.books.sources.freshness_in(partition, &header) else { return Ok(()) };
        self.decode(&header, entry)?;
        self.books.counts.missing += missing;
        let lane = self.books.sources.see_in(partition, &header, log_time);
        let columns = std::mem::take(&mut self.columns);
        let (position, disorder_us) = (entry.position.0, header.disorder_us);
        self.fold(super::Batch { lane, log_time, position, disorder_us, columns: &columns }, outputs);
        self.columns = columns;
        self.compact(log_time);
        Ok(())
    }

    fn watermark(&self) -> Option<Timestamp> {
        Some(self.body.watermark()).filter(|time| *time > i64::MIN).map(Timestamp::from_micros)
    }

    fn late(&self) -> u64 {
        self.books.counts.late
    }

    fn undefined(&self) -> u64 {
        self.books.counts.undefined
    }

    fn events(&self) -> u64 {
        self.books.counts.events
    }

    fn open(&self, starts: Range<Timestamp>) -> u64 {
        self.body.open(starts.start.micros()..starts.end.micros())
    }

    fn snapshot(&self) -> Vec<u8> {
        super::snapshot::write(self)
    }

    fn restore(&mut self, snapshot: &[u8]) -> Result<()> {
        let restored = super::snapshot::read(&self.books.spec, snapshot)?;
        *self = restored;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use floodmark_schemas::{Encoding, Event, EventBatch, frame};

    use super::*;
    use crate::ports::Position;

    fn entry(number: u64, body: impl Into<bytes::Bytes>) -> Entry {
        let header = FrameHeader { source: "s".to_owned(), epoch: 1, number, count: 1, ..FrameHeader::default() };
        let (position, time) = (Position(number), Timestamp::from_secs(number as i64));
        Entry { position, time, subject: String::new(), id: None, headers: header.to_headers(), body: body.into() }
    }

    fn sample(metric: String, secs: i64) -> bytes::Bytes {
        let batch: EventBatch = std::iter::once(Event::sample("s", "1", Timestamp::from_secs(secs), Series::new(metric), 1.0)).collect();
        frame::encode(&batch, Encoding::Json, "s", "f")
    }

    #[test]
    fn series_that_come_and_go_do_not_fill_the_memory() {
        let mut operator = Windows::new(Spec::new("w", 0, Duration::from_secs(10))).unwrap();
        let mut outputs = Outputs::new();
        for n in 1..10_000 {
            operator.apply(&entry(n, sample(format!("m{n}"), n as i64)), &mut outputs).unwrap();
            assert!(operator.live_series() <= 50 && operator.books.table.len() <= 2 * 50 + 1025, "{}", operator.books.table.len());
        }
        // The last window has not fired.
        assert_eq!(outputs.len(), 9_989);
    }

    #[test]
    fn a_frame_that_cannot_be_read_changes_nothing() {
        let mut operator = Windows::new(Spec::new("w", 0, Duration::from_secs(10))).unwrap();
        let mut outputs = Outputs::new();
        operator.apply(&entry(1, sample("m".to_owned(), 5)), &mut outputs).unwrap();
        let before = operator.snapshot();
        let mut damaged = sample("n".to_owned(), 50).to_vec();
        *damaged.last_mut().unwrap() = b',';
        let error = operator.apply(&entry(2, damaged), &mut outputs).unwrap_err();
        assert_eq!((error.kind(), operator.snapshot() == before, outputs.len()), (crate::Kind::Rejected, true, 0));
        operator.apply(&entry(2, sample("n".to_owned(), 6)), &mut outputs).unwrap();
        assert_eq!((operator.events(), operator.counts().missing), (2, 0));
    }

    #[test]
    fn frames_seen_before_and_sources_not_asked_for_are_dropped() {
        let frame = entry(1, sample("m".to_owned(), 5));
        for (sources, expected) in [(None, 1), (Some(vec!["s".to_owned()]), 1), (Some(vec!["other".to_owned()]), 0)] {
            let mut operator = Windows::new(Spec { sources, ..Spec::new("w", 0, Duration::from_secs(10)) }).unwrap();
            (0..2).for_each(|_| operator.apply(&frame, &mut Outputs::new()).unwrap());
            assert_eq!(operator.events(), expected);
        }
    }

    #[test]
    fn metrics_not_asked_for_move_the_watermark_and_nothing_else() {
        let metrics = Some(vec!["cpu_*".to_owned()]);
        let mut operator = Windows::new(Spec { metrics, ..Spec::new("w", 0, Duration::from_secs(10)) }).unwrap();
        operator.apply(&entry(1, sample("mem_used".to_owned(), 5)), &mut Outputs::new()).unwrap();
        assert_eq!((operator.watermark(), operator.live_series()), (Some(Timestamp::from_secs(5)), 0));
    }
}
