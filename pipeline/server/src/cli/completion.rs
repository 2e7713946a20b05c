//! `floodmark completion`: the completion script of a shell.

use clap::CommandFactory;
use clap_complete::Shell;

use super::args::Cli;
use super::exit::Outcome;
use super::output::print;

/// Arguments of `floodmark completion`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  floodmark completion bash > ~/.local/share/bash-completion/completions/floodmark")]
pub struct Args {
    /// The shell.
    #[arg(value_enum)]
    pub shell: Shell,
}

/// Prints the script.
///
/// # Errors
/// When stdout cannot be written to.
pub fn completion(args: &Args) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "floodmark", &mut script);
    print(&String::from_utf8_lossy(&script))
}
