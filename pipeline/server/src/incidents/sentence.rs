//! Decisions of the desk as people read them.

use floodmark_core::alert::desk::{Decision, Matchers, Verdict};
use floodmark_schemas::{Alert, Timestamp};

use crate::config::name_of;

/// How many hex digits of an id people see.
const DIGITS: usize = 8;

/// The beginning of an id, which is enough for a person.
pub(crate) fn short(id: &str) -> &str {
    id.get(..DIGITS).unwrap_or(id)
}

/// What an alert is called.
pub(crate) fn name(alert: &Alert) -> String {
    format!("{} of {}: {}", alert.rule, alert.source, alert.series)
}

/// Matchers as one writes them.
pub(crate) fn matchers(matchers: &Matchers) -> String {
    matchers.0.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

/// What keeps an alert silent, in a few words.
pub(crate) fn mute(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Silenced { silence, until } => format!("silence {} until {}", short(silence), time(*until)),
        Verdict::InMaintenance { window, until } => format!("maintenance {window} until {}", time(*until)),
        Verdict::Inhibited { by, depends: true, .. } => format!("depends on alert {}", short(by)),
        Verdict::Inhibited { inhibition, by, depends: false } => format!("inhibition {inhibition} by alert {}", short(by)),
        other => name_of(other),
    }
}

/// A decision, without its time.
pub(crate) fn decision(decision: &Decision) -> String {
    let alert = decision.alert.as_deref().map_or_else(|| "an alert".to_owned(), |id| format!("alert {}", short(id)));
    let receiver = decision.receiver.as_deref().unwrap_or("nobody");
    match &decision.verdict {
        Verdict::Grouped { routes, opened } => {
            let what = if *opened { "opened the incident" } else { "came to the incident" };
            format!("{alert} {what}, by {}", listed(routes))
        }
        Verdict::NoRoute => format!("{alert}: no route leads to anybody"),
        Verdict::Late { fired } => format!("{alert} became known late: it would have fired at {}", time(*fired)),
        Verdict::Waiting { until } => format!("{receiver} is told at {}, with what comes until then", time(*until)),
        Verdict::Told { notification, reason } => {
            format!("{receiver} was written to: {}, notification {}", name_of(reason), short(notification))
        }
        Verdict::Inhibited { inhibition, by, depends } => {
            let why = if *depends { format!("depends on alert {}", short(by)) } else { format!("is less than alert {}", short(by)) };
            format!("{alert} is kept from {receiver}: it {why} (inhibition {inhibition})")
        }
        Verdict::Silenced { silence, until } => {
            format!("{alert} is kept from {receiver} by silence {} until {}", short(silence), time(*until))
        }
        Verdict::InMaintenance { window, until } => {
            format!("{alert} is kept from {receiver} by maintenance {window} until {}", time(*until))
        }
        Verdict::Unmuted => format!("nothing keeps {alert} from {receiver} any more"),
        Verdict::Flapping { until } => {
            format!("{alert} changes too often: it counts as open until {}, unless it comes again", time(*until))
        }
        Verdict::RateLimited { until } => format!("{receiver} was told too much already: the next waits until {}", time(*until)),
        Verdict::AcknowledgedNoMore { severity } => {
            format!("it is {}, graver than all that was known when it was acknowledged: it is acknowledged no more", severity.name())
        }
        Verdict::OverBefore => format!("all was over before {receiver} was told"),
        Verdict::Acknowledged { by } => format!("{by} looks after it"),
        Verdict::Escalated { to } => format!("nobody who was told looks after it: {to} is told too"),
        Verdict::RuleChanged { reason } => format!("{alert} is none any more: {reason}"),
        Verdict::SilenceOver { silence, owner, alerts } => {
            let alerts = match alerts {
                1 => "1 alert that it meant is still open".to_owned(),
                alerts => format!("{alerts} alerts that it meant are still open"),
            };
            format!("silence {} of {owner} is over: {alerts}", short(silence))
        }
        Verdict::ReceiverGone => format!("{receiver} is not configured any more and is told nothing"),
    }
}

/// Routes by their names.
fn listed(routes: &[String]) -> String {
    match routes {
        [root] if root.is_empty() => "the root route".to_owned(),
        [route] => format!("route {route}"),
        routes => format!("routes {}", routes.join(", ")),
    }
}

/// A time to the second.
pub(crate) fn time(time: Timestamp) -> String {
    let text = time.to_string();
    match text.split_once('.') {
        Some((seconds, _)) => format!("{seconds}Z"),
        None => text,
    }
}
