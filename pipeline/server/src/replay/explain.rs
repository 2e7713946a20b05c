//! Why a result is what it is: the events behind it, and the life of its window.
//!
//! The operator is run once more over what it reads, and watched. Which events count is not guessed from the
//! configuration: each candidate is given to a fresh operator alone, and counts when the same window comes out.

mod alert;
mod below;
mod find;
mod left_out;
mod reading;
mod score;
mod trial;

use std::sync::Arc;

use floodmark_core::ports::Entry;
use floodmark_core::{Error, Result};
use floodmark_engine::JobPlan;
use floodmark_engine::ingest::Logs;
use floodmark_engine::input::Input;
use floodmark_schemas::commit::Output;
use floodmark_schemas::{Aggregates, FrameHeader, Rollup, Score, Series, Timestamp, Window, subject};
use serde::Serialize;

pub use alert::AlertStep;
use below::Below;
pub use find::Found;
pub use left_out::{LeftOut, Without};
use reading::Reading;
pub use score::ScoreExplanation;
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
    pub series: Arc<Series>,
    /// The window.
    pub window: Window,
}

impl Target {
    /// That of a rollup.
    pub fn of(rollup: &Rollup) -> Self {
        Self { source: rollup.source.clone(), series: rollup.series.clone(), window: rollup.window }
    }

    /// The series of a score; there the window says nothing.
    fn of_score(score: &Score) -> Self {
        let window = score.window.unwrap_or(Window { start: score.time, end: score.time });
        Self { source: score.source.clone(), series: score.series.clone(), window }
    }

    fn is(&self, rollup: &Rollup) -> bool {
        rollup.window == self.window && rollup.source == self.source && rollup.series == self.series
    }

    fn holds(&self, window: Window) -> bool {
        self.window.start <= window.start && window.end <= self.window.end
    }

    /// Whether a shorter window of another operator is a part of it.
    fn contains(&self, rollup: &Rollup) -> bool {
        let labels = &rollup.series.labels;
        rollup.source == self.source
            && rollup.series.metric == self.series.metric
            && self.series.labels.iter().all(|(name, value)| labels.get(name) == Some(value))
            && self.holds(rollup.window)
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

/// What explanations are made from.
pub struct Explainer<'a> {
    /// What was read, and what was committed.
    pub logs: &'a Logs,
    /// The operators that made the results. Those of scores give every one.
    pub jobs: &'a [JobPlan],
    /// How many partitions the event log has.
    pub partitions: u32,
}

impl Explainer<'_> {
    /// The operator of this id and definition.
    ///
    /// # Errors
    /// `Rejected` when the configuration has another one, or none.
    pub fn plan(&self, operator: &str, version: &str) -> Result<&JobPlan> {
        let plan = self.jobs.iter().find(|plan| plan.operator == operator).ok_or_else(|| unknown(operator))?;
        if plan.version == version {
            return Ok(plan);
        }
        Err(Error::rejected(format!(
            "the result was made by version {version} of operator {operator}, the configuration has {}: explain it with the configuration \
             that made it",
            plan.version
        )))
    }

    /// The definition of the operator that another one reads.
    fn version_below(&self, plan: &JobPlan) -> Option<String> {
        let Input::Operator { id, .. } = &plan.input else { return None };
        self.jobs.iter().find(|below| below.operator == *id).map(|below| below.version.clone())
    }

    /// Runs the operator of a rollup over what it reads and watches its window. What is left out counts as if it had never
    /// come.
    ///
    /// # Errors
    /// `Rejected` as [`Self::plan`]; `Unavailable`; `Broken` when the operator cannot go on, or retention deletes what is
    /// read.
    pub async fn rollup(&self, rollup: &Rollup, left_out: Option<&LeftOut>) -> Result<Explanation> {
        let (plan, target) = (self.plan(&rollup.operator, &rollup.version)?, &Target::of(rollup));
        let mut found = Explanation::default();
        let mut below = Below::new(self.version_below(plan));
        for partition in 0..plan.input.jobs(self.partitions) {
            let trial = Trial { plan, partition, target };
            let mut operator = (plan.make)(partition);
            let mut outputs = Vec::new();
            let mut read = Reading::open(self.logs, &plan.input, partition).await?;
            while let Some(entry) = read.next().await? {
                if of_another_source(&entry, &target.source) {
                    continue;
                }
                let entry = match left_out {
                    Some(left_out) => left_out.of(entry)?,
                    None => entry,
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
                below.take(&entry, |rollup| target.contains(rollup));
            }
        }
        found.rollups = below.rollups();
        Ok(found)
    }
}

/// Whether an entry is a frame of another source. Each source has windows and scores of its own.
fn of_another_source(entry: &Entry, source: &str) -> bool {
    FrameHeader::from_headers(&entry.headers).is_ok_and(|header| header.source != source && !subject::is_ticker(&header.source))
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
fn unknown(operator: &str) -> Error {
    Error::rejected(format!("the configuration has no operator {operator:?}: what it made cannot be made again"))
}
