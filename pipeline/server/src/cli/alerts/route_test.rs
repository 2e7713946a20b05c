//! `floodmark alerts route-test`: who would be told?

use std::collections::BTreeMap;

use floodmark_connectors::clock::SystemClock;
use floodmark_connectors::settings::Span;
use floodmark_core::alert::desk::{Asked, GroupBy, Hit, Policy, Reply, Routes, Verdict, value};
use floodmark_core::ports::Clock;
use floodmark_schemas::{Alert, AlertState, Series, Severity, Timestamp};
use serde::Serialize;

use super::arguments::{Format, severity, time};
use crate::cli::args::Global;
use crate::cli::describe::plain;
use crate::cli::exit::{Failure, Outcome};
use crate::cli::listing::json_line;
use crate::cli::open;
use crate::cli::output::{notice, print};
use crate::cli::selection::{Label, Place, usage};
use crate::incidents::{Situation, sentence};

pub(super) const HELP: &str = "\
Reads the configuration, and from the store silences and what is open now: those may keep the alert
silent. Without a store only maintenance windows are known.

Examples:
  floodmark alerts route-test --labels rule=disk_full,team=db --severity critical
  floodmark alerts route-test --labels team=db --at 2026-02-01T03:00:00Z --explain";

/// Arguments of `floodmark alerts route-test`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The labels of the alert; `rule`, `source`, `metric` and `severity` say what it is itself.
    #[arg(short, long, value_name = "NAME=VALUE,..", value_delimiter = ',', required = true)]
    pub labels: Vec<Label>,
    /// How grave it is: info, warning, error or critical.
    #[arg(long, value_name = "SEVERITY", value_parser = severity)]
    pub severity: Option<Severity>,
    /// Its source.
    #[arg(short, long, value_name = "ID")]
    pub source: Option<String>,
    /// When it fires, as RFC 3339; now when absent.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub at: Option<Timestamp>,
    /// Show every node of the tree, and why it does not take the alert.
    #[arg(long)]
    pub explain: bool,
    /// How it is written.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

/// What would become of an alert.
#[derive(Serialize)]
struct Routed<'a> {
    routes: Vec<Taken<'a>>,
    muted_by: &'a [Verdict],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    asked: Vec<Said<'a>>,
}

/// A route that the alert takes.
#[derive(Serialize)]
struct Taken<'a> {
    route: &'a str,
    receivers: &'a [String],
    /// Labels and their values; absent when each alert is an incident.
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<BTreeMap<&'a str, &'a str>>,
    group_wait: String,
    group_interval: String,
    repeat_interval: String,
    escalation: Vec<Step<'a>>,
}

/// A step of an escalation.
#[derive(Serialize)]
struct Step<'a> {
    after: String,
    receiver: &'a str,
}

/// What a node said.
#[derive(Serialize)]
struct Said<'a> {
    route: &'a str,
    reply: String,
}

/// Says who would be told.
///
/// # Errors
/// When the labels cannot be, or the configuration is wrong.
pub(super) fn route_test(global: &Global, args: &Args) -> Outcome {
    let at = args.at.unwrap_or_else(|| SystemClock.now());
    let alert = alert(args, at)?;
    let data = open::data(global, &Place::default())?;
    let policy = data.policy()?;
    open::block_on(global, async {
        let situation = situation(&data, policy.clone()).await?;
        let muted_by = situation.mutes(at, &alert);
        let routes = Routes::new(&policy.root);
        let asked = routes.asked(&alert);
        print(&match args.format {
            Format::Table => as_text(&asked, &alert, &policy, &muted_by, args),
            Format::Json => {
                let taken = asked.iter().filter(|asked| asked.reply == Reply::Takes).map(|asked| Taken::of(asked.node, &alert));
                let said = asked.iter().filter(|_| args.explain).map(Said::of);
                json_line(&Routed { routes: taken.collect(), muted_by: &muted_by, asked: said.collect() })
            }
        })
    })
}

/// What is open now; nothing where there is no store.
async fn situation(data: &open::Data, policy: Policy) -> Result<Situation, Failure> {
    let read = async {
        let alerts = data.alerts(open::Access::Read).await?;
        Ok::<_, Failure>(Situation::read(&*alerts.query, policy.clone()).await?)
    };
    Ok(match read.await {
        Ok(situation) => situation,
        Err(e) => {
            let why = e.render(false);
            let why = why.lines().next().unwrap_or_default().trim_start_matches("floodmark: ");
            notice(&format!("floodmark: silences and open alerts are not known: {why}\n"));
            Situation::nothing(policy)
        }
    })
}

