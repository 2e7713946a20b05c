//! A rule as an operator: what it looks at, and how time moves.
//!
//! - Observations of a series are judged in the order of the log. One that is earlier than the newest of its series is counted as late and
//!   moves nothing; of a momentary condition it counts at the time of the newest.
//! - Deadlines pass when the next observation of the series is later, or the watermark of its source.
//! - Silence is measured in log time, see [`super::silence`].
//! - A frame whose number was seen, or whose epoch is over, is dropped. Missing frames are counted.
//! - A series that was silent for too long is forgotten, and its alert is over: at full hours of its source's watermark.

use std::collections::BTreeMap;

use floodmark_schemas::frame::Decoder;
use floodmark_schemas::{Evidence, FrameHeader, Timestamp, subject};

use super::deadlines::Deadlines;
use super::filling::{Filling, Rows, shortened};
use super::machine::Step;
use super::shared::{Frame, Known};
use super::silence::Silence;
use super::spec::{Input, Spec};
use super::teller::{Origin, Teller};
use super::watches::Watches;
use crate::lanes::Lanes;
use crate::ports::{Entry, Operator, Outputs};
use crate::selection::{Inputs, NONE};
use crate::taking::Taking;
use crate::watermark::Freshness;
use crate::{Error, Result, upstream};

/// How many series are remembered for expressions before all are forgotten and met anew.
const INPUTS_MAX: usize = 1 << 20;
/// An event time counts for the watermark as at most log time plus this.
const FUTURE_LIMIT_US: i64 = 300_000_000;

/// What has been counted since the start of the job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Events or results taken.
    pub events: u64,
    /// Observations that were earlier than the newest of their series.
    pub late: u64,
    /// Observations skipped because there were too many series. They are still in the log.
    pub overflow: u64,
    /// Frames that never came.
    pub missing: u64,
    /// Values left out because the formula of a derived value made nothing finite of them.
    pub undefined: u64,
    /// Observations that could not be judged.
    pub unjudged: u64,
}

/// The rule on one partition.
pub struct Rule {
    pub(super) spec: Spec,
    pub(super) lanes: Lanes,
    pub(super) watches: Watches,
    pub(super) silence: Silence,
    pub(super) deadlines: Deadlines,
    pub(super) counts: Counts,
    pub(super) progress: upstream::Progress,
    pub(super) forget_after_us: i64,
    teller: Teller,
    decoders: Vec<Decoder>,
    known: Vec<Known>,
    rows: Rows,
    inputs: Inputs,
    pub(super) steps: Vec<Step>,
}

/// The entry that is taken: its position, and the log time at which it was stored.
#[derive(Clone, Copy, Debug)]
pub(super) struct At {
    pub position: u64,
    pub log_time: i64,
}

/// One observation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Observation<'a> {
    pub source: u32,
    pub id: u32,
    pub time: i64,
    pub numbers: &'a [f64],
}

impl std::fmt::Debug for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut text = f.debug_struct("Rule");
        text.field("spec", &self.spec).field("counts", &self.counts).field("live_series", &self.live_series()).finish_non_exhaustive()
    }
}

