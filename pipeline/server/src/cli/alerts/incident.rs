//! An incident as text.

use floodmark_core::alert::desk::{Decision, Related};
use floodmark_core::ports::alerts::{Outcome, SentState};
use floodmark_schemas::{Acknowledgement, Timestamp};

use crate::cli::describe::plain;
use crate::cli::listing::Listed;
use crate::cli::output;
use crate::cli::table::{Align, Table};
use crate::config::name_of;
use crate::incidents::{AlertOverview, Attempted, Concerned, Notified, Whole, sentence};

/// All of it.
pub(in crate::cli) fn as_text(whole: &Whole) -> String {
    let incident = &whole.overview.incident;
    let lasts = match incident.resolved {
        None => format!("open since {}", sentence::time(incident.opened)),
        Some(over) => format!("from {} to {}", sentence::time(incident.opened), sentence::time(over)),
    };
    let worst = if whole.worst > incident.severity { format!(" ({} at worst)", whole.worst) } else { String::new() };
    let mut text = format!("{}\n{}{worst}, {lasts}, incident {}\n", plain(&incident.title), incident.severity, incident.id);
    text.push_str(&incident.acknowledged.as_ref().map(acknowledged).unwrap_or_default());
    if whole.overview.muted > 0 {
        text.push_str(&format!("silent: {}\n", plain(&whole.overview.muted_words())));
    }
    for (name, value) in &incident.group {
        text.push_str(&format!("  {}\n", plain(&format!("{name} = {value}"))));
    }
    text.push_str(&format!("\nAlerts\n{}", AlertOverview::table(&whole.members).render(output::width())));
    if whole.more_members {
        text.push_str("and more; -n sets how many are shown\n");
    }
    text.push_str(&related(&whole.related));
    text.push_str(&receivers(whole));
    text.push_str(&decisions(&whole.decisions));
    text.push_str(&notifications(&whole.notifications));
    text
}

fn acknowledged(by: &Acknowledgement) -> String {
    let useful = match by.useful {
        None => "",
        Some(true) => ", says it was useful",
        Some(false) => ", says it was noise",
    };
    let note = if by.note.is_empty() { String::new() } else { format!(": {}", by.note) };
    format!("{}\n", plain(&format!("{} looks after it since {}{useful}{note}", by.owner, sentence::time(by.time))))
}

fn related(related: &[Related]) -> String {
    let line = |related: &Related| {
        let Related { incident, title, source, later_us } = related;
        let secs = later_us.unsigned_abs() / 1_000_000;
        let when = match later_us {
            0 => "at the same time".to_owned(),
            1.. => format!("{secs} s later"),
            _ => format!("{secs} s earlier"),
        };
        format!("  {when}: {}, source {}, incident {}\n", plain(title), plain(source), sentence::short(incident))
    };
    let lines: String = related.iter().map(line).collect();
    if lines.is_empty() { lines } else { format!("\nBegan at about the same time (no more than that is known)\n{lines}") }
}

fn receivers(whole: &Whole) -> String {
    if whole.receivers.is_empty() {
        return "\nNobody is told of it.\n".to_owned();
    }
    let texts = ["RECEIVER", "ROUTE"].map(|name| (name, Align::Left));
    let times = ["LAST TOLD", "NEXT LOOK", "ESCALATES"].map(|name| (name, Align::Left));
    let mut table = Table::new(texts.into_iter().chain([("TOLD", Align::Right)]).chain(times));
    for (receiver, Concerned { route, told, last_told, due, escalates }) in &whole.receivers {
        let route = if route.is_empty() { "(root)" } else { route };
        let row = [receiver.clone(), route.to_owned(), told.to_string()];
        table.row(row.into_iter().chain([last_told, due, escalates].map(|time| time.map(sentence::time).unwrap_or_default())).collect());
    }
    format!("\nReceivers\n{}", table.render(output::width()))
}

/// Decisions, each as a sentence.
pub(in crate::cli) fn decisions(decisions: &[Decision]) -> String {
    let line = |decision: &Decision| line(decision.time, &sentence::decision(decision));
    let lines: String = decisions.iter().map(line).collect();
    if lines.is_empty() { lines } else { format!("\nDecisions\n{lines}") }
}

fn line(time: Timestamp, text: &str) -> String {
    format!("  {}  {}\n", sentence::time(time), plain(text))
}

/// Notifications, each with every try.
pub(in crate::cli) fn notifications(notifications: &[Notified]) -> String {
    let mut text = String::new();
    for Notified { id, receiver, reason, time, state, attempts, .. } in notifications {
        let stands = match state {
            SentState::Waiting => "waits to be sent",
            SentState::Delivered => "delivered",
            SentState::Dead => "set aside: see `floodmark dlq ls alerts`",
        };
        text.push_str(&line(*time, &format!("{receiver}: {}, {stands}, notification {}", name_of(reason), sentence::short(id))));
        for Attempted { number, time, outcome, answer } in attempts {
            let came = match outcome {
                Outcome::Delivered => "delivered".to_owned(),
                Outcome::Again { at } => format!("not taken, next try not before {}", sentence::time(*at)),
                Outcome::Rejected => "refused for good".to_owned(),
                Outcome::GivenUp => "given up".to_owned(),
            };
            text.push_str(&format!("    try {number}, {}: {came}: {}\n", sentence::time(*time), plain(answer)));
        }
    }
    if text.is_empty() { text } else { format!("\nNotifications\n{text}") }
}
