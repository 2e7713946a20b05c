//! `floodmark alerts`: what the rules found, and who is told.

mod render;
mod send_test;

use clap::Subcommand;

use super::args::Global;
use super::exit::Outcome;

/// Commands of `floodmark alerts`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Send a test to a receiver of the configuration, and say what it answered.
    #[command(after_help = send_test::HELP)]
    SendTest(send_test::Args),
    /// Show what a receiver would be told of a made-up incident. Sends nothing and reads no secret.
    #[command(after_help = render::HELP)]
    Render(render::Args),
}

/// Does what a command says.
///
/// # Errors
/// What the command says.
pub fn alerts(global: &Global, command: &Command) -> Outcome {
    match command {
        Command::SendTest(args) => send_test::send_test(global, args),
        Command::Render(args) => render::render(global, args),
    }
}
