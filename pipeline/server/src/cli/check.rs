//! `floodmark check`: is the configuration right? Reads files and nothing else.

use clap::ValueEnum;

use super::args::Global;
use super::exit::{Exit, Failure, Outcome};
use super::output::print;
use crate::config::{self, Config};

/// Arguments of `floodmark check`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  floodmark check -c floodmark.toml && systemctl reload floodmark")]
pub struct Args {
    /// How problems are written: text on stderr, or JSON on stdout.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

/// How problems are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people: each place with a caret and a hint.
    Text,
    /// For programs: file, line, column, message and hint of each problem.
    Json,
}

/// Prints `ok: ...`, or all problems and exit code 78.
///
/// # Errors
/// The report of the configuration.
pub fn check(global: &Global, args: &Args) -> Outcome {
    match (config::load(&global.config), args.format) {
        (Ok(config), Format::Text) => print(&format!("ok: {}\n", summary(&config))),
        (Ok(_), Format::Json) => print("{\"ok\":true,\"problems\":[]}\n"),
        (Err(report), Format::Text) => Err(Failure::Config(report)),
        (Err(report), Format::Json) => print(&format!("{}\n", report.to_json())).map(|_| Exit::BadConfig),
    }
}

fn summary(config: &Config) -> String {
    let count = |n: usize, one: &str| format!("{n} {one}{}", if n == 1 { "" } else { "s" });
    let parts = [count(config.sources.len(), "source"), count(config.operators.len(), "operator"), count(config.sinks.len(), "sink")];
    parts.join(", ")
}
