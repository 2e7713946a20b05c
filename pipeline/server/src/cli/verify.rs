//! `floodmark verify`: whether what is stored is what the log gives.

use clap::ValueEnum;
use floodmark_connectors::clock::SystemClock;
use floodmark_core::ports::Clock;
use floodmark_engine::replay::Period;

use super::args::Global;
use super::exit::{Exit, Outcome};
use super::listing::json_line;
use super::output::print;
use super::selection::Period as When;
use super::{differences, open};
use crate::assemble::past;
use crate::config;
use crate::replay::{self, Live};

/// Arguments of `floodmark verify`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Replays what the jobs have committed and compares every stored result with what comes out, byte for byte. Works beside
`floodmark run`. Exit code 0 when all are the same, 2 when one differs.

Example:
  floodmark verify --from 7d")]
pub struct Args {
    /// Which results, by the start of their windows.
    #[command(flatten)]
    pub period: When,
    /// How many differences are listed.
    #[arg(short = 'n', long, value_name = "COUNT", default_value_t = 1)]
    pub limit: usize,
    /// How the verdict is written.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

/// How verdicts are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// One JSON object.
    Json,
}

/// Verifies.
///
/// # Errors
/// When the log or the store cannot be read.
pub fn verify(global: &Global, args: &Args) -> Outcome {
    let config = config::load(&global.config)?;
    let (from, to) = args.period.span(SystemClock.now())?;
    open::block_on_cores(global, async {
        let live = Live::open(&config).await?;
        let verdict = replay::verify(&live, past::jobs(&config)?, Period { from, to }, args.limit).await?;
        print(&match args.format {
            Format::Text => differences::of_verdict(&verdict),
            Format::Json => json_line(&verdict),
        })?;
        Ok(if verdict.ok { Exit::Ok } else { Exit::Differences })
    })
}
