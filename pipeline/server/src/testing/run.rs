//! One test from its beginning to its outcome.

use std::collections::BTreeSet;
use std::sync::Arc;

use floodmark_connectors::logs::{Options, memory};
use floodmark_core::Result;
use floodmark_core::ports::Log;
use floodmark_engine::ingest::Logs;

use super::clock::TestClock;
use super::found::{Found, Shown};
use super::frames;
use super::jobs::{self, Results};
use super::judge::{self, Problem};
use super::outcome::Outcome;
use crate::config::{Config, Test};

/// Runs a test of a configuration.
///
/// # Errors
/// `Broken` when an operator cannot be made or does not do the same twice. That something else came out than was expected
/// is an outcome.
pub async fn run(config: &Config, test: &Test) -> Result<Outcome> {
    let results = results(config, test).await?;
    let looked_at = |found: &Found| test.operator.as_ref().is_none_or(|operator| found.operator() == operator);
    let found: Vec<Found> = results.outputs.iter().map(Found::of).filter(looked_at).collect();
    let mut problems = judge::judge(test, &found);
    let unreadable = results.dead_letters.iter().map(|letter| Problem::unreadable(&letter.component, &letter.reason));
    problems.extend(unreadable);
    let shown = Shown::of(test);
    let event_time = results.watermarks.iter().flat_map(|(operator, sources)| {
        let come = sources.iter().map(|(source, time)| (source.clone(), shown.time(*time)));
        come.map(|(source, time)| (operator.clone(), source, time))
    });
    Ok(Outcome { name: test.name.clone(), place: test.place.clone(), ok: problems.is_empty(), problems, event_time: event_time.collect() })
}

async fn results(config: &Config, test: &Test) -> Result<Results> {
    let asked: BTreeSet<&str> = match &test.operator {
        Some(operator) => [operator.as_str()].into(),
        // Where anything else is an error, everything has to be looked at; and where nothing is named.
        None if test.expect.iter().all(|(_, expect)| expect.operator.is_some()) && test.others == crate::config::Others::Allowed => {
            test.expect.iter().filter_map(|(_, expect)| expect.operator.as_deref()).collect()
        }
        None => BTreeSet::new(),
    };
    let clock = Arc::new(TestClock::at(test.start));
    let log = || -> Arc<dyn Log> { Arc::new(memory::Log::new(Options::default(), clock.clone())) };
    let logs = Logs { events: log(), outputs: log() };
    let plans = jobs::plans(config, &asked)?;
    frames::write(test, &config.sources, &*logs.events, &clock).await?;
    for plan in &plans {
        jobs::run(plan, &logs).await?;
    }
    jobs::results(&logs.outputs).await
}
