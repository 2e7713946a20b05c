//! `floodmark migrate`: from the embedded log and stores to servers.

use std::path::PathBuf;

use clap::ValueEnum;

use super::args::Global;
use super::exit::{Exit, Outcome};
use super::open;
use super::output::print;
use crate::config;
use crate::migrate::{Migration, migrate};

/// Arguments of `floodmark migrate`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Stop `floodmark run` first. Afterwards `floodmark run -c TARGET` goes on where the old one stopped. The old data stays as it
is. Exit code 2 when old and new differ.

Example:
  floodmark migrate -c floodmark.toml --to servers.toml")]
pub struct Args {
    /// The configuration that names the servers.
    #[arg(long, value_name = "FILE")]
    pub to: PathBuf,
    /// Go on with a migration that was interrupted; after a complete one, compare again.
    #[arg(long)]
    pub resume: bool,
    /// How the summary is written.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

/// How the summary is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// One JSON object.
    Json,
}

/// Migrates, and says what was done and found.
///
/// # Errors
/// What keeps it from being done.
pub fn run(global: &Global, args: &Args) -> Outcome {
    let migration = Migration { from: config::load(&global.config)?, to: config::load(&args.to)?, resume: args.resume };
    open::block_on(global, async {
        let summary = migrate(migration).await?;
        print(&match args.format {
            Format::Text => summary.text(&args.to.display().to_string()),
            Format::Json => format!("{}\n", serde_json::to_string(&summary).expect("a summary is plain data")),
        })?;
        Ok(if summary.ok { Exit::Ok } else { Exit::Differences })
    })
}
