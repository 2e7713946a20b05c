//! A job: one operator on one partition. It reads the event log, or what another operator commits, and writes commits.
//!
//! A commit moves outputs and position together in one entry, appended only if the job's newest entry is the one this
//! owner wrote: two owners fence each other. Where commits are cut depends on what is read alone, so a re-run after a
//! crash writes the very same commits; those that are there already are recognised by their number, and their chain of
//! digests is compared.

mod commits;
mod rebuild;
mod recovery;
mod snapshot;

use std::cmp::Ordering;
use std::future::Future;
use std::ops::Range;
use std::pin::Pin;

use floodmark_core::ports::{Appended, Entry, Expect, Limit, NewEntry, Operator, Position, Reader};
use floodmark_core::{Error, Kind, Result};
use floodmark_schemas::{Claim, DeadLetter, JobEntry, Timestamp};
use tokio::sync::watch;

use crate::gaps::Gaps;
use crate::ingest::{Logs, append, dead_letter};
use crate::input::Input;
use crate::retention::Floor;
use crate::sink_runner::Reads;
use crate::telemetry::JobMeters;
use crate::trace::Tracer;

use commits::Chain;
use rebuild::Rebuild;

/// How many bytes of commits may wait for the append before them; above it the job stops reading.
const PENDING_BYTES_MAX: usize = 8 * 1024 * 1024;
/// The usual [`JobSpec::snapshot_after_bytes`].
pub const SNAPSHOT_AFTER_BYTES: usize = 64 * 1024 * 1024;
/// What an entry counts besides its body: ticks have none, but must be read again all the same.
const ENTRY_BYTES: usize = 256;
/// How much is read at once: bounds how long the job computes between two looks at its surroundings.
const READ: Limit = Limit { until: None, entries: 64, bytes: 4 * 1024 * 1024 };

/// Makes the operator of a job, with empty state.
pub type OperatorFactory = dyn Fn() -> Box<dyn Operator> + Send + Sync;

/// Which job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobSpec {
    /// The operator's id in the configuration.
    pub operator: String,
    /// Which of the operator's jobs.
    pub partition: u32,
    /// How many it has.
    pub jobs: u32,
    /// What it reads.
    pub input: Input,
    /// The operator's definition as a hash: another definition is another job, which starts from the oldest event.
    pub version: String,
    /// A snapshot is taken when this much of the log was read since the last, or four times the size of the last if that
    /// is more.
    pub snapshot_after_bytes: usize,
}

/// A job that owns its subject.
pub struct Job {
    spec: JobSpec,
    logs: Logs,
    operator: Box<dyn Operator>,
    chain: Chain,
    /// Commits up to this number are in the log already: a re-run only checks them.
    committed: Committed,
    /// Where this owner's newest entry stands.
    newest: Position,
    /// The oldest of the entries that tell the next owner where the job stands: a claim names the commit before it.
    anchor: Position,
    /// While the job goes through what was there when its definition began.
    rebuild: Option<Rebuild>,
    /// What is appended next says that it is through.
    claims: bool,
    pending: Vec<NewEntry>,
    pending_bytes: usize,
    floor: Floor,
    unsaved_bytes: usize,
    saved_bytes: usize,
    snapshots: snapshot::Positions,
    meters: JobMeters,
    gaps: Gaps,
    tracer: Tracer,
    told: Told,
}

/// What the meters were told so far.
#[derive(Clone, Copy, Debug, Default)]
struct Told {
    events: u64,
    late: u64,
    undefined: u64,
    outputs: u64,
}

/// The newest commit that was in the log when the job started.
#[derive(Clone, Debug, Default)]
struct Committed {
    n: u64,
    position: Position,
    digest: String,
}

/// Whether this is the last occasion to save.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Last {
    Yes,
    No,
}

type Flight = Pin<Box<dyn Future<Output = Result<Vec<Appended>>> + Send>>;

impl Job {
    /// Takes the job over: recovers the state, checks that the log is the one that was read before, claims the next
    /// epoch. Whoever owned the job finds its next commit refused.
    ///
    /// # Errors
    /// `Unavailable`; `Conflict` when somebody else claims at the same time; `Broken` when the log has lost or changed
    /// entries that this job has read.
    pub async fn claim(spec: JobSpec, logs: Logs, make: &OperatorFactory, floor: Floor) -> Result<Self> {
        recovery::claim(spec, logs, make, floor).await
    }

