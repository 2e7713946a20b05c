//! `floodmark alerts silence` and `unsilence`: not to be told for a while.

use clap::ArgGroup;
use floodmark_connectors::clock::SystemClock;
use floodmark_connectors::settings::Span;
use floodmark_core::alert::desk::Action;
use floodmark_core::ports::Clock;
use floodmark_schemas::Timestamp;

use super::arguments::{Asker, beginning, matchers, one, time};
use crate::cli::args::Global;
use crate::cli::exit::{Exit, Outcome};
use crate::cli::open;
use crate::cli::output::print;
use crate::cli::selection::{Place, usage};
use crate::incidents::{self, Situation, sentence, words};

pub(super) const HELP: &str = "\
All matchers have to hold: name=value, name!=value, name=~pattern, name!~pattern, severity>=level.
Names are rule, source, metric, severity and labels. `floodmark alerts mute-preview` says beforehand
what they mean. When the silence ends, what goes on is told, and its incidents say that it is over.
`floodmark run` does it, within a second; the id of the silence is printed.

Examples:
  floodmark alerts silence rule=disk_full host=db-1 --for 2h --comment \"new disk at three\"
  floodmark alerts silence 'source=~web-.*' --from 2026-01-31T22:00:00Z --for 4h --comment \"moving\"";

/// Arguments of `floodmark alerts silence`.
#[derive(Debug, clap::Args)]
#[command(group = ArgGroup::new("end").required(true))]
pub struct Args {
    /// Which alerts: all of these have to hold.
    #[arg(value_name = "MATCHER", required = true)]
    pub matchers: Vec<String>,
    /// How long.
    #[arg(long = "for", value_name = "DURATION", group = "end")]
    pub lasts: Option<Span>,
    /// Until when, as RFC 3339.
    #[arg(long, value_name = "TIME", group = "end", value_parser = time)]
    pub until: Option<Timestamp>,
    /// From when on, as RFC 3339; from now on when absent.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub from: Option<Timestamp>,
    /// Why: whoever finds it later wants to know.
    #[arg(long, value_name = "TEXT")]
    pub comment: String,
    /// Who asks.
    #[command(flatten)]
    pub asker: Asker,
    /// Where the data is.
    #[command(flatten)]
    pub place: Place,
}

/// Arguments of `floodmark alerts unsilence`.
#[derive(Debug, clap::Args)]
pub struct End {
    /// The silence, by the beginning of its id.
    #[arg(value_name = "SILENCE", value_parser = beginning)]
    pub silence: String,
    /// Who asks.
    #[command(flatten)]
    pub asker: Asker,
    /// Where the data is.
    #[command(flatten)]
    pub place: Place,
}

/// Asks for a silence, and waits until it is there.
///
/// # Errors
/// When it says what cannot be, or nobody does it.
pub(super) fn silence(global: &Global, args: &Args) -> Outcome {
    let matchers = matchers(&args.matchers)?;
    let (owner, comment) = (args.asker.name()?, words::comment(args.comment.clone()).map_err(usage)?);
    let starts = args.from.unwrap_or_else(|| SystemClock.now());
    let ends = args.until.unwrap_or_else(|| starts.plus_micros(args.lasts.map_or(0, Span::micros)));
    if ends <= starts || ends <= SystemClock.now() {
        return Err(usage(format!("the silence would end at {ends}: that is over already, or before it begins")));
    }
    let data = open::data(global, &args.place)?;
    open::block_on(global, async {
        let alerts = data.alerts(open::Access::Write).await?;
        let action = Action::Silence { matchers: matchers.clone(), owner, comment, starts, ends };
        let Some(id) = args.asker.ask(&*alerts.requests, &action).await? else { return Ok(Exit::Ok) };
        let situation = Situation::read(&*alerts.query, data.policy()?).await?;
        let count = situation.open().filter(|record| matchers.matches(&record.alert)).count();
        let (is, ends) =
            (if count == 1 { "1 open alert matches".to_owned() } else { format!("{count} open alerts match") }, sentence::time(ends));
        let from = args.from.map(|from| format!("from {} ", sentence::time(from))).unwrap_or_default();
        print(&format!("{id} {from}until {ends}; {is}\n"))
    })
}

/// Asks for the end of a silence, and waits until it is over.
///
/// # Errors
/// When there is no such silence, it is over, or nobody does it.
pub(super) fn unsilence(global: &Global, args: &End) -> Outcome {
    let owner = args.asker.name()?;
    let data = open::data(global, &args.place)?;
    open::block_on(global, async {
        let alerts = data.alerts(open::Access::Write).await?;
        let found = incidents::silence(&*alerts.query, &args.silence).await?;
        let found = one(found, "silence", &args.silence, "floodmark alerts silences")?;
        let action = Action::Unsilence { silence: found.id.clone(), owner };
        let Some(id) = args.asker.ask(&*alerts.requests, &action).await? else { return Ok(Exit::Ok) };
        print(&format!("{id} is over; it was for {}\n", sentence::matchers(&found.matchers)))
    })
}
