//! `floodmark query scores`: how unusual values were.

use floodmark_connectors::clock::SystemClock;
use floodmark_core::ports::{Clock, ScoreFilter};
use floodmark_schemas::{Episode, Score};
use serde::Serialize;

use super::Format;
use crate::cli::args::Global;
use crate::cli::exit::{Exit, Outcome};
use crate::cli::listing::{Listed, list};
use crate::cli::selection::{Limit, Period, Place, Series, usage};
use crate::cli::table::{Align, Table};
use crate::cli::{csv, describe, open};

/// Arguments of `floodmark query scores`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only of this operator.
    #[arg(long, value_name = "ID")]
    pub operator: Option<String>,
    /// Which series.
    #[command(flatten)]
    pub series: Series,
    /// Values of this period.
    #[command(flatten)]
    pub period: Period,
    /// Only scores of at least this; from 1 on a value is unusual.
    #[arg(long, value_name = "SCORE")]
    pub score_min: Option<f64>,
    /// Only scores that belong to an episode.
    #[arg(long)]
    pub only_episodes: bool,
    /// The oldest value first instead of the newest.
    #[arg(long)]
    pub oldest_first: bool,
    /// The results by this definition of the operator, whether they count or not; `floodmark results ls` lists them.
    #[arg(long, value_name = "HASH")]
    pub definition: Option<String>,
    /// The results of this replay instead of the live ones.
    #[arg(long, value_name = "NAME")]
    pub result_set: Option<String>,
    /// How many.
    #[command(flatten)]
    pub limit: Limit,
    /// How they are written.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
    /// Where the data is.
    #[command(flatten)]
    pub place: Place,
}

/// Asks for scores.
///
/// # Errors
/// When the store cannot be read, or `--score-min` is not a number.
pub(super) fn scores(global: &Global, args: &Args) -> Outcome {
    if args.score_min.is_some_and(f64::is_nan) {
        return Err(usage("--score-min is not a number"));
    }
    let (from, to) = args.period.span(SystemClock.now())?;
    let Series { source, metric, .. } = args.series.clone();
    let filter = ScoreFilter {
        operator: args.operator.clone(),
        source,
        metric,
        labels: args.series.labels()?,
        from,
        to,
        score_min: args.score_min,
        only_episodes: args.only_episodes,
        version: args.definition.clone(),
        newest_first: !args.oldest_first,
    };
    let data = open::data(global, &args.place)?.result_set(args.result_set.as_deref())?;
    open::block_on(global, async {
        let (store, filter) = (&*data.scores().await?, &filter);
        let ask = |after: Option<String>, limit| async move { store.scores(filter, after.as_deref(), limit).await };
        let count = list(args.format.into(), args.limit.limit, ask).await?;
        count.say(global, ("score", "scores"), "--score-min, --from and --to choose which");
        Ok(Exit::Ok)
    })
}

impl Listed for Score {
    const FIELDS: &[&str] = &[
        "id",
        "operator",
        "source",
        "metric",
        "unit",
        "labels",
        "time",
        "window_start",
        "window_end",
        "revision",
        "value",
        "score",
        "novelty",
        "jump",
        "staleness",
        "head",
        "baseline",
        "lower",
        "upper",
        "state",
        "episode",
        "episode_opened",
        "episode_peak",
        "episode_closed",
        "version",
    ];

    fn fields(&self) -> Vec<String> {
        let Self { id, operator, source, series, time, window, revision, .. } = self;
        let mut fields = vec![id.clone(), operator.clone(), source.clone(), series.metric.clone(), series.unit.clone()];
        fields.extend([csv::labels(&series.labels), time.to_string()]);
        fields.extend([csv::maybe(window.map(|window| window.start)), csv::maybe(window.map(|window| window.end)), revision.to_string()]);
        fields.extend([self.value, self.score, self.novelty, self.jump, self.staleness].map(csv::number));
        fields.push(name(&self.head));
        fields.extend([self.baseline, self.lower, self.upper].map(|value| csv::maybe(value.map(csv::number))));
        fields.push(name(&self.state));
        let episode = self.episode.as_ref();
        fields.extend([csv::maybe(episode.map(|e| e.id.clone())), csv::maybe(episode.map(|e| e.opened))]);
        fields.extend([csv::maybe(episode.map(|e| csv::number(e.peak))), csv::maybe(episode.map(|e| e.closed))]);
        fields.push(self.version.clone());
        fields
    }

    fn table(scores: &[Self]) -> Table {
        let text = ["TIME", "OPERATOR", "SOURCE", "SERIES", "UNIT"].map(|name| (name, Align::Left));
        let numbers = ["VALUE", "LOWER", "UPPER", "SCORE"].map(|name| (name, Align::Right));
        let verdict = ["HEAD", "STATE", "EPISODE SINCE"].map(|name| (name, Align::Left));
        let mut table = Table::new(text.into_iter().chain(numbers).chain(verdict));
        for score in scores {
            let Self { operator, source, series, time, .. } = score;
            let mut cells = vec![describe::time(*time), operator.clone(), source.clone(), series.to_string(), series.unit.clone()];
            let values = [Some(score.value), score.lower, score.upper, Some(score.score)];
            cells.extend(values.map(|value| csv::maybe(value.map(describe::number))));
            cells.extend([name(&score.head), name(&score.state), csv::maybe(score.episode.as_ref().map(since))]);
            table.row(cells);
        }
        table
    }
}

/// When an episode was opened, and whether this is its end.
fn since(episode: &Episode) -> String {
    let opened = describe::time(episode.opened);
    if episode.closed { format!("{opened} (over)") } else { opened }
}

/// The name of a head or a state as it stands in JSON.
fn name(value: &impl Serialize) -> String {
    let json = serde_json::to_value(value).expect("a plain name is JSON");
    json.as_str().unwrap_or_default().to_owned()
}
