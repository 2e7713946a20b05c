//! `floodmark query`: what was computed.

mod scores;

use std::collections::BTreeSet;
use std::time::Duration;

use clap::{Subcommand, ValueEnum};
use floodmark_connectors::clock::SystemClock;
use floodmark_connectors::settings::Span;
use floodmark_core::ports::query::KnownSeries;
use floodmark_core::ports::{Clock, RollupFilter, SeriesFilter};
use floodmark_schemas::{Aggregates, Rollup, Window};

use super::args::Global;
use super::exit::{Exit, Outcome};
use super::listing::{Form, Listed, list};
use super::selection::{Limit, Period, Place, Series};
use super::table::{Align, Table};
use super::{csv, describe, open};

/// Commands of `floodmark query`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// The aggregates of windows, each at its highest revision.
    #[command(after_help = "Example:\n  floodmark query rollups --operator one_minute --metric cpu_usage --from 1h")]
    Rollups(Rollups),
    /// How unusual values were.
    #[command(after_help = "Example:\n  floodmark query scores --score-min 1 --from 1d")]
    Scores(scores::Args),
    /// The series that have been seen.
    #[command(after_help = "Example:\n  floodmark query series --source machine")]
    Series(SeriesArgs),
}

/// Arguments of `floodmark query rollups`.
#[derive(Debug, clap::Args)]
pub struct Rollups {
    /// Only of this operator.
    #[arg(long, value_name = "ID")]
    pub operator: Option<String>,
    /// Which series.
    #[command(flatten)]
    pub series: Series,
    /// Windows that start in this period.
    #[command(flatten)]
    pub period: Period,
    /// The oldest window first instead of the newest.
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

/// Arguments of `floodmark query series`.
#[derive(Debug, clap::Args)]
pub struct SeriesArgs {
    /// Which series.
    #[command(flatten)]
    pub series: Series,
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

/// How answers are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Table,
    /// One JSON object on each line.
    Json,
    /// For spreadsheets.
    Csv,
}

impl From<Format> for Form {
    fn from(format: Format) -> Self {
        match format {
            Format::Table => Self::Table,
            Format::Json => Self::Json,
            Format::Csv => Self::Csv,
        }
    }
}

/// Asks the store.
///
/// # Errors
/// When the store cannot be read.
pub fn query(global: &Global, command: Command) -> Outcome {
    match command {
        Command::Rollups(args) => rollups(global, &args),
        Command::Scores(args) => scores::scores(global, &args),
        Command::Series(args) => series(global, &args),
    }
}

fn rollups(global: &Global, args: &Rollups) -> Outcome {
    let (from, to) = args.period.span(SystemClock.now())?;
    let Series { source, metric, .. } = args.series.clone();
    let (operator, labels, newest_first) = (args.operator.clone(), args.series.labels()?, !args.oldest_first);
    let version = args.definition.clone();
    let filter = RollupFilter { operator, source, metric, labels, from, to, version, newest_first };
    let data = open::data(global, &args.place)?.result_set(args.result_set.as_deref())?;
    open::block_on(global, async {
        let (store, filter) = (&*data.rollups().await?, &filter);
        let count =
            list(args.format.into(), args.limit.limit, |after, limit| async move { store.rollups(filter, after.as_deref(), limit).await });
        count.await?.say(global, ("rollup", "rollups"), "--from and --to choose which");
        Ok(Exit::Ok)
    })
}

fn series(global: &Global, args: &SeriesArgs) -> Outcome {
    let Series { source, metric, .. } = args.series.clone();
    let filter = SeriesFilter { source, metric, labels: args.series.labels()? };
    let data = open::data(global, &args.place)?;
    open::block_on(global, async {
        let (store, filter) = (&*data.series().await?, &filter);
        let count =
            list(args.format.into(), args.limit.limit, |after, limit| async move { store.series(filter, after.as_deref(), limit).await });
        count.await?.say(global, ("series", "series"), "--source and --metric choose which");
        Ok(Exit::Ok)
    })
}

/// Takes one value out of many.
type Value = fn(&Aggregates) -> Option<f64>;

/// The optional aggregates in the order of the schema.
const AGGREGATES: [(&str, Value); 7] = [
    ("SUM", |a| a.sum),
    ("MEAN", |a| a.mean),
    ("MIN", |a| a.min),
    ("MAX", |a| a.max),
    ("STDDEV", |a| a.stddev),
    ("FIRST", |a| a.first),
    ("LAST", |a| a.last),
];

/// Those that came later.
const LATER: [(&str, Value); 6] = [
    ("DELTA", |a| a.delta),
    ("INCREASE", |a| a.increase),
    ("RATE", |a| a.rate),
    ("DISTINCT", |a| a.distinct.map(|count| count as f64)),
    ("UP", |a| a.availability.map(|share| share.up)),
    ("OBSERVED", |a| a.availability.map(|share| share.observed)),
];

/// An aggregate as people read it; empty when it is not there.
type Text = fn(&Aggregates) -> String;

/// The aggregates that are lists: `a 7, b 3` and `<=0.5 7, <=1 9`.
const LISTS: [(&str, Text); 2] = [
    ("TOP", |a| listed(&a.top, |ranked| format!("{} {}", ranked.name, describe::number(ranked.amount)))),
    ("HISTOGRAM", |a| listed(&a.histogram, |bucket| format!("<={} {}", describe::number(bucket.le), bucket.count))),
];

fn listed<T>(items: &[T], one: impl Fn(&T) -> String) -> String {
    items.iter().map(one).collect::<Vec<_>>().join(", ")
}

impl Listed for Rollup {
    const FIELDS: &[&str] = &[
        "id",
        "operator",
        "source",
        "metric",
        "unit",
        "labels",
        "window_start",
        "window_end",
        "revision",
        "count",
        "sum",
        "mean",
        "min",
        "max",
        "stddev",
        "first",
        "last",
        "quantiles",
        "version",
        "delta",
        "increase",
        "rate",
        "distinct",
        "up",
        "observed",
        "top",
        "histogram",
    ];

