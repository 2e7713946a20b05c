//! What the program watches of itself: the source `floodmark`, which nobody configures. Each part is a shard of it, so that each has frames
//! and a lease of its own.

use std::collections::BTreeMap;
use std::sync::Arc;

use floodmark_connectors::sources::connectivity::{Connectivity, Line};
use floodmark_core::Result;
use floodmark_core::ports::{Clock, Log, Source, SourceSpec};
use floodmark_engine::coverage::{Coverage, Plan};
use floodmark_engine::{SourcePlan, Statuses};
use floodmark_schemas::{Encoding, subject};

use crate::config::Config;

/// What the source is called where others have their type.
const KIND: &str = "monitor";
/// The shard that tells how well sources are covered.
const COVERAGE: u32 = 0;
/// The shard that tells what the line of this monitor is like.
const CONNECTIVITY: u32 = 1;

/// What tells whether this monitor is online; nothing when nobody asks, or when nothing is watched that goes on for ever: files that have
/// been read end the program.
pub(super) fn connectivity(config: &Config, line: Option<Arc<Line>>, clock: &Arc<dyn Clock>) -> Result<Option<SourcePlan>> {
    let goes_on = config.sources.values().any(|source| source.kind.is_live());
    let Some((settings, line)) = config.connectivity.clone().zip(line).filter(|_| goes_on) else { return Ok(None) };
    let spec = SourceSpec { disorder: settings.wait_max(), live: true, ..spec(CONNECTIVITY) };
    let clock = clock.clone();
    Connectivity::new(subject::MONITOR, &settings, line.clone(), clock.clone())?;
    let make =
        move || -> Result<Box<dyn Source>> { Ok(Box::new(Connectivity::new(subject::MONITOR, &settings, line.clone(), clock.clone())?)) };
    Ok(Some(SourcePlan { spec, kind: KIND.to_owned(), make: Arc::new(make) }))
}

/// What tells how well sources are covered; nothing when none has a schedule. Its time is that of its reports, which after a downtime are of
/// the past: no tick may promise that it has come further.
pub(super) fn coverage(config: &Config, events: &Arc<dyn Log>, statuses: &Statuses) -> Option<SourcePlan> {
    let polls = config.sources.iter().map(|(id, source)| (id.clone(), source.kind.polls(id)));
    let sources: BTreeMap<_, _> = polls.filter(|(_, polls)| !polls.is_empty()).collect();
    let plan = Plan { every: config.coverage.every.0, sources, events: events.clone(), statuses: statuses.clone() };
    let any = !plan.sources.is_empty();
    let make = move || -> Result<Box<dyn Source>> { Ok(Box::new(Coverage::new(plan.clone()))) };
    any.then(|| SourcePlan { spec: spec(COVERAGE), kind: KIND.to_owned(), make: Arc::new(make) })
}

fn spec(shard: u32) -> SourceSpec {
    SourceSpec {
        id: subject::MONITOR.to_owned(),
        shard: Some(shard),
        encoding: Encoding::Json,
        disorder: std::time::Duration::ZERO,
        live: false,
    }
}
