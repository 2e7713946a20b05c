//! `floodmark dlq`: dead letters.

use clap::{Subcommand, ValueEnum};

use super::args::Global;
use super::exit::{Failure, Outcome};
use super::selection::{Limit, Place};

/// Commands of `floodmark dlq`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List dead letters with their reasons, newest first.
    #[command(after_help = "Example:\n  floodmark dlq ls history")]
    Ls(Ls),
    /// Show one dead letter with its original.
    #[command(after_help = "Example:\n  floodmark dlq show history temperatures.csv:17")]
    Show(Show),
}

/// Arguments of `floodmark dlq ls`.
#[derive(Debug, clap::Args)]
pub struct Ls {
    /// Only of this source, operator or sink.
    #[arg(value_name = "COMPONENT")]
    pub component: Option<String>,
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

/// Arguments of `floodmark dlq show`.
#[derive(Debug, clap::Args)]
pub struct Show {
    /// The source, operator or sink that set it aside.
    #[arg(value_name = "COMPONENT")]
    pub component: String,
    /// Its id, as `floodmark dlq ls` shows it.
    #[arg(value_name = "ID")]
    pub id: String,
    /// How it is written.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
    /// Where the data is.
    #[command(flatten)]
    pub place: Place,
}

/// How dead letters are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Table,
    /// One JSON object on each line.
    Json,
}

/// Looks at dead letters.
///
/// # Errors
/// When the store cannot be read.
pub fn dlq(_: &Global, command: Command) -> Outcome {
    match command {
        Command::Ls(_) => Err(Failure::new("`dlq ls` is not built yet")),
        Command::Show(_) => Err(Failure::new("`dlq show` is not built yet")),
    }
}
