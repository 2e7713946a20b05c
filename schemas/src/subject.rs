//! The subjects entries travel on: their grammar in one place.
//!
//! ```text
//! floodmark.events.<partition>.<source>          frames of events
//! floodmark.events.<partition>.<source>.<shard>  frames of one shard of a source that is split over processes
//! floodmark.events.<partition>.floodmark-ticker  ticks: empty frames that carry time; of further processes
//!                                                floodmark-ticker-1, floodmark-ticker-2, ...
//! floodmark.outputs.<operator>.<partition>       claims and commits of a job
//! floodmark.snapshots.<operator>.<partition>     pieces of a job's state
//! floodmark.dead.<component>                     dead letters
//! floodmark.alerts.<severity>.<rule>             alerts, for whoever subscribes: no entries of a log
//! ```
//! A token is 1 to 64 of `A-Z a-z 0-9 _ -`; ids of sources, operators and sinks are tokens.

use crate::{DecodeError, Severity};

/// All events.
pub const EVENTS: &str = "floodmark.events.>";
/// All claims and commits.
pub const OUTPUTS: &str = "floodmark.outputs.>";
/// All dead letters.
pub const DEAD: &str = "floodmark.dead.>";
/// The source of ticks. Its name is reserved: ids that people give may not start with `floodmark`.
pub const TICKER: &str = "floodmark-ticker";

/// The source of what the program tells of itself: whether it does what it should, and whether it is online.
pub const MONITOR: &str = "floodmark";

/// Whether somebody who names these sources, or none and so all, reads `source`. What the program tells of itself only those read who
/// name it: it is none of the things that are watched.
pub fn takes(sources: Option<&[String]>, source: &str) -> bool {
    sources.map_or(source != MONITOR, |sources| sources.iter().any(|named| named == source))
}

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

/// Who writes frames, by name: a source, or one of its shards as `<source>.<shard>`. Ticks promise by it, leases and log
/// messages call it so. No token has a dot, so a source is never taken for the shard of another.
pub fn writer(source: &str, shard: Option<u32>) -> String {
    shard.map_or_else(|| source.to_owned(), |shard| format!("{source}.{shard}"))
}

/// The source and shard of a writer; `None` when the name is of nobody.
pub fn parse_writer(name: &str) -> Option<(&str, Option<u32>)> {
    let Some((source, shard)) = name.split_once('.') else { return Some((name, None)) };
    // One spelling for each number: "+1" and "01" are nobody's.
    let number = shard.parse::<u32>().ok().filter(|number| number.to_string() == shard)?;
    Some((source, Some(number)))
}

/// Where frames of `writer`, a source or one of its shards, in `partition` go.
pub fn events(partition: u32, writer: &str) -> String {
    format!("floodmark.events.{partition}.{writer}")
}

/// All frames of `partition`.
pub fn events_of_partition(partition: u32) -> String {
    format!("floodmark.events.{partition}.>")
}

/// All frames of `source`, of whichever shard.
pub fn events_of_source(source: &str) -> [String; 2] {
    [format!("floodmark.events.*.{source}"), format!("floodmark.events.*.{source}.*")]
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

/// Where the alerts of a rule go, for whoever subscribes to them.
pub fn alerts(severity: Severity, rule: &str) -> String {
    format!("floodmark.alerts.{severity}.{rule}")
}

/// The partition, source and shard of an event subject.
pub fn parse_events(subject: &str) -> Option<(u32, &str, Option<u32>)> {
    let (partition, writer) = subject.strip_prefix("floodmark.events.")?.split_once('.')?;
    let (source, shard) = parse_writer(writer)?;
    Some((partition.parse().ok()?, source, shard))
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
    fn what_the_program_tells_of_itself_only_those_read_who_name_it() {
        let named = ["web".to_owned(), MONITOR.to_owned()];
        assert_eq!(["web", "host", MONITOR].map(|source| takes(None, source)), [true, true, false]);
        assert_eq!(["web", "host", MONITOR].map(|source| takes(Some(&named), source)), [true, false, true]);
    }

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
        for (source, shard, name) in [("host", None, "host"), ("web", Some(0), "web.0"), ("web", Some(255), "web.255")] {
            assert_eq!(writer(source, shard), name);
            assert_eq!(parse_writer(name), Some((source, shard)));
            let subject = events(7, name);
            assert_eq!(parse_events(&subject), Some((7, source, shard)));
            assert!(matches(&events_of_partition(7), &subject) && !matches(&events_of_partition(70), &subject));
            assert!(events_of_source(source).iter().any(|pattern| matches(pattern, &subject)));
            assert!(!events_of_source("we").iter().any(|pattern| matches(pattern, &subject)));
        }
        for of_nobody in ["web.", "web.x", "web.01", "web.+1", "web.-1", "web.1.2", "web.4294967296"] {
            assert_eq!(parse_writer(of_nobody), None, "{of_nobody}");
        }
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
