//! Cascades: long windows from the rollups of short ones. An hour is made of sixty minutes instead of all their events.
//!
//! - A window takes the rollups of all shorter windows that begin in it. It fires revision 0 of every series, in order of
//!   their keys, when its source has come to its end.
//! - A revision of a shorter window gives the next revision of the longer one; when several come in one commit, one.
//! - A shorter window that is taken back (its count is 0) is taken out again.
//! - What was merged and can no longer be revised is kept as one sum: memory does not grow with the number of shorter
//!   windows in a longer one.

mod merge;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use floodmark_schemas::commit::Output;
use floodmark_schemas::{Aggregates, Commit, Rollup, Series, Timestamp, Window, subject};
use serde::{Deserialize, Serialize};

use crate::id::RollupIds;
use crate::ports::{Entry, Operator, Outputs};
use crate::upstream::{Progress, Upstream};
use crate::window::{Calendar, Grid, Shape, glob};
use crate::{Error, Result};

use merge::Merged;
pub use merge::{Asked, unmergeable};

/// The configuration of one cascade on one partition.
#[derive(Clone, Debug, PartialEq)]
pub struct Spec {
    /// The operator's id.
    pub operator: String,
    /// Its version: outputs of another version have other ids.
    pub version: u32,
    /// The partition it works on.
    pub partition: u32,
    /// Whose rollups it reads.
    pub upstream: Upstream,
    /// The shape of its windows: tumbling or of the calendar.
    pub shape: Shape,
    /// The length of a tumbling window: a multiple of the shorter ones'.
    pub size: Duration,
    /// How long after their end the shorter windows may be revised.
    pub allowed_lateness: Duration,
    /// What is to be said of each window.
    pub asked: Asked,
    /// Only metrics whose name matches one of these patterns; `None` takes all.
    pub metrics: Option<Vec<String>>,
    /// Only rollups of these sources; `None` takes all.
    pub sources: Option<Vec<String>>,
    /// The labels that tell series apart; series that differ in others only are merged. `None` keeps all apart.
    pub group_by: Option<Vec<String>>,
}

/// The cascade of one partition.
pub struct Cascade {
    spec: Spec,
    grid: Grid,
    lateness_us: i64,
    ids: RollupIds,
    state: State,
}

/// The first bytes of a snapshot; JSON follows.
const MAGIC: &[u8; 8] = b"fm-csc-1";

#[derive(Debug, Default, Serialize, Deserialize)]
struct State {
    progress: Progress,
    rollups: u64,
    late: u64,
    parts: BTreeMap<String, Part>,
}

/// The windows of one source.
#[derive(Debug, Serialize, Deserialize)]
struct Part {
    watermark: i64,
    /// Whether the source has ended: all its windows have fired then.
    #[serde(default)]
    ended: bool,
    /// By their number; in each the series by their key.
    windows: BTreeMap<i64, BTreeMap<String, Cell>>,
}

/// One series in one window.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Cell {
    /// Shorter windows that cannot change any more.
    settled: Merged,
    /// The others in order of their start and series.
    open: Vec<Short>,
    /// How many revisions were emitted.
    emitted: u32,
}

/// A shorter window that may be revised.
#[derive(Debug, Serialize, Deserialize)]
struct Short {
    start: i64,
    end: i64,
    /// The key of its series, where several are merged.
    series: String,
    revision: u32,
    aggregates: Aggregates,
}

impl Cascade {
    /// An operator that has seen nothing.
    ///
    /// # Errors
    /// `Broken` when windows of this shape cannot be made of others.
    pub fn new(spec: Spec) -> Result<Self> {
        let micros = |time: Duration| i64::try_from(time.as_micros()).unwrap_or(i64::MAX);
        let grid = match &spec.shape {
            Shape::Tumbling => Grid::Fixed(micros(spec.size).max(1)),
            Shape::Calendar { unit, zone } => Grid::Calendar(Calendar::new(*unit, zone.clone())),
            Shape::Hopping { .. } | Shape::Session => {
                let doing = format!("setting up operator {:?}: its windows cannot be made of shorter ones", spec.operator);
                return Err(Error::broken(doing));
            }
        };
        let (lateness_us, ids) = (micros(spec.allowed_lateness), RollupIds::new(&spec.operator, spec.version, spec.partition));
        Ok(Self { spec, grid, lateness_us, ids, state: State::default() })
    }

