//! Why a result is what it is: the events behind it, and the life of its window.
//!
//! The operator is run once more over what it reads, and watched. Which events count is not guessed from the
//! configuration: each candidate is given to a fresh operator alone, and counts when the same window comes out.

mod trial;

use std::collections::BTreeMap;
use std::sync::Arc;

use floodmark_core::ports::{Entry, Limit, Log, Position};
use floodmark_core::{Error, Result};
use floodmark_engine::JobPlan;
use floodmark_engine::ingest::Logs;
use floodmark_engine::input::Input;
use floodmark_schemas::commit::Output;
use floodmark_schemas::{Aggregates, FrameHeader, JobEntry, Rollup, Score, Series, Timestamp, Window, subject};
use serde::Serialize;

use trial::Trial;

/// The most events that are kept of those behind a result; all are counted.
const EVENTS_MAX: usize = 100_000;

/// An event as it stands in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Place {
    /// The entry of the event log.
    pub position: u64,
    /// Its place within the entry.
    pub index: u32,
}

/// An event behind a result.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Behind {
    /// Where it stands.
    #[serde(flatten)]
    pub place: Place,
    /// When it was so.
    pub time: Timestamp,
    /// When the log stored it.
    pub log_time: Timestamp,
    /// What it counted for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
}

/// What made a revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// Event time went on, with this entry of the log.
    Watermark(u64),
    /// An event that came after the window had fired.
    Event(Place),
    /// A commit of the operator that is read.
    Commit(u64),
}

/// A revision of a window.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Step {
    /// Its number.
    pub revision: u32,
    /// Its id.
    pub id: String,
    /// When the entry that made it was stored.
    pub log_time: Timestamp,
    /// What made it.
    pub cause: Cause,
    /// The values from then on.
    pub aggregates: Aggregates,
}

/// A window of one series.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// The source of the events.
    pub source: String,
    /// The series of the result.
    pub series: Series,
    /// The window.
    pub window: Window,
}

impl Target {
    /// That of a rollup.
    pub fn of(rollup: &Rollup) -> Self {
        Self { source: rollup.source.clone(), series: rollup.series.clone(), window: rollup.window }
    }

    fn is(&self, rollup: &Rollup) -> bool {
        rollup.window == self.window && rollup.source == self.source && rollup.series == self.series
    }

    fn holds(&self, window: Window) -> bool {
        self.window.start <= window.start && window.end <= self.window.end
    }
}

/// Why a rollup is what it is.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Explanation {
    /// The events that count, in the order of the log.
    pub events: Vec<Behind>,
    /// How many they are.
    pub count: u64,
    /// The rollups that count, when those of another operator are read; each at its highest revision.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rollups: Vec<Rollup>,
    /// When the window fired and was revised.
    pub life: Vec<Step>,
    /// Events that came after the window was gone.
    pub late: Vec<Behind>,
}

/// Runs an operator over what it reads and watches one window. The event at `without` is left out.
///
/// # Errors
/// `Unavailable`; `Broken` when the operator cannot go on.
pub async fn explain(logs: &Logs, plan: &JobPlan, partitions: u32, target: &Target, without: Option<Place>) -> Result<Explanation> {
    let mut found = Explanation::default();
    let mut upstream = BTreeMap::new();
    for partition in 0..plan.input.jobs(partitions) {
        let trial = Trial { plan, partition, target };
        let mut operator = (plan.make)(partition);
        let mut outputs = Vec::new();
        let mut read = Reading::open(logs, &plan.input, partition).await?;
        while let Some(entry) = read.next().await? {
            let header = FrameHeader::from_headers(&entry.headers).ok();
            let others = |header: &FrameHeader| header.source != target.source && !subject::is_ticker(&header.source);
            if header.as_ref().is_some_and(others) {
                continue;
            }
            let entry = match without {
                Some(place) if place.position == entry.position.0 => trial::without(entry, place.index)?,
                _ => entry,
            };
            let before = operator.events();
            outputs.clear();
            // An entry that cannot be read was set aside by the job, too.
            if operator.apply(&entry, &mut outputs).is_err() {
                continue;
            }
            let taken = operator.events() > before;
            let counted = if taken { trial.behind(&entry, &outputs)? } else { Vec::new() };
            watch(&mut found, target, &entry, &outputs, &counted);
            found.count += counted.len() as u64;
            let room = EVENTS_MAX.saturating_sub(found.events.len());
            found.events.extend(counted.into_iter().take(room));
            if matches!(plan.input, Input::Operator { .. }) {
                below(&mut upstream, target, &entry);
            }
        }
    }
    found.rollups = upstream.into_values().collect();
    Ok(found)
}

