//! Alerts from the output log to those who have to know: the desk folds what rules commit, the dispatcher sends what it writes.
//!
//! Both run in the one process that owns the store of alerts. Whoever takes over goes on where the store says; whoever was
//! replaced finds its next write refused. A notification is in the store before it is sent, and what came of a try right after
//! it: when a process dies in between, the next one sends it again, and its receiver knows it by its id.

mod read;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use floodmark_core::alert::desk::{Changes, Desk, Policy};
use floodmark_core::ports::alerts::{Opened, Turn};
use floodmark_core::ports::{AlertStore, Clock, Continuity, Entry, Limit, Log, Mark, Notifier, Position, Reader, Standing};
use floodmark_core::{Error, Kind, Result};
use floodmark_schemas::{Timestamp, subject};
use futures_util::future::{join_all, try_join};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::backoff::{Backoff, RECOVERED_AFTER};
use crate::dispatcher::{Dispatcher, Waits};
use crate::retention::Floor;
use crate::telemetry::DeskMeters;
use crate::tenure::Tenure;

/// How much the desk takes at once: some hundred alerts, so that of very many the first are sent while the others are folded.
const TAKEN: Limit = Limit { until: None, entries: 256, bytes: 256 * 1024 };
/// How often the desk looks for requested actions, and at the time.
const LOOKS_EVERY: Duration = Duration::from_secs(1);
/// How many requested actions are done at once.
const REQUESTS_MAX: usize = 100;
/// How often the outbox is measured, and entries of others are passed over.
const TIDIES_EVERY: Duration = Duration::from_secs(15);
/// How often old incidents are deleted: it locks the store, and they were kept for days.
const FORGETS_EVERY: Duration = Duration::from_secs(5 * 60);
/// How long what is being sent may go on when the desk stops: a shutdown waits for it.
const LAST_SENDS: Duration = Duration::from_secs(2);
/// How long noting what was sent may take after that.
const LAST_NOTES: Duration = Duration::from_secs(1);
/// How many rounds of deleting there are at once.
const DELETES_MAX: usize = 20;

/// What is done with alerts.
#[derive(Clone)]
pub struct AlertPlan {
    /// Where everything is kept.
    pub store: Arc<dyn AlertStore>,
    /// What the desk goes by.
    pub policy: Policy,
    /// The rules, by their operator ids.
    pub rules: Vec<String>,
    /// The ways to the receivers.
    pub notifiers: BTreeMap<String, Arc<dyn Notifier>>,
    /// How soon and how often it is tried to send.
    pub waits: Waits,
    /// How long incidents are kept that are over.
    pub retention: Duration,
}

impl AlertPlan {
    /// The subjects whose entries the desk takes. Without rules it is one that has none: no subject at all would mean every entry
    /// to a server.
    pub(crate) fn patterns(&self) -> Vec<String> {
        if self.rules.is_empty() {
            return vec![subject::outputs_of(subject::MONITOR)];
        }
        self.rules.iter().map(|rule| subject::outputs_of(rule)).collect()
    }
}

/// The desk and the dispatcher of one pipeline.
pub struct AlertDesk {
    /// What to do.
    pub plan: AlertPlan,
    /// Where commits of rules are, and where dead letters go.
    pub outputs: Arc<dyn Log>,
    /// The wall clock: people wait by it.
    pub clock: Arc<dyn Clock>,
    /// What the desk still needs of the output log.
    pub floor: Floor,
}

/// A desk that runs.
struct Running<'a> {
    of: &'a AlertDesk,
    desk: Desk,
    turn: Turn,
    standing: Standing,
    /// The newest time that was seen: it never goes back.
    now: Timestamp,
    meters: DeskMeters,
    /// Tells the dispatcher that there is something to send.
    written: watch::Sender<()>,
    tidied: Option<Instant>,
    forgot: Option<Instant>,
}

