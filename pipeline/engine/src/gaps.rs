//! Whether a reader gives everything: the frames of a writer in a partition are numbered without gaps.
//!
//! A reader whose server dies may pass over an entry, and whoever goes on from there would never miss it. By the numbers of
//! frames it shows, and the log has the last word: what stands there is read again, what does not is counted as missing.

use std::collections::BTreeMap;

use floodmark_core::ports::{Entry, Limit, Log, Position};
use floodmark_core::{Error, Result};
use floodmark_schemas::FrameHeader;

use crate::telemetry::GapMeters;

/// What one reader has come past.
#[derive(Debug)]
pub struct Gaps {
    reader: String,
    /// Where it began to read.
    after: Position,
    /// The newest frame on each subject, and the position of the last.
    newest: BTreeMap<String, Frame>,
    meters: GapMeters,
}

#[derive(Clone, Copy, Debug)]
struct Frame {
    epoch: u64,
    number: u64,
    position: Position,
}

impl Gaps {
    /// For the job or sink with this name, which begins to read after a position.
    pub fn new(reader: &str, after: Position) -> Self {
        Self { reader: reader.to_owned(), after, newest: BTreeMap::new(), meters: GapMeters::new(reader) }
    }

    /// Looks at the next entry that was read from the event log, before it is used.
    ///
    /// # Errors
    /// `Unavailable` when one before it was passed over: read again from where everything was used. Or when the log, which is
    /// asked in case of doubt, does not answer.
    pub async fn check(&mut self, log: &dyn Log, entry: &Entry) -> Result<()> {
        let Some((epoch, number)) = FrameHeader::numbered(&entry.headers) else { return Ok(()) };
        let frame = Frame { epoch, number, position: entry.position };
        let before = self.newest.get(&entry.subject).copied();
        let follows = before.map_or(number <= 1, |before| number <= before.number + 1);
        if !follows && !log.is_selection() {
            // What is not there may have been deleted, or a new owner of the source goes on behind frames that nobody counts.
            let after = before.map_or(self.after, |before| before.position);
            let between = Limit { until: Some(Position(entry.position.0 - 1)), entries: 1, bytes: 1 };
            let found = log.reader(vec![entry.subject.clone()], after).await?.next(between).await?;
            if let Some(found) = found.first() {
                return Err(Error::unavailable(format!(
                    "reading for {}: {} came next after {after}, but {} stands between them and was passed over",
                    self.reader, entry.position, found.position
                )));
            }
            if let Some(before) = before.filter(|before| before.epoch == epoch) {
                let missing = number - before.number - 1;
                self.meters.missing(missing);
                let (reader, subject) = (&self.reader, &entry.subject);
                tracing::error!(reader, subject, missing, after = before.position.0, before = entry.position.0, "the log lacks frames");
            }
        }
        match self.newest.get_mut(&entry.subject) {
            Some(newest) if (epoch, number) > (newest.epoch, newest.number) => *newest = frame,
            // One that comes again.
            Some(newest) => newest.position = entry.position,
            None => drop(self.newest.insert(entry.subject.clone(), frame)),
        }
        Ok(())
    }
}
