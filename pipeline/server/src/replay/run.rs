//! A replay: what is asked, where it is done, and what it leaves.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use floodmark_connectors::clock::SystemClock;
use floodmark_core::ports::query::Answers;
use floodmark_core::ports::{Clock, Continuity, Log, Position};
use floodmark_core::{Error, Result};
use floodmark_engine::JobPlan;
use floodmark_engine::ingest::Logs;
use floodmark_engine::replay::{Pace, Past, Period, Replay};
use floodmark_engine::sink_runner::Reads;
use floodmark_schemas::Timestamp;
use tokio::time::Instant;
use twox_hash::XxHash3_128;

use super::kind::{self, Kind};
use super::lives::{self, Known, Life};
use super::result_set::{Done, Manifest, Question, ResultSet};
use super::verify::committed as committed_of;
use crate::assemble::past;
use crate::config::Config;
use crate::data_dir::DataDir;
use crate::migrate::pairs::Pages;
use crate::migrate::progress::Progress;

/// How often it is told how far a replay is.
const TELL_EVERY: Duration = Duration::from_millis(200);

/// What is replayed: the logs of a configuration, and the directory below which results go. Nothing of it is written to.
pub struct Live {
    /// The configuration.
    pub config: Config,
    /// Its logs.
    pub logs: Logs,
}

/// How fast.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Speed {
    /// As fast as it goes.
    #[default]
    Max,
    /// So many seconds of log time in each second.
    Times(f64),
}

impl FromStr for Speed {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let factor =
            text.strip_suffix('x').and_then(|number| number.parse().ok()).filter(|factor: &f64| factor.is_finite() && *factor > 0.0);
        match (text, factor) {
            ("max", _) => Ok(Self::Max),
            (_, Some(factor)) => Ok(Self::Times(factor)),
            _ => Err("write max, or how many times as fast as it was, such as 1x or 60x".to_owned()),
        }
    }
}

/// What becomes of the results of a replay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fate {
    /// They stay, counted and hashed, until somebody deletes them.
    #[default]
    Kept,
    /// They are only to be looked at and then deleted: they are neither counted nor hashed, and never said to be complete.
    Passing,
    /// The same, and nobody asks the store: it stays empty.
    Committed,
}

/// What is asked of a replay.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// Which results are kept.
    pub period: Period,
    /// Only events of these sources.
    pub sources: Option<BTreeSet<String>>,
    /// How fast.
    pub speed: Speed,
    /// What the result set is to be called, instead of a name made of the question.
    pub name: Option<String>,
    /// Whether a complete result set of that name is made anew.
    pub again: bool,
    /// What becomes of the results.
    pub fate: Fate,
    /// Jobs that stop before the end of the log.
    pub stops: BTreeMap<String, Position>,
}

impl Live {
    /// Opens the logs of a configuration for reading.
    ///
    /// # Errors
    /// `Broken` when there is no log; `Unavailable` when a server does not answer.
    pub async fn open(config: &Config) -> Result<Self> {
        Ok(Self { config: config.clone(), logs: past::live_logs(config).await? })
    }

    /// Its data directory.
    pub fn data(&self) -> DataDir {
        DataDir::new(&self.config.data_dir)
    }
}

