//! `floodmark events`: what is stored.

use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};

use super::args::Global;
use super::exit::{Failure, Outcome};
use super::selection::{Limit, Period, Place, Series};

/// Commands of `floodmark events`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List events in the order of the log.
    #[command(after_help = "Example:\n  floodmark events ls --source website --from 1h")]
    Ls(Ls),
    /// Write events to a file.
    #[command(after_help = "Examples:\n  floodmark events export --from 7d --format parquet -o week.parquet\n  \
                            floodmark events export --source berlin --format csv > berlin.csv")]
    Export(Export),
}

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
    /// One sample on each line.
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
pub fn events(_: &Global, command: Command) -> Outcome {
    match command {
        Command::Ls(_) => Err(Failure::new("`events ls` is not built yet")),
        Command::Export(_) => Err(Failure::new("`events export` is not built yet")),
    }
}
