//! `floodmark config`: what is in effect.

use clap::{Subcommand, ValueEnum};

use super::args::Global;
use super::exit::Outcome;
use super::output::print;
use crate::config::{load, show_json, show_toml};

/// Commands of `floodmark config`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Print the configuration that is in effect: all files merged, defaults filled in, secrets left out.
    #[command(after_help = "Example:\n  floodmark config show --format json | jq .sources")]
    Show(Show),
}

/// Arguments of `floodmark config show`.
#[derive(Debug, clap::Args)]
pub struct Show {
    /// How it is written.
    #[arg(long, value_enum, default_value_t = Format::Toml)]
    pub format: Format,
}

/// How a configuration is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// As it can be loaded again.
    Toml,
    /// For programs.
    Json,
}

/// Prints the configuration.
///
/// # Errors
/// The report of the configuration.
pub fn config(global: &Global, command: &Command) -> Outcome {
    let Command::Show(show) = command;
    let config = load(&global.config)?;
    match show.format {
        Format::Toml => print(&show_toml(&config)),
        Format::Json => print(&format!("{:#}\n", show_json(&config))),
    }
}
