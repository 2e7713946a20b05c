//! Tumbling windows as an operator: which frames it takes, and when windows fire and go.
//!
//! - A window `[start, end)` starts at a multiple of its size since the Unix epoch. It fires revision 0 of every series in
//!   it, in order of first appearance in the window, when the watermark reaches its end.
//! - A later event within the allowed lateness emits the next revision at once, with the whole new value. An event after
//!   that goes to the late output.
//! - The watermark moves with each event, so outputs do not depend on how events were cut into frames.
//! - A frame whose number was seen, or whose epoch is over, is dropped. Missing frames are counted.
//! - When all sources have ended, all windows fire. Some ended and none active: the windows that those have reached.

use std::time::Duration;

use floodmark_schemas::{
    FrameHeader, Rollup, Series, Timestamp, Window,
    commit::{Late, Output},
    frame::Decoder,
    subject,
};

use super::{
    accumulators::Layout,
    columns::{Batch, Columns, Filling},
    pane::Panes,
    spec::Spec,
};
use crate::{
    Result,
    id::RollupIds,
    ports::{Entry, Operator, Outputs},
    series_table::SeriesTable,
    watermark::{self, Freshness, Reach, Sources},
};

/// What has been counted since the start of the job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Events taken.
    pub events: u64,
    /// Numbers that came after their window was gone.
    pub late: u64,
    /// Numbers with a time later than the future limit allows.
    pub future: u64,
    /// Numbers skipped because there were too many series. They are still in the event log.
    pub overflow: u64,
    /// Frames that never came.
    pub missing: u64,
}

/// The window operator of one partition.
pub struct Tumbling {
    pub(super) spec: Spec,
    pub(super) sources: Sources,
    pub(super) table: SeriesTable,
    pub(super) panes: Panes,
    pub(super) counts: Counts,
    pub(super) clock: WindowClock,
    ids: RollupIds,
    decoders: Vec<Decoder>,
    columns: Columns,
    idle_timeout_us: i64,
    pub(super) future_limit_us: i64,
}

impl std::fmt::Debug for Tumbling {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut text = f.debug_struct("Tumbling");
        text.field("spec", &self.spec).field("clock", &self.clock).field("counts", &self.counts);
        text.field("sources", &self.sources).field("live_series", &self.live_series()).finish_non_exhaustive()
    }
}

/// The watermark, and which windows it has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct WindowClock {
    pub size: i64,
    pub lateness: i64,
    pub watermark: i64,
    /// Windows before this one have fired.
    pub fired: i64,
    /// Windows before this one are gone.
    pub gone: i64,
}

impl WindowClock {
    pub fn at(size: i64, lateness: i64, watermark: i64) -> Self {
        let gone = watermark.saturating_sub(lateness).div_euclid(size);
        Self { size, lateness, watermark, fired: watermark.div_euclid(size), gone }
    }

    /// The window of a time.
    pub fn index(&self, time: i64) -> i64 {
        time.div_euclid(self.size)
    }

    /// Where a window starts and ends. The outermost ones end where time does.
    pub fn bounds(&self, index: i64) -> (i64, i64) {
        (index.saturating_mul(self.size), index.saturating_add(1).saturating_mul(self.size))
    }

    /// The next watermark at which a window fires or goes.
    pub fn next(&self) -> i64 {
        self.bounds(self.fired).1.min(self.bounds(self.gone).1.saturating_add(self.lateness))
    }
}

impl Tumbling {
    /// An operator that has seen nothing.
    ///
    /// # Errors
    /// `Broken` when the spec cannot work.
    pub fn new(spec: Spec) -> Result<Self> {
        spec.check()?;
        let micros = |time: Duration| i64::try_from(time.as_micros()).expect("the spec allows at most a century");
        Ok(Self {
            sources: Sources::default(),
            table: SeriesTable::default(),
            panes: Panes::new(Layout::of(&spec), spec.series_max),
            counts: Counts::default(),
            clock: WindowClock::at(micros(spec.size), micros(spec.allowed_lateness), i64::MIN),
            ids: RollupIds::new(&spec.operator, spec.version, spec.partition),
            decoders: Vec::new(),
            columns: Columns::default(),
            idle_timeout_us: micros(spec.idle_timeout),
            future_limit_us: micros(spec.future_limit),
            spec,
        })
    }

