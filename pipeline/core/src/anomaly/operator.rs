//! Anomaly scores as an operator: which values it takes, and which scores it gives.
//!
//! - Each sample, in the order of the log, is judged by what its series did before, and then learnt. No sample is late: one that is
//!   earlier than the one before it is judged as it comes. A second sample of one time is a revision of the first.
//! - Or the rollups of another operator are judged, by one aggregate, in the order of its commits; see [`super::rollups`].
//! - A frame whose number was seen, or whose epoch is over, is dropped. Missing frames are counted.
//! - A series that was silent for too long is forgotten: at full hours of its source's watermark.

use std::collections::BTreeMap;
use std::sync::Arc;

use floodmark_schemas::commit::Output;
use floodmark_schemas::frame::Decoder;
use floodmark_schemas::{FrameHeader, Score, ScoreState, Series, Timestamp, Window, subject};

use super::columns::{Filling, NONE};
use super::spec::{Emit, NOTABLE, Spec};
use super::watch::{Change, Verdict};
use super::watches::Watches;
use crate::id::RollupIds;
use crate::lanes::Lanes;
use crate::ports::{Entry, Operator, Outputs};
use crate::selection::Inputs;
use crate::taking::Taking;
use crate::watermark::Freshness;
use crate::window::Columns;
use crate::{Error, Result, upstream};

/// How many series are remembered for expressions before all are forgotten and met anew.
const INPUTS_MAX: usize = 1 << 20;

/// An event time counts for the watermark as at most log time plus this.
const FUTURE_LIMIT_US: i64 = 300_000_000;
/// How often series are looked through for those to be forgotten.
const SWEEP_US: i64 = 3_600_000_000;

/// What has been counted since the start of the job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Events or rollups taken.
    pub events: u64,
    /// Values skipped because there were too many series. They are still in the log.
    pub overflow: u64,
    /// Frames that never came.
    pub missing: u64,
    /// Values that opened an episode.
    pub episodes: u64,
    /// Values left out because the formula of a derived value made nothing finite of them.
    pub undefined: u64,
}

/// The anomaly operator of one partition.
pub struct Anomaly {
    pub(super) spec: Spec,
    pub(super) lanes: Lanes,
    pub(super) watches: Watches,
    pub(super) counts: Counts,
    pub(super) progress: upstream::Progress,
    pub(super) naming: Naming,
    pub(super) forget_after_us: i64,
    decoders: Vec<Decoder>,
    columns: Columns,
    inputs: Inputs,
}

impl std::fmt::Debug for Anomaly {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut text = f.debug_struct("Anomaly");
        text.field("spec", &self.spec).field("counts", &self.counts).field("live_series", &self.live_series()).finish_non_exhaustive()
    }
}

/// What is the same in all scores, and the ids that tell them apart.
pub(super) struct Naming {
    ids: RollupIds,
    operator: String,
    version: String,
    emit: Emit,
}

/// Whose value is judged, and when it was so.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    pub source: &'a str,
    pub key: &'a str,
    pub time: i64,
    /// The window's start and its revision, when a rollup is judged.
    pub rollup: Option<(i64, u32)>,
}

impl Naming {
    /// The id of a score: that of a rollup in the same window; of a sample, that of a window from its time to the bits of its value,
    /// so that two samples of one time have two ids.
    pub fn id(&mut self, place: Place<'_>, value: f64, revision: u32) -> String {
        match place.rollup {
            Some((start, revision)) => self.ids.id(place.source, place.key, start, place.time, revision),
            None => self.ids.id(place.source, place.key, place.time, value.to_bits() as i64, revision),
        }
    }

    /// Emits a score if it is asked for.
    pub fn emit(&mut self, place: Place<'_>, series: impl FnOnce() -> Arc<Series>, verdict: Verdict, outputs: &mut Outputs) {
        let Verdict { value, judged, state, change, episode, revision } = verdict;
        let notable = judged.score() >= NOTABLE || change != Change::None;
        if self.emit == Emit::Notable && !notable {
            return;
        }
        let known = state != ScoreState::Learning;
        outputs.push(Output::Score(Score {
            id: self.id(place, value, revision),
            operator: self.operator.clone(),
            version: self.version.clone(),
            source: place.source.to_owned(),
            series: series(),
            time: Timestamp::from_micros(place.time),
            window: place.rollup.map(|(start, _)| Window { start: Timestamp::from_micros(start), end: Timestamp::from_micros(place.time) }),
            revision: place.rollup.map_or(revision, |(_, revision)| revision),
            value,
            score: judged.score(),
            novelty: judged.novelty,
            jump: judged.jump,
            staleness: judged.staleness,
            head: judged.head(),
            baseline: known.then_some(judged.baseline),
            lower: known.then_some(judged.lower),
            upper: known.then_some(judged.upper),
            state,
            episode,
        }));
    }
}

impl Anomaly {
    /// An operator that has seen nothing.
    ///
    /// # Errors
    /// `Broken` when the spec cannot work.
    pub fn new(spec: Spec) -> Result<Self> {
        spec.check()?;
        let ids = RollupIds::new(&spec.operator, spec.version, spec.partition);
        let version = format!("{:08x}", spec.version);
        Ok(Self {
            lanes: Lanes::default(),
            watches: Watches::default(),
            counts: Counts::default(),
            progress: upstream::Progress::default(),
            naming: Naming { ids, operator: spec.operator.clone(), version, emit: spec.emit },
            forget_after_us: i64::try_from(spec.forget_after.as_micros()).expect("the spec allows at most a century"),
            decoders: Vec::new(),
            columns: Columns::default(),
            inputs: Inputs::default(),
            spec,
        })
    }

    /// What has been counted.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// How many series are under watch.
    pub fn live_series(&self) -> usize {
        self.watches.live()
    }

