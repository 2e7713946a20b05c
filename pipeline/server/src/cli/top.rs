//! `floodmark top`: what flows where.

use super::args::Global;
use super::exit::Outcome;

/// Arguments of `floodmark top`.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Prints it.
///
/// # Errors
/// The report of the configuration.
pub fn top(_: &Global, _: &Args) -> Outcome {
    Ok(super::exit::Exit::Ok)
}
