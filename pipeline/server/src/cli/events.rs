//! `floodmark events`: what is stored.

use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};
use floodmark_connectors::clock::SystemClock;
use floodmark_core::ports::query::StoredEvent;
use floodmark_core::ports::{Clock, EventFilter};
use floodmark_schemas::Payload;

use super::alerts::arguments::beginning;
use super::args::Global;
use super::exit::{Exit, Failure, Outcome};
use super::listing::{Form, Listed, list};
use super::selection::{Limit, Period, Place, Series};
use super::table::{Align, Table};
use super::{describe, export, open};

/// Commands of `floodmark events`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List events in the order of the log.
    #[command(after_help = "Example:\n  floodmark events ls --source website --from 1h")]
    Ls(Ls),
    /// Write events to a file.
    #[command(after_help = EXPORT_HELP)]
    Export(Export),
}

const EXPORT_HELP: &str = "\
Columns of csv:
  id,source,time,type,metric,unit,labels,value,target,up,reason,status,duration_us,data
  Samples have metric, unit, labels and value; checks have labels, target, up, reason, status and
  duration_us. `labels` is a JSON object; `data` is the whole of a check or a record as JSON.
Columns of parquet and arrow:
  id, source, time (microseconds, UTC), type, metric, unit, labels, value, data

Examples:
  floodmark events export --from 7d --format parquet -o week.parquet
  floodmark events export --source berlin --format csv > berlin.csv
  floodmark events export --alert 5f0c8a6e0d1b4c5f9a7e3b2d1c0f4e5a -o alert.jsonl   and floodmark test alert.jsonl";

/// Which events.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Selection {
    /// Which series.
    #[command(flatten)]
    pub series: Series,
    /// Only of this kind.
    #[arg(short = 't', long = "type", value_enum, value_name = "KIND")]
    pub kind: Option<EventKind>,
    /// From when to when.
    #[command(flatten)]
    pub period: Period,
}

/// The kinds of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum EventKind {
    /// Numbers.
    Sample,
    /// Looks at targets.
    Check,
    /// Other facts.
    Record,
}

impl EventKind {
    /// The CloudEvents `type`.
    pub fn type_name(self) -> &'static str {
        match self {
            Self::Sample => floodmark_schemas::event::SAMPLE,
            Self::Check => floodmark_schemas::event::CHECK,
            Self::Record => floodmark_schemas::event::RECORD,
        }
    }
}

/// Arguments of `floodmark events ls`.
#[derive(Debug, clap::Args)]
pub struct Ls {
    /// Which events.
    #[command(flatten)]
    pub selection: Selection,
    /// How many.
    #[command(flatten)]
    pub limit: Limit,
    /// How they are written.
    #[arg(long, value_enum, default_value_t = ListFormat::Table)]
    pub format: ListFormat,
    /// Where the data is.
    #[command(flatten)]
    pub place: Place,
}

/// How a list of events is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ListFormat {
    /// For people.
    Table,
    /// One JSON object on each line: position, index, log time and the event.
    Json,
}

/// Arguments of `floodmark events export`.
#[derive(Debug, clap::Args)]
pub struct Export {
    /// Which events; all when nothing is said.
    #[command(flatten)]
    pub selection: Selection,
    /// A bundle instead: the alert whose id begins so, its rule, and all events that make it again, which `floodmark test` does.
    #[arg(long, value_name = "ID", value_parser = beginning, conflicts_with_all = ["format", "source", "metric", "label", "kind", "from", "to", "data_dir"])]
    pub alert: Option<String>,
    /// How they are written.
    #[arg(long, value_enum, default_value_t = ExportFormat::Json)]
    pub format: ExportFormat,
    /// The file to write; without it, stdout. A file that exists is not overwritten.
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Overwrite the file.
    #[arg(long, requires = "output")]
    pub force: bool,
    /// Where the data is.
    #[command(flatten)]
    pub place: Place,
}

/// The formats of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ExportFormat {
    /// One CloudEvent as JSON on each line.
    Json,
    /// One event on each line.
    Csv,
    /// Columns, compressed.
    Parquet,
    /// An Arrow IPC stream.
    Arrow,
}

/// Lists or exports events.
///
/// # Errors
/// When the log cannot be read or the file not be written.
pub fn events(global: &Global, command: Command) -> Outcome {
    match command {
        Command::Ls(args) => ls(global, &args),
        Command::Export(args) => export::export(global, &args),
    }
}

impl Selection {
    /// What is asked of the log.
    pub(super) fn filter(&self) -> Result<EventFilter, Failure> {
        let (from, to) = self.period.span(SystemClock.now())?;
        let Series { source, metric, .. } = self.series.clone();
        let kind = self.kind.map(|kind| kind.type_name().to_owned());
        Ok(EventFilter { source, metric, kind, labels: self.series.labels()?, from, to })
    }
}

fn ls(global: &Global, args: &Ls) -> Outcome {
    let filter = args.selection.filter()?;
    let data = open::data(global, &args.place)?;
    let form = match args.format {
        ListFormat::Table => Form::Table,
        ListFormat::Json => Form::Json,
    };
    open::block_on(global, async {
        let (events, filter) = (&*data.events().await?, &filter);
        let count = list(form, args.limit.limit, |after, limit| async move { events.events(filter, after.as_deref(), limit).await });
        count.await?.say(global, ("event", "events"), "`floodmark events export` writes all");
        Ok(Exit::Ok)
    })
}

impl Listed for StoredEvent {
    fn table(events: &[Self]) -> Table {
        let mut table = Table::new([("TIME", Align::Left), ("SOURCE", Align::Left), ("KIND", Align::Left), ("EVENT", Align::Left)]);
        for StoredEvent { event, .. } in events {
            let kind = match &event.payload {
                Payload::Sample(_) => "sample",
                Payload::Check(_) => "check",
                Payload::Record(_) => "record",
            };
            table.row(vec![describe::time(event.time), event.source.clone(), kind.to_owned(), describe::event(event)]);
        }
        table
    }
}
