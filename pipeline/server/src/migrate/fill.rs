//! Sinks read their log to its end, without sources and jobs.

use std::sync::Arc;

use async_trait::async_trait;
use floodmark_core::ports::{Entry, Log, Position, Sink, Standing};
use floodmark_core::{Error, Result};
use floodmark_engine::SinkPlan;
use floodmark_engine::ingest::Logs;
use floodmark_engine::retention::Floors;
use floodmark_engine::sink_runner::{Reads, SinkRunner};
use futures_util::future::try_join_all;
use tokio::sync::watch;

use super::progress::Progress;

/// The log that a sink reads.
pub(super) fn log_of<'a>(plan: &SinkPlan, logs: &'a Logs) -> &'a Arc<dyn Log> {
    match plan.reads {
        Reads::Events => &logs.events,
        Reads::Outputs => &logs.outputs,
    }
}

/// Runs each sink up to the present end of its log, all at once; afterwards each stands there.
///
/// # Errors
/// `Conflict` when somebody else writes to the same store; `Broken`. What is `Unavailable` is retried.
pub(super) async fn fill(what: &str, sinks: &[SinkPlan], logs: &Logs) -> Result<()> {
    let mut ends = Vec::new();
    for plan in sinks {
        let (at, end) = (plan.sink.position().await?, log_of(plan, logs).continuity().await?.tail);
        if at > end {
            return Err(Error::broken(format!("sink {} stands at {at}, but its log ends at {end}: its store is of another log", plan.id)));
        }
        ends.push((at, end));
    }
    let todo: u64 = ends.iter().map(|(at, end)| end.0 - at.0).sum();
    if todo == 0 {
        return Ok(());
    }
    let progress = Arc::new(Progress::begin(what, todo));
    try_join_all(sinks.iter().zip(&ends).map(|(plan, (_, end))| one(plan, log_of(plan, logs), *end, progress.clone()))).await?;
    Ok(())
}

async fn one(plan: &SinkPlan, log: &Arc<dyn Log>, end: Position, progress: Arc<Progress>) -> Result<()> {
    let runner = SinkRunner {
        id: plan.id.clone(),
        sink: Arc::new(Watched { sink: plan.sink.clone(), progress }),
        log: log.clone(),
        reads: plan.reads,
        patterns: plan.patterns.clone(),
        floor: Floors::default().of(&plan.id),
    };
    let (_drain, until) = watch::channel(Some(end));
    runner.run(until).await?;
    // Without one of ours up to the end, it is the end we have come to.
    let at = plan.sink.position().await?;
    if at < end { plan.sink.write(&[], at, end).await } else { Ok(()) }
}

/// A sink that tells how far it has come.
struct Watched {
    sink: Arc<dyn Sink>,
    progress: Arc<Progress>,
}

#[async_trait]
impl Sink for Watched {
    async fn standing(&self) -> Result<Standing> {
        self.sink.standing().await
    }

    async fn write(&self, entries: &[Entry], from: Position, to: Position) -> Result<()> {
        self.sink.write(entries, from, to).await?;
        self.progress.add(to.0 - from.0);
        Ok(())
    }
}
