//! `floodmark query`: what was computed.

use clap::{Subcommand, ValueEnum};

use super::args::Global;
use super::exit::{Failure, Outcome};
use super::selection::{Limit, Period, Place, Series};

/// Commands of `floodmark query`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// The aggregates of windows, each at its highest revision.
    #[command(after_help = "Example:\n  floodmark query rollups --operator one_minute --metric cpu_usage --from 1h")]
    Rollups(Rollups),
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

/// Asks the store.
///
/// # Errors
/// When the store cannot be read.
pub fn query(_: &Global, command: Command) -> Outcome {
    match command {
        Command::Rollups(_) => Err(Failure::new("`query rollups` is not built yet")),
        Command::Series(_) => Err(Failure::new("`query series` is not built yet")),
    }
}
