//! `floodmark alerts ack`: somebody looks after an incident.

use floodmark_core::alert::desk::Action;

use super::arguments::{Asker, beginning, one};
use crate::cli::args::Global;
use crate::cli::describe::plain;
use crate::cli::exit::{Exit, Outcome};
use crate::cli::open;
use crate::cli::output::print;
use crate::cli::selection::{Place, usage};
use crate::incidents::{self, words};

pub(super) const HELP: &str = "\
Everybody who was told of the incident is told that you look after it. --useful and --noise say
whether it was worth telling. Asking again replaces what was said before. `floodmark run` does it,
within a second.

Example:
  floodmark alerts ack 5f0c8a6e --note \"replacing the disk\" --useful";

/// Arguments of `floodmark alerts ack`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The incident, by the beginning of its id.
    #[arg(value_name = "INCIDENT", value_parser = beginning)]
    pub incident: String,
    /// What you do about it.
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub note: String,
    /// It was worth telling.
    #[arg(long, conflicts_with = "noise")]
    pub useful: bool,
    /// It was not worth telling.
    #[arg(long)]
    pub noise: bool,
    /// Who asks.
    #[command(flatten)]
    pub asker: Asker,
    /// Where the data is.
    #[command(flatten)]
    pub place: Place,
}

/// Asks for it, and waits until it is done.
///
/// # Errors
/// When there is no such incident, it is over, or nobody does it.
pub(super) fn ack(global: &Global, args: &Args) -> Outcome {
    let (owner, note) = (args.asker.name()?, words::note(args.note.clone()).map_err(usage)?);
    let data = open::data(global, &args.place)?;
    open::block_on(global, async {
        let alerts = data.alerts(open::Access::Write).await?;
        let found = incidents::incident(&*alerts.query, &args.incident).await?;
        let found = one(found, "incident", &args.incident, "floodmark alerts ls --all")?.incident;
        let useful = (args.useful || args.noise).then_some(args.useful);
        let action = Action::Acknowledge { incident: found.id.clone(), owner, note, useful };
        if args.asker.ask(&*alerts.requests, &action).await?.is_none() {
            return Ok(Exit::Ok);
        }
        print(&format!("{} looks after incident {}: {}\n", plain(&args.asker.owner), found.id, plain(&found.title)))
    })
}