/// Takes note of what came out of one entry for the window.
fn watch(found: &mut Explanation, target: &Target, entry: &Entry, outputs: &[Output], counted: &[Behind]) {
    let of_frame = FrameHeader::from_headers(&entry.headers).is_ok();
    let rollups: Vec<&Rollup> = outputs
        .iter()
        .filter_map(|output| match output {
            Output::Rollup(rollup) if target.is(rollup) => Some(rollup),
            _ => None,
        })
        .collect();
    // Once a window has fired, each event makes one revision: the last of them are these.
    let revised = rollups.iter().filter(|rollup| rollup.revision > 0).count();
    let mut causes = counted.iter().skip(counted.len().saturating_sub(revised)).map(|event| event.place);
    for rollup in rollups {
        let cause = match rollup.revision {
            _ if !of_frame => Cause::Commit(entry.position.0),
            0 => Cause::Watermark(entry.position.0),
            _ => causes.next().map_or(Cause::Watermark(entry.position.0), Cause::Event),
        };
        let (id, aggregates) = (rollup.id.clone(), rollup.aggregates.clone());
        found.life.push(Step { revision: rollup.revision, id, log_time: entry.time, cause, aggregates });
    }
    for output in outputs {
        if let Output::Late(late) = output
            && late.source == target.source
            && late.series == target.series
            && late.time >= target.window.start
            && late.time < target.window.end
        {
            let place = Place { position: late.position, index: late.index };
            found.late.push(Behind { place, time: late.time, log_time: entry.time, value: Some(late.value) });
        }
    }
}

/// The rollups of another operator that lie in the window.
fn below(upstream: &mut BTreeMap<(Timestamp, String), Rollup>, target: &Target, entry: &Entry) {
    let Ok(JobEntry::Commit(commit)) = serde_json::from_slice::<JobEntry>(&entry.body) else { return };
    for output in commit.outputs {
        if let Output::Rollup(rollup) = output
            && rollup.source == target.source
            && rollup.series.metric == target.series.metric
            && target.series.labels.iter().all(|(name, value)| rollup.series.labels.get(name) == Some(value))
            && target.holds(rollup.window)
        {
            upstream.insert((rollup.window.start, rollup.series.key()), rollup);
        }
    }
}

/// A result that was found by its id.
#[derive(Clone, Debug, PartialEq)]
pub enum Found {
    /// A rollup, which may have been revised since.
    Rollup(Box<Rollup>),
    /// A score, with the entry of the log that made it.
    Score(Box<Score>, u64),
}

/// Looks for a result by running an operator over all that it reads.
///
/// # Errors
/// `Unavailable`.
pub async fn find(logs: &Logs, plan: &JobPlan, partitions: u32, id: &str) -> Result<Option<Found>> {
    for partition in 0..plan.input.jobs(partitions) {
        let (mut operator, mut outputs) = ((plan.make)(partition), Vec::new());
        let mut read = Reading::open(logs, &plan.input, partition).await?;
        while let Some(entry) = read.next().await? {
            outputs.clear();
            if operator.apply(&entry, &mut outputs).is_err() {
                continue;
            }
            for output in outputs.drain(..) {
                match output {
                    Output::Rollup(rollup) if rollup.id == id => return Ok(Some(Found::Rollup(Box::new(rollup)))),
                    Output::Score(score) if score.id == id => return Ok(Some(Found::Score(Box::new(score), entry.position.0))),
                    _ => {}
                }
            }
        }
    }
    Ok(None)
}

/// What a job reads, from the oldest entry to the newest.
struct Reading {
    reader: Box<dyn floodmark_core::ports::Reader>,
    limit: Limit,
    ahead: std::collections::VecDeque<Entry>,
}

impl Reading {
    async fn open(logs: &Logs, input: &Input, partition: u32) -> Result<Self> {
        let (log, pattern): (&Arc<dyn Log>, _) = match input {
            Input::Partition => (&logs.events, subject::events_of_partition(partition)),
            Input::Partitions => (&logs.events, subject::EVENTS.to_owned()),
            Input::Operator { id, whole: true, .. } => (&logs.outputs, subject::outputs_of(id)),
            Input::Operator { id, whole: false, .. } => (&logs.outputs, subject::outputs(id, partition)),
        };
        let limit = Limit { until: Some(log.continuity().await?.tail), ..Limit::default() };
        Ok(Self { reader: log.reader(vec![pattern], Position::START).await?, limit, ahead: Default::default() })
    }

    async fn next(&mut self) -> Result<Option<Entry>> {
        if self.ahead.is_empty() {
            self.ahead = self.reader.next(self.limit).await?.into();
        }
        Ok(self.ahead.pop_front())
    }
}

/// Reads `POSITION.INDEX`.
impl std::str::FromStr for Place {
    type Err = String;
    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let parts = text.split_once('.').and_then(|(position, index)| Some((position.parse().ok()?, index.parse().ok()?)));
        let (position, index) = parts.ok_or("write the place of an event as it is listed, such as 12.0")?;
        Ok(Self { position, index })
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.position, self.index)
    }
}

/// That the configuration has no such operator.
pub(crate) fn unknown(operator: &str) -> Error {
    Error::rejected(format!("the configuration has no operator {operator:?}: what it made cannot be made again"))
}
