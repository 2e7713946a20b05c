//! Notifications as a kind of result: what one receiver would have been told of one incident, and what kept that silent.

use std::collections::BTreeMap;

use floodmark_core::Result;
use floodmark_core::alert::desk::Verdict;
use floodmark_engine::replay::{Past, Period};
use floodmark_schemas::{Incident, Timestamp};
use serde::Serialize;
use serde_json::{Value, json};

use super::kind::{Identity, Kind};
use super::run::Live;
use crate::assemble::desk;
use crate::backtest::{Played, Telling, played};
use crate::config::Config;

/// What a receiver would have been told of an incident.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Thread {
    receiver: String,
    incident: Incident,
    told: Vec<Telling>,
    /// The reasons for which something was not told, or not at once, in order.
    silent: Vec<String>,
}

/// What the rules and routes of a configuration would have told of a period, in the order in which incidents were opened.
///
/// # Errors
/// Those of the log.
pub(super) async fn threads(live: &Live, past: &Past, config: &Config, period: Period) -> Result<Vec<Thread>> {
    // Where nobody can be told, what differs is what the alerts say.
    if config.alerts.is_empty() || config.receivers.is_empty() {
        return Ok(Vec::new());
    }
    Ok(of(played(live, past, config, desk::policy(config)?).await?, period))
}

fn of(played: Played, period: Period) -> Vec<Thread> {
    let Played { incidents, told, decisions } = played;
    let mut threads: BTreeMap<(Timestamp, String, String), Thread> = BTreeMap::new();
    let mut thread = |incident: &str, receiver: &str, change: &dyn Fn(&mut Thread)| {
        let Some(incident) = incidents.get(incident) else { return };
        let key = (incident.opened, incident.id.clone(), receiver.to_owned());
        let new = || Thread { receiver: receiver.to_owned(), incident: incident.clone(), told: Vec::new(), silent: Vec::new() };
        change(threads.entry(key).or_insert_with(new));
    };
    for telling in told.iter().filter(|telling| period.holds(telling.time)) {
        thread(&telling.incident, &telling.receiver, &|thread| thread.told.push(telling.clone()));
    }
    for decision in decisions.iter().filter(|decision| period.holds(decision.time)) {
        let Some(reason) = silent(&decision.verdict) else { continue };
        // Nobody is whom no route leads to.
        thread(&decision.incident, decision.receiver.as_deref().unwrap_or("nobody"), &|thread| thread.silent.push(reason.clone()));
    }
    threads.into_values().collect()
}

/// Why something was not told, when that is what was decided.
fn silent(verdict: &Verdict) -> Option<String> {
    Some(match verdict {
        Verdict::Inhibited { inhibition, .. } => format!("inhibited: {inhibition}"),
        Verdict::InMaintenance { window, .. } => format!("in_maintenance: {window}"),
        Verdict::RateLimited { .. } => "rate_limited".to_owned(),
        Verdict::OverBefore => "over_before".to_owned(),
        Verdict::NoRoute => "no_route".to_owned(),
        _ => return None,
    })
}

impl Kind for Thread {
    const NAME: &'static str = "notifications";
    const REMEMBERS: bool = true;

    fn time(&self) -> Timestamp {
        self.incident.opened
    }

    fn identity(&self) -> Identity {
        (self.receiver.clone(), self.incident.id.clone(), String::new(), self.incident.opened)
    }

    fn operator(&self) -> &str {
        &self.receiver
    }

    fn version(&self) -> &str {
        ""
    }

    fn source(&self) -> &str {
        ""
    }

    fn about(&self) -> Value {
        let Incident { id, title, opened, .. } = &self.incident;
        json!({ "receiver": self.receiver, "incident": id, "title": title, "time": opened })
    }

    fn says_the_same(&self, other: &Self) -> bool {
        self.says() == other.says()
    }

    /// Each notification by its number, and what kept it silent.
    fn says(&self) -> Value {
        let one = |(n, told): (usize, &Telling)| {
            (n.to_string(), json!({ "time": told.time, "reason": told.reason, "severity": told.severity, "rules": told.rules }))
        };
        let mut says: serde_json::Map<String, Value> = self.told.iter().enumerate().map(one).collect();
        if !self.silent.is_empty() {
            says.insert("kept_silent".to_owned(), json!(self.silent));
        }
        Value::Object(says)
    }
}
