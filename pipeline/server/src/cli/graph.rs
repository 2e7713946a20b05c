//! `floodmark graph`: what flows where, from the configuration alone.

mod draw;
mod told;
mod topology;

use clap::ValueEnum;

use super::args::Global;
use super::exit::Outcome;
use super::output::print;
use crate::config;

use topology::Topology;

/// Arguments of `floodmark graph`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Nothing is connected to.\n\nExamples:\n  floodmark graph\n  floodmark graph --format dot | dot -Tsvg > floodmark.svg"
)]
pub struct Args {
    /// How it is drawn.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

/// How a graph is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Lists for people.
    Text,
    /// The language of Graphviz.
    Dot,
    /// A flowchart for Markdown pages.
    Mermaid,
}

/// Prints the graph.
///
/// # Errors
/// The report of the configuration.
pub fn graph(global: &Global, args: &Args) -> Outcome {
    let topology = Topology::of(&config::load(&global.config)?);
    print(&match args.format {
        Format::Text => draw::text(&topology),
        Format::Dot => draw::dot(&topology),
        Format::Mermaid => draw::mermaid(&topology),
    })
}