    fn fields(&self) -> Vec<String> {
        let Self { id, operator, version, source, series, window, revision, aggregates } = self;
        let mut fields = vec![id.clone(), operator.clone(), source.clone(), series.metric.clone(), series.unit.clone()];
        fields.extend([csv::labels(&series.labels), window.start.to_string(), window.end.to_string()]);
        fields.extend([revision.to_string(), aggregates.count.to_string()]);
        fields.extend(AGGREGATES.iter().map(|(_, value)| csv::maybe(value(aggregates).map(csv::number))));
        fields.push(serde_json::to_string(&aggregates.quantiles).expect("numbers by name are JSON"));
        fields.push(version.clone());
        let Aggregates { delta, increase, rate, distinct, availability, .. } = aggregates;
        fields.extend([delta, increase, rate].map(|value| csv::maybe(value.map(csv::number))));
        fields.push(csv::maybe(*distinct));
        let shares = [availability.map(|share| share.up), availability.map(|share| share.observed)];
        fields.extend(shares.map(|share| csv::maybe(share.map(csv::number))));
        let lists = [serde_json::to_string(&aggregates.top), serde_json::to_string(&aggregates.histogram)];
        fields.extend(lists.map(|list| list.expect("names and numbers are JSON")));
        fields
    }

    /// Columns of aggregates that no rollup has are left out.
    fn table(rollups: &[Self]) -> Table {
        let present = |value: Value| rollups.iter().any(|rollup| value(&rollup.aggregates).is_some());
        let aggregates: Vec<_> = AGGREGATES.into_iter().chain(LATER).filter(|(_, value)| present(*value)).collect();
        let lists: Vec<_> = LISTS.into_iter().filter(|(_, text)| rollups.iter().any(|r| !text(&r.aggregates).is_empty())).collect();
        let levels: BTreeSet<&String> = rollups.iter().flat_map(|rollup| rollup.aggregates.quantiles.keys()).collect();
        let quantiles: Vec<String> = levels.iter().map(|level| format!("Q{level}")).collect();
        let text = ["START", "LENGTH", "OPERATOR", "SOURCE", "SERIES", "UNIT"].map(|name| (name, Align::Left));
        let numbers = ["REV", "COUNT"].into_iter().chain(aggregates.iter().map(|(name, _)| *name)).chain(quantiles.iter().map(|q| &**q));
        let lists_last = lists.iter().map(|(name, _)| (*name, Align::Left));
        let mut table = Table::new(text.into_iter().chain(numbers.map(|name| (name, Align::Right))).chain(lists_last));
        for Self { operator, source, series, window, revision, aggregates: a, .. } in rollups {
            let mut cells = vec![window.start.to_string(), length(*window), operator.clone(), source.clone(), series.to_string()];
            cells.extend([series.unit.clone(), revision.to_string(), a.count.to_string()]);
            cells.extend(aggregates.iter().map(|(_, value)| csv::maybe(value(a).map(describe::number))));
            cells.extend(levels.iter().map(|level| csv::maybe(a.quantiles.get(*level).copied().map(describe::number))));
            cells.extend(lists.iter().map(|(_, text)| text(a)));
            table.row(cells);
        }
        table
    }
}

fn length(window: Window) -> String {
    let micros = window.end.micros().saturating_sub(window.start.micros());
    Span(Duration::from_micros(u64::try_from(micros).unwrap_or(0))).to_string()
}

impl Listed for KnownSeries {
    const FIELDS: &[&str] = &["source", "metric", "unit", "labels", "first_seen", "last_seen"];

    fn fields(&self) -> Vec<String> {
        let Self { source, series, first_seen, last_seen } = self;
        let labels = csv::labels(&series.labels);
        vec![source.clone(), series.metric.clone(), series.unit.clone(), labels, first_seen.to_string(), last_seen.to_string()]
    }

    fn table(all: &[Self]) -> Table {
        let mut table = Table::new(["SOURCE", "SERIES", "UNIT", "FIRST SEEN", "LAST SEEN"].map(|name| (name, Align::Left)));
        for Self { source, series, first_seen, last_seen } in all {
            let times = [describe::time(*first_seen), describe::time(*last_seen)];
            table.row([source.clone(), series.to_string(), series.unit.clone()].into_iter().chain(times).collect());
        }
        table
    }
}
