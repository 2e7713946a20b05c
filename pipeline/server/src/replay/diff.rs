//! Two configurations over the same past: what one says that the other does not.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use floodmark_connectors::stores::embedded::Store;
use floodmark_core::ports::Continuity;
use floodmark_core::{Error, Result};
use floodmark_engine::JobPlan;
use floodmark_engine::replay::{Past, Period};
use floodmark_schemas::{Rollup, Score};
use serde::Serialize;

use super::aside::{Aside, reads};
use super::compare::Tally;
use super::kind;
use super::lives::{self, Known, Life};
use super::result_set::ResultSet;
use super::run::{Fate, Live, Request, replay};
use super::told::{self, Thread};
use super::verify::Temporary;
use crate::config::Config;
use crate::migrate::pairs::Pages;

/// One of the two that are compared.
pub enum Side {
    /// A result set that is there.
    Set(ResultSet),
    /// The operators of a configuration, with what it is called; by itself it says who is told of its alerts.
    Jobs(String, Vec<JobPlan>, Box<Config>),
}

impl Side {
    /// What it is called.
    pub fn name(&self) -> &str {
        match self {
            Self::Set(set) => set.name(),
            Self::Jobs(name, ..) => name,
        }
    }
}

/// What came of a comparison.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Diff {
    /// What the first is called.
    pub before: String,
    /// What the second is called.
    pub after: String,
    /// Operators that are defined alike in both: their results are the same, and they were not run.
    pub alike: Vec<String>,
    /// What differs.
    #[serde(flatten)]
    pub tally: Tally,
}

/// Compares what two configurations, or result sets, make of the same past. The first `limit` differences are kept.
///
/// # Errors
/// `Rejected` when a result set is not there or not complete; otherwise as [`replay`].
pub async fn diff(live: &Live, mut before: Side, mut after: Side, request: Request, limit: usize) -> Result<Diff> {
    let told = match (&before, &after) {
        (Side::Jobs(_, _, before), Side::Jobs(_, _, after)) => Some(both_told(live, (before, after), &request).await?),
        // Of a result set it is not known who was told.
        _ => None,
    };
    let (names, alike) = ((before.name().to_owned(), after.name().to_owned()), alike(&mut before, &mut after));
    let (before, after) = tokio::try_join!(made(live, before, &request, "a"), made(live, after, &request, "b"))?;
    let mut tally = Tally::default();
    compare_stored(&mut tally, &before, &after, request.period, limit).await?;
    let (old, new) = (before.alerts(request.period).await?, after.alerts(request.period).await?);
    tally.add(lives::pages(old), lives::pages(new), limit).await?;
    if let Some((old, new)) = told {
        tally.add(lives::pages(old), lives::pages(new), limit).await?;
    }
    Ok(Diff { before: names.0, after: names.1, alike, tally })
}

/// What both configurations would have told, and to whom.
async fn both_told(live: &Live, (before, after): (&Config, &Config), request: &Request) -> Result<(Vec<Thread>, Vec<Thread>)> {
    let Continuity { first, tail, .. } = live.logs.events.continuity().await?;
    let past = Past::new(live.logs.events.clone(), (first, tail), request.sources.clone(), None);
    let period = request.period;
    Ok((told::threads(live, &past, before, period).await?, told::threads(live, &past, after, period).await?))
}

/// What is in stores, or would be.
async fn compare_stored(tally: &mut Tally, before: &Made, after: &Made, period: Period, limit: usize) -> Result<()> {
    if let (Made::Passing(_, _, old), Made::Passing(_, _, new)) = (before, after) {
        tally.add_held::<Rollup>(old.rollups(Ok)?, new.rollups(Ok)?, limit).await?;
        return tally.add_held::<Score>(old.scores(Ok)?, new.scores(Ok)?, limit).await;
    }
    let (old, new) = (before.answers()?, after.answers()?);
    tally.add(old.rollups(period)?, new.rollups(period)?, limit).await?;
    tally.add(old.scores(period)?, new.scores(period)?, limit).await
}

