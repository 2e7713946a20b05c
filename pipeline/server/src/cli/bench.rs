//! `floodmark bench`: how fast the core is on this machine.

use clap::ValueEnum;

use super::args::Global;
use super::exit::{Failure, Outcome};

/// Arguments of `floodmark bench`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  floodmark bench\n  floodmark bench window log --format json")]
pub struct Args {
    /// What to measure; everything when nothing is said.
    #[arg(value_enum, value_name = "WHAT")]
    pub what: Vec<What>,
    /// How results are written.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum What {
    /// Frames to columns.
    Decode,
    /// Tumbling windows.
    Window,
    /// Durable appends to the embedded log.
    Log,
    /// A file through the log and windows into the store.
    Pipeline,
}

/// How results are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// One JSON object on each line.
    Json,
}

/// Measures.
///
/// # Errors
/// When a measurement cannot run.
pub fn bench(_: &Global, _: Args) -> Outcome {
    Err(Failure::new("`bench` is not built yet"))
}
