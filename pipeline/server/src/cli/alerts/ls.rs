//! `floodmark alerts ls`: what is open, and what was.

use floodmark_connectors::clock::SystemClock;
use floodmark_core::ports::{AlertFilter, Clock, IncidentFilter};
use floodmark_schemas::Severity;

use super::arguments::{Format, severity};
use crate::cli::args::Global;
use crate::cli::exit::{Exit, Outcome};
use crate::cli::listing::{Listed, list};
use crate::cli::selection::{Label, Limit, Period, Place, Series, When};
use crate::cli::table::{Align, Table};
use crate::cli::{describe, open};
use crate::config::name_of;
use crate::incidents::{AlertOverview, Overview, Situation, sentence};

pub(super) const HELP: &str = "\
MUTED says what keeps alerts silent now; of a data directory alone only silences are known.
Works beside `floodmark run`.

Examples:
  floodmark alerts ls                                       incidents that are open
  floodmark alerts ls --all --since 7d --severity error     all of a week that were grave
  floodmark alerts ls --alerts --rule disk_full             single alerts of a rule";

/// What there is to do about too many.
const CHOOSE: &str = "--from and --to choose which";

/// Arguments of `floodmark alerts ls`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Also those that are over.
    #[arg(short, long)]
    pub all: bool,
    /// At least as grave: info, warning, error or critical.
    #[arg(long, value_name = "SEVERITY", value_parser = severity)]
    pub severity: Option<Severity>,
    /// Opened (of alerts: begun) from this time on: RFC 3339 such as 2026-01-31T12:00:00Z, or that long ago, such as 2h.
    #[arg(long, visible_alias = "since", value_name = "TIME")]
    pub from: Option<When>,
    /// Before this time; written in the same way.
    #[arg(long, value_name = "TIME")]
    pub to: Option<When>,
    /// Single alerts instead of incidents.
    #[arg(long)]
    pub alerts: bool,
    /// Only alerts of this rule.
    #[arg(long, value_name = "ID", requires = "alerts")]
    pub rule: Option<String>,
    /// Only alerts of this source.
    #[arg(short, long, value_name = "ID", requires = "alerts")]
    pub source: Option<String>,
    /// Only alerts with this label; may be given several times, then all must match.
    #[arg(short, long, value_name = "NAME=VALUE", requires = "alerts")]
    pub label: Vec<Label>,
    /// How many.
    #[command(flatten)]
    pub limit: Limit,
    /// How they are written.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
    /// Where the data is.
    #[command(flatten)]
    pub place: Place,
}

/// Lists incidents or alerts.
///
/// # Errors
/// When the store cannot be read.
pub(super) fn ls(global: &Global, args: &Args) -> Outcome {
    let now = SystemClock.now();
    let (from, to) = Period { from: args.from, to: args.to }.span(now)?;
    let labels = Series { label: args.label.clone(), ..Series::default() }.labels()?;
    let (severity_min, only_open) = (args.severity, (!args.all).then_some(true));
    let data = open::data(global, &args.place)?;
    open::block_on(global, async {
        let alerts = data.alerts(open::Access::Read).await?;
        let (query, situation) = (&*alerts.query, &Situation::read(&*alerts.query, data.policy()?).await?);
        if args.alerts {
            let (rule, source) = (args.rule.clone(), args.source.clone());
            let filter = &AlertFilter { rule, source, active: only_open, severity_min, labels, from, to, ..AlertFilter::default() };
            let page = |after: Option<String>, limit| async move {
                Ok(AlertOverview::page(query.alerts(filter, after.as_deref(), limit).await?, situation, now))
            };
            let count = list(args.format.into(), args.limit.limit, page).await?;
            count.say(global, alert_words(args.all), CHOOSE);
            return Ok(Exit::Ok);
        }
        let filter = &IncidentFilter { open: only_open, severity_min, from, to };
        let page = |after: Option<String>, limit| async move {
            Ok(Overview::page(query.incidents(filter, after.as_deref(), limit).await?, situation, now))
        };
        let count = list(args.format.into(), args.limit.limit, page).await?;
        count.say(global, incident_words(args.all), CHOOSE);
        Ok(Exit::Ok)
    })
}