    /// Works until `drain` holds a position and everything up to it is taken, then saves its state.
    ///
    /// # Errors
    /// `Conflict` when another owner took over; `Broken` when a re-run does not reproduce what is committed;
    /// `Unavailable` when the event log cannot be read.
    pub async fn run(&mut self, mut drain: watch::Receiver<Option<Position>>) -> Result<()> {
        let patterns = self.spec.input.patterns(self.spec.partition);
        let mut reader = self.spec.input.log(&self.logs).reader(patterns, self.chain.position).await?;
        let mut flight: Option<Flight> = None;
        let mut reading = true;
        self.look_ahead().await?;
        loop {
            if flight.is_none() && self.pending.is_empty() && self.rebuild.as_ref().is_some_and(Rebuild::is_over) {
                self.rebuilt()?;
            }
            if flight.is_none() && !self.pending.is_empty() {
                flight = Some(self.fly());
            }
            if flight.is_none() && !reading {
                break;
            }
            let drained = *drain.borrow_and_update();
            let through = self.rebuild.as_ref().and_then(Rebuild::reads_to);
            let limit = Limit { until: drained.into_iter().chain(through).min(), ..READ };
            tokio::select! {
                biased;
                outcome = async { flight.as_mut().expect("guarded by the condition").await }, if flight.is_some() => {
                    flight = None;
                    self.landed(&outcome?);
                    self.save_when_due(Last::No).await?;
                }
                changed = drain.changed(), if reading && drained.is_none() => {
                    // Whoever could drain this job has gone: stop where it stands.
                    reading = changed.is_ok();
                }
                entries = next(&mut *reader, limit), if reading && !self.is_through() && self.pending_bytes < PENDING_BYTES_MAX => {
                    let entries = entries?;
                    for entry in &entries {
                        self.take(entry).await?;
                    }
                    match &mut self.rebuild {
                        Some(rebuild) if entries.is_empty() && through == limit.until => rebuild.through(),
                        Some(rebuild) => {
                            rebuild.tell(self.chain.position);
                            self.look_ahead().await?;
                        }
                        None => {}
                    }
                    reading = !entries.is_empty() || self.is_through();
                }
            }
        }
        // No commit is cut for the shutdown's sake: where commits are cut depends on the log alone.
        self.save_when_due(Last::Yes).await
    }

    /// Learns where a rebuild ends, as soon as that is known: what another operator has still to commit is part of it.
    async fn look_ahead(&mut self) -> Result<()> {
        if let Some(rebuild) = self.rebuild.as_mut().filter(|rebuild| rebuild.reads_to().is_none()) {
            rebuild.look_ahead(&self.spec, &self.logs).await?;
        }
        Ok(())
    }

    /// Whether everything that is to be rebuilt was taken, and that is not told yet.
    fn is_through(&self) -> bool {
        self.claims || self.rebuild.as_ref().is_some_and(Rebuild::is_over)
    }

    /// Says that what was to be rebuilt is in the log: a claim without the note that this goes on.
    fn rebuilt(&mut self) -> Result<()> {
        self.rebuild = None;
        let n = self.chain.n.max(self.committed.n);
        let claim = Claim { epoch: self.chain.epoch, n, commit: if n > 0 { self.anchor.0 } else { 0 } };
        let body = serde_json::to_vec(&JobEntry::Claim(claim)).map_err(|e| Error::broken("writing a claim").because(e))?;
        self.chain.rebuilding = false;
        self.pending.push(commits::entry(&self.spec, &self.chain, body));
        self.claims = true;
        Ok(())
    }

    /// What this job is called in logs and metrics.
    pub fn name(&self) -> String {
        format!("{}/{}", self.spec.operator, self.spec.partition)
    }

    /// How many results its open windows will give; see [`Operator::open`].
    pub fn open(&self, starts: Range<Timestamp>) -> u64 {
        self.operator.open(starts)
    }

