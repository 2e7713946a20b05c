//! `floodmark alerts mute-preview`: what would be silent, before it is.

use floodmark_connectors::clock::SystemClock;
use floodmark_core::ports::Clock;
use floodmark_schemas::Timestamp;
use serde_json::json;

use super::arguments::{Format, matchers, time};
use crate::cli::args::Global;
use crate::cli::exit::{Exit, Outcome};
use crate::cli::listing::{Listed, json_line};
use crate::cli::open;
use crate::cli::output::{self, print};
use crate::cli::selection::{Place, usage};
use crate::incidents::{AlertOverview, PREVIEW_DAYS, Past, Situation, past, sentence};

pub(super) const HELP: &str = "\
Without --at: which open alerts a silence with these matchers would keep silent now, and how many
alerts of the last seven days it would have. With --at: which open alerts are silent at that time,
by silences, maintenance windows and other alerts that are open now.

Examples:
  floodmark alerts mute-preview rule=disk_full 'host=~db-.*'
  floodmark alerts mute-preview --at 2026-02-01T03:00:00Z";

/// Arguments of `floodmark alerts mute-preview`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Which alerts: all of these have to hold. With --at they may be left out.
    #[arg(value_name = "MATCHER", required_unless_present = "at")]
    pub matchers: Vec<String>,
    /// What keeps the open alerts silent at this time, as RFC 3339.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub at: Option<Timestamp>,
    /// How it is written; as JSON, the alerts and then the sums, each on a line.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
    /// Where the data is.
    #[command(flatten)]
    pub place: Place,
}

/// Says what would be silent.
///
/// # Errors
/// When a matcher cannot be read, or the store cannot.
pub(super) fn mute_preview(global: &Global, args: &Args) -> Outcome {
    let matchers = matchers(&args.matchers)?;
    if args.matchers.iter().any(|text| text.trim().is_empty()) {
        return Err(usage("a matcher is empty"));
    }
    let (now, data) = (SystemClock.now(), open::data(global, &args.place)?);
    open::block_on(global, async {
        let alerts = data.alerts(open::Access::Read).await?;
        let situation = Situation::read(&*alerts.query, data.policy()?).await?;
        let open = situation.open().count();
        let matching = situation.open().filter(|record| matchers.matches(&record.alert)).cloned();
        let matching: Vec<AlertOverview> = matching.map(|record| AlertOverview::of(record, &situation, args.at.unwrap_or(now))).collect();
        let past = match args.at {
            None => Some(past(&*alerts.query, &matchers, now).await?),
            Some(_) => None,
        };
        match args.format {
            Format::Table => print(&as_text(&matching, open, past, args.at)),
            Format::Json => {
                matching.iter().try_fold(Exit::Ok, |_, alert| print(&json_line(alert)))?;
                let muted = matching.iter().filter(|overview| !overview.muted_by.is_empty()).count();
                let sums = json!({ "open": open, "matching": matching.len(), "muted": muted, "past": past });
                print(&json_line(&sums))
            }
        }
    })
}

fn as_text(matching: &[AlertOverview], open: usize, past: Option<Past>, at: Option<Timestamp>) -> String {
    let mut text = AlertOverview::table(matching).render(output::width());
    if !text.is_empty() {
        text.push('\n');
    }
    match at {
        Some(at) => {
            let muted = matching.iter().filter(|overview| !overview.muted_by.is_empty()).count();
            let of = alerts(matching.len());
            text.push_str(&format!("{}: {muted} of {of} would be silent.\n", sentence::time(at)));
        }
        None => text.push_str(&format!("Now: {} of {} would be silent.\n", matching.len(), alerts(open))),
    }
    if let Some(Past { alerts, matched, incidents }) = past {
        let (fired, incidents) = (count(alerts, "alert"), count(incidents, "incident"));
        text.push_str(&format!("The last {PREVIEW_DAYS} days: {matched} of {fired} that fired, in {incidents}.\n"));
    }
    text
}

fn alerts(n: usize) -> String {
    count(n, "open alert")
}

fn count(n: usize, one: &str) -> String {
    format!("{n} {one}{}", if n == 1 { "" } else { "s" })
}