impl AlertDesk {
    /// Takes the store over and runs until `drain` holds a position and everything up to it is folded. What is left to be sent
    /// then stays in the store.
    ///
    /// # Errors
    /// `Conflict` when somebody else has taken the store over; `Broken`; what is `Unavailable` is retried.
    pub async fn run(&self, drain: watch::Receiver<Option<Position>>) -> Result<()> {
        self.floor.outputs(Position(1));
        let Opened { turn, standing, stored } = self.retrying(|| self.plan.store.open()).await?;
        let mut desk = Desk::restore(self.plan.policy.clone(), stored)?;
        let stop = CancellationToken::new();
        let (written, _) = watch::channel(());
        let (now, meters) = (self.clock.now(), DeskMeters::default());
        desk.retire(now, &self.plan.rules.iter().cloned().collect());
        desk.reroute(now);
        let waiting = self.retrying(|| self.plan.store.depths()).await?;
        let known = self.plan.notifiers.keys().cloned();
        let receivers: BTreeSet<String> = known.chain(waiting.into_iter().map(|depth| depth.receiver)).collect();
        let lanes = receivers.into_iter().map(|receiver| {
            let notifier = self.plan.notifiers.get(&receiver).cloned();
            let (store, outputs, clock) = (self.plan.store.clone(), self.outputs.clone(), self.clock.clone());
            let waits = self.plan.waits;
            let lane = Dispatcher { receiver, notifier, store, owner: turn.owner, outputs, clock, waits };
            let (written, stop) = (written.subscribe(), stop.clone());
            async move { lane.run(written, stop).await }
        });
        let sending = join_all(lanes.collect::<Vec<_>>());
        let ending = async {
            stop.cancelled().await;
            tokio::time::sleep(LAST_SENDS).await;
        };
        let sending = async {
            tokio::select! {
                biased;
                sent = sending => sent.into_iter().collect::<Result<()>>(),
                // Whoever has not answered by then may have it: it is sent again after the next start, with the same id.
                () = ending => Ok(()),
            }
        };
        let mut running = Running { of: self, desk, turn, standing, now, meters, written, tidied: None, forgot: None };
        let folding = async {
            // Whoever sends must not outlive the desk, whether it was drained or failed.
            let outcome = running.fold(drain).await;
            stop.cancel();
            outcome
        };
        try_join(folding, sending).await.map(drop)
    }

    /// The same until it is told to stop: it ends where it stands then, and what was just sent is noted, so that whoever goes on does
    /// not send it again.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub async fn run_until(&self, mut drain: watch::Receiver<Option<Position>>, stop: CancellationToken, tenure: Tenure) -> Result<()> {
        let (until, told) = watch::channel(*drain.borrow_and_update());
        let telling = async {
            while let Some(Ok(())) = stop.run_until_cancelled(drain.changed()).await {
                until.send_replace(*drain.borrow_and_update());
            }
            drop(until);
            // A store that does not answer is not waited for.
            tokio::time::sleep(LAST_SENDS + LAST_NOTES).await;
        };
        tokio::select! {
            biased;
            outcome = self.run_under(told, tenure) => outcome,
            () = telling => Ok(()),
        }
    }

    /// The same under supervision: what may pass is tried again. Under a lease, one whose store somebody else has taken over takes it
    /// again.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub async fn run_under(&self, drain: watch::Receiver<Option<Position>>, tenure: Tenure) -> Result<()> {
        let mut backoff = Backoff::new("alerts");
        loop {
            let started = Instant::now();
            let outcome = self.run(drain.clone()).await;
            if started.elapsed() >= RECOVERED_AFTER {
                backoff.reset();
            }
            match outcome {
                Err(e) if e.kind() == Kind::Unavailable || (e.kind() == Kind::Conflict && tenure.is_lease()) => {
                    tracing::warn!(attempt = backoff.attempt(), error = e.chain(), "the desk of alerts failed, will start again");
                    backoff.wait().await;
                }
                outcome => return outcome.map_err(|e| Error::new(e.kind(), "the desk of alerts stopped").because(e)),
            }
        }
    }

    async fn retrying<T, F: Future<Output = Result<T>>>(&self, what: impl Fn() -> F) -> Result<T> {
        retrying("alerts", what).await
    }

    /// Reads on after where the desk stands. A log that has lost what the desk has taken is another log.
    async fn reader(&self, standing: &Standing) -> Result<Box<dyn Reader>> {
        let position = standing.position;
        let Continuity { first, tail, .. } = self.retrying(|| self.outputs.continuity()).await?;
        let broken = |what: &str| Err(Error::broken(format!("starting the desk of alerts: it stands at {position}, but the log {what}")));
        if first.0 > position.0 + 1 && position > Position::START {
            return broken(&format!("begins at {first}: entries between them are gone"));
        }
        if tail < position {
            return broken(&format!("ends at {tail}: it has lost entries"));
        }
        if let Some(mark) = &standing.mark
            && let Some(found) = self.retrying(|| self.outputs.get(mark.position)).await?
            && found.fingerprint() != mark.fingerprint
        {
            return broken(&format!("has another entry at {}: it is another log", mark.position));
        }
        self.retrying(|| self.outputs.reader(self.plan.patterns(), position)).await
    }
}

/// What made the desk look.
enum Woken {
    Entries(Result<Vec<Entry>>),
    Time,
    Draining,
}

