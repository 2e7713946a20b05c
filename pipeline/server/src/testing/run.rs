//! One test from its beginning to its outcome.

use std::collections::BTreeSet;
use std::sync::Arc;

use floodmark_connectors::logs::{Options, memory};
use floodmark_core::Result;
use floodmark_core::ports::Log;
use floodmark_engine::ingest::Logs;

use super::clock::TestClock;
use super::found::{Found, Shown};
use super::judge::{self, Problem};
use super::outcome::Outcome;
use super::{frames, jobs};
use crate::config::{Config, Others, Test};

/// Runs a test of a configuration.
///
/// # Errors
/// `Broken` when an operator cannot be made or does not do the same twice. That something else came out than was expected
/// is an outcome.
pub async fn run(config: &Config, test: &Test) -> Result<Outcome> {
    let clock = Arc::new(TestClock::at(test.start));
    let log = || -> Arc<dyn Log> { Arc::new(memory::Log::new(Options::default(), clock.clone())) };
    let logs = Logs { events: log(), outputs: log() };
    let plans = jobs::plans(config, &asked(test))?;
    frames::write(test, &config.sources, &*logs.events, &clock).await?;
    for plan in &plans {
        jobs::run(plan, &logs).await?;
    }
    let results = jobs::results(&logs.outputs).await?;
    let looked_at = |found: &Found| test.operator.as_ref().is_none_or(|operator| found.operator() == operator);
    let found: Vec<Found> = results.outputs.iter().map(Found::of).filter(looked_at).collect();
    let mut problems = judge::judge(test, &found);
    problems.extend(results.dead_letters.iter().map(|letter| Problem::unreadable(&letter.component, &letter.reason)));
    let (shown, mut event_time) = (Shown::of(test), Vec::new());
    for plan in plans.iter().filter(|_| !problems.is_empty()) {
        let come = jobs::event_time(plan, &logs).await?;
        event_time.extend(come.into_iter().map(|(source, time)| (plan.operator.clone(), source, shown.time(time))));
    }
    Ok(Outcome { name: test.name.clone(), place: test.place.clone(), ok: problems.is_empty(), problems, event_time })
}

/// The operators that have to be run. All, where anything else is an error or nothing is named.
fn asked(test: &Test) -> BTreeSet<&str> {
    let named: Option<BTreeSet<&str>> = test.expect.iter().map(|(_, expect)| expect.operator.as_deref()).collect();
    match (&test.operator, test.others) {
        (Some(operator), _) => [operator.as_str()].into(),
        (None, Others::Allowed) => named.unwrap_or_default(),
        (None, Others::Refused) => BTreeSet::new(),
    }
}
