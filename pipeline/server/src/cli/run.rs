//! `floodmark run`: the pipeline.

use super::args::Global;
use super::exit::{Failure, Outcome};
use crate::config::load;

/// Arguments of `floodmark run`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  floodmark run -c examples/quickstart.toml")]
pub struct Args {}

/// Runs the pipeline until it is told to stop.
///
/// # Errors
/// The report of the configuration; what broke the pipeline.
pub fn run(global: &Global, _: Args) -> Outcome {
    load(&global.config)?;
    Err(Failure::new("`run` is not built yet"))
}
