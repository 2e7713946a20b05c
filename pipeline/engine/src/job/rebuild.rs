//! A job with a new definition goes through everything that was in its input when it began, before its results count.

use std::time::Duration;

use floodmark_core::Result;
use floodmark_core::ports::Position;
use floodmark_schemas::{Definition, subject};
use tokio::time::Instant;

use super::JobSpec;
use crate::ingest::Logs;
use crate::input::Input;

/// How often people are told how far it is.
const TOLD_EVERY: Duration = Duration::from_secs(5);

/// Where a rebuild begins and ends, and how far it is.
#[derive(Debug)]
pub(super) struct Rebuild {
    job: String,
    from: Position,
    /// The last entry that is part of it, once that is known.
    to: Option<Position>,
    began: Instant,
    told: Instant,
    over: bool,
}

impl Rebuild {
    /// Of a job that has read up to `from`, when what it reads ends at `tail`.
    pub(super) fn new(spec: &JobSpec, tail: Position, from: Position) -> Self {
        let (job, now) = (format!("{}/{}", spec.operator, spec.partition), Instant::now());
        // What another operator commits is complete when that one is through.
        let to = match spec.input {
            Input::Partition | Input::Partitions => Some(tail),
            Input::Operator { .. } => None,
        };
        tracing::info!(job, from = from.0, to = tail.0, "computing results anew from the log; earlier ones count until that is done");
        Self { job, from, to, began: now, told: now, over: false }
    }

    /// The last entry that is part of it; `None` while that is not known.
    pub(super) fn reads_to(&self) -> Option<Position> {
        self.to
    }

    /// Looks whether the operator that is read is through: then its newest entries are the end.
    pub(super) async fn look_ahead(&mut self, spec: &JobSpec, logs: &Logs) -> Result<()> {
        let Input::Operator { id, version, whole, .. } = &spec.input else { return Ok(()) };
        let (mut job, mut jobs, mut end) =
            if *whole { (0, 1, Position::START) } else { (spec.partition, spec.partition + 1, Position::START) };
        while job < jobs {
            let Some(newest) = logs.outputs.last(&subject::outputs(id, job)).await? else { return Ok(()) };
            match Definition::of(&newest.headers) {
                Some(definition) if definition.version == version && !definition.rebuilding => {
                    jobs = if *whole { definition.jobs } else { jobs };
                    end = end.max(newest.position);
                }
                _ => return Ok(()),
            }
            job += 1;
        }
        self.to = Some(end);
        Ok(())
    }

    /// Everything up to the end was taken.
    pub(super) fn through(&mut self) {
        self.over = true;
        let took = format!("{:.1?}", self.began.elapsed());
        tracing::info!(job = self.job, took, "results are computed anew");
    }

    /// Whether it is over.
    pub(super) fn is_over(&self) -> bool {
        self.over
    }

    /// Tells people now and then how far it is, and how long it may take.
    pub(super) fn tell(&mut self, at: Position) {
        let Some(to) = self.to.filter(|to| self.told.elapsed() >= TOLD_EVERY && *to > self.from) else { return };
        self.told = Instant::now();
        let (done, all) = (at.0.saturating_sub(self.from.0), to.0 - self.from.0);
        let left = self.began.elapsed().as_secs_f64() * (all.saturating_sub(done) as f64) / (done.max(1) as f64);
        let percent = done * 100 / all;
        tracing::info!(job = self.job, percent, left = format!("about {left:.0} s"), "computing results anew");
    }
}