    /// Decodes a frame in full before anything of it counts. What it leaves in the series table when it fails is not state.
    fn decode(&mut self, source: u32, header: &FrameHeader, entry: &Entry) -> Result<()> {
        if self.decoders.len() <= source as usize {
            self.decoders.resize_with(source as usize + 1, Decoder::default);
        }
        self.columns.clear();
        let (named, inputs) = ((source, header.source.as_str()), &mut self.inputs);
        let (selection, metrics) = (&self.spec.selection, self.spec.metrics.as_deref());
        let taking = Taking { selection, metrics, table: &mut self.watches.table, inputs, source: named };
        let mut filling = Filling { taking, columns: &mut self.columns };
        self.decoders[source as usize].visit(header.encoding, &entry.body, &mut filling).map_err(|e| {
            let doing = format!("reading frame {} of source {} at position {}", header.number, header.source, entry.position);
            Error::rejected(doing).because(e)
        })
    }

    fn take_frame(&mut self, header: &FrameHeader, entry: &Entry, outputs: &mut Outputs) -> Result<()> {
        let Freshness::Fresh(missing) = self.lanes.freshness(self.spec.partition, header) else { return Ok(()) };
        self.decode(self.lanes.find(&header.source).unwrap_or(self.lanes.list().len() as u32), header, entry)?;
        self.counts.missing += missing;
        let source = self.lanes.enter(&header.source);
        let columns = std::mem::take(&mut self.columns);
        self.fold(source, header, entry.time.micros(), &columns, outputs);
        self.columns = columns;
        if self.watches.compact() || self.inputs.tidy(entry.time.micros(), INPUTS_MAX) {
            self.reset_decoders();
        }
        Ok(())
    }

    /// After ids have changed.
    pub(super) fn reset_decoders(&mut self) {
        self.inputs.forget();
        self.decoders.iter_mut().for_each(Decoder::reset);
    }

    fn fold(&mut self, source: u32, header: &FrameHeader, log_time: i64, columns: &Columns, outputs: &mut Outputs) {
        let part = self.lanes.part(source);
        let lane = part.sources.see_in(self.spec.partition, header, log_time);
        part.follow(log_time);
        let others = part.others(lane, log_time);
        let cap = log_time.saturating_add(FUTURE_LIMIT_US);
        self.counts.events += columns.events;
        self.counts.undefined += columns.undefined;
        for row in 0..columns.time.len() {
            let (time, id) = (columns.time[row], columns.series[row]);
            let part = self.lanes.part(source);
            let own = part.sources.observe(lane, time.min(cap), header.disorder_us);
            let (before, reached) = part.reach(own.min(others));
            self.sweep(source, before, reached);
            if id != NONE {
                self.judge(source, id, time, columns.value[row], outputs);
            }
        }
    }

    /// Forgets series of a source when its watermark comes to a full hour.
    pub(super) fn sweep(&mut self, source: u32, before: i64, reached: i64) {
        let hour = reached.div_euclid(SWEEP_US);
        if reached > before && hour != before.div_euclid(SWEEP_US) {
            self.watches.forget(source, hour.saturating_mul(SWEEP_US).saturating_sub(self.forget_after_us));
        }
    }

    fn judge(&mut self, source: u32, id: u32, time: i64, value: f64, outputs: &mut Outputs) {
        let Self { watches, lanes, naming, counts, spec, .. } = self;
        let Some((table, watch)) = watches.find_or_add(id, spec) else {
            counts.overflow += 1;
            return;
        };
        let place = Place { source: &lanes.list()[source as usize].name, key: table.key(id), time, rollup: None };
        let verdict = watch.judge(time, value, spec.threshold, |value, revision| naming.id(place, value, revision));
        if let Some(verdict) = verdict {
            counts.episodes += u64::from(verdict.change == Change::Opens);
            naming.emit(place, || table.series(id), verdict, outputs);
        }
    }
}

impl Operator for Anomaly {
    fn apply(&mut self, entry: &Entry, outputs: &mut Outputs) -> Result<()> {
        if self.spec.from.is_some() {
            return self.take_commits(entry, outputs);
        }
        let header = FrameHeader::from_headers(&entry.headers)?;
        if subject::is_ticker(&header.source) {
            self.lanes.tick(self.spec.partition, &header, entry.time.micros());
            return Ok(());
        }
        if !self.spec.takes_source(&header.source) {
            return Ok(());
        }
        self.take_frame(&header, entry, outputs)
    }

    /// The least of all sources.
    fn watermark(&self) -> Option<Timestamp> {
        // What has ended does not keep time any more.
        self.watermarks().into_values().filter(|time| *time < Timestamp::MAX).min()
    }

    fn watermarks(&self) -> BTreeMap<String, Timestamp> {
        if let Some(from) = &self.spec.from {
            let all = from.upstream.watermarks(&self.progress).into_iter().filter(|(source, _)| self.spec.takes_source(source));
            return all.map(|(source, time)| (source, Timestamp::from_micros(time))).collect();
        }
        let known = self.lanes.list().iter().filter(|part| part.watermark > i64::MIN);
        known.map(|part| (part.name.clone(), Timestamp::from_micros(part.watermark))).collect()
    }

    /// None is: they are judged in the order in which they come.
    fn late(&self) -> u64 {
        0
    }

    fn undefined(&self) -> u64 {
        self.counts.undefined
    }

    fn events(&self) -> u64 {
        self.counts.events
    }

    fn snapshot(&self) -> Vec<u8> {
        super::snapshot::write(self)
    }

    fn restore(&mut self, snapshot: &[u8]) -> Result<()> {
        *self = super::snapshot::read(&self.spec, snapshot)?;
        Ok(())
    }
}