/// Runs what the log holds through operators into a result set. One that was interrupted goes on and ends where it would
/// have ended; one that is complete is given as it is.
///
/// # Errors
/// `Rejected` when the name belongs to another question; `Conflict` when another process makes the same result set;
/// otherwise as the log and the store.
pub async fn replay(live: &Live, jobs: Vec<JobPlan>, request: Request) -> Result<(ResultSet, Manifest)> {
    let question = Question {
        from: request.period.from,
        to: request.period.to,
        sources: request.sources.as_ref().map(|sources| sources.iter().cloned().collect()),
        partitions: live.config.partitions.get(),
        operators: jobs.iter().map(|job| (job.operator.clone(), job.version.clone())).collect(),
    };
    let set = ResultSet::of(&live.data(), &request.name.clone().unwrap_or_else(|| question.name()))?;
    if request.again {
        set.remove()?;
    }
    let Continuity { created, first, tail } = live.logs.events.continuity().await?;
    let mut manifest = match set.manifest()? {
        Some(manifest) => goes_on(manifest, &question, created, tail)?,
        None => Manifest::new(set.name(), question, (created, first.0, tail.0), SystemClock.now()),
    };
    if manifest.done.is_some() {
        return Ok((set, manifest));
    }
    set.note(&manifest)?;
    let began = Instant::now();
    let place = past::place(&live.config, set.data(), live.logs.events.clone()).await?;
    let pace = match request.speed {
        Speed::Max => None,
        Speed::Times(factor) => {
            let after = committed(&*place.outputs, &jobs, manifest.question.partitions).await?;
            Some(Pace::new(factor, request.period, after))
        }
    };
    let span = (Position(manifest.first), Position(manifest.until));
    let past = Arc::new(Past::new(live.logs.events.clone(), span, request.sources, pace));
    let (outputs, partitions, known) = (place.outputs, live.config.partitions.get(), Known::of(&jobs, live.config.alerts.keys()));
    // Where retention deletes already, all jobs read the oldest entries at once, before it comes by again.
    let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let jobs_at_once = if manifest.first > 1 { usize::MAX } else { cores };
    let (stops, keep) = (request.stops, request.period);
    let sinks = if request.fate == Fate::Committed { Vec::new() } else { place.sinks };
    let run = Replay { past: past.clone(), outputs: outputs.clone(), partitions, jobs, sinks, keep, stops, jobs_at_once };
    let progress = Progress::begin(
        format!("replaying into {}", set.name()),
        run.readers() * (manifest.until + 1 - manifest.first.min(manifest.until)),
    );
    let open = told(run, &progress, &past, &manifest).await?;
    let done = match request.fate {
        Fate::Passing | Fate::Committed => Done::default(),
        Fate::Kept => digest(&place.answers, known.read(&*outputs, keep).await?, keep).await?,
    };
    manifest.done = Some(Done { open, seconds: began.elapsed().as_secs_f64(), ..done });
    if request.fate == Fate::Kept {
        set.note(&manifest)?;
    }
    Ok((set, manifest))
}

/// Runs it and tells how far it is.
async fn told(run: Replay, progress: &Progress, past: &Past, manifest: &Manifest) -> Result<BTreeMap<String, u64>> {
    let (passed, before) = (past.passed(), run.readers() * manifest.first.saturating_sub(1));
    let mut running = std::pin::pin!(run.run());
    let mut tell = tokio::time::interval(TELL_EVERY);
    loop {
        tokio::select! {
            biased;
            outcome = &mut running => return outcome,
            _ = tell.tick() => progress.at(passed.load(Ordering::Relaxed).saturating_sub(before)),
        }
    }
}

/// The result set as it was begun, when this is the same replay.
fn goes_on(manifest: Manifest, question: &Question, created: Timestamp, tail: Position) -> Result<Manifest> {
    let name = &manifest.name;
    if manifest.question != *question {
        return Err(Error::rejected(format!(
            "result set {name} is of another period, other sources or other operators: choose another name, make it anew with --again, or \
             delete it with `floodmark replay rm {name}`"
        )));
    }
    if manifest.log_created != created || tail.0 < manifest.until {
        return Err(Error::rejected(format!(
            "result set {name} was made of another event log: delete it with `floodmark replay rm {name}`, or choose another name"
        )));
    }
    Ok(manifest)
}

/// Up to where an interrupted replay had come: this far it need not be paced again.
async fn committed(outputs: &dyn Log, jobs: &[JobPlan], partitions: u32) -> Result<Position> {
    let mut furthest = Position::START;
    for plan in jobs.iter().filter(|plan| plan.input.reads() == Reads::Events) {
        for partition in 0..plan.input.jobs(partitions) {
            furthest = furthest.max(committed_of(outputs, &plan.operator, partition, None).await?.input);
        }
    }
    Ok(furthest)
}

/// Counts and hashes all results of a period. Where there is no alert, none is counted.
async fn digest(answers: &Answers, alerts: Vec<Life>, period: Period) -> Result<Done> {
    let mut hasher = XxHash3_128::new();
    let mut results = BTreeMap::new();
    hash(kind::rollups(&*answers.rollups, period), &mut hasher, &mut results).await?;
    hash(kind::scores(&*answers.scores, period), &mut hasher, &mut results).await?;
    if !alerts.is_empty() {
        hash(lives::pages(alerts), &mut hasher, &mut results).await?;
    }
    Ok(Done { results, digest: format!("{:032x}", hasher.finish_128()), ..Done::default() })
}

async fn hash<T: Kind>(mut pages: Pages<'_, T>, hasher: &mut XxHash3_128, results: &mut BTreeMap<String, u64>) -> Result<()> {
    let mut count = 0;
    while let Some(result) = pages.next().await? {
        hasher.write(&serde_json::to_vec(&result).expect("a result is plain data"));
        hasher.write(b"\n");
        count += 1;
    }
    results.insert(T::NAME.to_owned(), count);
    Ok(())
}
