//! `floodmark explain`: why a number is what it is.

mod alert;
mod rollup;
mod score;
mod text;
mod told;

use clap::ValueEnum;
use floodmark_connectors::clock::SystemClock;
use floodmark_core::ports::{Clock, RollupFilter};

use super::alerts::arguments::{beginning, whole_id};
use super::args::Global;
use super::exit::{Failure, Outcome};
use super::open;
use super::output::print;
use super::selection::{Period, Place as Data, Series, usage};
use crate::assemble::past;
use crate::config;
use crate::replay::{Explainer, Found, Live, Without};
use told::Told;

/// Arguments of `floodmark explain`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The operator is run once more over the log and watched. What the store does not have, an earlier revision or a score that
is not kept, is looked for in what the operators make of the log; --operator says which of them. Of an alert all steps are
shown that its rule has committed, then how it was grouped and routed, what kept it silent, and every try to tell somebody.

Without an id, --operator, --metric, --label and --from with the start of its window choose a rollup.

Examples:
  floodmark explain 5f0c8a6e0d1b4c5f9a7e3b2d1c0f4e5a
  floodmark explain 5f0c8a6e                               an alert or incident
  floodmark explain --operator hourly --metric temperature --from 2026-01-31T12:00:00Z
  floodmark explain 5f0c8a6e0d1b4c5f9a7e3b2d1c0f4e5a --without 1042.7")]
pub struct Args {
    /// The id of a rollup or score; of an alert or incident its beginning will do.
    #[arg(value_name = "ID", value_parser = beginning, conflicts_with_all = ["source", "metric", "label", "from", "to"])]
    pub id: Option<String>,
    /// Only of this operator or rule.
    #[arg(long, value_name = "ID")]
    pub operator: Option<String>,
    /// Which series.
    #[command(flatten)]
    pub series: Series,
    /// Windows that start in this period.
    #[command(flatten)]
    pub period: Period,
    /// What would have come out without one of what is listed: an event by its place, a rollup by its id.
    #[arg(long, value_name = "POSITION.INDEX or ID")]
    pub without: Option<Without>,
    /// How many events or rollups are listed.
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
    let labels = args.series.labels()?;
    let filter = RollupFilter { operator: args.operator.clone(), source, metric, labels, from, to, version: None, newest_first: false };
    let data = open::data(global, &Data::default())?;
    open::block_on_cores(global, async {
        let live = Live::open(&config).await?;
        let jobs = past::jobs_giving_every_score(&config)?;
        let explainer = Explainer { logs: &live.logs, jobs: &jobs, partitions: config.partitions.get() };
        let id = match &args.id {
            Some(id) => Some(whole_id(&data, id).await?),
            None => None,
        };
        let stored = match &id {
            None => data.rollups().await?.rollups(&filter, None, 1).await?.items.pop().map(|rollup| Found::Rollup(Box::new(rollup))),
            Some(id) => of_id(&data, id).await?,
        };
        let found = match (stored, &id) {
            (None, Some(id)) => {
                let (alerts, situation) = told::asked(&data).await?;
                if let Some(incident) = alerts.query.incident(id).await? {
                    return print(&told::incident(&*alerts.query, &situation, incident, args).await?);
                }
                let steps = explainer.alert(args.operator.as_deref(), id).await?;
                if !steps.is_empty() {
                    let told = Told::of(&*alerts.query, &situation, id).await?;
                    return print(&alert::explained(&steps, told.as_ref(), args));
                }
                explainer.find(args.operator.as_deref(), id).await?
            }
            (stored, _) => stored,
        };
        match found {
            None => Err(Failure::new("there is no such result")
                .remedy("`floodmark query rollups --format json` and `floodmark alerts ls` show ids")),
            Some(Found::Rollup(of)) => print(&rollup::explained(&explainer, &of, args).await?),
            Some(Found::Score(of)) => print(&score::explained(&explainer, &of, args).await?),
        }
    })
}

/// What the stores have under an id.
async fn of_id(data: &open::Data, id: &str) -> Result<Option<Found>, Failure> {
    if let Some(rollup) = data.rollups().await?.rollup(id).await? {
        return Ok(Some(Found::Rollup(Box::new(rollup))));
    }
    Ok(data.scores().await?.score(id).await?.map(|score| Found::Score(Box::new(score))))
}
