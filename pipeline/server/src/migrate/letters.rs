//! Dead letters that the log holds no more.
//!
//! They go into the new store before the log is read: of two letters with the same component and id the first one counts.

use std::collections::BTreeSet;

use floodmark_core::Result;
use floodmark_core::ports::log::dead_letter_entry;
use floodmark_core::ports::{DeadLetterQuery, Entry, Limit, Log, Position, Standing};
use floodmark_engine::SinkPlan;
use floodmark_engine::ingest::Logs;
use floodmark_engine::sink_runner::Reads;
use floodmark_schemas::{DeadLetter, Timestamp, subject};

use super::fill::log_of;
use super::pairs::{PAGE, Pages};

/// How many are written at once.
const WRITE: usize = 500;

type Known = BTreeSet<(String, String, Timestamp)>;

/// The dead letters of a store, newest first.
pub(super) fn pages(query: &dyn DeadLetterQuery) -> Pages<'_, DeadLetter> {
    Pages::new(move |after| Box::pin(async move { query.dead_letters(None, after.as_deref(), PAGE).await }))
}

/// Hands the letters of `old` that are not in the log to those of `sinks` that keep dead letters; says how many.
///
/// # Errors
/// `Unavailable`, and those of the sinks.
pub(super) async fn copy(old: &dyn DeadLetterQuery, logs: &Logs, sinks: &[SinkPlan]) -> Result<u64> {
    let known = known(&*logs.outputs).await?;
    let keepers: Vec<&SinkPlan> =
        sinks.iter().filter(|plan| plan.reads == Reads::Outputs && plan.patterns.iter().any(|p| p == subject::DEAD)).collect();
    let (mut letters, mut copied, mut entries) = (pages(old), 0, Vec::new());
    loop {
        let letter = letters.next().await?;
        if entries.len() == WRITE || letter.is_none() {
            write(&keepers, logs, &entries).await?;
            copied += entries.len() as u64;
            entries.clear();
        }
        match letter {
            None => return Ok(copied),
            Some(letter) if known.contains(&key(&letter)) => {}
            Some(letter) => entries.push(entry(&letter)?),
        }
    }
}

fn key(letter: &DeadLetter) -> (String, String, Timestamp) {
    (letter.component.clone(), letter.id.clone(), letter.time)
}

/// The letters in the log.
async fn known(outputs: &dyn Log) -> Result<Known> {
    let mut reader = outputs.reader(vec![subject::DEAD.to_owned()], Position::START).await?;
    let limit = Limit { until: Some(outputs.continuity().await?.tail), ..Limit::default() };
    let mut known = Known::new();
    loop {
        let entries = reader.next(limit).await?;
        if entries.is_empty() {
            return Ok(known);
        }
        known.extend(entries.iter().filter_map(|entry| serde_json::from_slice(&entry.body).ok()).map(|letter: DeadLetter| key(&letter)));
    }
}

/// As it stood in the log.
fn entry(letter: &DeadLetter) -> Result<Entry> {
    let new = dead_letter_entry(letter)?;
    Ok(Entry { position: Position::START, time: letter.time, subject: new.subject, id: new.id, headers: new.headers, body: new.body })
}

/// Writes entries where the sinks stand: their position stays. So does the mark by which they recognise their log: the entry
/// that it is of is written once more, as the last, which changes nothing.
pub(super) async fn write(sinks: &[&SinkPlan], logs: &Logs, entries: &[Entry]) -> Result<()> {
    if entries.is_empty() {
        return Ok(());
    }
    for plan in sinks {
        let Standing { position: at, mark } = plan.sink.standing().await?;
        let mut entries = entries.to_vec();
        if let Some(mark) = mark
            && let Some(last) = log_of(plan, logs).get(mark.position).await?
        {
            entries.push(last);
        }
        plan.sink.write(&entries, at, at).await?;
    }
    Ok(())
}
