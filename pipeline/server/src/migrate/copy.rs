//! A log entry by entry into its stream: see [`floodmark_connectors::logs::jetstream::Restore`].

use std::time::Duration;

use floodmark_connectors::logs::jetstream::{Connection, Restore, Spec};
use floodmark_core::ports::{Limit, Log, Position};
use floodmark_core::{Error, Result};

use super::progress::Progress;
use super::verify::difference;

/// How long after an interrupted copy what it had sent may still arrive at the server.
const SETTLES_WITHIN: Duration = Duration::from_millis(500);

/// What was copied.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Copied {
    /// Entries copied now.
    pub(super) entries: u64,
    /// Bytes of their bodies.
    pub(super) bytes: u64,
    /// Behind which position an interrupted copy went on.
    pub(super) resumed_after: Option<Position>,
    /// How long it took.
    pub(super) took: Duration,
}

/// Copies `source` into the stream of `spec`, which is not there yet, or as far as an interrupted copy came.
///
/// # Errors
/// `Unavailable`: it can go on. `Broken` when the stream is of another log, or an entry cannot be carried by NATS.
pub(super) async fn copy(name: &str, source: &dyn Log, connection: &Connection, spec: &Spec, partitions: u32) -> Result<Copied> {
    let held = source.continuity().await?;
    let mut copy = settled(connection, spec, partitions, held.first, held.created).await?;
    let mut copied = Copied { resumed_after: (copy.next() > held.first).then(|| Position(copy.next().0 - 1)), ..Copied::default() };
    if let Some(last) = copied.resumed_after {
        same_at(name, source, &*connection.log(spec), last).await?;
    }
    let progress = Progress::begin(format!("copying the log of {name}"), (held.tail.0 + 1).saturating_sub(held.first.0));
    let mut reader = source.reader(vec![">".to_owned()], Position(copy.next().0 - 1)).await?;
    let limit = Limit { until: Some(held.tail), ..Limit::default() };
    loop {
        let entries = reader.next(limit).await?;
        let Some(last) = entries.last().map(|entry| entry.position) else { break };
        for entry in entries {
            (copied.entries, copied.bytes) = (copied.entries + 1, copied.bytes + entry.body.len() as u64);
            let position = entry.position;
            copy.put(entry).await.map_err(|e| {
                let text = format!("copying the entry at {position} of the log of {name}");
                Error::new(e.kind(), text).because(e.chain())
            })?;
        }
        progress.at(last.0 + 1 - held.first.0);
    }
    copy.finish(held.tail).await?;
    copied.took = progress.elapsed();
    Ok(copied)
}

/// The copy as it stands when nothing of an interrupted one is on its way any more.
async fn settled(
    connection: &Connection,
    spec: &Spec,
    partitions: u32,
    first: Position,
    created: floodmark_schemas::Timestamp,
) -> Result<Restore> {
    let mut copy = connection.create_at(spec, partitions, first, created).await?;
    while copy.next() > first {
        let before = copy.next();
        tokio::time::sleep(SETTLES_WITHIN).await;
        copy = connection.create_at(spec, partitions, first, created).await?;
        if copy.next() == before {
            break;
        }
    }
    Ok(copy)
}

/// The last entry of an interrupted copy must be the one that stands there in the source.
async fn same_at(name: &str, source: &dyn Log, target: &dyn Log, position: Position) -> Result<()> {
    // Nothing stands there when that is a placeholder for a position that the source holds no more.
    if let (Some(old), Some(new)) = (source.get(position).await?, target.get(position).await?)
        && let Some(what) = difference(&old, &new)
    {
        let text = format!("going on with the copy of the log of {name}: the last entry that was copied, at {position}, has {what}");
        return Err(Error::broken(format!("{text}; delete the stream and begin anew")));
    }
    Ok(())
}
