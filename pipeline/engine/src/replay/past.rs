//! A log as a replay sees it: read only, from a position to a position, of some sources, at a given speed.
//!
//! Retention goes on meanwhile. When it deletes entries before they were read, reading fails: results would miss them, and
//! nothing would tell.

use std::collections::{BTreeSet, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use floodmark_core::ports::{Appended, Continuity, Entry, Expect, Limit, Log, NewEntry, Position, Reader};
use floodmark_core::{Error, Result};
use floodmark_schemas::{FrameHeader, Timestamp, subject};
use tokio::time::Instant;

use super::Period;

/// A log between two positions. Whoever writes to it is refused.
pub struct Past {
    log: Arc<dyn Log>,
    first: Position,
    until: Position,
    sources: Option<BTreeSet<String>>,
    pace: Option<Arc<Pace>>,
    passed: Arc<AtomicU64>,
}

impl Past {
    /// What `log` holds from `first`, the oldest entry that it held when the replay began, up to `until`: all of it, or the
    /// frames of `sources` and the ticks.
    pub fn new(log: Arc<dyn Log>, (first, until): (Position, Position), sources: Option<BTreeSet<String>>, pace: Option<Pace>) -> Self {
        Self { log, first, until, sources, pace: pace.map(Arc::new), passed: Arc::default() }
    }

    /// All that `log` holds now.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn whole(log: Arc<dyn Log>) -> Result<Self> {
        let Continuity { first, tail, .. } = log.continuity().await?;
        Ok(Self::new(log, (first, tail), None, None))
    }

    /// Where it ends.
    pub fn until(&self) -> Position {
        self.until
    }

    /// Whether it is read at a given speed.
    pub fn is_paced(&self) -> bool {
        self.pace.is_some()
    }

    /// How many positions all readers together have come forward: how far a replay is.
    pub fn passed(&self) -> Arc<AtomicU64> {
        self.passed.clone()
    }
}

#[async_trait]
impl Log for Past {
    async fn append(&self, _: Vec<NewEntry>, _: Expect) -> Result<Vec<Appended>> {
        Err(refused())
    }

    async fn reader(&self, patterns: Vec<String>, after: Position) -> Result<Box<dyn Reader>> {
        let inner = self.log.reader(patterns, after).await?;
        let (log, sources, pace, passed) = (self.log.clone(), self.sources.clone(), self.pace.clone(), self.passed.clone());
        passed.fetch_add(after.0, Ordering::Relaxed);
        let before_first = Position(self.first.0.saturating_sub(1));
        let (whole, until) = (after.max(before_first), self.until);
        Ok(Box::new(PastReader { log, inner, until, sources, pace, passed, at: after, whole, unchecked: None, held: VecDeque::new() }))
    }

    async fn last(&self, subject: &str) -> Result<Option<Entry>> {
        Ok(self.log.last(subject).await?.filter(|entry| entry.position <= self.until))
    }

    async fn get(&self, position: Position) -> Result<Option<Entry>> {
        if position <= self.until { self.log.get(position).await } else { Ok(None) }
    }

    async fn continuity(&self) -> Result<Continuity> {
        let Continuity { created, first, tail } = self.log.continuity().await?;
        Ok(Continuity { created, first, tail: tail.min(self.until) })
    }

    fn is_selection(&self) -> bool {
        self.log.is_selection()
    }

    async fn purge(&self, _: &str, _: Position) -> Result<u64> {
        Err(refused())
    }

    async fn retain(&self, _: Position) -> Result<u64> {
        Err(refused())
    }
}

fn refused() -> Error {
    Error::broken("writing to the past: a replay only reads the event log")
}

struct PastReader {
    log: Arc<dyn Log>,
    inner: Box<dyn Reader>,
    until: Position,
    sources: Option<BTreeSet<String>>,
    pace: Option<Arc<Pace>>,
    passed: Arc<AtomicU64>,
    at: Position,
    /// Nothing is missing up to here.
    whole: Position,
    /// Up to here it was read, but not looked whether anything was missing.
    unchecked: Option<Position>,
    /// Read, but not due yet.
    held: VecDeque<Entry>,
}

