//! What became of an alert after its rule had told of it: how it was grouped and routed, what kept it silent, and every try to
//! tell somebody. Of an incident the same for all its alerts.

use std::collections::BTreeSet;

use floodmark_connectors::clock::SystemClock;
use floodmark_core::alert::desk::IncidentRecord;
use floodmark_core::ports::{AlertQuery, Clock};
use floodmark_schemas::{Alert, Timestamp};
use serde_json::json;

use super::{Args, Format, text};
use crate::cli::alerts::incident;
use crate::cli::exit::Failure;
use crate::cli::listing::json_line;
use crate::cli::{describe, open};
use crate::incidents::{Situation, Whole};

/// How many decisions, notifications and alerts of an incident are looked through.
const LOOKED_THROUGH: usize = 10_000;

/// What the desk did with one alert.
pub(super) struct Told {
    /// The incident it belongs to, with what concerns this alert.
    whole: Whole,
}

impl Told {
    /// Of an alert by its id; `None` when the desk has nothing of it, or it never fired.
    pub(super) async fn of(query: &dyn AlertQuery, situation: &Situation, alert: &str) -> Result<Option<Self>, Failure> {
        let Some(id) = query.alert(alert).await?.and_then(|record| record.incident) else { return Ok(None) };
        let Some(record) = query.incident(&id).await? else { return Ok(None) };
        let mut whole = Whole::of(query, record, situation, SystemClock.now(), LOOKED_THROUGH).await?;
        // What names no alert is about telling somebody of the incident.
        whole.decisions.retain(|decision| decision.alert.as_deref().is_none_or(|of| of == alert));
        whole.notifications.retain(|notified| notified.alerts.iter().any(|of| of == alert));
        Ok(Some(Self { whole }))
    }

    /// For people.
    pub(super) fn as_text(&self, alert: &Alert) -> String {
        let Whole { overview, decisions, notifications, .. } = &self.whole;
        let mut text = format!("\nIncident {}\n  {}\n", overview.incident.id, describe::plain(&overview.incident.title));
        text.push_str(&incident::decisions(decisions));
        text.push_str(&incident::notifications(notifications));
        text.push_str(&format!("\nTo ask the routes again\n  {}\n", route_test(alert)));
        text
    }

    /// For programs.
    pub(super) fn as_json(&self) -> serde_json::Value {
        let Whole { overview, decisions, notifications, .. } = &self.whole;
        json!({ "incident": overview.incident, "decisions": decisions, "notifications": notifications })
    }
}

/// The command that asks who would be told of such an alert.
fn route_test(alert: &Alert) -> String {
    let own = [("rule", alert.rule.as_str()), ("metric", alert.series.metric.as_str())].map(|(name, value)| (name.to_owned(), value));
    let labels = own.into_iter().chain(alert.labels.iter().map(|(name, value)| (name.clone(), value.as_str())));
    // Commas part the labels from each other: one that has a comma cannot be asked for.
    let words: Vec<String> =
        labels.filter(|(_, value)| !value.is_empty() && !value.contains(',')).map(|(name, value)| format!("{name}={value}")).collect();
    let labels = text::quoted(&words.join(","));
    format!("floodmark alerts route-test --labels {labels} --source {} --severity {} --explain", alert.source, alert.severity)
}

/// An incident, for people or for programs.
pub(super) async fn incident(
    query: &dyn AlertQuery,
    situation: &Situation,
    record: IncidentRecord,
    args: &Args,
) -> Result<String, Failure> {
    let whole = Whole::of(query, record, situation, SystemClock.now(), args.limit.max(1)).await?;
    let command = again(&whole);
    Ok(match args.format {
        Format::Json => json_line(&json!({ "incident": whole, "command": command })),
        Format::Text => format!("{}\nTo make its alerts again\n  {command}\n", incident::as_text(&whole)),
    })
}

/// The command that makes the alerts of an incident again.
fn again(whole: &Whole) -> String {
    let incident = &whole.overview.incident;
    let members = || whole.members.iter().map(|member| &member.alert);
    let began = members().map(|alert| alert.began).min().unwrap_or(incident.opened);
    let last = members().map(|alert| alert.time).max().unwrap_or(incident.opened);
    let sources: BTreeSet<&str> = members().map(|alert| alert.source.as_str()).collect();
    text::replay(&incident.id, &sources.into_iter().collect::<Vec<_>>().join(","), (began, Timestamp::max(last, began).plus_micros(1)))
}

/// Who answers about alerts, with what is open now.
pub(super) async fn asked(data: &open::Data) -> Result<(crate::incidents::Alerts, Situation), Failure> {
    let alerts = data.alerts(open::Access::Read).await?;
    let situation = Situation::read(&*alerts.query, data.policy()?).await?;
    Ok((alerts, situation))
}
