//! What a write has to do: the document of each window once, at its highest revision, and what must be set aside.

use std::collections::HashMap;

use ::mongodb::bson::{Document, RawDocumentBuf, doc};
use floodmark_core::Error;
use floodmark_core::ports::Entry;
use floodmark_schemas::{DeadLetter, Rollup};

use super::document;
use crate::stores::embedded::dead_letters;
use crate::stores::embedded::rollups::rows::Rows;

/// The largest document that is sent. MongoDB takes 16 MiB.
const DOCUMENT_BYTES_MAX: usize = 16 * 1024 * 1024 - 64 * 1024;

/// What a write has to do.
#[derive(Default)]
pub(super) struct Plan {
    /// Documents in rounds: within one each window stands once; the rounds are written one after the other. There is more
    /// than one only when a write holds results of two definitions of an operator.
    pub(super) rounds: Vec<Vec<Planned>>,
    /// What cannot be written.
    pub(super) letters: Vec<DeadLetter>,
}

/// A document to be written.
pub(super) struct Planned {
    /// The entry it came from.
    pub(super) entry: usize,
    /// Its statement in the command `update`.
    pub(super) statement: RawDocumentBuf,
}

/// A rollup, and the entry it came from.
struct Candidate {
    entry: usize,
    rollup: Rollup,
}

impl Plan {
    /// The plan of writing `entries`, for the sink called `sink`.
    pub(super) fn of(sink: &str, entries: &[Entry]) -> Self {
        let mut plan = Self::default();
        for (round, candidates) in rounds(sink, entries, &mut plan.letters).into_iter().enumerate() {
            plan.rounds.push(Vec::new());
            for Candidate { entry, rollup } in candidates {
                match statement(&rollup, entries[entry].position.0.cast_signed()) {
                    Ok(statement) => plan.rounds[round].push(Planned { entry, statement }),
                    Err(e) => plan.letters.push(dead_letters::of_entry(sink, &entries[entry], &e)),
                }
            }
        }
        plan
    }
}

fn rounds(sink: &str, entries: &[Entry], letters: &mut Vec<DeadLetter>) -> Vec<Vec<Candidate>> {
    let mut rounds: Vec<Vec<Candidate>> = Vec::new();
    // Where the newest candidate of a window stands.
    let mut places: HashMap<String, (usize, usize)> = HashMap::new();
    for (at, entry) in entries.iter().enumerate() {
        let rows = Rows::of(sink, std::slice::from_ref(entry));
        letters.extend(rows.dead);
        for row in rows.rollups {
            let (source, series) = &rows.series[row.series];
            let id = document::id(&row.operator, source, &series.key(), row.window);
            let round = match places.get(&id) {
                None => 0,
                Some(&(round, place)) => {
                    let there = &rounds[round][place].rollup;
                    if there.version == row.version && there.revision >= row.revision {
                        continue;
                    }
                    if there.version == row.version { round } else { round + 1 }
                }
            };
            let rollup = Rollup {
                id: row.id.into_owned(),
                operator: row.operator.into_owned(),
                version: row.version.into_owned(),
                source: source.clone().into_owned(),
                series: series.clone(),
                window: row.window,
                revision: row.revision,
                aggregates: row.aggregates,
            };
            let candidate = Candidate { entry: at, rollup };
            match places.get(&id) {
                Some(&(same, place)) if same == round => rounds[round][place] = candidate,
                _ => {
                    if rounds.len() == round {
                        rounds.push(Vec::new());
                    }
                    places.insert(id, (round, rounds[round].len()));
                    rounds[round].push(candidate);
                }
            }
        }
    }
    rounds
}

/// Writes the document unless a newer one is there: a higher revision of the same definition, or one of another definition
/// that stands later in the log. So the order of writes, and a writer that was overtaken, change nothing.
fn statement(rollup: &Rollup, position: i64) -> Result<RawDocumentBuf, Error> {
    let document = document::write(rollup, position);
    let raw =
        |document: &Document| RawDocumentBuf::try_from(document).map_err(|e| Error::rejected("writing a rollup as a document").because(e));
    let bytes = raw(&document)?.as_bytes().len();
    if bytes > DOCUMENT_BYTES_MAX {
        return Err(Error::rejected(format!("a rollup is a document of {bytes} bytes; MongoDB takes at most {DOCUMENT_BYTES_MAX}")));
    }
    let same = doc! { "$eq": ["$version", { "$literal": &rollup.version }] };
    let newer = doc! { "$cond": [
        same,
        { "$lt": ["$revision", i64::from(rollup.revision)] },
        // Of a window that is not there yet the position is missing, which is less than any number.
        { "$lt": ["$position", position] },
    ] };
    let id = document.get_str("_id").expect("it was just given one").to_owned();
    raw(&doc! {
        "q": { "_id": id },
        "u": [{ "$replaceWith": { "$cond": [newer, { "$literal": document }, "$$ROOT"] } }],
        "upsert": true,
    })
}
