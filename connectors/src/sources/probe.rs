//! What `http_probe` and `tcp_probe` share: each target on its own schedule, one deadline for each attempt, and one
//! check event for every attempt.
//!
//! The time of a check is when its attempt began; its id is `<target>@<scheduled microseconds>`, with `#<attempt>` for a
//! repeat. Ticks that passed unused leave a check with the reason `missed` ([`polling::missed`]).

pub mod dial;
pub mod settings;
pub mod shards;
pub mod tls;
pub mod trace;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use floodmark_core::Result;
use floodmark_core::ports::{Clock, Ingest};
use floodmark_schemas::{Check, Event, EventBatch, Payload, Reason};
use futures_util::future::try_join_all;
use tokio::time::{Instant, timeout_at};

use self::trace::{Failure, Trace};
use super::connectivity::Line;
use super::polling::{self, Schedule, Tick};
use crate::settings::{Fault, Span};

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

    /// What keeps a check from ending before the next one is due; `place` is the target's in the list.
    pub fn faults(&self, place: usize) -> Vec<Fault> {
        let fault = |key: &str, what: String, remedy: &str| Fault::of("targets", what, remedy).entry(place).key(key);
        let zero = [("every", self.every), ("timeout", self.timeout)].into_iter().filter(|(_, time)| time.is_zero());
        let mut faults: Vec<Fault> =
            zero.map(|(key, _)| fault(key, format!("`{key}` of target {:?} is 0s", self.target), "write for example \"10s\"")).collect();
        if faults.is_empty() && self.duration_max() > self.every {
            let what = format!(
                "a check of {:?} may take {}, with its retries and pauses, but the next one is due after {}",
                self.target,
                Span(self.duration_max()),
                Span(self.every)
            );
            faults.push(fault("every", what, "lower `timeout` or `retries`, or raise `every`"));
        }
        faults
    }
}

/// What is wrong with a list of targets: that it is empty, that two have one name, or what is wrong with one of them.
pub fn faults_of(plans: &[Plan]) -> Vec<Fault> {
    if plans.is_empty() {
        return vec![Fault::of("targets", "nothing would be looked at", "name at least one target")];
    }
    let mut seen = BTreeSet::new();
    let mut faults = Vec::new();
    for (place, plan) in plans.iter().enumerate() {
        if !seen.insert(&plan.target) {
            let what = format!("target {:?} is there twice", plan.target);
            faults.push(Fault::of("targets", what, "remove one, or give it another `name`").entry(place));
        }
        faults.extend(plan.faults(place));
    }
    faults
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
/// no event then. With a `line`, a check that fails while that is dead says that nobody can say.
///
/// # Errors
/// What [`Ingest::send`] returns.
pub async fn watch<P: Probe>(source: &str, probes: &[P], line: Option<&Line>, clock: &Arc<dyn Clock>, ingest: &dyn Ingest) -> Result<()> {
    try_join_all(probes.iter().map(|probe| watch_one(source, probe, line, clock, ingest))).await?;
    Ok(())
}

async fn watch_one<P: Probe>(source: &str, probe: &P, line: Option<&Line>, clock: &Arc<dyn Clock>, ingest: &dyn Ingest) -> Result<()> {
    let plan = probe.plan();
    let mut schedule = Schedule::new(clock.clone(), plan.every, &plan.target);
    loop {
        let tick = schedule.tick().await;
        ingest.polled(polling::lateness(&**clock, tick.scheduled));
        if let Some(event) = missed(source, plan, &tick) {
            ingest.send(EventBatch::from_iter([event]), None).await?;
        }
        for attempt in 1..=plan.retries.saturating_add(1) {
            if attempt > 1 {
                tokio::time::sleep(plan.retry_pause).await;
            }
            let (started, began) = (clock.now(), Instant::now());
            let mut check = look_once(probe, attempt).await;
            if let Some(line) = line {
                line.excuse(&mut check, began).await;
            }
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
