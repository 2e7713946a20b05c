//! Whether what is stored is what the log gives: the running configuration is replayed up to where its jobs have
//! committed, and every stored result has to be the same, byte for byte.
//!
//! Left out, and counted: results of another definition of their operator, which the jobs of today did not make; windows
//! for which the log may not hold all events any more; and results that a running pipeline changed meanwhile. A window
//! that has not fired has no result yet: those that hold events are counted too.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use floodmark_connectors::clock::SystemClock;
use floodmark_core::ports::{Clock, Limit, Log, Position, Sink};
use floodmark_core::{Error, Result};
use floodmark_engine::JobPlan;
use floodmark_engine::ingest::Logs;
use floodmark_engine::replay::{Period, job_name};
use floodmark_schemas::{Definition, FrameHeader, JobEntry, Rollup, Score, Timestamp, commit::Output, subject};
use serde::Serialize;
use tokio::time::Instant;

use super::compare::{Change, Difference, Tally, difference, one, pairs};
use super::in_store;
use super::kind::{self, Identity, Kind};
use super::lives::{self, Known, Life};
use super::result_set::ResultSet;
use super::run::{Fate, Live, Request, replay};
use crate::assemble::desk;
use crate::assemble::past::{self, Stored};
use crate::migrate::pairs::{Pages, Pair};

/// For how long a store may lag behind the output log without coming forward.
const STORE_WAIT: Duration = Duration::from_secs(10);
/// How often it is looked at.
const STORE_LOOK: Duration = Duration::from_millis(100);
/// So many differences are looked for in what a running pipeline did meanwhile; above it something else is wrong.
const MEANWHILE_MAX: usize = 10_000;

/// What a verification found.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Verdict {
    /// Whether everything that was compared is the same.
    pub ok: bool,
    /// What was compared.
    pub tally: Tally,
    /// Stored results that were left out, by the reason.
    pub left_out: BTreeMap<&'static str, u64>,
    /// Results that were not due yet, by operator: their windows have begun and not ended, or their commit is still to come.
    pub not_due: BTreeMap<String, u64>,
}

/// Why a result was left out.
const OTHER_DEFINITION: &str = "of another definition of their operator";
const BEYOND_RETENTION: &str = "older than what the log still holds whole";
const BEYOND_OUTPUTS: &str = "older than what the output log still holds whole";
const BEYOND_TTL: &str = "older than the store keeps";
const MEANWHILE: &str = "changed by the running pipeline meanwhile";

/// Replays what the jobs have committed, and compares. The first `limit` differences are kept.
///
/// # Errors
/// `Unavailable` when the store is behind the output log and does not come forward; otherwise as [`replay`].
pub async fn verify(live: &Live, jobs: Vec<JobPlan>, period: Period, limit: usize) -> Result<Verdict> {
    let versions: BTreeMap<String, String> = jobs.iter().map(|job| (job.operator.clone(), job.version.clone())).collect();
    let Stored { rollups, scores, sinks, ttl } = past::stored(&live.config, live.logs.outputs.clone()).await?;
    let meanwhile_from = live.logs.outputs.continuity().await?.tail;
    let (mut stops, mut newest) = (BTreeMap::new(), Position::START);
    for JobPlan { operator, version, input, .. } in &jobs {
        for partition in 0..input.jobs(live.config.partitions.get()) {
            let found = committed(&*live.logs.outputs, operator, partition, Some(version)).await?;
            newest = newest.max(found.at);
            stops.insert(job_name(operator, partition), found.input);
        }
    }
    for sink in &sinks {
        comes_to(&**sink, newest).await?;
    }
    let known = Known::of(&jobs, live.config.alerts.keys());
    let name = format!("verify-{}", std::process::id());
    let request =
        Request { period, name: Some(name.clone()), again: true, fate: Fate::Passing, stops: stops.clone(), ..Request::default() };
    let temporary = Temporary(ResultSet::of(&live.data(), &name)?);
    let (set, manifest) = replay(live, jobs, request).await?;
    let whole = Whole::of(&live.logs).await?;
    let replayed = set.store()?;
    let gone_before = ttl.map(|ttl| SystemClock.now().plus_micros(-ttl.micros()));
    let judge = Judge { versions: &versions, whole: &whole, gone_before };
    let not_due = manifest.done.map(|done| done.open).unwrap_or_default();
    let mut verdict = Verdict { not_due: not_due.into_iter().filter(|(_, count)| *count > 0).collect(), ..Verdict::default() };
    let of_rollups = judge.compare(kind::rollups(&*rollups, period), kind::rollups(&replayed, period), &mut verdict, limit).await?;
    let of_scores = judge.compare(kind::scores(&*scores, period), kind::scores(&replayed, period), &mut verdict, limit).await?;
    let (mut stored, mut again) = (known.read(&*live.logs.outputs, period).await?, known.read(&set.outputs()?, period).await?);
    if let Some(from) = begins(&*live.logs.outputs).await? {
        again.retain(|life| life.began_after(from));
        let gone = stored.extract_if(.., |life| !life.began_after(from)).count() as u64;
        *verdict.left_out.entry(BEYOND_OUTPUTS).or_default() += gone;
    }
    let (in_store, expected) = match again.is_empty() {
        true => Default::default(),
        false => in_store::both(&*desk::store(&live.config, desk::Access::Read).await?, &known, &again, period).await?,
    };
    let of_alerts = judge.compare(lives::pages(stored), lives::pages(again), &mut verdict, limit).await?;
    let of_stored = judge.compare(lives::pages(in_store), lives::pages(expected), &mut verdict, limit).await?;
    if !of_rollups.is_empty() || !of_scores.is_empty() || !of_alerts.is_empty() || !of_stored.is_empty() {
        let moved = moved(&*live.logs.outputs, meanwhile_from, &stops).await?;
        judge.settle(of_rollups, &moved, &mut verdict, limit);
        judge.settle(of_scores, &moved, &mut verdict, limit);
        judge.settle(of_alerts, &moved, &mut verdict, limit);
        judge.settle(of_stored, &moved, &mut verdict, limit);
    }
    drop(temporary);
    verdict.ok = verdict.tally.differences() == 0;
    Ok(verdict)
}