/// What one side made.
enum Made {
    /// A result set that is there.
    Kept(ResultSet),
    /// One that goes afterwards, and its rollups and scores.
    Passing(Temporary, Known, Arc<Aside>),
}

/// The rollups and scores of a side.
enum Answers<'a> {
    Stored(Store),
    Held(&'a Aside),
}

impl Answers<'_> {
    fn rollups(&self, period: Period) -> Result<Pages<'_, Rollup>> {
        match self {
            Self::Stored(store) => Ok(kind::rollups(store, period)),
            Self::Held(aside) => aside.rollups(|held| held.read()),
        }
    }

    fn scores(&self, period: Period) -> Result<Pages<'_, Score>> {
        match self {
            Self::Stored(store) => Ok(kind::scores(store, period)),
            Self::Held(aside) => aside.scores(|held| held.read()),
        }
    }
}

impl Made {
    fn set(&self) -> &ResultSet {
        match self {
            Self::Kept(set) | Self::Passing(Temporary(set), ..) => set,
        }
    }

    fn answers(&self) -> Result<Answers<'_>> {
        match self {
            Self::Kept(set) => Ok(Answers::Stored(set.store()?)),
            Self::Passing(_, _, aside) => Ok(Answers::Held(aside)),
        }
    }

    async fn alerts(&self, period: Period) -> Result<Vec<Life>> {
        let known = match self {
            Self::Kept(_) => &Known::default(),
            Self::Passing(_, known, _) => known,
        };
        known.read(&self.set().outputs()?, period).await
    }
}

async fn made(live: &Live, side: Side, request: &Request, which: &str) -> Result<Made> {
    match side {
        Side::Set(set) => match set.manifest()? {
            Some(manifest) if manifest.done.is_some() => Ok(Made::Kept(set)),
            Some(_) => Err(Error::rejected(format!("result set {} is not complete: repeat its `floodmark replay`", set.name()))),
            None => Err(Error::rejected(format!("there is no result set {}; `floodmark replay ls` lists those there are", set.name()))),
        },
        Side::Jobs(_, jobs, config) => {
            let known = Known::of(&jobs, config.alerts.keys());
            let name = format!("diff-{}-{which}", std::process::id());
            let temporary = Temporary(ResultSet::of(&live.data(), &name)?);
            let aside = Arc::new(Aside::new(temporary.0.data().path(), request.period));
            let request = Request { name: Some(name), again: true, fate: Fate::Committed, ..request.clone() };
            replay(live, aside.of(jobs), request).await?;
            Ok(Made::Passing(temporary, known, aside))
        }
    }
}

/// Takes out the operators that are defined alike in both, unless another one needs them: the same definition over the
/// same log has the same results.
fn alike(before: &mut Side, after: &mut Side) -> Vec<String> {
    let (Side::Jobs(_, before, _), Side::Jobs(_, after, _)) = (before, after) else { return Vec::new() };
    let versions: BTreeMap<String, String> = before.iter().map(|job| (job.operator.clone(), job.version.clone())).collect();
    let same = |job: &&JobPlan| versions.get(&job.operator) == Some(&job.version);
    let mut alike: BTreeSet<String> = after.iter().filter(same).map(|job| job.operator.clone()).collect();
    loop {
        let run = before.iter().chain(after.iter()).filter(|job| !alike.contains(&job.operator));
        let needed: BTreeSet<String> = run.filter_map(|job| reads(&job.input)).filter(|id| alike.contains(id)).collect();
        if needed.is_empty() {
            break;
        }
        alike.retain(|id| !needed.contains(id));
    }
    before.retain(|job| !alike.contains(&job.operator));
    after.retain(|job| !alike.contains(&job.operator));
    alike.into_iter().collect()
}