    async fn take(&mut self, entry: &Entry) -> Result<()> {
        self.gaps.check(&**self.spec.input.log(&self.logs), entry).await?;
        if self.chain.is_due(entry.time) {
            self.cut()?;
        }
        let _step = self.tracer.follow("operate", &entry.headers);
        match self.operator.apply(entry, &mut self.chain.outputs) {
            Err(e) if e.kind() == Kind::Rejected => {
                let (component, origin) = (&self.spec.operator, format!("{} {}", self.spec.input.log_name(), entry.position));
                let id = format!("{}.{}", self.spec.partition, entry.position);
                tracing::warn!(job = self.name(), position = entry.position.0, error = e.chain(), "entry cannot be read, set aside");
                let letter = DeadLetter::new(component, id, origin, e.chain(), entry.time, &entry.body);
                dead_letter(&*self.logs.outputs, &letter).await?;
            }
            outcome => outcome?,
        }
        self.unsaved_bytes += ENTRY_BYTES + entry.body.len();
        self.chain.passed(entry);
        // Whoever reads this operator learns at once that a source has ended.
        if !self.chain.outputs.is_empty() || commits::ends(&entry.headers) {
            self.cut()?;
        }
        // Every commit is cut at its entry or right before the next: past it, all that were there must have come out.
        match self.chain.n < self.committed.n && self.chain.position > self.committed.position {
            true => Err(self.diverged()),
            false => Ok(()),
        }
    }

    /// Makes commits of what was emitted since the last cut. Those that are in the log already must come out the same.
    fn cut(&mut self) -> Result<()> {
        for (n, digest, entry) in self.chain.cut(&self.spec, &*self.operator) {
            match n.cmp(&self.committed.n) {
                Ordering::Greater => {
                    self.pending_bytes += entry.body.len();
                    self.pending.push(entry);
                }
                Ordering::Equal if digest != self.committed.digest => return Err(self.diverged()),
                Ordering::Equal | Ordering::Less => {}
            }
        }
        Ok(())
    }

    fn diverged(&self) -> Error {
        Error::broken(format!(
            "recovering job {}: the re-run up to position {} does not reproduce commit {} of the log",
            self.name(),
            self.chain.position,
            self.committed.n
        ))
    }

    fn landed(&mut self, appended: &[Appended]) {
        self.newest = appended.last().map_or(self.newest, |last| last.position);
        if std::mem::take(&mut self.claims) && self.chain.n > 0 {
            // The commit before it is still needed.
            return;
        }
        self.anchor = self.newest;
        self.hold();
        let (events, late, undefined) = (self.operator.events(), self.operator.late(), self.operator.undefined());
        let told = std::mem::replace(&mut self.told, Told { events, late, undefined, outputs: self.chain.made });
        self.meters.committed(appended.len() as u64, events - told.events, self.chain.made - told.outputs, late - told.late);
        self.meters.undefined(undefined - told.undefined);
        self.meters.position(self.chain.position.0);
        if let (Some(watermark), Some(log_time)) = (self.operator.watermark(), self.chain.cut_time) {
            self.meters.watermark(watermark, log_time);
        }
    }

    fn fly(&mut self) -> Flight {
        let entries = std::mem::take(&mut self.pending);
        self.pending_bytes = 0;
        let (logs, expect, who) = (self.logs.clone(), Expect::LastOnSubject(self.newest), self.name());
        Box::pin(async move { append(&*logs.outputs, &entries, expect, &who).await })
    }

    /// Saves the state when enough was read since the last time, or when it is the last chance.
    async fn save_when_due(&mut self, last: Last) -> Result<()> {
        let due = self.unsaved_bytes >= self.spec.snapshot_after_bytes.max(4 * self.saved_bytes);
        let saved = self.unsaved_bytes == 0 || self.chain.n <= self.committed.n || !self.chain.outputs.is_empty();
        // Commits that wait are not in the log yet: the snapshot comes after them.
        if saved || !self.pending.is_empty() || !(due || last == Last::Yes) {
            return Ok(());
        }
        let state = self.operator.snapshot();
        self.saved_bytes = state.len();
        self.unsaved_bytes = 0;
        self.snapshots = snapshot::write(&self.logs, &self.spec, &self.chain.standing(), state, &self.snapshots).await?;
        self.hold();
        Ok(())
    }

    /// Tells retention what recovery still needs.
    fn hold(&self) {
        let (input, outputs) = (self.snapshots.input_floor(), self.snapshots.outputs_floor().min(self.anchor));
        match self.spec.input.reads() {
            Reads::Events => {
                self.floor.events(input);
                self.floor.outputs(outputs);
            }
            Reads::Outputs => self.floor.outputs(outputs.min(input)),
        }
    }
}

async fn next(reader: &mut dyn Reader, limit: Limit) -> Result<Vec<Entry>> {
    reader.next(limit).await
}