    fn take_commit(&mut self, commit: Commit, outputs: &mut Outputs) {
        let mut changed = BTreeSet::new();
        for output in commit.outputs {
            if let Output::Rollup(rollup) = output {
                self.take(rollup, &mut changed);
            }
        }
        for (source, window, key) in changed {
            let cell = self.state.parts.get_mut(&source).and_then(|part| part.windows.get_mut(&window)?.get_mut(&key));
            let cell = cell.expect("it was changed just now");
            outputs.push(emit(&self.spec, &mut self.ids, &source, &key, self.grid.bounds(window), cell));
        }
        for (source, time) in self.spec.upstream.watermarks(&self.state.progress) {
            self.advance(&source, time, outputs);
        }
    }

    /// Takes a rollup, and says which window has changed after it had fired.
    fn take(&mut self, rollup: Rollup, changed: &mut BTreeSet<(String, i64, String)>) {
        let metrics = self.spec.metrics.as_ref();
        let takes_metric = metrics.is_none_or(|patterns| patterns.iter().any(|pattern| glob(pattern, &rollup.series.metric)));
        if !takes_metric || !subject::takes(self.spec.sources.as_deref(), &rollup.source) {
            return;
        }
        self.state.rollups += 1;
        let (start, end) = (rollup.window.start.micros(), rollup.window.end.micros());
        let window = self.grid.index(start);
        let part = self.state.parts.entry(rollup.source.clone()).or_insert_with(Part::new);
        // Nobody may change what is settled.
        if end.saturating_add(self.lateness_us) <= part.watermark {
            self.state.late += 1;
            return;
        }
        let of = rollup.series.key();
        let (key, series) = match &self.spec.group_by {
            None => (of, String::new()),
            Some(labels) => (grouped(&rollup.series, labels).key(), of),
        };
        let cell = part.windows.entry(window).or_default().entry(key.clone()).or_default();
        let fired = self.grid.bounds(window).1 <= part.watermark;
        let short = Short { start, end, series, revision: rollup.revision, aggregates: rollup.aggregates };
        if cell.take(short) && fired {
            changed.insert((rollup.source, window, key));
        }
    }

    /// Brings a source on: windows that have come to their end fire, and those whose lateness is over go.
    fn advance(&mut self, source: &str, watermark: i64, outputs: &mut Outputs) {
        let Some(part) = self.state.parts.get_mut(source) else { return };
        part.ended = watermark == i64::MAX;
        // What comes after its end comes into later windows.
        let last = || part.windows.last_key_value().map_or(part.watermark, |(window, _)| self.grid.bounds(*window).1);
        let watermark = if part.ended { last() } else { watermark };
        if watermark <= part.watermark {
            return;
        }
        let before = std::mem::replace(&mut part.watermark, watermark);
        let (grid, lateness_us) = (&self.grid, self.lateness_us);
        for (window, series) in &mut part.windows {
            let bounds = grid.bounds(*window);
            if bounds.1 <= before || bounds.1 > watermark {
                continue;
            }
            for (key, cell) in series.iter_mut().filter(|(_, cell)| !cell.is_empty()) {
                outputs.push(emit(&self.spec, &mut self.ids, source, key, bounds, cell));
            }
        }
        part.windows.retain(|window, _| grid.bounds(*window).1.saturating_add(lateness_us) > watermark);
        part.windows.values_mut().flat_map(BTreeMap::values_mut).for_each(|cell| cell.settle(watermark.saturating_sub(lateness_us)));
    }
}

/// The series that has the metric, the unit and these labels of another.
fn grouped(series: &Series, labels: &[String]) -> Series {
    let kept = series.labels.iter().filter(|(name, _)| labels.contains(name));
    let labels = kept.map(|(name, value)| (name.clone(), value.clone())).collect();
    Series { metric: series.metric.clone(), unit: series.unit.clone(), labels }
}

