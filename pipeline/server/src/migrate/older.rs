//! What the old stores have longer than the log: it goes through the same sinks, as the entries that it once came from.

use std::collections::BTreeMap;

use bytes::Bytes;
use floodmark_core::ports::query::KnownSeries;
use floodmark_core::ports::{Entry, Position};
use floodmark_core::{Error, Result};
use floodmark_engine::SinkPlan;
use floodmark_engine::ingest::Logs;
use floodmark_engine::sink_runner::Reads;
use floodmark_schemas::commit::Output;
use floodmark_schemas::{Commit, Definition, Encoding, Event, EventBatch, FrameHeader, Headers, JobEntry, Timestamp, frame, subject};

use super::letters::write;

/// The most results, or series, in one entry.
pub(super) const ENTRY_MAX: usize = 500;

/// Results on their way to the sinks that keep them; each takes its own.
pub(super) struct Results<'a> {
    logs: &'a Logs,
    keepers: Vec<&'a SinkPlan>,
    /// Before everything that the log holds: what is there wins.
    position: Position,
    /// By operator and version.
    waiting: BTreeMap<(String, String), Vec<Output>>,
    /// How many were written.
    pub(super) copied: u64,
}

impl<'a> Results<'a> {
    /// To those of `sinks` that keep results and read `logs`; `first` is the oldest position of the output log.
    pub(super) fn new(sinks: &'a [SinkPlan], logs: &'a Logs, first: Position) -> Self {
        let keepers = sinks.iter().filter(|plan| plan.reads == Reads::Outputs && plan.patterns.iter().any(|p| p == subject::OUTPUTS));
        Self { logs, keepers: keepers.collect(), position: Position(first.0.saturating_sub(1)), waiting: BTreeMap::new(), copied: 0 }
    }

    /// One more.
    pub(super) async fn put(&mut self, result: Output) -> Result<()> {
        let (operator, version) = match &result {
            Output::Rollup(rollup) => (&rollup.operator, &rollup.version),
            Output::Score(score) => (&score.operator, &score.version),
            // Stores keep none that is not in a commit.
            Output::Late(_) | Output::Alert(_) => return Ok(()),
        };
        let of = (operator.clone(), version.clone());
        let waiting = self.waiting.entry(of.clone()).or_default();
        waiting.push(result);
        if waiting.len() < ENTRY_MAX {
            return Ok(());
        }
        let outputs = std::mem::take(waiting);
        self.write(of, outputs).await
    }

    /// Writes what waits.
    pub(super) async fn flush(&mut self) -> Result<()> {
        while let Some((of, outputs)) = self.waiting.pop_first() {
            self.write(of, outputs).await?;
        }
        Ok(())
    }

    /// Writes results of an operator by one definition.
    async fn write(&mut self, (operator, version): (String, String), outputs: Vec<Output>) -> Result<()> {
        self.copied += outputs.len() as u64;
        let (in_fingerprint, digest) = (String::new(), String::new());
        let commit = JobEntry::Commit(Commit { in_fingerprint, digest, outputs, ..Commit::default() });
        let body = serde_json::to_vec(&commit).map_err(|e| Error::broken("writing results as JSON").because(e))?;
        let mut headers = Headers::default();
        Definition { version: &version, jobs: 1, rebuilding: false }.set(&mut headers);
        write(&self.keepers, self.logs, &[entry(self.position, subject::outputs(&operator, 0), headers, body.into())]).await
    }
}

/// Tells the sinks that keep the catalog of series when these were first and last seen.
///
/// # Errors
/// Those of the sinks.
pub(super) async fn series(catalogs: &[&SinkPlan], logs: &Logs, all: &[KnownSeries]) -> Result<()> {
    let mut by_source: BTreeMap<&str, Vec<&KnownSeries>> = BTreeMap::new();
    all.iter().for_each(|series| by_source.entry(&series.source).or_default().push(series));
    for (source, series) in by_source {
        for part in series.chunks(ENTRY_MAX) {
            write(catalogs, logs, &[seen(source, part)]).await?;
        }
    }
    Ok(())
}

/// A frame with the first and the last time of each series.
fn seen(source: &str, series: &[&KnownSeries]) -> Entry {
    let events = series
        .iter()
        .flat_map(|known| [known.first_seen, known.last_seen].map(|time| Event::sample(source, "", time, known.series.clone(), 0.0)));
    let batch: EventBatch = events.collect();
    let times = series.iter().map(|known| known.first_seen).min().zip(series.iter().map(|known| known.last_seen).max());
    let count = u32::try_from(batch.len()).expect("an entry holds few series");
    let header = FrameHeader { source: source.to_owned(), count, times, ..FrameHeader::default() };
    let body = frame::encode(&batch, Encoding::Json, source, "seen");
    entry(Position::START, subject::events(0, source), header.to_headers(), body)
}

fn entry(position: Position, subject: String, headers: Headers, body: Bytes) -> Entry {
    Entry { position, time: Timestamp::from_micros(0), subject, id: None, headers, body }
}
