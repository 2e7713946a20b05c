//! The subjects entries travel on: their grammar in one place.
//!
//! ```text
//! floodmark.events.<partition>.<source>          frames of events
//! floodmark.events.<partition>.floodmark-ticker  ticks: empty frames that carry time; of further processes
//!                                                floodmark-ticker-1, floodmark-ticker-2, ...
//! floodmark.outputs.<operator>.<partition>       claims and commits of a job
//! floodmark.snapshots.<operator>.<partition>     pieces of a job's state
//! floodmark.dead.<component>                     dead letters
//! ```
//! A token is 1 to 64 of `A-Z a-z 0-9 _ -`; ids of sources, operators and sinks are tokens.

use crate::DecodeError;

/// All events.
pub const EVENTS: &str = "floodmark.events.>";
/// All claims and commits.
pub const OUTPUTS: &str = "floodmark.outputs.>";
/// All dead letters.
pub const DEAD: &str = "floodmark.dead.>";
/// The source of ticks. Its name is reserved: ids that people give may not start with `floodmark`.
pub const TICKER: &str = "floodmark-ticker";

/// Whether a source is one of those that tick.
pub fn is_ticker(source: &str) -> bool {
    source.strip_prefix(TICKER).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

/// The source of the ticks of one of several processes, from 0.
pub fn ticker(slot: u32) -> String {
    if slot == 0 { TICKER.to_owned() } else { format!("{TICKER}-{slot}") }
}

/// The longest id of a component.
pub const TOKEN_CHARS_MAX: usize = 64;

/// Checks that `text` can be one token of a subject.
///
/// # Errors
/// When it is empty, too long, or has another character; the text says which.
pub fn token(text: &str) -> Result<&str, DecodeError> {
    if text.is_empty() || text.len() > TOKEN_CHARS_MAX {
        return Err(DecodeError::new(format!("{text:?} must have 1 to {TOKEN_CHARS_MAX} characters")));
    }
    match text.chars().find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))) {
        Some(c) => Err(DecodeError::new(format!("{text:?} holds {c:?}; letters, digits, '_' and '-' are allowed"))),
        None => Ok(text),
    }
}

/// Where frames of `source` in `partition` go.
pub fn events(partition: u32, source: &str) -> String {
    format!("floodmark.events.{partition}.{source}")
}

/// All frames of `partition`.
pub fn events_of_partition(partition: u32) -> String {
    format!("floodmark.events.{partition}.*")
}

/// Where the claims and commits of a job go.
pub fn outputs(operator: &str, partition: u32) -> String {
    format!("floodmark.outputs.{operator}.{partition}")
}

/// The claims and commits of all jobs of an operator.
pub fn outputs_of(operator: &str) -> String {
    format!("floodmark.outputs.{operator}.*")
}

/// Where the state of a job goes.
pub fn snapshots(operator: &str, partition: u32) -> String {
    format!("floodmark.snapshots.{operator}.{partition}")
}

/// Where the dead letters of a component go.
pub fn dead(component: &str) -> String {
    format!("floodmark.dead.{component}")
}

/// The partition and source of an event subject.
pub fn parse_events(subject: &str) -> Option<(u32, &str)> {
    let (partition, source) = subject.strip_prefix("floodmark.events.")?.split_once('.')?;
    Some((partition.parse().ok()?, source))
}

/// The operator and partition of the subject of a job.
pub fn parse_outputs(subject: &str) -> Option<(&str, u32)> {
    let (operator, partition) = subject.strip_prefix("floodmark.outputs.")?.split_once('.')?;
    Some((operator, partition.parse().ok()?))
}

/// The component of a dead letter's subject.
pub fn dead_component(subject: &str) -> Option<&str> {
    subject.strip_prefix("floodmark.dead.")
}

/// Whether `subject` matches `pattern` by NATS rules: `*` is one token, a last `>` is one or more.
pub fn matches(pattern: &str, subject: &str) -> bool {
    let mut tokens = subject.split('.');
    for expected in pattern.split('.') {
        match (expected, tokens.next()) {
            (">", Some(_)) => return true,
            ("*", Some(_)) => {}
            (text, Some(token)) if text == token => {}
            _ => return false,
        }
    }
    tokens.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_by_the_rules_of_nats() {
        for (pattern, subject, expected) in [
            (EVENTS, "floodmark.events.0.host", true),
            (EVENTS, "floodmark.events", false),
            ("floodmark.events.3.*", "floodmark.events.3.host", true),
            ("floodmark.events.3.*", "floodmark.events.30.host", false),
            ("floodmark.events.*", "floodmark.events.3.host", false),
            ("a.b", "a.b", true),
            ("a.b", "a.b.c", false),
        ] {
            assert_eq!(matches(pattern, subject), expected, "{pattern} {subject}");
        }
    }

    #[test]
    fn subjects_read_back() {
        assert_eq!(parse_events(&events(7, "host")), Some((7, "host")));
        assert_eq!(parse_events("floodmark.outputs.w.0"), None);
        assert_eq!(parse_outputs(&outputs("w", 7)), Some(("w", 7)));
        assert!(matches(&outputs_of("w"), &outputs("w", 7)));
        assert_eq!((dead_component(&dead("web")), dead_component("floodmark.outputs.w.0")), (Some("web"), None));
        assert!(matches(&events_of_partition(7), &events(7, "host")));
    }

    #[test]
    fn tickers_are_told_from_other_sources() {
        for (source, expected) in [("floodmark-ticker", true), ("floodmark-ticker-1", true), ("floodmark-tickers", false), ("host", false)]
        {
            assert_eq!(is_ticker(source), expected, "{source}");
        }
        assert_eq!([ticker(0), ticker(2)], ["floodmark-ticker", "floodmark-ticker-2"]);
    }

    #[test]
    fn tokens_are_checked() {
        assert!(token("web_1-a").is_ok());
        for bad in ["", "a.b", "a b", "ü", &"x".repeat(65)] {
            assert!(token(bad).is_err(), "{bad}");
        }
    }
}