/// From when on a log holds everything; `None` when it always has.
async fn begins(log: &dyn Log) -> Result<Option<Timestamp>> {
    let first = log.continuity().await?.first;
    if first.0 <= 1 {
        return Ok(None);
    }
    Ok(log.get(first).await?.map(|entry| entry.time))
}

/// A result set that goes when this is dropped.
pub(crate) struct Temporary(pub(crate) ResultSet);

impl Drop for Temporary {
    fn drop(&mut self) {
        if let Err(e) = self.0.remove() {
            tracing::warn!(name = self.0.name(), error = e.chain(), "a result set could not be deleted");
        }
    }
}

/// Where a job has committed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Committed {
    /// The position of its newest commit in the output log.
    pub(super) at: Position,
    /// Up to where that commit reaches in what the job reads.
    pub(super) input: Position,
}

/// The newest commit of a job; of one definition, when one is given.
pub(super) async fn committed(outputs: &dyn Log, operator: &str, partition: u32, version: Option<&str>) -> Result<Committed> {
    let Some(newest) = outputs.last(&subject::outputs(operator, partition)).await? else { return Ok(Committed::default()) };
    if version.is_some_and(|version| !Definition::is(&newest.headers, version)) {
        return Ok(Committed::default());
    }
    let read = |body: &[u8]| {
        let doing = || format!("reading the newest entry of job {}", job_name(operator, partition));
        serde_json::from_slice::<JobEntry>(body).map_err(|e| Error::broken(doing()).because(e))
    };
    match read(&newest.body)? {
        JobEntry::Commit(commit) => Ok(Committed { at: newest.position, input: Position(commit.in_position) }),
        JobEntry::Claim(claim) => match outputs.get(Position(claim.commit)).await? {
            Some(entry) => match read(&entry.body)? {
                JobEntry::Commit(commit) => Ok(Committed { at: entry.position, input: Position(commit.in_position) }),
                JobEntry::Claim(_) => Ok(Committed::default()),
            },
            None => Ok(Committed::default()),
        },
    }
}

/// Waits until a store holds everything up to a position of the output log.
async fn comes_to(sink: &dyn Sink, newest: Position) -> Result<()> {
    let (mut seen, mut since) = (sink.position().await?, Instant::now());
    while seen < newest {
        tokio::time::sleep(STORE_LOOK).await;
        let position = sink.position().await?;
        if position == seen && since.elapsed() > STORE_WAIT {
            return Err(Error::unavailable(format!(
                "waiting for the store of rollups: it stands at {seen} of the output log, whose newest commit is at {newest}; \
                 start `floodmark run`, which fills it"
            )));
        }
        if position > seen {
            (seen, since) = (position, Instant::now());
        }
    }
    Ok(())
}

/// From which event time on the log holds all events of a source.
struct Whole(BTreeMap<String, Timestamp>);

impl Whole {
    /// Looks at the first frame of each source that the log holds. Frames of a source are numbered from 1: when the first
    /// one is there, nothing is gone.
    async fn of(logs: &Logs) -> Result<Self> {
        let continuity = logs.events.continuity().await?;
        if continuity.first.0 <= 1 {
            return Ok(Self(BTreeMap::new()));
        }
        let mut reader = logs.events.reader(vec![subject::EVENTS.to_owned()], Position::START).await?;
        let limit = Limit { until: Some(continuity.tail), ..Limit::default() };
        let (mut seen, mut whole) = (BTreeSet::new(), BTreeMap::new());
        loop {
            let entries = reader.next(limit).await?;
            if entries.is_empty() {
                return Ok(Self(whole));
            }
            for entry in entries {
                if seen.contains(&entry.subject) {
                    continue;
                }
                let Ok(header) = FrameHeader::from_headers(&entry.headers) else { continue };
                let Some((_, latest)) = header.times else { continue };
                seen.insert(entry.subject);
                if header.number > 1 {
                    // Events that went back by more than `disorder` were late then, and made nothing.
                    let from = latest.plus_micros(header.disorder_us);
                    whole.entry(header.source).and_modify(|known: &mut Timestamp| *known = (*known).max(from)).or_insert(from);
                }
            }
        }
    }

