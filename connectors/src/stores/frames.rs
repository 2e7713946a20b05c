//! Raw events, answered from the frames of the event log itself: nothing is written twice.
//!
//! Events come in the order of the log. A page is named by the place of its last event, `<position>.<index>`.

mod indexed;
mod scan;

use std::sync::Arc;

use async_trait::async_trait;
use floodmark_core::ports::query::StoredEvent;
use floodmark_core::ports::{Entry, EventFilter, EventQuery, Log, Page, Position};
use floodmark_core::{Error, Result};
use floodmark_schemas::series::fnv1a;
use floodmark_schemas::{Event, FrameHeader, Payload, frame, subject};
use tracing::warn;

pub use indexed::IndexedScan;
pub use scan::{FrameScan, LogScan};

/// The most events on a page; a larger limit is cut to it.
pub const PAGE_MAX: usize = 10_000;
/// How many frames are held at once while a page is filled: at most about 4 MiB of bodies.
const FRAMES_AT_ONCE: usize = 16;

/// Answers questions about raw events from a log.
#[derive(Clone)]
pub struct Frames {
    scan: Arc<dyn FrameScan>,
}

impl Frames {
    /// Answers from any log, by reading through it.
    pub fn new(log: Arc<dyn Log>) -> Self {
        Self::over(Arc::new(LogScan::new(log)))
    }

    /// Answers from a log that finds frames by itself.
    pub fn over(scan: Arc<dyn FrameScan>) -> Self {
        Self { scan }
    }
}

#[async_trait]
impl EventQuery for Frames {
    async fn events(&self, filter: &EventFilter, after: Option<&str>, limit: usize) -> Result<Page<StoredEvent>> {
        let limit = limit.clamp(1, PAGE_MAX);
        let question = fnv1a(format!("{filter:?}").as_bytes());
        let (position, index) = after.map_or(Ok((0, None)), |token| read_token(question, token))?;
        let mut page = Page { items: Vec::new(), next: None };
        if filter.source.as_deref().is_some_and(|source| subject::token(source).is_err()) {
            return Ok(page);
        }
        // The frame of the last event may hold more of them: it is read again.
        let mut read = Position(position.saturating_sub(u64::from(index.is_some())));
        loop {
            let frames = self.scan.frames(filter.source.as_deref(), filter.from, filter.to, read, FRAMES_AT_ONCE).await?;
            for entry in &frames {
                read = entry.position;
                let skip_to = index.filter(|_| entry.position.0 == position).map_or(0, |index| index.saturating_add(1));
                for stored in matching(entry, filter, skip_to) {
                    if page.items.len() == limit {
                        page.next = page.items.last().map(|last| format!("e1:{question:08x}:{}.{}", last.position, last.index));
                        return Ok(page);
                    }
                    page.items.push(stored);
                }
            }
            if frames.len() < FRAMES_AT_ONCE {
                return Ok(page);
            }
        }
    }
}

fn read_token(question: u32, token: &str) -> Result<(u64, Option<u32>)> {
    let fields = token.strip_prefix(&format!("e1:{question:08x}:")).and_then(|rest| rest.split_once('.'));
    let place = fields.and_then(|(position, index)| Some((position.parse().ok()?, Some(index.parse().ok()?))));
    place.ok_or_else(|| Error::rejected(format!("{token:?} is not a page of this question; ask again without it")))
}

/// The events of a frame that the filter asks for, from index `skip_to`. A frame that cannot be read has none: the
/// jobs that read it have set it aside with the reason.
fn matching(entry: &Entry, filter: &EventFilter, skip_to: u32) -> Vec<StoredEvent> {
    let decoded = FrameHeader::from_headers(&entry.headers).and_then(|header| {
        let frame_id = entry.id.clone().unwrap_or_else(|| entry.position.to_string());
        frame::decode(header.encoding, &entry.body, &header.source, &frame_id)
    });
    let events = decoded.unwrap_or_else(|error| {
        warn!(position = entry.position.0, error = Error::from(error).chain(), "frame cannot be read, left out of the answer");
        Vec::new()
    });
    let stored = |(index, event)| StoredEvent { position: entry.position.0, index, log_time: entry.time, event };
    let indexed = (0..).zip(events).filter(|(index, event)| *index >= skip_to && matches(filter, event));
    indexed.map(stored).collect()
}

/// Whether the filter asks for `event`.
pub fn matches(filter: &EventFilter, event: &Event) -> bool {
    filter.source.as_ref().is_none_or(|source| *source == event.source)
        && filter.kind.as_ref().is_none_or(|kind| kind == event.payload.type_name())
        && filter.from.is_none_or(|from| event.time >= from)
        && filter.to.is_none_or(|to| event.time < to)
        && payload_matches(filter, &event.payload)
}

fn payload_matches(filter: &EventFilter, payload: &Payload) -> bool {
    let metric = |name: &str| filter.metric.as_ref().is_none_or(|metric| metric == name);
    match payload {
        Payload::Sample(sample) => {
            metric(&sample.series.metric) && filter.labels.iter().all(|(k, v)| sample.series.labels.get(k) == Some(v))
        }
        Payload::Check(check) => {
            let labels = check.series("", "").labels;
            filter.metric.is_none() && filter.labels.iter().all(|(k, v)| labels.get(k) == Some(v))
        }
        Payload::Record(_) => filter.metric.is_none() && filter.labels.is_empty(),
    }
}

#[cfg(test)]
mod tests;