/// The alert that is asked about.
fn alert(args: &Args, at: Timestamp) -> Result<Alert, Failure> {
    let mut labels: BTreeMap<String, String> = BTreeMap::new();
    for Label { name, value } in &args.labels {
        if labels.insert(name.clone(), value.clone()).is_some_and(|before| before != *value) {
            return Err(usage(format!("--labels {name} is given with two values: no alert has both")));
        }
    }
    let said = labels.remove("severity").map(|text| severity(&text).map_err(|why| usage(format!("--labels severity={text}: {why}"))));
    let said = said.transpose()?;
    let source = labels.remove("source");
    if args.severity.is_some() && said.is_some() || args.source.is_some() && source.is_some() {
        return Err(usage("severity or source is given twice: among the labels and by its own option"));
    }
    Ok(Alert {
        id: "0".repeat(32),
        step: 0,
        rule: labels.remove("rule").unwrap_or_default(),
        version: String::new(),
        source: args.source.clone().or(source).unwrap_or_default(),
        series: Series::new(labels.remove("metric").unwrap_or_default()),
        state: AlertState::Firing,
        before: AlertState::Pending,
        severity: args.severity.or(said).unwrap_or_default(),
        time: at,
        began: at,
        fired: Some(at),
        noticed: at,
        value: None,
        threshold: None,
        evidence: None,
        flapping: false,
        labels,
        annotations: BTreeMap::new(),
    })
}

impl<'a> Taken<'a> {
    fn of(hit: &'a Hit, alert: &'a Alert) -> Self {
        let group = match &hit.group_by {
            GroupBy::Each => None,
            GroupBy::Labels(names) => Some(names.iter().map(|name| (name.as_str(), value(alert, name))).collect()),
        };
        let step =
            |step: &'a floodmark_core::alert::desk::Escalation| Step { after: Span(step.after).to_string(), receiver: &step.receiver };
        Self {
            route: &hit.path,
            receivers: &hit.receivers,
            group,
            group_wait: Span(hit.timings.group_wait).to_string(),
            group_interval: Span(hit.timings.group_interval).to_string(),
            repeat_interval: Span(hit.timings.repeat_interval).to_string(),
            escalation: hit.escalation.iter().map(step).collect(),
        }
    }
}

impl<'a> Said<'a> {
    fn of(asked: &'a Asked<'a>) -> Self {
        Self { route: &asked.node.path, reply: reply(&asked.reply) }
    }
}

fn reply(reply: &Reply<'_>) -> String {
    match reply {
        Reply::Takes => "takes it".to_owned(),
        Reply::Below => "goes on below".to_owned(),
        Reply::Refuses { matcher } => format!("no: {matcher} does not hold"),
        Reply::NotAsked { because } => format!("not asked: route {because} decides"),
    }
}

fn named(path: &str) -> &str {
    if path.is_empty() { "(root)" } else { path }
}

fn as_text(asked: &[Asked<'_>], alert: &Alert, policy: &Policy, muted_by: &[Verdict], args: &Args) -> String {
    let mut text = String::new();
    if args.explain {
        for asked in asked {
            let depth = if asked.node.path.is_empty() { 0 } else { 1 + asked.node.path.matches('/').count() };
            text.push_str(&format!("{}{}: {}\n", "  ".repeat(depth), named(&asked.node.path), plain(&reply(&asked.reply))));
        }
        text.push('\n');
    }
    let taken = asked.iter().filter(|asked| asked.reply == Reply::Takes).map(|asked| Taken::of(asked.node, alert));
    for (number, taken) in taken.enumerate() {
        text.push_str(&route(&taken, number == 0, policy));
    }
    let at = args.at.map_or_else(|| "Now".to_owned(), |at| format!("At {}", sentence::time(at)));
    match muted_by {
        [] => text.push_str(&format!("{at} nothing keeps it silent.\n")),
        mutes => {
            let mutes: Vec<String> = mutes.iter().map(sentence::mute).collect();
            text.push_str(&format!("{at} it is kept silent: {}.\n", plain(&mutes.join(", "))));
        }
    }
    text
}

/// A route; the first of several says what becomes one incident.
fn route(taken: &Taken<'_>, first: bool, policy: &Policy) -> String {
    let told: Vec<&str> = taken.receivers.iter().map(String::as_str).filter(|receiver| policy.receivers.contains_key(*receiver)).collect();
    let told = if told.is_empty() { "nobody".to_owned() } else { told.join(", ") };
    let mut text = format!("Route {} tells {told}\n", named(taken.route));
    if first {
        let group = match &taken.group {
            None => "each alert by itself".to_owned(),
            Some(group) if group.is_empty() => "with all other alerts".to_owned(),
            Some(group) => group.iter().map(|(name, value)| format!("{name}=\"{value}\"")).collect::<Vec<_>>().join(" "),
        };
        text.push_str(&format!("  one incident:  {}\n", plain(&group)));
    }
    let Taken { group_wait, group_interval, repeat_interval, escalation, .. } = taken;
    text.push_str(&format!("  first told:    after {group_wait}\n  changes:       {group_interval} after the last\n"));
    text.push_str(&format!("  told again:    after {repeat_interval}\n"));
    for Step { after, receiver } in escalation {
        text.push_str(&format!("  not answered:  {receiver} after {after}\n"));
    }
    text
}