    /// What has been counted.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// How many series have an event in an open window.
    pub fn live_series(&self) -> usize {
        self.panes.live()
    }

    /// The lane of a source for [`Batch`]; a new one when it is not known.
    pub fn lane(&mut self, source: &str, log_time: Timestamp) -> u32 {
        self.sources.enter(source, None, self.spec.partition, log_time.micros())
    }

    /// The number of a series of a lane's source for [`Columns`]. Valid until the next [`Operator::apply`].
    pub fn series(&mut self, lane: u32, series: &Series) -> u32 {
        self.table.intern(self.sources.get(lane).lane.source, &series.key())
    }

    /// The least watermark of the active lanes other than `lane`.
    pub(super) fn others(&self, lane: u32, log_time: i64) -> i64 {
        self.sources.others(lane, log_time, self.idle_timeout_us)
    }

    /// Moves the watermark as far as the sources allow.
    pub(super) fn follow(&mut self, log_time: i64, outputs: &mut Outputs) {
        let end_of = |index: i64| self.clock.bounds(index).1;
        let target = match self.sources.reach(log_time, self.idle_timeout_us) {
            Reach::Hold => return,
            Reach::To(time) => time,
            Reach::PastWindowOf(i64::MIN) => return,
            Reach::PastWindowOf(time) => end_of(self.clock.index(time)),
            Reach::Everything => match self.panes.list().back() {
                Some(pane) => end_of(pane.index),
                None => return,
            },
        };
        self.advance(target, outputs);
    }

    /// Moves the watermark to `target`, unless it is there already: windows that end by then fire, and those whose lateness
    /// is over go.
    pub(super) fn advance(&mut self, target: i64, outputs: &mut Outputs) {
        if target <= self.clock.watermark {
            return;
        }
        let before = self.clock;
        self.clock = WindowClock::at(before.size, before.lateness, target);
        if self.clock.fired != before.fired {
            for at in 0..self.panes.list().len() {
                let pane = &self.panes.list()[at];
                if (before.fired..self.clock.fired).contains(&pane.index) {
                    outputs.reserve(pane.series.len());
                    (0..pane.series.len()).for_each(|slot| self.emit(at, slot, outputs));
                }
            }
        }
        if self.clock.gone != before.gone {
            self.panes.drop_before(self.clock.gone);
        }
    }

    /// Emits the next revision of one series in one window.
    pub(super) fn emit(&mut self, at: usize, slot: usize, outputs: &mut Outputs) {
        let (pane, _) = self.panes.at(at);
        let revision = pane.next_revision(slot);
        let (start, end) = self.clock.bounds(pane.index);
        let id = pane.series[slot];
        let (source, key) = (&self.sources.names()[self.table.source(id) as usize], self.table.key(id));
        outputs.push(Output::Rollup(Rollup {
            id: self.ids.id(source, key, start, end, revision),
            operator: self.spec.operator.clone(),
            version: format!("{:08x}", self.spec.version),
            source: source.clone(),
            series: self.table.series(id),
            window: Window { start: Timestamp::from_micros(start), end: Timestamp::from_micros(end) },
            revision,
            aggregates: pane.accumulators.read(slot, start, end),
        }));
    }

    /// Sends one row to the late output.
    pub(super) fn emit_late(&mut self, batch: &Batch<'_>, row: usize, outputs: &mut Outputs) {
        let columns = batch.columns;
        let id = columns.series[row];
        self.counts.late += 1;
        outputs.push(Output::Late(Late {
            operator: self.spec.operator.clone(),
            source: self.sources.name_of(batch.lane).to_owned(),
            series: self.table.series(id),
            time: Timestamp::from_micros(columns.time[row]),
            value: columns.value[row],
            position: batch.position,
            index: columns.index[row],
        }));
    }

    fn take_tick(&mut self, header: &FrameHeader, log_time: i64, outputs: &mut Outputs) {
        for (name, promise) in &header.watermarks {
            if self.spec.takes_source(watermark::writer(name).0) {
                self.sources.tick(self.spec.partition, name, promise.micros(), log_time);
            }
        }
        self.follow(log_time, outputs);
    }

