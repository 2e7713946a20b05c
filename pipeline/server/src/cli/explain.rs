//! `floodmark explain`: why a number is what it is.

use std::ops::ControlFlow;

use clap::ValueEnum;
use floodmark_connectors::clock::SystemClock;
use floodmark_core::ports::{Clock, RollupFilter, RollupQuery};
use floodmark_engine::JobPlan;
use floodmark_schemas::{Aggregates, Rollup, Score};
use serde_json::{Value, json};

use super::args::Global;
use super::exit::{Failure, Outcome};
use super::listing::{self, json_line};
use super::output::{self, print};
use super::selection::{Period, Place as Data, Series, usage};
use super::table::{Align, Table};
use super::{csv, describe, open};
use crate::assemble::past;
use crate::config;
use crate::replay::{self, Behind, Cause, Explanation, Found, Live, Place, Step, Target};

/// Arguments of `floodmark explain`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The operator is run once more over the log and watched. A rollup is looked for in the store; --operator, --metric and
the like make that quick, and --from with the start of its window does without an id. What the store does not have,
a score or an earlier revision, is looked for in what the operators make of the log.

Examples:
  floodmark explain 5f0c8a6e0d1b4c5f9a7e3b2d1c0f4e5a
  floodmark explain --operator hourly --metric temperature --from 2026-01-31T12:00:00Z
  floodmark explain 5f0c8a6e0d1b4c5f9a7e3b2d1c0f4e5a --without 1042.7")]
pub struct Args {
    /// The id of a rollup or score.
    #[arg(value_name = "ID")]
    pub id: Option<String>,
    /// Only of this operator.
    #[arg(long, value_name = "ID")]
    pub operator: Option<String>,
    /// Which series.
    #[command(flatten)]
    pub series: Series,
    /// Windows that start in this period.
    #[command(flatten)]
    pub period: Period,
    /// What would have come out without this event, which is named as it is listed.
    #[arg(long, value_name = "POSITION.INDEX")]
    pub without: Option<Place>,
    /// How many events are listed.
    #[arg(short = 'n', long, value_name = "COUNT", default_value_t = 50)]
    pub limit: usize,
    /// How the explanation is written.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

/// How explanations are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// One JSON object.
    Json,
}

/// Explains a result.
///
/// # Errors
/// When there is no such result, or it was made by another definition of its operator.
pub fn explain(global: &Global, args: &Args) -> Outcome {
    let config = config::load(&global.config)?;
    let (from, to) = args.period.span(SystemClock.now())?;
    if args.id.is_none() && from.is_none() {
        return Err(usage("say which result: by its id, or by --operator, --metric and --from with the start of its window"));
    }
    let Series { source, metric, .. } = args.series.clone();
    let filter = RollupFilter {
        operator: args.operator.clone(),
        source,
        metric,
        labels: args.series.labels()?,
        from,
        to,
        version: None,
        newest_first: args.id.is_some(),
    };
    let data = open::data(global, &Data::default())?;
    open::block_on_cores(global, async {
        let live = Live::open(&config).await?;
        let (jobs, partitions) = (past::jobs(&config)?, config.partitions.get());
        let stored = stored(&*data.rollups().await?, &filter, args.id.as_deref()).await?;
        let found = match (stored, &args.id) {
            (Some(rollup), _) => Some(Found::Rollup(Box::new(rollup))),
            (None, Some(id)) => made(&live, &jobs, partitions, args.operator.as_deref(), id).await?,
            (None, None) => None,
        };
        match found {
            None => Err(Failure::new("there is no such result").remedy("`floodmark query rollups --format json` shows ids")),
            Some(Found::Score(score, position)) => print(&match args.format {
                Format::Text => of_score(&score, position),
                Format::Json => json_line(&json!({ "score": score, "position": position, "command": command_of_score(&score) })),
            }),
            Some(Found::Rollup(rollup)) => {
                let plan = jobs.iter().find(|plan| plan.operator == rollup.operator).ok_or_else(|| replay::unknown(&rollup.operator))?;
                same_definition(plan, &rollup)?;
                let target = Target::of(&rollup);
                let explanation = replay::explain(&live.logs, plan, partitions, &target, None).await?;
                let without = match args.without {
                    Some(place) => Some((place, replay::explain(&live.logs, plan, partitions, &target, Some(place)).await?)),
                    None => None,
                };
                print(&match args.format {
                    Format::Text => of_rollup(&rollup, &explanation, without.as_ref(), args.limit),
                    Format::Json => json_line(&as_json(&rollup, &explanation, without.as_ref())),
                })
            }
        }
    })
}

