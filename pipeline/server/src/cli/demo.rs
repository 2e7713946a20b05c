//! `floodmark demo`: a first impression without a configuration.

use std::path::PathBuf;

use floodmark_connectors::settings::Span;

use super::args::Global;
use super::exit::{Failure, Outcome};

/// Arguments of `floodmark demo`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  floodmark demo --for 1m")]
pub struct Args {
    /// Stop after this long, such as 30s; without it, at Ctrl-C.
    #[arg(long = "for", value_name = "DURATION")]
    pub duration: Option<Span>,
    /// Keep the data in this directory; without it, the data goes when the demo ends.
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
}

/// Runs the demo.
///
/// # Errors
/// When it cannot start.
pub fn demo(_: &Global, _: Args) -> Outcome {
    Err(Failure::new("`demo` is not built yet"))
}