impl PastReader {
    fn wants(&self, entry: &Entry) -> bool {
        let source = entry.headers.get("Floodmark-Source");
        self.sources.as_ref().is_none_or(|sources| source.is_none_or(|source| subject::is_ticker(source) || sources.contains(source)))
    }

    fn pass(&mut self, to: Position) {
        self.passed.fetch_add(to.0.saturating_sub(self.at.0), Ordering::Relaxed);
        self.at = self.at.max(to);
    }

    /// Takes note that nothing is missing of what was read last, unless something of it may have been deleted before. Looking
    /// afterwards is enough: a log never gets back what it has deleted.
    async fn check(&mut self) -> Result<()> {
        let Some(to) = self.unchecked else { return Ok(()) };
        let first = self.log.continuity().await?.first;
        if self.whole < to && first.0 > self.whole.0 + 1 {
            return Err(Error::broken(format!(
                "reading the past: the log began with entry {} or earlier and begins with {first} now; retention has deleted entries that \
                 were not read yet, and results would miss them. Repeat the command, with --again when its result set has a name. When that \
                 does not help, raise `retention_age` or `retention_size` in [log] first, or stop `floodmark run` meanwhile",
                self.whole.0 + 1
            )));
        }
        (self.whole, self.unchecked) = (self.whole.max(to), None);
        Ok(())
    }
}

#[async_trait]
impl Reader for PastReader {
    async fn next(&mut self, limit: Limit) -> Result<Vec<Entry>> {
        let until = limit.until.map_or(self.until, |until| until.min(self.until));
        loop {
            self.check().await?;
            if let (Some(first), Some(pace)) = (self.held.front(), &self.pace) {
                tokio::time::sleep_until(pace.due(first)).await;
                let now = Instant::now();
                let due = self.held.iter().take_while(|entry| pace.due(entry) <= now).count().max(1);
                return Ok(self.held.drain(..due).collect());
            }
            if !self.held.is_empty() {
                return Ok(std::mem::take(&mut self.held).into());
            }
            let entries = self.inner.next(Limit { until: Some(until), ..limit }).await?;
            // Held before anything is waited for: who drops this loses none of them.
            self.unchecked = Some(entries.last().map_or(until, |last| last.position));
            let Some(last) = entries.last() else {
                self.check().await?;
                self.pass(self.until);
                return Ok(entries);
            };
            self.pass(last.position);
            let wanted: VecDeque<Entry> = entries.into_iter().filter(|entry| self.wants(entry)).collect();
            self.held = wanted;
        }
    }
}

/// How fast the past goes by: in step with log time, faster or slower by a factor.
///
/// It begins with the first entry that holds an event of the period and ends with the first that holds only later ones;
/// what lies before and after passes at once.
#[derive(Debug)]
pub struct Pace {
    factor: f64,
    period: Period,
    after: Position,
    origin: OnceLock<(Timestamp, Instant)>,
    ends: AtomicU64,
}

impl Pace {
    /// So many seconds of log time in each second, for entries after `after`.
    pub fn new(factor: f64, period: Period, after: Position) -> Self {
        Self { factor, period, after, origin: OnceLock::new(), ends: AtomicU64::new(u64::MAX) }
    }

    /// When an entry is to be given.
    fn due(&self, entry: &Entry) -> Instant {
        let now = Instant::now();
        if entry.position <= self.after || entry.position.0 >= self.ends.load(Ordering::Relaxed) {
            return now;
        }
        let times = FrameHeader::from_headers(&entry.headers).ok().and_then(|header| header.times);
        if self.period.to.zip(times).is_some_and(|(to, (min, _))| min >= to) {
            self.ends.fetch_min(entry.position.0, Ordering::Relaxed);
            return now;
        }
        let begins = self.period.from.is_none_or(|from| times.is_some_and(|(_, max)| max >= from));
        let (log_time, began) = match self.origin.get() {
            Some(origin) => *origin,
            None if begins => *self.origin.get_or_init(|| (entry.time, now)),
            None => return now,
        };
        let past = entry.time.micros().saturating_sub(log_time.micros()).max(0);
        let wait = Duration::try_from_secs_f64(past as f64 / 1e6 / self.factor).unwrap_or(Duration::MAX);
        began.checked_add(wait).unwrap_or(now)
    }
}