/// The stored rollup with this id, or the one that the question leads to.
async fn stored(store: &dyn RollupQuery, filter: &RollupFilter, id: Option<&str>) -> Result<Option<Rollup>, Failure> {
    let (mut found, limit) = (None, if id.is_some() { usize::MAX } else { 1 });
    let ask = |after: Option<String>, limit| async move { store.rollups(filter, after.as_deref(), limit).await };
    listing::pages(limit, ask, |page: Vec<Rollup>| {
        found = page.into_iter().find(|rollup| id.is_none_or(|id| rollup.id == id));
        Ok(if found.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })
    .await?;
    Ok(found)
}

async fn made(live: &Live, jobs: &[JobPlan], partitions: u32, operator: Option<&str>, id: &str) -> Result<Option<Found>, Failure> {
    for plan in jobs.iter().filter(|plan| operator.is_none_or(|operator| operator == plan.operator)) {
        if let Some(found) = replay::find(&live.logs, plan, partitions, id).await? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

fn same_definition(plan: &JobPlan, rollup: &Rollup) -> Result<(), Failure> {
    if plan.version == rollup.version {
        return Ok(());
    }
    let what =
        format!("the rollup was made by version {} of operator {}, the configuration has {}", rollup.version, plan.operator, plan.version);
    Err(Failure::new(what).remedy("explain it with the configuration that made it"))
}

/// The values of the window in the end.
fn outcome(explanation: &Explanation) -> Option<&Step> {
    explanation.life.last()
}

fn reproduced(rollup: &Rollup, explanation: &Explanation) -> bool {
    explanation.life.iter().any(|step| step.id == rollup.id && step.aggregates == rollup.aggregates)
}

fn command(rollup: &Rollup) -> String {
    let Rollup { operator, source, series, window, .. } = rollup;
    let labels: String = series.labels.iter().map(|(name, value)| format!(" --label {}", quoted(&format!("{name}={value}")))).collect();
    let period = format!("--from {} --to {}", window.start, window.end);
    format!(
        "floodmark replay {period} --sources {source} --name explained && floodmark query rollups --result-set explained \
         --operator {operator} --metric {}{labels} {period}",
        quoted(&series.metric)
    )
}

/// A word for a shell.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=./:".contains(c);
    if !text.is_empty() && text.chars().all(plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

fn as_json(rollup: &Rollup, explanation: &Explanation, without: Option<&(Place, Explanation)>) -> Value {
    let mut value = json!({ "rollup": rollup, "reproduced": reproduced(rollup, explanation), "command": command(rollup) });
    value["explanation"] = json!(explanation);
    if let Some((place, other)) = without {
        value["without"] = json!({ "place": place, "aggregates": outcome(other).map(|step| &step.aggregates), "count": other.count });
    }
    value
}

fn of_rollup(rollup: &Rollup, explanation: &Explanation, without: Option<&(Place, Explanation)>, limit: usize) -> String {
    let Rollup { id, operator, source, series, window, revision, aggregates, .. } = rollup;
    let Explanation { events, count, rollups, life, late, .. } = explanation;
    let mut text = format!("{operator} of {source}: {series}\nwindow {} .. {}, revision {revision}, id {id}\n", window.start, window.end);
    text.push_str(&format!("values {}\n", values(aggregates)));
    if !reproduced(rollup, explanation) {
        text.push_str("the log does not give these values any more: it may have lost entries, or the rollup was changed\n");
    }
    text.push_str("\nLife of the window\n");
    if let Some(first) = events.first() {
        text.push_str(&format!("  opened   {}  by event {}\n", first.log_time, first.place));
    }
    for Step { revision, log_time, cause, aggregates, .. } in life {
        let what = if *revision == 0 { "fired  " } else { "revised" };
        let by = match cause {
            Cause::Watermark(position) => format!("when entry {position} moved event time on"),
            Cause::Event(place) => format!("by event {place}, which came after it had fired"),
            Cause::Commit(position) => format!("by commit {position} of the operator it reads"),
        };
        text.push_str(&format!("  {what}  {log_time}  revision {revision} {by}: {}\n", values(aggregates)));
    }
    for late in late {
        text.push_str(&format!("  late     {}  event {}: the window was gone, it is not counted\n", late.log_time, late.place));
    }
    if rollups.is_empty() {
        text.push_str(&format!("\n{count} events behind it\n{}", listed(events, limit)));
    } else {
        text.push_str(&format!("\n{} rollups behind it; explain them by their ids\n", rollups.len()));
        text.push_str(
            &rollups.iter().take(limit).map(|r| format!("  {}  {}  {}\n", r.id, r.window.start, values(&r.aggregates))).collect::<String>(),
        );
    }
    if let Some((place, other)) = without {
        let values = outcome(other).map_or_else(|| "no window at all".to_owned(), |step| values(&step.aggregates));
        text.push_str(&format!("\nWithout event {place}\n  {values}\n"));
    }
    text.push_str(&format!("\nTo make it again\n  {}\n", command(rollup)));
    text
}

fn listed(events: &[Behind], limit: usize) -> String {
    let mut table = Table::new([("EVENT", Align::Left), ("TIME", Align::Left), ("STORED", Align::Left), ("VALUE", Align::Right)]);
    for Behind { place, time, log_time, value } in events.iter().take(limit) {
        table.row(vec![place.to_string(), time.to_string(), log_time.to_string(), csv::maybe(value.map(csv::number))]);
    }
    let mut text = table.render(output::width());
    if events.len() > limit {
        text.push_str(&format!("and {} more; -n sets how many are listed\n", events.len() - limit));
    }
    text
}

fn values(aggregates: &Aggregates) -> String {
    let value = serde_json::to_value(aggregates).expect("aggregates are plain data");
    let fields = value.as_object().into_iter().flatten().map(|(name, value)| format!("{name} {value}"));
    fields.collect::<Vec<_>>().join(", ")
}

fn command_of_score(score: &Score) -> String {
    let Score { operator, source, time, .. } = score;
    format!("floodmark replay --from {time} --to {} --sources {source} --name explained   # operator {operator}", time.plus_micros(1))
}

fn of_score(score: &Score, position: u64) -> String {
    let Score { id, operator, source, series, time, value, score: total, novelty, jump, staleness, .. } = score;
    let number = describe::number;
    let mut text = format!("{operator} of {source}: {series}\nat {time}, id {id}, made by entry {position} of what it reads\n\n");
    text.push_str(&format!("value      {}\nscore      {}   1 and more is unusual\n", number(*value), number(*total)));
    for (name, part) in [("novelty", novelty), ("jump", jump), ("staleness", staleness)] {
        text.push_str(&format!("  {name:<9}{}\n", number(*part)));
    }
    let known = |value: Option<f64>| value.map_or_else(|| "not known yet".to_owned(), number);
    text.push_str(&format!("greatest   {}\n", json!(score.head).as_str().unwrap_or_default()));
    text.push_str(&format!("expected   {} (from {} to {})\n", known(score.baseline), known(score.lower), known(score.upper)));
    text.push_str(&format!("state      {}\n", json!(score.state).as_str().unwrap_or_default()));
    if let Some(episode) = &score.episode {
        text.push_str(&format!("episode    {}, opened {}, peak {}\n", episode.id, episode.opened, number(episode.peak)));
    }
    text.push_str(&format!("\nTo make it again\n  {}\n", command_of_score(score)));
    text
}
