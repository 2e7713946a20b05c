//! `floodmark run`: the pipeline.

use super::args::Global;
use super::exit::Outcome;
use super::running::{self, Running};
use crate::config::load;

/// Arguments of `floodmark run`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  floodmark run -c examples/quickstart.toml\n\n\
                        It runs until Ctrl-C or SIGTERM, or until every source has come to its end, and then makes durable what is on its \
                        way.\nSIGHUP reads the configuration again: when it is right, the pipeline drains and goes on with it.")]
pub struct Args {}

/// Runs the pipeline until it is told to stop.
///
/// # Errors
/// The report of the configuration; what broke the pipeline.
pub fn run(global: &Global, _: Args) -> Outcome {
    global.start_log()?;
    let config = load(&global.config)?;
    running::run(Running { config, path: Some(global.config.clone()), duration: None, any_port: false, onlooker: None })
}
