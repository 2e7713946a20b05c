//! How a job starts: find the newest commit, check the log, restore the state, claim.

use floodmark_core::ports::{Expect, Position};
use floodmark_core::{Error, Result};
use floodmark_schemas::{Claim, Commit, Definition, JobEntry, subject};

use super::commits::{Chain, entry};
use super::rebuild::Rebuild;
use super::{Committed, Job, JobSpec, OperatorFactory, Told, snapshot};
use crate::gaps::Gaps;
use crate::ingest::{Logs, append};
use crate::retention::Floor;
use crate::sink_runner::Reads;
use crate::telemetry::JobMeters;
use crate::trace::Tracer;

/// What is known of the job from its newest entry.
#[derive(Default)]
struct Found {
    newest: Position,
    epoch: u64,
    commit: Option<(Position, Commit)>,
    /// Whether its owner was still going through what was there when this definition began.
    rebuilding: bool,
}

pub(super) async fn claim(spec: JobSpec, logs: Logs, make: &OperatorFactory, floor: Floor) -> Result<Job> {
    // Before anything is known, everything may be needed.
    if spec.input.reads() == Reads::Events {
        floor.events(Position::START);
    }
    floor.outputs(Position::START);
    let found = find(&spec, &logs).await?;
    let mut operator = make();
    let mut chain = Chain::default();
    let mut committed = Committed::default();
    let mut positions = snapshot::Positions::default();
    if let Some((_, commit)) = &found.commit {
        check_continuity(&spec, &logs, Position(commit.in_position), &commit.in_fingerprint).await?;
        committed = Committed { n: commit.n, position: Position(commit.in_position), digest: commit.digest.clone() };
        let mut snapshots = snapshot::read(&logs, &spec, commit.n).await?;
        while !snapshots.is_empty() {
            let usable = snapshot::positions(&snapshots);
            let candidate = snapshots.remove(0);
            match operator.restore(&candidate.state) {
                Ok(()) => {
                    // It may stand after the commit.
                    check_continuity(&spec, &logs, candidate.chain.position, &candidate.chain.fingerprint).await?;
                    (chain, positions) = (candidate.chain, usable);
                    break;
                }
                Err(e) => {
                    tracing::warn!(
                        job = spec.operator,
                        partition = spec.partition,
                        error = e.chain(),
                        "snapshot cannot be restored, passed over"
                    );
                    operator = make();
                }
            }
        }
    }
    check_reachable(&spec, &logs, chain.position).await?;
    chain.epoch = found.epoch + 1;
    let tail = spec.input.log(&logs).continuity().await?.tail;
    chain.rebuilding = found.rebuilding || (found.commit.is_none() && tail > Position::START);
    let newest = write_claim(&spec, &logs, &found, &chain).await?;
    let anchor = found.commit.as_ref().map_or(newest, |(position, _)| *position);
    if found.commit.is_none() {
        // What is saved there belongs to a chain that has ended.
        logs.outputs.purge(&subject::snapshots(&spec.operator, spec.partition), newest).await?;
    }
    // What a re-run takes again was told by the owner before.
    let told = Told { events: operator.events(), late: operator.late(), undefined: operator.undefined(), outputs: 0 };
    let job = Job {
        meters: JobMeters::new(&spec.operator, spec.partition, spec.input.reads().log()),
        gaps: Gaps::new(&format!("{}/{}", spec.operator, spec.partition), chain.position),
        tracer: Tracer::new(&format!("{}/{}", spec.operator, spec.partition)),
        told,
        rebuild: chain.rebuilding.then(|| Rebuild::new(&spec, tail, chain.position)),
        claims: false,
        spec,
        logs,
        operator,
        chain,
        committed,
        newest,
        anchor,
        pending: Vec::new(),
        pending_bytes: 0,
        floor,
        unsaved_bytes: 0,
        saved_bytes: 0,
        snapshots: positions,
    };
    job.hold();
    Ok(job)
}

async fn find(spec: &JobSpec, logs: &Logs) -> Result<Found> {
    let subject = subject::outputs(&spec.operator, spec.partition);
    let Some(newest) = logs.outputs.last(&subject).await? else { return Ok(Found::default()) };
    let epoch = newest.headers.parse("Floodmark-Epoch").unwrap_or(0);
    let read = |body: &[u8], at: Position| {
        serde_json::from_slice(body)
            .map_err(|e| Error::broken(format!("reading the entry of job {}/{} at {at}", spec.operator, spec.partition)).because(e))
    };
    let ours = Definition::of(&newest.headers).filter(|definition| definition.version == spec.version);
    let rebuilding = ours.is_some_and(|definition| definition.rebuilding);
    let mut found = Found { newest: newest.position, epoch, commit: None, rebuilding };
    let ours = ours.is_some();
    match read(&newest.body, newest.position)? {
        JobEntry::Claim(claim) => {
            found.epoch = claim.epoch;
            let commit = if ours && claim.commit > 0 { logs.outputs.get(Position(claim.commit)).await? } else { None };
            if let Some(entry) = commit
                && let JobEntry::Commit(commit) = read(&entry.body, entry.position)?
            {
                found.commit = Some((entry.position, commit));
            }
        }
        JobEntry::Commit(commit) if ours => found.commit = Some((newest.position, commit)),
        JobEntry::Commit(_) => {}
    }
    Ok(found)
}

/// The entry that the job has read last must still be the same, and the log at least as long: otherwise it has lost
/// acknowledged entries, and going on would pass over what was written in their place.
async fn check_continuity(spec: &JobSpec, logs: &Logs, position: Position, fingerprint: &str) -> Result<()> {
    let (log, name) = (spec.input.log(logs), spec.input.log_name());
    let tail = log.continuity().await?.tail;
    let job = format!("{}/{}", spec.operator, spec.partition);
    if tail < position {
        return Err(Error::broken(format!(
            "starting job {job}: the {name} ends at {tail}, but the job has read up to {position}: the log has lost entries. \
             Restore the {name}, or delete the output log to compute everything anew"
        )));
    }
    match log.get(position).await? {
        Some(entry) if entry.fingerprint() != fingerprint => Err(Error::broken(format!(
            "starting job {job}: entry {position} of the {name} is not the one this job has read: it is another log. \
             Restore the {name}, or delete the output log to compute everything anew"
        ))),
        _ => Ok(()),
    }
}

/// Everything after `position` must still be in the log.
async fn check_reachable(spec: &JobSpec, logs: &Logs, position: Position) -> Result<()> {
    let first = spec.input.log(logs).continuity().await?.first;
    if position > Position::START && first.0 > position.0 + 1 {
        return Err(Error::broken(format!(
            "starting job {}/{}: its state ends at {position}, but the {} begins at {first}: entries between them are gone",
            spec.operator,
            spec.partition,
            spec.input.log_name()
        )));
    }
    Ok(())
}

async fn write_claim(spec: &JobSpec, logs: &Logs, found: &Found, chain: &Chain) -> Result<Position> {
    let (commit, n) = found.commit.as_ref().map_or((0, 0), |(position, commit)| (position.0, commit.n));
    let claim = Claim { epoch: chain.epoch, n, commit };
    let body = serde_json::to_vec(&JobEntry::Claim(claim)).map_err(|e| Error::broken("writing a claim").because(e))?;
    let entry = entry(spec, chain, body);
    let appended = append(&*logs.outputs, &[entry], Expect::LastOnSubject(found.newest), &spec.operator).await?;
    Ok(appended.last().map_or(found.newest, |a| a.position))
}
