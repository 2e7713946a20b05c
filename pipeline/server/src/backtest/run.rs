//! A test on the past from its question to its report.

use floodmark_core::alert::desk::Policy;
use floodmark_core::ports::{Log, Position};
use floodmark_core::{Error, Result};
use floodmark_engine::replay::{Past, Period};
use floodmark_schemas::{Alert, subject};

use super::cases::cases;
use super::feed::{Seen, feed};
use super::labels::Labels;
use super::nights::Nights;
use super::plan::{Rules, Wanted, operators};
use super::play::{Played, play};
use super::report::{Report, Row};
use super::score::Scoring;
use super::sweep::Sweep;
use crate::config::Config;
use crate::migrate::progress::Progress;
use crate::replay::{Fate, Live, Request as Replay, ResultSet, Temporary, replay};

/// How many steps the rules of all variants together may make: about a kilobyte each.
const STEPS_MAX: usize = 1_000_000;

/// By which time the desk goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Clock {
    /// [`Clock::Event`] when the events were imported, in less than half the time that they tell of.
    #[default]
    Auto,
    /// Each step is known when the log had stored what made it known.
    Log,
    /// Each step is known when it happened.
    Event,
}

/// What is asked.
pub struct Request {
    /// Which alerts count, by the time when they became active.
    pub period: Period,
    /// By which they are judged.
    pub labels: Option<Labels>,
    /// How nights are counted, with the name of the time zone.
    pub nights: Nights,
    /// The name of their time zone.
    pub zone: String,
    /// See [`Clock`].
    pub clock: Clock,
    /// What has other values in each variant.
    pub sweep: Option<Sweep>,
    /// What routes alerts, for each variant.
    pub variants: Vec<(Config, Policy)>,
}

/// Feeds what the log holds to the rules of all variants, and says what came of it.
///
/// # Errors
/// Those of the log; `Rejected` when there is no rule.
pub async fn backtest(live: &Live, request: Request) -> Result<Report> {
    let Request { period, labels, nights, zone, clock, sweep, variants } = request;
    if variants.iter().all(|(config, _)| config.alerts.is_empty()) {
        return Err(Error::rejected("there is no rule to be tested: [alerts.<id>] tables make rules"));
    }
    let mut wanted = Wanted::default();
    let steps_max = STEPS_MAX / variants.len().max(1);
    let rules: Vec<Rules> = variants.iter().map(|(config, _)| Rules::of(config, steps_max, &mut wanted)).collect::<Result<_>>()?;
    let past = Past::whole(live.logs.events.clone()).await?;
    let mut seen = Seen::default();
    let rules = run(live, &past, rules, &variants[0].0, &wanted, &mut seen).await?;
    let by_event = clock.is_by_event(&seen);
    let from = period.from.or(seen.events.first).unwrap_or_default();
    let to = period.to.or(seen.events.last).unwrap_or(from).max(from);
    let scoring = Scoring { from, to, labels: labels.as_ref(), nights: &nights };
    let mut rows = Vec::with_capacity(variants.len());
    for (n, (mut rules, (config, policy))) in rules.into_iter().zip(variants).enumerate() {
        in_order(&mut rules.steps, by_event);
        let names = config.alerts.keys().cloned();
        let played = play(policy, &rules.steps, seen.ends(by_event).unwrap_or(to));
        let row = scoring.row(names, &cases(&rules.steps), &played);
        let value = sweep.as_ref().map(|sweep| sweep.values[n].clone());
        rows.push(Row { value, too_many: rules.too_many, ..row });
    }
    let count = labels.as_ref().map(|labels| labels.wrong.len() as u64);
    let clock = if by_event { "event" } else { "log" };
    Ok(Report { from, to, clock, zone, wakes: nights.wakes, labels: count, key: sweep.map(|sweep| sweep.key), rows })
}

/// What the rules of a configuration, and those who route their alerts, would have told of what `past` holds.
///
/// # Errors
/// Those of the log.
pub async fn played(live: &Live, past: &Past, config: &Config, policy: Policy) -> Result<Played> {
    let (mut wanted, mut seen) = (Wanted::default(), Seen::default());
    let rules = vec![Rules::of(config, STEPS_MAX, &mut wanted)?];
    let mut steps: Vec<Alert> =
        run(live, past, rules, config, &wanted, &mut seen).await?.into_iter().flat_map(|rules| rules.steps).collect();
    let by_event = Clock::Auto.is_by_event(&seen);
    in_order(&mut steps, by_event);
    Ok(play(policy, &steps, seen.ends(by_event).unwrap_or_default()))
}

impl Clock {
    fn is_by_event(self, seen: &Seen) -> bool {
        let is_import = seen.log.span() < seen.events.span() / 2;
        self == Self::Event || self == Self::Auto && is_import
    }
}

/// Brings steps into the order in which they are known.
fn in_order(steps: &mut [Alert], by_event: bool) {
    if by_event {
        steps.iter_mut().for_each(|step| step.noticed = step.time);
    }
    steps.sort_by_key(|step| step.noticed);
}

/// Feeds rules: those that read events from the log, those that read operators from what these make of it once.
async fn run(live: &Live, past: &Past, rules: Vec<Rules>, config: &Config, wanted: &Wanted, seen: &mut Seen) -> Result<Vec<Rules>> {
    let until = past.until();
    let progress = Progress::begin("judging the past", until.0);
    let rules = feed(past, vec![subject::EVENTS.to_owned()], until, wanted, rules, seen, |at| progress.at(at.0)).await?;
    drop(progress);
    let operators = operators(config)?;
    if operators.is_empty() {
        return Ok(rules);
    }
    let patterns: Vec<String> = operators.iter().map(|job| subject::outputs_of(&job.operator)).collect();
    let name = format!("backtest-{}", std::process::id());
    let temporary = Temporary(ResultSet::of(&live.data(), &name)?);
    let (set, _) = replay(live, operators, Replay { name: Some(name), again: true, fate: Fate::Committed, ..Replay::default() }).await?;
    let outputs = set.outputs()?;
    let until = outputs.continuity().await?.tail;
    let rules = feed(&outputs, patterns, until, &Wanted::default(), rules, &mut Seen::default(), |_: Position| ()).await?;
    drop(temporary);
    Ok(rules)
}