fn emit(spec: &Spec, ids: &mut RollupIds, source: &str, key: &str, (start, end): (i64, i64), cell: &mut Cell) -> Output {
    let revision = cell.emitted;
    cell.emitted += 1;
    Output::Rollup(Rollup {
        id: ids.id(source, key, start, end, revision),
        operator: spec.operator.clone(),
        version: format!("{:08x}", spec.version),
        source: source.to_owned(),
        series: Arc::new(Series::from_key(key).expect("the key was made from a series")),
        window: Window { start: Timestamp::from_micros(start), end: Timestamp::from_micros(end) },
        revision,
        aggregates: cell.read(&spec.asked, end - start),
    })
}

impl Part {
    fn new() -> Self {
        Self { watermark: i64::MIN, ended: false, windows: BTreeMap::new() }
    }
}

impl Short {
    fn add_to(&self, merged: &mut Merged) {
        merged.add(&self.aggregates, self.end - self.start);
    }
}

impl Cell {
    /// Takes a shorter window in; `false` when it was known in this revision or a higher one.
    fn take(&mut self, short: Short) -> bool {
        match self.open.binary_search_by(|known| (known.start, &known.series).cmp(&(short.start, &short.series))) {
            Ok(at) if self.open[at].revision >= short.revision => false,
            Ok(at) => {
                self.open[at] = short;
                true
            }
            Err(at) => {
                self.open.insert(at, short);
                true
            }
        }
    }

    /// Merges those that ended at this time or before.
    fn settle(&mut self, time: i64) {
        let settled = self.open.iter().take_while(|short| short.end <= time).count();
        self.open.drain(..settled).filter(|short| short.aggregates.count > 0).for_each(|short| short.add_to(&mut self.settled));
    }

    fn is_empty(&self) -> bool {
        self.settled == Merged::default() && self.open.iter().all(|short| short.aggregates.count == 0)
    }

    fn read(&self, asked: &Asked, length_us: i64) -> Aggregates {
        let mut merged = self.settled.clone();
        self.open.iter().filter(|short| short.aggregates.count > 0).for_each(|short| short.add_to(&mut merged));
        merged.read(asked, length_us)
    }
}

impl Operator for Cascade {
    fn apply(&mut self, entry: &Entry, outputs: &mut Outputs) -> Result<()> {
        self.spec.upstream.take(entry, &mut self.state.progress)?;
        while let Some(commit) = self.spec.upstream.next(&mut self.state.progress) {
            self.take_commit(commit, outputs);
        }
        Ok(())
    }

    fn watermark(&self) -> Option<Timestamp> {
        let known = self.state.parts.values().map(|part| part.watermark).filter(|watermark| *watermark > i64::MIN);
        known.min().map(Timestamp::from_micros)
    }

    fn watermarks(&self) -> BTreeMap<String, Timestamp> {
        let of = |part: &Part| if part.ended { i64::MAX } else { part.watermark };
        let known = self.state.parts.iter().map(|(source, part)| (source, of(part))).filter(|(_, watermark)| *watermark > i64::MIN);
        known.map(|(source, watermark)| (source.clone(), Timestamp::from_micros(watermark))).collect()
    }

    fn late(&self) -> u64 {
        self.state.late
    }

    fn events(&self) -> u64 {
        self.state.rollups
    }

    fn open(&self, starts: Range<Timestamp>) -> u64 {
        let waits = |part: &Part, window: i64| {
            let (start, end) = self.grid.bounds(window);
            end > part.watermark && starts.contains(&Timestamp::from_micros(start))
        };
        let all = self.state.parts.values().flat_map(|part| part.windows.iter().map(move |(window, series)| (part, *window, series)));
        let waiting = all.filter(|(part, window, _)| waits(part, *window));
        waiting.flat_map(|(_, _, series)| series.values()).filter(|cell| !cell.is_empty()).count() as u64
    }

    fn snapshot(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        serde_json::to_writer(&mut bytes, &self.state).expect("maps with text keys and numbers are JSON");
        bytes
    }

    fn restore(&mut self, snapshot: &[u8]) -> Result<()> {
        let broken = || Error::broken("restoring a cascade: the bytes are not a snapshot of one");
        let json = snapshot.strip_prefix(MAGIC).ok_or_else(broken)?;
        self.state = serde_json::from_slice(json).map_err(|e| broken().because(e))?;
        Ok(())
    }
}
