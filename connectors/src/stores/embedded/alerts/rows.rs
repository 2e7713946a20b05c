//! What stands in columns beside the whole, the same in every store.

use floodmark_core::alert::desk::AlertRecord;
use floodmark_core::{Error, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The whole as JSON.
pub(in crate::stores) fn written(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("records of alerts are JSON: keys are texts")
}

/// Reads it back.
pub(in crate::stores) fn read<T: DeserializeOwned>(data: &str) -> Result<T> {
    serde_json::from_str(data).map_err(|e| Error::broken("reading alerts of the store").because(e))
}

/// What is stored of an alert that comes without an incident when the one that is there has one: it stays in it, with whom it
/// concerned. A step of a rule that is computed anew, and one of an alert that the desk is done with, knows of neither.
pub(in crate::stores) fn kept(comes: &AlertRecord, stored: AlertRecord) -> AlertRecord {
    AlertRecord { incident: stored.incident, receivers: stored.receivers, ..comes.clone() }
}

/// The name of a state or a reason, as it stands in JSON.
pub(in crate::stores) fn name(value: &impl Serialize) -> String {
    written(value).trim_matches('"').to_owned()
}

/// The labels of an alert, so that one of them is found in it as a part of the text.
pub(in crate::stores) fn labels(record: &AlertRecord) -> String {
    let lines = record.alert.labels.iter().map(|(name, value)| label(name, value));
    format!("\n{}", lines.map(|line| line[1..].to_owned()).collect::<String>())
}

/// What stands in [`labels`] when an alert has this one. JSON has no line breaks in texts.
pub(in crate::stores) fn label(name: &str, value: &str) -> String {
    format!("\n{}\n", written(&[name, value]))
}

/// A limit as databases have it.
pub(in crate::stores) fn limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// The error of an owner that somebody else has replaced.
pub(in crate::stores) fn replaced(owner: u64, by: u64) -> Error {
    Error::conflict(format!("storing alerts: owner {owner} was replaced by owner {by}"))
}

/// The error of the beginning of an id that several have.
pub(in crate::stores) fn ambiguous(what: &str, id: &str) -> Error {
    Error::rejected(format!("looking for {what} {id}: several begin so; give more of the id"))
}

/// Whether a text can be the beginning of an id.
pub(in crate::stores) fn is_beginning(id: &str) -> bool {
    !id.is_empty() && id.len() <= 32 && id.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'))
}
