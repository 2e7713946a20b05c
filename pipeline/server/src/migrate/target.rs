//! The servers that the data goes to, and what stands in the two streams before anything is copied.

use floodmark_connectors::findings::{Finding, Verdict};
use floodmark_connectors::logs::jetstream::{Connection, Spec, StreamInfo};
use floodmark_core::Result;

use crate::assemble;
use crate::cli::{Exit, Failure};
use crate::config::Config;

/// What a difference says of the partitions of a stream whose copy is not complete.
const INCOMPLETE: &str = "copying";

/// What stands where a log is to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// No stream.
    Nothing,
    /// A copy that was interrupted.
    Part,
    /// A complete stream: of an earlier migration, or of somebody who runs there already.
    Whole,
}

/// Looks at every server that `config` names.
///
/// # Errors
/// All that is wrong with them, exit code 69.
pub(super) async fn usable(config: &Config) -> Result<(), Failure> {
    let mut problems = Vec::new();
    for (component, findings) in assemble::check(config).await {
        for Finding { what, verdict } in findings {
            if let Verdict::Bad { problem, remedy } = verdict
                && !of_an_interrupted_copy(&problem)
            {
                problems.push(format!("\n  {component}: {what}: {problem}\n    Help: {remedy}"));
            }
        }
    }
    if problems.is_empty() {
        return Ok(());
    }
    let what = format!("the target cannot be used, nothing was changed:{}", problems.concat());
    Err(Failure::Other(Exit::Unreachable, what, Some("`floodmark check --connect -c <target>` looks again".to_owned())))
}

fn of_an_interrupted_copy(problem: &str) -> bool {
    problem.contains("`metadata.floodmark.partitions`") && problem.contains(INCOMPLETE)
}

/// What stands where the event log and the output log are to go.
///
/// # Errors
/// `Unavailable`.
pub(super) async fn found(connection: &Connection, partitions: u32) -> Result<[Found; 2]> {
    let streams = connection.list(partitions).await?;
    Ok([Spec::events(), Spec::outputs()].map(|spec| {
        let log = connection.log(&spec);
        streams.iter().find(|stream| stream.name == log.stream()).map_or(Found::Nothing, state)
    }))
}

fn state(stream: &StreamInfo) -> Found {
    let incomplete = stream.differences.iter().any(|d| d.field == "metadata.floodmark.partitions" && d.found == INCOMPLETE);
    if incomplete { Found::Part } else { Found::Whole }
}

/// Refuses streams that are there, unless they are those of an interrupted migration that is to go on.
pub(super) fn vacant(connection: &Connection, found: [Found; 2], resume: bool) -> Result<(), Failure> {
    let names = [connection.events().stream().to_owned(), connection.outputs().stream().to_owned()];
    let there: Vec<&str> = names.iter().zip(found).filter(|(_, found)| *found != Found::Nothing).map(|(name, _)| name.as_str()).collect();
    if there.is_empty() || resume {
        return Ok(());
    }
    let interrupted = found.contains(&Found::Part);
    let what = format!("the target is not empty, nothing was changed: it has stream {} already", there.join(" and stream "));
    Err(Failure::new(what).remedy(if interrupted {
        "it is part of a migration that was interrupted: add --resume to go on with it"
    } else {
        "choose another `prefix`, or delete the stream if nobody needs it; --resume is for a migration that was interrupted"
    }))
}
