//! `floodmark alerts`: what the rules found, who is told, and what people say to it.

mod ack;
pub(super) mod arguments;
pub(in crate::cli) mod incident;
mod ls;
mod mute_preview;
mod render;
mod route_test;
mod send_test;
mod show;
mod silence;
mod silences;

use clap::Subcommand;

use super::args::Global;
use super::exit::Outcome;

/// Commands of `floodmark alerts`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List incidents, or single alerts: those that are open, the newest first.
    #[command(after_help = ls::HELP)]
    Ls(ls::Args),
    /// Show all of an incident or an alert: steps, decisions, and every try to tell somebody.
    #[command(after_help = show::HELP)]
    Show(show::Args),
    /// Say that you look after an incident: it is not repeated and not escalated any more.
    #[command(after_help = ack::HELP)]
    Ack(ack::Args),
    /// Keep alerts silent for a while.
    #[command(after_help = silence::HELP)]
    Silence(silence::Args),
    /// End a silence now.
    #[command(after_help = "Example:\n  floodmark alerts unsilence 5f0c8a6e")]
    Unsilence(silence::End),
    /// List silences that are not over, by their end.
    #[command(after_help = "Example:\n  floodmark alerts silences --all --format json | jq -r .comment")]
    Silences(silences::Args),
    /// Say what a silence would keep silent, or what is silent at a time. Changes nothing.
    #[command(after_help = mute_preview::HELP)]
    MutePreview(mute_preview::Args),
    /// Say who would be told of a made-up alert, how soon and how often. Tells nobody.
    #[command(after_help = route_test::HELP)]
    RouteTest(route_test::Args),
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
        Command::Ls(args) => ls::ls(global, args),
        Command::Show(args) => show::show(global, args),
        Command::Ack(args) => ack::ack(global, args),
        Command::Silence(args) => silence::silence(global, args),
        Command::Unsilence(args) => silence::unsilence(global, args),
        Command::Silences(args) => silences::silences(global, args),
        Command::MutePreview(args) => mute_preview::mute_preview(global, args),
        Command::RouteTest(args) => route_test::route_test(global, args),
        Command::SendTest(args) => send_test::send_test(global, args),
        Command::Render(args) => render::render(global, args),
    }
}
