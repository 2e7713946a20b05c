//! An alert into a bundle: the shortest past that makes it again.

use std::collections::BTreeSet;

use floodmark_core::ports::Position;
use floodmark_core::{Error, Result};
use floodmark_engine::input::Input;
use floodmark_schemas::{Alert, subject};

use super::file::{Bundle, Header};
use super::replay::{difference, made, needed, steps};
use super::select::{Selecting, Ticks};
use crate::config::{self, Config};
use crate::replay::Live;

/// How much of the past before an alert is tried, in seconds: states that are short come out of little, windows need as much as they are
/// long, and scores all there ever was.
const TRIED_SECS: [i64; 5] = [900, 7_200, 86_400, 7 * 86_400, 31 * 86_400];

/// Makes the bundle of an alert, and sees that it gives the same alert.
///
/// # Errors
/// `Rejected` when there is no such alert, it was made by another definition of its rule, or the log no longer gives it.
pub async fn export(live: &Live, alert: &str) -> Result<Bundle> {
    let found = steps(&*live.logs.outputs, alert).await?;
    let Some((job, newest)) = found.last().cloned() else {
        return Err(Error::rejected(format!("there is no alert {alert} in the output log; `floodmark tap alerts` lists those that come")));
    };
    let small = small(&live.config, &newest)?;
    let config = config::from_text("the configuration of the bundle", &small).map_err(|report| Error::broken(report.render(false)))?;
    let jobs = needed(&config, &newest.rule)?;
    let version = jobs.first().map(|job| job.version.clone()).unwrap_or_default();
    if version != newest.version {
        return Err(Error::rejected(format!(
            "alert {alert} was made by definition {} of rule {}, the configuration has {version}: export it with the configuration that made it",
            newest.version, newest.rule
        )));
    }
    let by_outputs = jobs.iter().any(|job| job.input.level() > 1);
    let whole = jobs.iter().any(|job| matches!(job.input, Input::Partitions | Input::Operator { whole: true, .. }));
    let patterns = vec![if whole { subject::EVENTS.to_owned() } else { subject::events_of_partition(job) }];
    // A place in the output log means nothing elsewhere.
    let plain = |step: Alert| if by_outputs { Alert { evidence: None, ..step } } else { step };
    let steps: Vec<Alert> = found.into_iter().map(|(_, step)| plain(step)).collect();
    let log = &*live.logs.events;
    let selecting = Selecting { patterns, source: &newest.source, steps: &steps };
    let mut tried = BTreeSet::new();
    let mut last = None;
    for secs in TRIED_SECS.into_iter().map(Some).chain([None]) {
        let from = match secs {
            Some(secs) => selecting.first(log, newest.began.plus_micros(-secs * 1_000_000)).await?,
            None => Position(1),
        };
        if !tried.insert(from) {
            continue;
        }
        for ticks in [Ticks::Few, Ticks::All] {
            let entries = selecting.entries(log, from, ticks).await?;
            let found = made(entries.clone(), jobs.clone(), &config, alert).await?;
            last = difference(&steps, &found);
            if last.is_none() {
                let header = Header::new(&newest, from <= log.continuity().await?.first, small);
                return Ok(Bundle { header, entries, steps });
            }
        }
    }
    let last = last.map(|last| format!(": {} would be {} instead of {}", last.what, last.found, last.expected)).unwrap_or_default();
    Err(Error::rejected(format!("the event log no longer gives alert {alert}{last}; `floodmark verify` says more")))
}

/// The rule and what it reads, as a configuration of their own. Sources are only named.
fn small(config: &Config, alert: &Alert) -> Result<String> {
    let rule = config.alerts.get(&alert.rule).ok_or_else(|| {
        Error::rejected(format!(
            "rule {:?} of alert {} is not in the configuration: export it with the one that made it",
            alert.rule, alert.id
        ))
    })?;
    let plain = format!("partitions = {}\ndata_dir = \"data\"\n", config.partitions.get());
    let mut small = config::from_text("an empty configuration", &plain).map_err(|report| Error::broken(report.render(false)))?;
    let needed = needed(config, &alert.rule)?;
    small.operators = needed.iter().filter_map(|job| Some((job.operator.clone(), config.operators.get(&job.operator)?.clone()))).collect();
    let rule = config::Alert { depends: Default::default(), ..rule.clone() };
    let asked = small.operators.values().filter_map(|operator| operator.kind.selecting().sources).chain(rule.common.sources.as_deref());
    let sources: BTreeSet<String> = asked.flatten().cloned().chain([alert.source.clone()]).collect();
    small.alerts.insert(alert.rule.clone(), rule);
    let mut text = config::show_toml(&small);
    sources.iter().for_each(|source| text.push_str(&format!("\n[sources.{source}]\ntype = \"push\"\n")));
    Ok(text)
}