fn incident_words(all: bool) -> (&'static str, &'static str) {
    if all { ("incident", "incidents") } else { ("open incident", "open incidents") }
}

fn alert_words(all: bool) -> (&'static str, &'static str) {
    if all { ("alert", "alerts") } else { ("open alert", "open alerts") }
}

impl Listed for Overview {
    /// Columns that nothing has are left out.
    fn table(incidents: &[Self]) -> Table {
        let ended = incidents.iter().any(|overview| overview.incident.resolved.is_some());
        let owned = incidents.iter().any(|overview| overview.incident.acknowledged.is_some());
        let muted = incidents.iter().any(|overview| overview.muted > 0);
        let mut columns = vec![("ID", Align::Left), ("SEVERITY", Align::Left), ("SINCE", Align::Left)];
        columns.extend(ended.then_some(("UNTIL", Align::Left)));
        columns.extend([("OPEN", Align::Right), ("TITLE", Align::Left)]);
        columns.extend(owned.then_some(("ACKNOWLEDGED", Align::Left)));
        columns.extend(muted.then_some(("MUTED", Align::Left)));
        let mut table = Table::new(columns);
        for overview in incidents {
            let incident = &overview.incident;
            let mut row = vec![sentence::short(&incident.id).to_owned(), incident.severity.to_string(), sentence::time(incident.opened)];
            row.extend(ended.then(|| incident.resolved.map(sentence::time).unwrap_or_default()));
            row.extend([overview.alerts.to_string(), incident.title.clone()]);
            row.extend(owned.then(|| incident.acknowledged.as_ref().map(acknowledged).unwrap_or_default()));
            row.extend(muted.then(|| overview.muted_words()));
            table.row(row);
        }
        table
    }
}

fn acknowledged(by: &floodmark_schemas::Acknowledgement) -> String {
    if by.note.is_empty() { by.owner.clone() } else { format!("{}: {}", by.owner, by.note) }
}

impl Overview {
    /// How many of its alerts are silent, and why; empty when none is.
    pub(super) fn muted_words(&self) -> String {
        let why = self.muted_by.iter().map(sentence::mute).collect::<Vec<_>>().join(", ");
        match self.muted {
            0 => String::new(),
            muted if muted == self.alerts => why,
            muted => format!("{muted} of {}: {why}", self.alerts),
        }
    }
}

impl Listed for AlertOverview {
    /// Columns that nothing has are left out.
    fn table(alerts: &[Self]) -> Table {
        let grouped = alerts.iter().any(|overview| overview.incident.is_some());
        let muted = alerts.iter().any(|overview| !overview.muted_by.is_empty());
        let texts = ["ID", "STATE", "SEVERITY", "BEGAN", "RULE", "SOURCE", "SERIES"].map(|name| (name, Align::Left));
        let numbers = ["VALUE", "LIMIT"].map(|name| (name, Align::Right));
        let last = [grouped.then_some(("INCIDENT", Align::Left)), muted.then_some(("MUTED", Align::Left))];
        let mut table = Table::new(texts.into_iter().chain(numbers).chain(last.into_iter().flatten()));
        for AlertOverview { alert, incident, muted_by } in alerts {
            let number = |number: Option<f64>| number.map(describe::number).unwrap_or_default();
            let flapping = if alert.flapping { ", flapping" } else { "" };
            let mut row = vec![
                sentence::short(&alert.id).to_owned(),
                format!("{}{flapping}", name_of(alert.state)),
                alert.severity.to_string(),
                sentence::time(alert.began),
                alert.rule.clone(),
                alert.source.clone(),
                alert.series.to_string(),
                number(alert.value),
                number(alert.threshold),
            ];
            row.extend(grouped.then(|| incident.as_deref().map(sentence::short).unwrap_or_default().to_owned()));
            row.extend(muted.then(|| muted_by.iter().map(sentence::mute).collect::<Vec<_>>().join(", ")));
            table.row(row);
        }
        table
    }
}