impl Rule {
    /// A rule that has seen nothing.
    ///
    /// # Errors
    /// `Broken` when the spec cannot work.
    pub fn new(spec: Spec) -> Result<Self> {
        spec.check()?;
        Ok(Self {
            lanes: Lanes::default(),
            watches: Watches::default(),
            silence: Silence::default(),
            deadlines: Deadlines::default(),
            counts: Counts::default(),
            progress: upstream::Progress::default(),
            forget_after_us: i64::try_from(spec.forget_after.as_micros()).expect("the spec allows at most a century"),
            teller: Teller::default(),
            decoders: Vec::new(),
            known: Vec::new(),
            rows: Rows::default(),
            inputs: Inputs::default(),
            steps: Vec::new(),
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
    fn decode(&mut self, source: u32, header: &FrameHeader, entry: &Entry, frame: Option<&Frame>) -> Result<()> {
        if self.decoders.len() <= source as usize {
            self.decoders.resize_with(source as usize + 1, Decoder::default);
            self.known.resize_with(source as usize + 1, Known::default);
        }
        self.rows.columns.clear();
        self.rows.texts.clear();
        let (selection, metrics) = (&self.spec.selection, self.spec.metrics.as_deref());
        let (named, inputs) = ((source, header.source.as_str()), &mut self.inputs);
        let taking = Taking { selection, metrics, table: &mut self.watches.table, inputs, source: named };
        let mut filling = Filling { input: &self.spec.input, taking, rows: &mut self.rows };
        if let Some(frame) = frame {
            frame.visit(&mut self.known[source as usize], &mut filling);
            return Ok(());
        }
        self.decoders[source as usize].visit(header.encoding, &entry.body, &mut filling).map_err(|e| {
            let doing = format!("reading frame {} of source {} at position {}", header.number, header.source, entry.position);
            Error::rejected(doing).because(e)
        })
    }

    /// Takes a frame, which somebody may have decoded already.
    pub(super) fn take_frame(&mut self, header: &FrameHeader, entry: &Entry, frame: Option<&Frame>, outputs: &mut Outputs) -> Result<()> {
        let at = At { position: entry.position.0, log_time: entry.time.micros() };
        let freshness = self.lanes.freshness(self.spec.partition, header);
        let Freshness::Fresh(missing) = freshness else {
            self.listen(at, outputs);
            return Ok(());
        };
        self.decode(self.lanes.find(&header.source).unwrap_or(self.lanes.list().len() as u32), header, entry, frame)?;
        self.listen(at, outputs);
        self.counts.missing += missing;
        let source = self.lanes.enter(&header.source);
        let rows = std::mem::take(&mut self.rows);
        self.fold(source, header, at, &rows, outputs);
        self.rows = rows;
        if self.inputs.tidy(entry.time.micros(), INPUTS_MAX) {
            self.reset_decoders();
        }
        self.compact();
        Ok(())
    }

    fn reset_decoders(&mut self) {
        self.inputs.forget();
        self.decoders.iter_mut().for_each(Decoder::reset);
        self.known.iter_mut().for_each(Known::clear);
    }

    /// Forgets the names of series that are gone.
    pub(super) fn compact(&mut self) {
        if self.watches.compact() {
            self.reset_decoders();
            self.schedule();
        }
    }

    fn fold(&mut self, source: u32, header: &FrameHeader, at: At, rows: &Rows, outputs: &mut Outputs) {
        let part = self.lanes.part(source);
        let had_ended = part.sources.has_ended();
        let lane = part.sources.see_in(self.spec.partition, header, at.log_time);
        let is_back = had_ended && !part.sources.has_ended();
        part.follow(at.log_time);
        let others = part.others(lane, at.log_time);
        let cap = at.log_time.saturating_add(FUTURE_LIMIT_US);
        if is_back {
            self.silence.forgive(source);
        }
        let columns = &rows.columns;
        self.counts.events += columns.events;
        self.counts.undefined += columns.undefined;
        let mut texts = rows.texts.iter().peekable();
        for row in 0..columns.time.len() {
            // A time that has not come yet would make everything late that comes until then.
            let (time, id) = (columns.time[row].min(cap), columns.series[row]);
            let part = self.lanes.part(source);
            let own = part.sources.observe(lane, time, header.disorder_us);
            let (before, reached) = part.reach(own.min(others));
            self.follow(source, before, reached, at, outputs);
            let text = texts.next_if(|(of, _)| *of == row).map(|(_, text)| text);
            if id != NONE {
                let numbers = &columns.value[row..=row];
                let evidence = || Evidence::Event { position: at.position, index: columns.index[row] };
                self.observe(Observation { source, id, time, numbers }, text, at, evidence, outputs);
            }
        }
        if columns.time.is_empty() {
            let reached = self.lanes.part(source).watermark;
            self.follow(source, reached, reached, at, outputs);
        }
    }

    /// Judges one observation.
    #[inline]
    pub(super) fn observe(
        &mut self,
        Observation { source, id, mut time, numbers }: Observation<'_>,
        text: Option<&String>,
        at: At,
        evidence: impl FnOnce() -> Evidence,
        outputs: &mut Outputs,
    ) {
        let Self { watches, lanes, counts, spec, silence, .. } = self;
        let Some((table, watch, is_new)) = watches.find_or_add(id, spec.series_max) else {
            counts.overflow += 1;
            return;
        };
        watch.heard = silence.listened;
        if is_new && let Some(span) = spec.timing.no_data_for_us {
            silence.look_at(silence.since(source, watch.heard).saturating_add(span), id);
        }
        if time < watch.newest {
            counts.late += 1;
            if !spec.timing.momentary {
                return;
            }
            time = watch.newest;
        }
        watch.newest = time;
        let subject = || (lanes.list()[source as usize].name.clone(), table.series(id));
        let judged = spec.condition.judge(&mut watch.gauge, subject, time, numbers);
        let met = judged.map(|(met, value)| (spec.needed.map_or(met, |needed| needed.count(&mut watch.gauge, met)), value));
        if watch.machine.is_idle() && matches!(met, Some((0, _))) {
            return;
        }
        self.step(source, id, time, met, text, at, evidence, outputs);
    }

    /// What an observation means to the state machine of its series.
    #[cold]
    #[expect(clippy::too_many_arguments, reason = "the rare half of one function, apart so that the frequent half stays small")]
    fn step(
        &mut self,
        source: u32,
        id: u32,
        time: i64,
        met: Option<(u8, f64)>,
        text: Option<&String>,
        at: At,
        evidence: impl FnOnce() -> Evidence,
        outputs: &mut Outputs,
    ) {
        self.pass(source, id, time, false, at, outputs);
        let Self { watches, silence, spec, steps, counts, .. } = self;
        let Some(watch) = watches.find(id) else { return };
        let (machine, timing) = (&mut watch.machine, &spec.timing);
        let (deadline, had_no_data) = (machine.deadline(timing), machine.has_no_data());
        match met {
            Some((met, value)) => machine.observe(time, met, Some(value), timing, steps),
            None => {
                counts.unjudged += 1;
                machine.cannot_judge(time, timing, steps);
            }
        }
        if let Some(text) = text {
            machine.set_text(shortened(text.clone()));
        }
        if had_no_data
            && !machine.has_no_data()
            && let Some(span) = timing.no_data_for_us
        {
            silence.look_at(watch.heard.saturating_add(span), id);
        }
        self.tell(source, id, deadline, evidence, at, outputs);
    }

    /// Lets time pass for one series.
    pub(super) fn pass(&mut self, source: u32, id: u32, time: i64, also: bool, at: At, outputs: &mut Outputs) {
        let Self { watches, spec, steps, .. } = self;
        let Some(watch) = watches.find(id) else { return };
        let deadline = watch.machine.deadline(&spec.timing);
        watch.machine.pass(time, also, &spec.timing, steps);
        self.tell(source, id, deadline, || Evidence::Time { position: at.position }, at, outputs);
    }

    /// Tells the steps that were made of a series, and takes note of its next deadline if it is not the one that it had.
    pub(super) fn tell(
        &mut self,
        source: u32,
        id: u32,
        had: Option<i64>,
        evidence: impl FnOnce() -> Evidence,
        at: At,
        outputs: &mut Outputs,
    ) {
        let Self { watches, lanes, spec, steps, teller, deadlines, .. } = self;
        let next = watches.find(id).and_then(|watch| watch.machine.deadline(&spec.timing));
        if let Some(next) = next.filter(|next| had != Some(*next)) {
            deadlines.add(source, next, id);
        }
        if steps.is_empty() {
            return;
        }
        let (series, text) = (watches.table.series(id), watches.find(id).and_then(|watch| watch.machine.text().map(str::to_owned)));
        let (key, source) = (watches.table.key(id), lanes.list()[source as usize].name.as_str());
        let origin = Origin { source, key, series, text: text.as_deref(), evidence: evidence(), noticed: at.log_time };
        teller.tell(spec, steps, &origin, outputs);
        steps.clear();
    }

    /// Gives a series up at `time`.
    pub(super) fn give_up(&mut self, source: u32, id: u32, time: i64, at: At, outputs: &mut Outputs) {
        let Self { watches, steps, .. } = self;
        if let Some(watch) = watches.find(id) {
            watch.machine.give_up(time, steps);
        }
        self.tell(source, id, None, || Evidence::Time { position: at.position }, at, outputs);
        self.watches.remove(id);
    }
}

impl Operator for Rule {
    fn apply(&mut self, entry: &Entry, outputs: &mut Outputs) -> Result<()> {
        if self.spec.input.upstream().is_some() {
            return self.take_commits(entry, outputs);
        }
        let header = FrameHeader::from_headers(&entry.headers)?;
        if !subject::is_ticker(&header.source) && self.spec.takes_source(&header.source) {
            return self.take_frame(&header, entry, None, outputs);
        }
        self.take_other(&header, At { position: entry.position.0, log_time: entry.time.micros() }, outputs);
        Ok(())
    }

    /// The least of all sources.
    fn watermark(&self) -> Option<Timestamp> {
        // What has ended does not keep time any more.
        self.watermarks().into_values().filter(|time| *time < Timestamp::MAX).min()
    }

    fn watermarks(&self) -> BTreeMap<String, Timestamp> {
        if let Input::Rollups(upstream, _) | Input::Scores(upstream) | Input::Episodes(upstream) = &self.spec.input {
            let all = upstream.watermarks(&self.progress).into_iter().filter(|(source, _)| self.spec.takes_source(source));
            return all.map(|(source, time)| (source, Timestamp::from_micros(time))).collect();
        }
        let known = self.lanes.list().iter().filter(|part| part.watermark > i64::MIN);
        known.map(|part| (part.name.clone(), Timestamp::from_micros(part.watermark))).collect()
    }

    fn late(&self) -> u64 {
        self.counts.late
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
