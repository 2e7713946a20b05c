//! `floodmark alerts show`: all that is known of an incident or an alert.

use floodmark_connectors::clock::SystemClock;
use floodmark_core::ports::Clock;
use floodmark_schemas::Alert;

use super::arguments::{Format, beginning, several};
use super::incident;
use crate::cli::args::Global;
use crate::cli::exit::{Failure, Outcome};
use crate::cli::listing::json_line;
use crate::cli::output::{self, print};
use crate::cli::selection::Place;
use crate::cli::{alert_steps, describe, open};
use crate::config::name_of;
use crate::incidents::{self, Found, Situation, Whole, WholeAlert, sentence};

pub(super) const HELP: &str = "\
Of an incident: its alerts, what began at about the same time, decisions, and notifications with
every try. Of an alert: its steps, and what was decided of it; `floodmark explain` says more.
Works beside `floodmark run`.

Example:
  floodmark alerts show 5f0c8a6e";

/// Arguments of `floodmark alerts show`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// An incident or an alert, by the beginning of its id.
    #[arg(value_name = "ID", value_parser = beginning)]
    pub id: String,
    /// How many alerts, decisions and notifications are shown: the newest.
    #[arg(short = 'n', long, value_name = "COUNT", default_value_t = 50)]
    pub limit: usize,
    /// How it is written.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
    /// Where the data is.
    #[command(flatten)]
    pub place: Place,
}

/// Shows an incident or an alert.
///
/// # Errors
/// When there is none with this id, or several begin so.
pub(super) fn show(global: &Global, args: &Args) -> Outcome {
    let (now, limit) = (SystemClock.now(), args.limit.max(1));
    let data = open::data(global, &args.place)?;
    open::block_on(global, async {
        let alerts = data.alerts(open::Access::Read).await?;
        let query = &*alerts.query;
        let found = (incidents::incident(query, &args.id).await?, incidents::alert(query, &args.id).await?);
        let situation = Situation::read(query, data.policy()?).await?;
        match found {
            (Found::One(record), Found::None) => {
                let whole = Whole::of(query, record, &situation, now, limit).await?;
                print(&match args.format {
                    Format::Table => incident::as_text(&whole),
                    Format::Json => json_line(&whole),
                })
            }
            (Found::None, Found::One(record)) => {
                let whole = WholeAlert::of(query, record, &situation, now, limit).await?;
                print(&match args.format {
                    Format::Table => as_text(&whole),
                    Format::Json => json_line(&whole),
                })
            }
            (Found::None, Found::None) => {
                let what = format!("there is no incident and no alert {}", args.id);
                let remedy = "`floodmark alerts ls --all` and `floodmark alerts ls --alerts --all` list those there are";
                Err(Failure::new(what).remedy(remedy))
            }
            (incident, alert) => {
                let incident = incident.map(|record| format!("incident {} {}", record.incident.id, record.incident.title));
                let alert = alert.map(|record| format!("alert {} {}", record.alert.id, sentence::name(&record.alert)));
                Err(several(&args.id, &[lines(incident), lines(alert)].concat()))
            }
        }
    })
}

fn lines(found: Found<String>) -> Vec<String> {
    match found {
        Found::None => Vec::new(),
        Found::One(line) => vec![line],
        Found::Several(lines) => lines,
    }
}

fn as_text(whole: &WholeAlert) -> String {
    let overview = &whole.overview;
    let Alert { id, version, state, severity, began, fired, annotations, labels, .. } = &overview.alert;
    let name = sentence::name(&overview.alert);
    let mut text = format!("{}\n", describe::plain(&name));
    text.push_str(&format!("{} {severity}, alert {id}, by definition {version} of the rule\n", name_of(state)));
    let fired = fired.map_or_else(|| "never fired".to_owned(), |fired| format!("fired {}", sentence::time(fired)));
    text.push_str(&format!("began {}, {fired}", sentence::time(*began)));
    text.push_str(&overview.incident.as_ref().map_or_else(|| "\n".to_owned(), |incident| format!(", of incident {incident}\n")));
    for mute in &overview.muted_by {
        text.push_str(&format!("silent: {}\n", describe::plain(&sentence::mute(mute))));
    }
    let labels = labels.iter().map(|(name, value)| format!("{name} = {value}"));
    for line in labels.chain(annotations.iter().map(|(name, value)| format!("{name}: {value}"))) {
        text.push_str(&format!("  {}\n", describe::plain(&line)));
    }
    text.push_str(&format!("\nSteps\n{}", alert_steps::table(&whole.steps).render(output::width())));
    text.push_str(&incident::decisions(&whole.decisions));
    text
}
