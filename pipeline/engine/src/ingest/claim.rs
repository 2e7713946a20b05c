//! Taking a source over: an empty frame of the next epoch in every partition, by compare-and-set.

use floodmark_core::Result;
use floodmark_core::ports::{Entry, Expect, NewEntry, Position, SourceSpec};
use floodmark_schemas::{FrameHeader, subject};

use super::frames::Framer;
use super::{Logs, append, retrying};

/// A source that was taken over.
pub(super) struct Claimed {
    pub(super) framers: Vec<Framer>,
    /// Where it resumes.
    pub(super) cursor: Option<String>,
}

/// Reads where the source stopped and claims the next epoch in every partition.
///
/// # Errors
/// `Unavailable`; `Conflict` when somebody else takes it over at the same time.
pub(super) async fn claim(spec: &SourceSpec, partitions: u32, logs: &Logs) -> Result<Claimed> {
    let writer = spec.writer();
    let mut last = Vec::with_capacity(partitions as usize);
    for partition in 0..partitions {
        let entry = logs.events.last(&subject::events(partition, &writer)).await?;
        let header = entry.as_ref().map(|e| FrameHeader::from_headers(&e.headers)).transpose()?.unwrap_or_default();
        last.push((position(entry.as_ref()), header));
    }
    let epoch = next_epoch(logs, last.iter().map(|(_, header)| header.epoch)).await?;
    // Every frame carries the cursor that holds once it is stored, so the newest one knows where to resume.
    let cursor = last.iter().max_by_key(|(position, _)| *position).and_then(|(_, header)| header.cursor.clone());
    let mut framers = Vec::with_capacity(last.len());
    for ((position, header), partition) in last.iter().zip(0..) {
        let mut framer = Framer::new(spec, partition, epoch, header.number);
        write(logs, &mut framer, *position, cursor.as_deref(), &writer).await?;
        framers.push(framer);
    }
    Ok(Claimed { framers, cursor })
}

/// Takes a source over from itself after a conflict, when nobody else did: retention may have taken the newest frame of
/// a partition that was silent for long. Frames that wait in `pending` become frames of the new epoch. `false` when
/// somebody else wrote.
///
/// # Errors
/// As [`claim`].
pub(super) async fn claim_again(
    framers: &mut [Framer],
    mut pending: [&mut Vec<NewEntry>; 2],
    cursor: Option<&str>,
    logs: &Logs,
    id: &str,
) -> Result<bool> {
    let mut found = Vec::with_capacity(framers.len());
    for framer in framers.iter() {
        let last = retrying(id, || logs.events.last(&framer.subject)).await?;
        if last.as_ref().is_some_and(|entry| entry.position != framer.newest) {
            return Ok(false);
        }
        found.push(position(last.as_ref()));
    }
    if framers.iter().zip(&found).all(|(framer, found)| framer.newest == *found) {
        return Ok(false);
    }
    tracing::info!(source = id, "its newest frames were deleted by retention, the source is taken over anew");
    let epoch = next_epoch(logs, framers.iter().map(Framer::epoch)).await?;
    for (framer, found) in framers.iter_mut().zip(found) {
        let mut waiting: Vec<&mut NewEntry> =
            pending.iter_mut().flat_map(|entries| entries.iter_mut()).filter(|entry| entry.subject == framer.subject).collect();
        framer.begin_again(epoch, framer.number() - waiting.len() as u64);
        write(logs, framer, found, cursor, id).await?;
        waiting.iter_mut().for_each(|entry| framer.adopt(entry));
    }
    Ok(true)
}

/// Frames of the owners before may have been deleted, but the tail never goes back: an epoch is never given twice.
async fn next_epoch(logs: &Logs, seen: impl Iterator<Item = u64>) -> Result<u64> {
    let tail = logs.events.continuity().await?.tail.0;
    Ok(1 + seen.fold(tail, u64::max))
}

async fn write(logs: &Logs, framer: &mut Framer, last: Position, cursor: Option<&str>, id: &str) -> Result<()> {
    // Without an id: that of a rival would be the same, and pass for a repeat.
    let claim = NewEntry { id: None, ..framer.empty(None, cursor) };
    let appended = append(&*logs.events, &[claim], Expect::LastOnSubject(last), id).await?;
    framer.newest = appended.last().map_or(last, |appended| appended.position);
    Ok(())
}

fn position(entry: Option<&Entry>) -> Position {
    entry.map_or(Position::START, |entry| entry.position)
}