    /// Whether it holds all that ever came of a source.
    fn all(&self, source: &str) -> bool {
        !self.0.contains_key(source)
    }

    fn holds(&self, source: &str, time: Timestamp) -> bool {
        self.0.get(source).is_none_or(|from| time >= *from)
    }
}

struct Judge<'a> {
    versions: &'a BTreeMap<String, String>,
    whole: &'a Whole,
    /// The store may have deleted what ended before.
    gone_before: Option<Timestamp>,
}

impl Judge<'_> {
    /// Counts what is the same and what is left out; gives what differs.
    async fn compare<'a, T: Kind>(
        &self,
        stored: Pages<'a, T>,
        replayed: Pages<'a, T>,
        verdict: &mut Verdict,
        limit: usize,
    ) -> Result<Vec<Pair<T>>> {
        let (mut all, mut candidates) = (pairs(stored, replayed), Vec::new());
        while let Some(pair) = all.next().await? {
            if let Some(reason) = self.left_out(&pair) {
                *verdict.left_out.entry(reason).or_default() += 1;
            } else if matches!(&pair, Pair::Both(stored, replayed) if canonical(stored) == canonical(replayed)) {
                verdict.tally.count(&pair, None);
            } else if candidates.len() < MEANWHILE_MAX {
                candidates.push(pair);
            } else {
                found(&pair, verdict, limit);
            }
        }
        Ok(candidates)
    }

    fn left_out<T: Kind>(&self, pair: &Pair<T>) -> Option<&'static str> {
        let result = one(pair);
        if let Pair::Old(stored) | Pair::Both(stored, _) = pair
            && self.versions.get(stored.operator()).map(String::as_str) != Some(stored.version())
        {
            return Some(OTHER_DEFINITION);
        }
        if matches!(pair, Pair::New(_)) && self.gone_before.is_some_and(|time| result.identity().3 < time) {
            return Some(BEYOND_TTL);
        }
        let holds = if T::REMEMBERS { self.whole.all(result.source()) } else { self.whole.holds(result.source(), result.time()) };
        (!holds).then_some(BEYOND_RETENTION)
    }

    /// Differences that a running pipeline made while this looked are none.
    fn settle<T: Kind>(&self, candidates: Vec<Pair<T>>, moved: &BTreeSet<Moved>, verdict: &mut Verdict, limit: usize) {
        for pair in candidates {
            let result = one(&pair);
            if moved.contains(&(T::NAME, result.time(), result.identity())) {
                *verdict.left_out.entry(MEANWHILE).or_default() += 1;
            } else {
                found(&pair, verdict, limit);
            }
        }
    }
}

fn canonical<T: Kind>(result: &T) -> String {
    serde_json::to_string(result).expect("a result is plain data")
}

fn found<T: Kind>(pair: &Pair<T>, verdict: &mut Verdict, limit: usize) {
    let change = match pair {
        Pair::Old(_) => Change::Removed,
        Pair::New(_) => Change::Added,
        Pair::Both(..) => Change::Changed,
    };
    verdict.tally.count(pair, Some(change));
    if verdict.tally.first.len() < limit {
        let whole: fn(&T) -> serde_json::Value = |result| serde_json::to_value(result).expect("a result is plain data");
        let difference: Difference = difference(pair, change, whole);
        verdict.tally.first.push(difference);
    }
}

/// A result that was written meanwhile: its kind, time and identity.
type Moved = (&'static str, Timestamp, Identity);

/// The results that jobs made of what stands behind `stops`.
async fn moved(outputs: &dyn Log, after: Position, stops: &BTreeMap<String, Position>) -> Result<BTreeSet<Moved>> {
    let mut reader = outputs.reader(vec![subject::OUTPUTS.to_owned()], after).await?;
    let limit = Limit { until: Some(outputs.continuity().await?.tail), ..Limit::default() };
    let mut moved = BTreeSet::new();
    loop {
        let entries = reader.next(limit).await?;
        if entries.is_empty() {
            return Ok(moved);
        }
        for entry in entries {
            let stop = subject::parse_outputs(&entry.subject).and_then(|(operator, job)| stops.get(&job_name(operator, job)));
            let Ok(JobEntry::Commit(commit)) = serde_json::from_slice::<JobEntry>(&entry.body) else { continue };
            if stop.is_none_or(|stop| commit.in_position > stop.0) {
                moved.extend(commit.outputs.into_iter().filter_map(|output| match output {
                    Output::Rollup(rollup) => Some((Rollup::NAME, rollup.time(), rollup.identity())),
                    Output::Score(score) => Some((Score::NAME, score.time(), score.identity())),
                    Output::Alert(alert) => Some((Life::NAME, alert.began, lives::identity(&alert))),
                    Output::Late(_) => None,
                }));
            }
        }
    }
}
