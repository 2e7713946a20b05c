//! What every channel says of a notification in words.

use floodmark_schemas::{Acknowledgement, Alert, AlertState, Notification, NotificationReason};
use serde::Serialize;

/// What a notification is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Something is wrong.
    Firing,
    /// Somebody has begun to look after it.
    Acknowledged,
    /// It is over.
    Resolved,
    /// Somebody wants to see whether a notification arrives.
    Test,
}

/// What `notification` is about: its reason, and not how the incident stands. What is new in an incident that somebody looks
/// after already is news all the same, for some receivers the first that they hear of it.
pub fn status(notification: &Notification) -> Status {
    match notification.reason {
        NotificationReason::Opened | NotificationReason::Changed | NotificationReason::Repeated | NotificationReason::Escalated => {
            Status::Firing
        }
        NotificationReason::Acknowledged => Status::Acknowledged,
        NotificationReason::Resolved => Status::Resolved,
        NotificationReason::Test => Status::Test,
    }
}

/// How many of its alerts are active. Active ones are listed first: only when all that are listed are, more may be.
pub fn active(notification: &Notification) -> String {
    let active = notification.alerts.iter().filter(|alert| alert.state.is_active()).count();
    let more = notification.left_out > 0 && active == notification.alerts.len();
    format!("{active}{}", if more { "+" } else { "" })
}

/// The title of the incident in one line. An empty one (a template whose label is not there) says nothing, and some services
/// refuse it: then it is what the first alert says, or the id.
pub fn title(notification: &Notification) -> String {
    let incident = &notification.incident;
    let own = Some(one_line(&incident.title)).filter(|title| !title.is_empty());
    let first = || notification.alerts.first().map(whole_summary);
    own.or_else(first).unwrap_or_else(|| format!("Incident {}", incident.id))
}

/// One line that says the most: `[FIRING 2 · critical] title`. What stands after the bracket stays the same for the incident.
pub fn headline(notification: &Notification) -> String {
    let (title, severity) = (title(notification), notification.incident.severity);
    match status(notification) {
        Status::Firing => format!("[FIRING {} · {severity}] {title}", active(notification)),
        Status::Acknowledged => format!("[ACKNOWLEDGED · {severity}] {title}"),
        Status::Resolved => format!("[RESOLVED] {title}"),
        Status::Test => format!("[TEST · {severity}] {title}"),
    }
}

/// Why it is sent, and who looks after the incident.
pub fn why(notification: &Notification) -> String {
    let by = notification.incident.acknowledged.as_ref();
    let looks_after = |by: &Acknowledgement| format!("{} looks after it", one_line(&by.owner));
    let sentence = match notification.reason {
        NotificationReason::Opened => "A new incident.",
        NotificationReason::Changed => "Alerts have come or gone, or are graver.",
        NotificationReason::Repeated | NotificationReason::Escalated if by.is_some() => "It goes on.",
        NotificationReason::Repeated => "It goes on, and nobody looks after it.",
        NotificationReason::Escalated => "It goes on, and those who were told before did not answer.",
        NotificationReason::Resolved => return "All is over.".to_owned(),
        NotificationReason::Test => return "A test: somebody wants to see whether this arrives. Nothing is wrong.".to_owned(),
        NotificationReason::Acknowledged => {
            return match by {
                Some(by) if by.note.is_empty() => format!("{}.", looks_after(by)),
                Some(by) => format!("{}: {}", looks_after(by), one_line(&by.note)),
                None => "Somebody looks after it.".to_owned(),
            };
        }
    };
    by.map_or_else(|| sentence.to_owned(), |by| format!("{sentence} {}.", looks_after(by)))
}

/// What an alert says in one line: its annotation `summary`, or else the rule. The series has to stand beside it.
pub fn summary(alert: &Alert) -> String {
    own_summary(alert).unwrap_or_else(|| alert.rule.clone())
}