impl Running<'_> {
    async fn fold(&mut self, mut drain: watch::Receiver<Option<Position>>) -> Result<()> {
        let mut reader = self.of.reader(&self.standing).await?;
        loop {
            self.of.floor.outputs(Position(self.standing.position.0 + 1));
            let until = *drain.borrow_and_update();
            let due = self.desk.next_due().map(|due| due.micros().saturating_sub(self.of.clock.now().micros()).max(0).cast_unsigned());
            let wait = due.map_or(LOOKS_EVERY, |due| Duration::from_micros(due).min(LOOKS_EVERY));
            let woken = tokio::select! {
                biased;
                changed = drain.changed(), if until.is_none() => match changed {
                    Ok(()) => Woken::Draining,
                    // Whoever could drain it has gone: stop where it stands.
                    Err(_) => return Ok(()),
                },
                entries = reader.next(Limit { until, ..TAKEN }) => Woken::Entries(entries),
                () = tokio::time::sleep(wait), if until.is_none() => Woken::Time,
            };
            match woken {
                Woken::Draining => {}
                Woken::Time => self.look(&[]).await?,
                Woken::Entries(Ok(entries)) if entries.is_empty() => return self.look(&[]).await,
                Woken::Entries(Ok(entries)) => self.look(&entries).await?,
                Woken::Entries(Err(e)) if e.kind() == Kind::Unavailable => {
                    tracing::warn!(error = e.chain(), "reading the output log for alerts failed, will retry");
                    reader = self.of.reader(&self.standing).await?;
                }
                Woken::Entries(Err(e)) => return Err(e),
            }
            if until.is_none() && self.tidied.is_none_or(|tidied| tidied.elapsed() >= TIDIES_EVERY) {
                self.tidy(&mut *reader).await?;
            }
        }
    }

    /// Folds entries, does what was asked for, and lets time pass; all of it is stored in one transaction.
    async fn look(&mut self, entries: &[Entry]) -> Result<()> {
        self.now = self.now.max(self.of.clock.now());
        let mut said = Vec::with_capacity(entries.len());
        for entry in entries {
            said.extend(read::rule_entry(entry)?);
        }
        self.desk.take(self.now, &said);
        let requests = self.of.retrying(|| self.of.plan.store.requests(REQUESTS_MAX)).await?;
        for (request, action) in requests {
            let answer = self.desk.act(self.now, request, &action);
            tracing::info!(request, done = answer.done, answer = answer.text, "an action on alerts was asked for");
        }
        self.desk.tick(self.now);
        let changes = self.desk.changes();
        if let Some(last) = entries.last() {
            self.standing = Standing { position: last.position, mark: Mark::of(entries) };
        }
        if !entries.is_empty() || !changes.is_empty() {
            self.commit(&changes).await?;
        }
        self.meters.took(changes.steps.len() as u64, self.desk.open_by_severity());
        Ok(())
    }

    async fn commit(&mut self, changes: &Changes) -> Result<()> {
        let (store, turn, standing) = (&self.of.plan.store, self.turn, &self.standing);
        self.turn = self.of.retrying(|| store.commit(turn, standing, changes)).await?;
        if !changes.notifications.is_empty() {
            self.written.send_replace(());
        }
        Ok(())
    }

    /// Deletes what is old. What is left after many rounds goes when the desk is tidied next.
    async fn forget(&mut self) -> Result<()> {
        let (store, owner) = (&self.of.plan.store, self.turn.owner);
        let before = self.now.plus_micros(-i64::try_from(self.of.plan.retention.as_micros()).unwrap_or(i64::MAX));
        for _ in 0..DELETES_MAX {
            if self.of.retrying(|| store.forget(owner, before)).await? == 0 {
                self.forgot = Some(Instant::now());
                break;
            }
        }
        Ok(())
    }

    /// Passes over entries of others, measures the outbox, and deletes what is old when it is time.
    async fn tidy(&mut self, reader: &mut dyn Reader) -> Result<()> {
        self.tidied = Some(Instant::now());
        if self.forgot.is_none_or(|forgot| forgot.elapsed() >= FORGETS_EVERY) {
            self.forget().await?;
        }
        let store = &self.of.plan.store;
        let depths = self.of.retrying(|| store.depths()).await?;
        self.meters.waits(&depths, self.now);
        // Without an entry of a rule up to the tail, it is the tail that the desk has come to.
        let tail = self.of.retrying(|| self.of.outputs.continuity()).await?.tail;
        if tail > self.standing.position {
            match reader.next(Limit { until: Some(tail), ..TAKEN }).await {
                Ok(entries) if entries.is_empty() => {
                    self.standing.position = tail;
                    self.commit(&Changes::default()).await?;
                }
                Ok(entries) => self.look(&entries).await?,
                // The next read says so again, and is told what to do.
                Err(e) => tracing::debug!(error = e.chain(), "reading the output log for alerts failed"),
            }
        }
        Ok(())
    }
}

/// Tries again what is unavailable.
pub(crate) async fn retrying<T, F: Future<Output = Result<T>>>(key: &str, what: impl Fn() -> F) -> Result<T> {
    let mut backoff = Backoff::new(key);
    loop {
        match what().await {
            Err(e) if e.kind() == Kind::Unavailable => {
                tracing::warn!(of = key, attempt = backoff.attempt(), error = e.chain(), "the store of alerts failed, will retry");
                backoff.wait().await;
            }
            outcome => return outcome,
        }
    }
}
