//! Arguments that several of the commands take, and what they have in common when something is asked for.

use clap::{Args, ValueEnum};
use floodmark_connectors::clock::SystemClock;
use floodmark_connectors::settings::Span;
use floodmark_core::alert::desk::{Action, Matcher, Matchers};
use floodmark_core::ports::{AlertRequests, Clock};
use floodmark_schemas::{Severity, Timestamp};

use crate::cli::exit::{Exit, Failure};
use crate::cli::listing::{Form, json_line};
use crate::cli::open::{Access, Data};
use crate::cli::output::print;
use crate::cli::selection::usage;
use crate::incidents::{Asked, Found, alert, ask, incident, words};

/// How long a whole id is.
const WHOLE: usize = 32;

/// Who asks for something, and how long is waited for it.
#[derive(Clone, Debug, Args)]
pub struct Asker {
    /// Who you are; the user of this shell when absent.
    #[arg(long, env = "USER", hide_env_values = true, value_name = "NAME", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub owner: String,
    /// How long to wait until `floodmark run` has done it.
    #[arg(long, value_name = "DURATION", default_value = "10s")]
    pub wait: Span,
    /// How the answer is written.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

/// How answers are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Table,
    /// One JSON object on each line.
    Json,
}

impl From<Format> for Form {
    fn from(format: Format) -> Self {
        match format {
            Format::Table => Self::Table,
            Format::Json => Self::Json,
        }
    }
}

impl Asker {
    /// Who that is.
    pub(super) fn name(&self) -> Result<String, Failure> {
        words::owner(self.owner.clone()).map_err(usage)
    }

    /// Asks for an action and waits: gives the id of what was made or changed. Programs are told of it here, as by the API, and then there
    /// is nothing left to say.
    pub(super) async fn ask(&self, requests: &dyn AlertRequests, action: &Action) -> Result<Option<String>, Failure> {
        let asked = ask(requests, action, SystemClock.now(), self.wait.0).await?;
        let reply = asked.reply();
        if self.format == Format::Json && (reply.done || matches!(asked, Asked::Waiting(_))) {
            print(&json_line(&reply))?;
        }
        match asked {
            Asked::Answered(answer) if answer.done => Ok((self.format == Format::Table).then_some(answer.text)),
            Asked::Answered(answer) => Err(Failure::new(answer.text)),
            Asked::Waiting(number) => {
                let what = format!("asked for as request {number}; nobody has done it yet: is `floodmark run` running?");
                let remedy = "it stays asked for, and is done as soon as `floodmark run` is there: do not ask again";
                Err(Failure::Other(Exit::Unreachable, what, Some(remedy.to_owned())))
            }
        }
    }
}

/// The beginning of an id, as people copy it.
pub(in crate::cli) fn beginning(text: &str) -> Result<String, String> {
    let is_one = !text.is_empty() && text.len() <= WHOLE && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_one { Ok(text.to_ascii_lowercase()) } else { Err("an id, or its beginning, has up to 32 hex digits".to_owned()) }
}

/// A severity by its name.
pub(super) fn severity(text: &str) -> Result<Severity, String> {
    let found = Severity::ALL.into_iter().find(|severity| severity.name() == text);
    found.ok_or_else(|| "the severities are info, warning, error and critical".to_owned())
}

/// A point in time.
pub(super) fn time(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(text).map_err(|_| "write a time such as 2026-01-31T12:00:00Z".to_owned())
}

/// Matchers, or what is wrong with one.
pub(super) fn matchers(texts: &[String]) -> Result<Matchers, Failure> {
    let parsed: floodmark_core::Result<Vec<Matcher>> = texts.iter().map(|text| Matcher::parse(text)).collect();
    parsed.map(Matchers).map_err(|e| {
        let remedy = "as in rule=disk_full 'host=~db-.*' team!=web 'severity>=error'; docs/guides/incidents.md says more";
        usage(e.chain()).remedy(remedy)
    })
}

/// The one that begins so.
pub(super) fn one<T>(found: Found<T>, what: &str, beginning: &str, listed_by: &str) -> Result<T, Failure> {
    match found {
        Found::One(one) => Ok(one),
        Found::None => {
            let remedy = format!("`{listed_by}` lists those there are");
            Err(Failure::new(format!("there is no {what} {beginning}")).remedy(remedy))
        }
        Found::Several(lines) => Err(several(beginning, &lines)),
    }
}

/// The whole id of the alert or incident that begins so. One that is whole is taken as it is: the store need not know it.
pub(in crate::cli) async fn whole_id(data: &Data, beginning: &str) -> Result<String, Failure> {
    if beginning.len() == WHOLE {
        return Ok(beginning.to_owned());
    }
    let query = data.alerts(Access::Read).await?.query;
    let alert = alert(&*query, beginning).await?;
    match (incident(&*query, beginning).await?, alert) {
        (Found::One(_), Found::One(_)) => {
            Err(usage(format!("an alert and an incident begin with {beginning}")).remedy("give more of the id"))
        }
        (Found::None, Found::None) => Err(Failure::new(format!("there is no alert or incident {beginning}"))
            .remedy("`floodmark alerts ls --alerts --all` lists alerts; of a rollup or score give all 32 digits")),
        (Found::None, alert) => Ok(one(alert, "alert", beginning, "floodmark alerts ls --alerts --all")?.alert.id),
        (incident, _) => Ok(one(incident, "incident", beginning, "floodmark alerts ls --all")?.incident.id),
    }
}

/// That several begin so, and which.
pub(super) fn several(beginning: &str, lines: &[String]) -> Failure {
    let lines: String = lines.iter().map(|line| format!("\n  {}", crate::cli::describe::plain(line))).collect();
    usage(format!("several begin with {beginning}:{lines}")).remedy("give more of the id")
}