/// What an alert says in one line, where nothing stands beside it: its annotation `summary`, or else the rule and the series.
pub fn whole_summary(alert: &Alert) -> String {
    own_summary(alert).unwrap_or_else(|| format!("{}: {}", alert.rule, alert.series))
}

fn own_summary(alert: &Alert) -> Option<String> {
    alert.annotations.get("summary").map(|summary| one_line(summary)).filter(|summary| !summary.is_empty())
}

/// A state as people read it.
pub fn state(state: AlertState) -> &'static str {
    match state {
        AlertState::Inactive => "over before it fired",
        AlertState::Pending => "pending",
        AlertState::Firing => "firing",
        AlertState::Recovering => "recovering",
        AlertState::Resolved => "resolved",
        AlertState::NoData => "no data",
        AlertState::Error => "cannot be judged",
    }
}

/// Text in one line, without control characters: fit for a header or a title.
pub fn one_line(text: &str) -> String {
    let plain: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The first `chars_max` characters, with a mark where something was cut.
pub fn cut(text: &str, chars_max: usize) -> String {
    if text.chars().count() <= chars_max {
        return text.to_owned();
    }
    let kept: String = text.chars().take(chars_max.saturating_sub(1)).collect();
    format!("{kept}…")
}

/// A number with up to six digits that count: `91.2`, `0.333333`, `1.2e+16`.
pub fn number(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return format!("{}", value + 0.0);
    }
    // The exponent after rounding to six digits, read from the text: exact on every platform.
    let scientific = format!("{value:.5e}");
    let (digits, exponent) = scientific.split_once('e').expect("this format has an exponent");
    let exponent: i32 = exponent.parse().expect("the exponent is a number");
    if (-5..15).contains(&exponent) {
        let after = usize::try_from(5 - exponent).unwrap_or(0);
        let text = format!("{value:.after$}");
        return if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text };
    }
    let digits = digits.trim_end_matches('0').trim_end_matches('.');
    format!("{digits}e{exponent:+}")
}

/// A duration in its two largest units: `2 h 5 min`, `45 s`.
pub fn duration(secs: f64) -> String {
    const UNITS: [(&str, u64); 4] = [("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)];
    let whole = if secs.is_finite() { secs.max(0.0).round() as u64 } else { 0 };
    let first = UNITS.iter().position(|(_, unit)| whole >= *unit).unwrap_or(UNITS.len() - 1);
    let (name, unit) = UNITS[first];
    let next = UNITS.get(first + 1).map(|(name, smaller)| (whole % unit / smaller, *name)).filter(|(count, _)| *count > 0);
    match next {
        Some((count, smaller)) => format!("{} {name} {count} {smaller}", whole / unit),
        None => format!("{} {name}", whole / unit),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_six_digits_that_count() {
        for (value, text) in [
            (0.0, "0"),
            (-0.0, "0"),
            (91.2, "91.2"),
            (1.0 / 3.0, "0.333333"),
            (1_234_567.0, "1234567"),
            (999_999.96, "1000000"),
            (-12.340_000_1, "-12.34"),
            (0.000_012_345_678, "0.0000123457"),
            (1.0e-9, "1e-9"),
            (1.2e16, "1.2e+16"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "inf"),
        ] {
            assert_eq!(number(value), text);
        }
    }

    #[test]
    fn durations_have_two_units() {
        for (secs, text) in [
            (0.2, "0 s"),
            (59.6, "1 min"),
            (45.0, "45 s"),
            (90.0, "1 min 30 s"),
            (3_600.0, "1 h"),
            (7_530.0, "2 h 5 min"),
            (90_061.0, "1 d 1 h"),
            (-5.0, "0 s"),
            (f64::NAN, "0 s"),
        ] {
            assert_eq!(duration(secs), text);
        }
    }

    #[test]
    fn a_line_stays_a_line() {
        assert_eq!(one_line("a\r\nBcc: b\t c\u{1b}"), "a Bcc: b c");
        assert_eq!((cut("abcd", 4), cut("abcde", 4)), ("abcd".to_owned(), "abc…".to_owned()));
    }
}
