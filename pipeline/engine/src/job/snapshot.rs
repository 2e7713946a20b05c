//! The state of a job, saved beside its commits in pieces of moderate size. It is a cache of the log: a damaged one is
//! passed over for the one before, and without any the log is read from its start.

use std::collections::BTreeMap;

use bytes::Bytes;
use floodmark_core::Result;
use floodmark_core::ports::{Entry, Expect, Limit, NewEntry, Position};
use floodmark_schemas::{Definition, Headers, Timestamp, subject};
use twox_hash::XxHash3_64;

use super::JobSpec;
use super::commits::{Chain, Standing};
use crate::ingest::{Logs, append};

/// How large a piece is: well below the 1 MiB that NATS takes as a message.
const PIECE_BYTES: usize = 512 * 1024;

/// A saved state.
#[derive(Debug)]
pub(super) struct Snapshot {
    pub(super) chain: Chain,
    pub(super) state: Vec<u8>,
    at: At,
}

/// Where a snapshot stands in both logs.
#[derive(Clone, Copy, Debug, Default)]
struct At {
    input: Position,
    first_piece: Position,
}

/// The newest snapshot and the one before: both are kept.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Positions {
    newest: Option<At>,
    before: Option<At>,
}

impl Positions {
    /// The oldest position of what the job reads that recovery may need.
    pub(super) fn input_floor(&self) -> Position {
        self.before.or(self.newest).map_or(Position::START, |at| at.input)
    }

    /// The oldest position of the output log that recovery may need.
    pub(super) fn outputs_floor(&self) -> Position {
        self.before.or(self.newest).map_or(Position(u64::MAX), |at| at.first_piece)
    }
}

/// Saves the state where a chain stands, all commits of which are in the log; of the older ones the newest is kept.
pub(super) async fn write(logs: &Logs, spec: &JobSpec, standing: &Standing, state: Vec<u8>, positions: &Positions) -> Result<Positions> {
    let subject = subject::snapshots(&spec.operator, spec.partition);
    let checksum = XxHash3_64::oneshot(&state);
    let state = Bytes::from(state);
    let pieces = state.len().div_ceil(PIECE_BYTES).max(1);
    let entries = (0..pieces).map(|piece| {
        let mut headers = Headers::default();
        headers.set("Content-Type", "application/octet-stream");
        headers.set("Floodmark-Schema", "floodmark.snapshot.v1");
        Definition { version: &spec.version, jobs: spec.jobs, rebuilding: false }.set(&mut headers);
        headers.set("Floodmark-Commit", standing.n);
        headers.set("Floodmark-Digest", &standing.digest);
        headers.set("Floodmark-Cut-Position", standing.cut_position);
        headers.set("Floodmark-Cut-Time", standing.cut_time.micros());
        headers.set("Floodmark-Position", standing.position);
        headers.set("Floodmark-Fingerprint", &standing.fingerprint);
        headers.set("Floodmark-Time", standing.time.micros());
        headers.set("Floodmark-Pieces", pieces);
        headers.set("Floodmark-Piece", piece);
        headers.set("Floodmark-Checksum", checksum);
        let body = state.slice(piece * PIECE_BYTES..state.len().min((piece + 1) * PIECE_BYTES));
        NewEntry { subject: subject.clone(), id: None, headers, body }
    });
    let appended = append(&*logs.outputs, &entries.collect::<Vec<_>>(), Expect::Anything, &spec.operator).await?;
    let at = At { input: standing.position, first_piece: appended.first().map_or(Position::START, |a| a.position) };
    if let Some(newest) = positions.newest {
        logs.outputs.purge(&subject, newest.first_piece).await?;
    }
    Ok(Positions { newest: Some(at), before: positions.newest })
}

/// The complete snapshots of the job's definition that are not newer than commit `n`, newest first.
pub(super) async fn read(logs: &Logs, spec: &JobSpec, n: u64) -> Result<Vec<Snapshot>> {
    let subject = subject::snapshots(&spec.operator, spec.partition);
    let tail = logs.outputs.continuity().await?.tail;
    let mut reader = logs.outputs.reader(vec![subject], Position::START).await?;
    let mut pieces: BTreeMap<u64, Vec<Entry>> = BTreeMap::new();
    loop {
        let entries = reader.next(Limit { until: Some(tail), ..Limit::default() }).await?;
        if entries.is_empty() {
            break;
        }
        for entry in entries {
            let ours = Definition::is(&entry.headers, &spec.version);
            match (entry.headers.parse::<u64>("Floodmark-Commit"), entry.headers.parse("Floodmark-Position")) {
                (Ok(commit), Ok(position)) if ours && commit <= n => pieces.entry(position).or_default().push(entry),
                _ => {}
            }
        }
    }
    Ok(pieces.into_values().rev().filter_map(|pieces| join(&pieces)).collect())
}

/// The positions of snapshots that were read, newest first.
pub(super) fn positions(snapshots: &[Snapshot]) -> Positions {
    Positions { newest: snapshots.first().map(|s| s.at), before: snapshots.get(1).map(|s| s.at) }
}

/// Joins the pieces of one snapshot; `None` when it is incomplete or damaged. Of a snapshot that was written twice, the
/// newest complete run of pieces counts.
fn join(pieces: &[Entry]) -> Option<Snapshot> {
    let headers = &pieces.first()?.headers;
    let count: usize = headers.parse("Floodmark-Pieces").ok()?;
    let run = pieces.get(pieces.len().checked_sub(count)?..)?;
    let in_order = run.iter().zip(0..).all(|(e, i): (_, usize)| e.headers.parse("Floodmark-Piece").ok() == Some(i));
    let state: Vec<u8> = run.iter().flat_map(|e| e.body.iter().copied()).collect();
    let sound = in_order && headers.parse("Floodmark-Checksum").ok() == Some(XxHash3_64::oneshot(&state));
    if !sound {
        tracing::warn!(subject = pieces[0].subject, position = pieces[0].position.0, "snapshot is incomplete or damaged, passed over");
        return None;
    }
    let position = |name: &str| headers.parse(name).ok().map(Position);
    let time = |name: &str| headers.parse(name).ok().map(Timestamp::from_micros);
    let text = |name: &str| headers.get(name).map(str::to_owned);
    let standing = Standing {
        n: headers.parse("Floodmark-Commit").ok()?,
        digest: text("Floodmark-Digest")?,
        cut_position: position("Floodmark-Cut-Position")?,
        cut_time: time("Floodmark-Cut-Time")?,
        position: position("Floodmark-Position")?,
        fingerprint: text("Floodmark-Fingerprint")?,
        time: time("Floodmark-Time")?,
    };
    let at = At { input: standing.position, first_piece: run[0].position };
    Some(Snapshot { chain: Chain::resume(standing), state, at })
}
