//! Finding frames in a log.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use floodmark_core::ports::{Entry, Limit, Log, Position};
use floodmark_core::{Error, Result};
use floodmark_schemas::{FrameHeader, Timestamp, subject};

/// How long one read of the log may take before the question is given up.
const READ_WAIT: Duration = Duration::from_secs(10);

/// Finds frames.
#[async_trait]
pub trait FrameScan: Send + Sync {
    /// The first `limit` frames after `after`, in the order of the log, that hold events, are of `source`, and whose
    /// event times overlap `from <= time < to`. Fewer than `limit` when there are no more at the moment. Frames whose
    /// headers cannot be read are left out.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn frames(
        &self,
        source: Option<&str>,
        from: Option<Timestamp>,
        to: Option<Timestamp>,
        after: Position,
        limit: usize,
    ) -> Result<Vec<Entry>>;
}

/// Finds frames in any log by reading through it: right, but its time grows with the log.
pub struct LogScan {
    log: Arc<dyn Log>,
}

impl LogScan {
    /// Scans `log`.
    pub fn new(log: Arc<dyn Log>) -> Self {
        Self { log }
    }

    /// The newest entry that is still held, if it stands after `after`. A reader waits at the tail; this entry is
    /// where to stop.
    async fn end(&self, after: Position) -> Result<Option<Entry>> {
        let continuity = self.log.continuity().await?;
        let mut position = continuity.tail;
        while position > after && position >= continuity.first {
            if let Some(entry) = self.log.get(position).await? {
                return Ok(Some(entry));
            }
            // Purged since; the one before it is next.
            position = Position(position.0 - 1);
        }
        Ok(None)
    }
}

#[async_trait]
impl FrameScan for LogScan {
    async fn frames(
        &self,
        source: Option<&str>,
        from: Option<Timestamp>,
        to: Option<Timestamp>,
        after: Position,
        limit: usize,
    ) -> Result<Vec<Entry>> {
        let Some(end) = self.end(after).await? else { return Ok(Vec::new()) };
        let of_source = source.map_or_else(|| vec![subject::EVENTS.to_owned()], |source| subject::events_of_source(source).to_vec());
        let asked_for = |subject: &str| of_source.iter().any(|pattern| subject::matches(pattern, subject));
        // The subject of the last entry makes sure that the reader comes to it, whatever it holds.
        let last = (!asked_for(&end.subject)).then_some(end.subject);
        let mut reader = self.log.reader(of_source.iter().cloned().chain(last).collect(), after).await?;
        let mut found = Vec::new();
        let mut at = after;
        while at < end.position && found.len() < limit {
            let read = tokio::time::timeout(READ_WAIT, reader.next(Limit::default())).await;
            let entries = read.map_err(|_| Error::unavailable("waiting for the event log to answer"))??;
            for entry in entries {
                at = entry.position;
                if at > end.position || found.len() == limit {
                    break;
                }
                if asked_for(&entry.subject) && overlaps(&entry, from, to) {
                    found.push(entry);
                }
            }
        }
        Ok(found)
    }
}

/// Whether the entry is a frame of `source` that holds events between the times.
pub(super) fn wanted(entry: &Entry, source: Option<&str>, from: Option<Timestamp>, to: Option<Timestamp>) -> bool {
    let of_source = subject::parse_events(&entry.subject).is_some_and(|(_, of, _)| source.is_none_or(|source| source == of));
    of_source && overlaps(entry, from, to)
}

/// Whether the frame holds events between the times. Empty frames hold none.
fn overlaps(entry: &Entry, from: Option<Timestamp>, to: Option<Timestamp>) -> bool {
    let times = FrameHeader::from_headers(&entry.headers).ok().and_then(|header| header.times);
    times.is_some_and(|(min, max)| from.is_none_or(|from| max >= from) && to.is_none_or(|to| min < to))
}
