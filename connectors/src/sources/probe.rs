//! What `http_probe` and `tcp_probe` share: each target on its own schedule, one deadline for each attempt, and one
//! check event for every attempt.
//!
//! The time of a check is when its attempt began; its id is `<target>@<scheduled microseconds>`, with `#<attempt>` for a
//! repeat. Ticks that passed unused leave a check with the reason `missed` ([`polling::missed`]).

pub mod dial;
pub mod settings;
pub mod tls;
pub mod trace;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use floodmark_core::ports::{Clock, Ingest};
use floodmark_core::{Error, Result};
use floodmark_schemas::{Check, Event, EventBatch, Payload, Reason};
use futures_util::future::try_join_all;
use tokio::time::{Instant, timeout_at};

use self::trace::{Failure, Trace};
use super::polling::{self, Schedule, Tick};

/// When a target is looked at, and how patiently.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The name of the target in its events.
    pub target: String,
    /// Labels of its events.
    pub labels: BTreeMap<String, String>,
    /// From one scheduled check to the next.
    pub every: Duration,
    /// The deadline of one attempt, from name resolution to the last byte.
    pub timeout: Duration,
    /// How many more attempts follow a failed one.
    pub retries: u32,
    /// The pause before each of them.
    pub retry_pause: Duration,
    /// An attempt that succeeds but takes longer than this is a failure.
    pub latency_max: Option<Duration>,
}

impl Plan {
    /// How long a scheduled check takes at the most, with all its attempts.
    pub fn duration_max(&self) -> Duration {
        self.timeout.saturating_mul(self.retries.saturating_add(1)).saturating_add(self.retry_pause.saturating_mul(self.retries))
    }

    /// Whether a check always ends before the next one is due.
    ///
    /// # Errors
    /// `Broken` with what to change.
    pub fn validate(&self) -> Result<()> {
        if self.every.is_zero() || self.timeout.is_zero() {
            return Err(Error::broken(format!("target {:?}: every and timeout must be longer than 0s", self.target)));
        }
        if self.duration_max() > self.every {
            return Err(Error::broken(format!(
                "target {:?}: a check may take {:?} (timeout, and retries with their pauses), which is longer than every = {:?}; lower timeout or retries, or raise every",
                self.target,
                self.duration_max(),
                self.every
            )));
        }
        Ok(())
    }
}

/// Refuses an empty list of targets and two targets of one name.
///
/// # Errors
/// `Broken` with the name.
pub fn distinct<'a>(source: &str, targets: impl Iterator<Item = &'a str>) -> Result<()> {
    let mut seen = BTreeSet::new();
    for target in targets {
        if !seen.insert(target) {
            return Err(Error::broken(format!("source {source:?}: target {target:?} is there twice; give one of them another name")));
        }
    }
    if seen.is_empty() {
        return Err(Error::broken(format!("source {source:?}: targets is empty; name at least one")));
    }
    Ok(())
}

/// One target that can be looked at.
#[async_trait]
pub trait Probe: Send + Sync {
    /// When and how patiently.
    fn plan(&self) -> &Plan;

    /// Looks once, writing into `trace` what it learns as it learns it. The caller drops this at the deadline.
    ///
    /// # Errors
    /// Why the target is not up.
    async fn look(&self, trace: &mut Trace) -> Result<(), Failure>;
}

/// Looks at all `probes`, each on its own schedule, until dropped. May be dropped at any await: a check under way leaves
/// no event then.
///
/// # Errors
/// What [`Ingest::send`] returns.
pub async fn watch<P: Probe>(source: &str, probes: &[P], clock: &Arc<dyn Clock>, ingest: &dyn Ingest) -> Result<()> {
    try_join_all(probes.iter().map(|probe| watch_one(source, probe, clock, ingest))).await?;
    Ok(())
}

async fn watch_one<P: Probe>(source: &str, probe: &P, clock: &Arc<dyn Clock>, ingest: &dyn Ingest) -> Result<()> {
    let plan = probe.plan();
    let mut schedule = Schedule::new(clock.clone(), plan.every, &plan.target);
    loop {
        let tick = schedule.tick().await;
        if let Some(event) = missed(source, plan, &tick) {
            ingest.send(EventBatch::from_iter([event]), None).await?;
        }
        for attempt in 1..=plan.retries.saturating_add(1) {
            if attempt > 1 {
                tokio::time::sleep(plan.retry_pause).await;
            }
            let started = clock.now();
            let check = look_once(probe, attempt).await;
            let done = check.up == Some(true);
            let repeat = if attempt > 1 { format!("#{attempt}") } else { String::new() };
            let id = format!("{}@{}{repeat}", plan.target, tick.scheduled.micros());
            ingest.send(EventBatch::from_iter([Event::check(source, id, started, check)]), None).await?;
            if done {
                break;
            }
        }
    }
}

fn missed(source: &str, plan: &Plan, tick: &Tick) -> Option<Event> {
    let mut event = polling::missed(source, &plan.target, tick)?;
    if let Payload::Check(check) = &mut event.payload {
        check.labels = plan.labels.clone();
    }
    Some(event)
}

/// One attempt within its deadline.
pub async fn look_once<P: Probe>(probe: &P, attempt: u32) -> Check {
    let plan = probe.plan();
    let started = Instant::now();
    let mut trace = Trace::until(started + plan.timeout);
    let outcome = match timeout_at(trace.deadline(), probe.look(&mut trace)).await {
        Ok(outcome) => outcome,
        Err(_) => Err(trace.out_of_time(plan.timeout)),
    };
    let duration = started.elapsed();
    let outcome = outcome.and_then(|()| in_time(duration, plan.latency_max));
    Check {
        up: Some(outcome.is_ok()),
        reason: outcome.as_ref().err().map(|failure| failure.reason),
        detail: outcome.err().map(|failure| failure.detail),
        duration_us: Some(duration.as_micros() as u64),
        attempt,
        labels: plan.labels.clone(),
        ..trace.into_check(&plan.target)
    }
}

fn in_time(duration: Duration, latency_max: Option<Duration>) -> Result<(), Failure> {
    match latency_max {
        Some(max) if duration > max => Err(Failure::new(Reason::TooSlow, format!("took {duration:.1?}, allowed are {max:?}"))),
        _ => Ok(()),
    }
}
