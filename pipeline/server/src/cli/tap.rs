//! `floodmark tap`: events as they arrive.

use clap::ValueEnum;

use super::args::Global;
use super::exit::{Failure, Outcome};
use super::selection::Place;

/// Arguments of `floodmark tap`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  floodmark tap\n  floodmark tap 'web*' --metric '*latency*' --format json | jq .data")]
pub struct Args {
    /// Only of sources whose id matches one of these patterns; `*` stands for any text.
    #[arg(value_name = "PATTERN")]
    pub sources: Vec<String>,
    /// Only samples whose metric matches this pattern.
    #[arg(short, long, value_name = "PATTERN")]
    pub metric: Option<String>,
    /// Stop after so many events.
    #[arg(short = 'n', long, value_name = "COUNT")]
    pub limit: Option<u64>,
    /// How events are written.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// Where the data is.
    #[command(flatten)]
    pub place: Place,
}

/// How events are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// One line for people.
    Text,
    /// One CloudEvent as JSON on each line.
    Json,
}

/// Prints events until Ctrl-C.
///
/// # Errors
/// When the log cannot be read.
pub fn tap(_: &Global, _: Args) -> Outcome {
    Err(Failure::new("`tap` is not built yet"))
}