    /// Decodes a frame in full before anything of it counts. What it leaves in the series table when it fails is not state:
    /// nothing depends on it.
    fn decode(&mut self, header: &FrameHeader, entry: &Entry) -> Result<()> {
        let source = self.sources.find(&header.source).unwrap_or(self.sources.names().len() as u32);
        if self.decoders.len() <= source as usize {
            self.decoders.resize_with(source as usize + 1, Decoder::default);
        }
        self.columns.clear();
        let mut filling = Filling { spec: &self.spec, table: &mut self.table, source, columns: &mut self.columns };
        let decoder = &mut self.decoders[source as usize];
        decoder.visit(header.encoding, &entry.body, &mut filling).map_err(|e| {
            let doing = format!("reading frame {} of source {} at position {}", header.number, header.source, entry.position);
            crate::Error::rejected(doing).because(e)
        })
    }

    /// Forgets series that are in no window once they are the greater part: memory follows what is live.
    fn compact(&mut self) {
        if self.table.len() > 2 * self.panes.live() + 1024 {
            let (table, moved) = self.table.retain(|id| self.panes.is_live(id));
            self.panes.renumber(&moved, table.len());
            self.table = table;
            self.decoders.iter_mut().for_each(Decoder::reset);
        }
    }
}

impl Operator for Tumbling {
    fn apply(&mut self, entry: &Entry, outputs: &mut Outputs) -> Result<()> {
        let header = FrameHeader::from_headers(&entry.headers)?;
        let log_time = entry.time.micros();
        if subject::is_ticker(&header.source) {
            self.take_tick(&header, log_time, outputs);
            return Ok(());
        }
        if !self.spec.takes_source(&header.source) {
            return Ok(());
        }
        let Freshness::Fresh(missing) = self.sources.freshness_in(self.spec.partition, &header) else { return Ok(()) };
        self.decode(&header, entry)?;
        self.counts.missing += missing;
        let lane = self.sources.see_in(self.spec.partition, &header, log_time);
        let columns = std::mem::take(&mut self.columns);
        let (position, disorder_us) = (entry.position.0, header.disorder_us);
        self.fold(Batch { lane, log_time, position, disorder_us, columns: &columns }, outputs);
        self.columns = columns;
        self.compact();
        Ok(())
    }

    fn watermark(&self) -> Option<Timestamp> {
        (self.clock.watermark > i64::MIN).then_some(Timestamp::from_micros(self.clock.watermark))
    }

    fn late(&self) -> u64 {
        self.counts.late
    }

    fn events(&self) -> u64 {
        self.counts.events
    }

    fn snapshot(&self) -> Vec<u8> {
        super::snapshot::write(self)
    }

    fn restore(&mut self, snapshot: &[u8]) -> Result<()> {
        let restored = super::snapshot::read(&self.spec, snapshot)?;
        *self = restored;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
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
        let mut operator = Tumbling::new(Spec::new("w", 0, Duration::from_secs(10))).unwrap();
        let mut outputs = Outputs::new();
        for n in 1..10_000 {
            operator.apply(&entry(n, sample(format!("m{n}"), n as i64)), &mut outputs).unwrap();
            assert!(operator.live_series() <= 50 && operator.table.len() <= 2 * 50 + 1025, "{}", operator.table.len());
        }
        // The last window has not fired.
        assert_eq!(outputs.len(), 9_989);
    }

    #[test]
    fn a_frame_that_cannot_be_read_changes_nothing() {
        let mut operator = Tumbling::new(Spec::new("w", 0, Duration::from_secs(10))).unwrap();
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
            let mut operator = Tumbling::new(Spec { sources, ..Spec::new("w", 0, Duration::from_secs(10)) }).unwrap();
            (0..2).for_each(|_| operator.apply(&frame, &mut Outputs::new()).unwrap());
            assert_eq!(operator.events(), expected);
        }
    }

    #[test]
    fn metrics_not_asked_for_move_the_watermark_and_nothing_else() {
        let metrics = Some(vec!["cpu_*".to_owned()]);
        let mut operator = Tumbling::new(Spec { metrics, ..Spec::new("w", 0, Duration::from_secs(10)) }).unwrap();
        operator.apply(&entry(1, sample("mem_used".to_owned(), 5)), &mut Outputs::new()).unwrap();
        assert_eq!((operator.watermark(), operator.live_series()), (Some(Timestamp::from_secs(5)), 0));
    }
}
