//! What a write has to do: the document of each window or score once, at its highest revision, and what must be set aside.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Place;

use ::mongodb::bson::{Document, RawDocumentBuf, doc};
use floodmark_core::Error;
use floodmark_core::ports::Entry;
use floodmark_schemas::{DeadLetter, Rollup, Score};

use super::{document, score_document};
use crate::stores::embedded::dead_letters;
use crate::stores::embedded::rollups::rows::Rows;
use crate::stores::embedded::scores::rows::Scored;

/// The largest document that is sent. MongoDB takes 16 MiB.
const DOCUMENT_BYTES_MAX: usize = 16 * 1024 * 1024 - 64 * 1024;

/// What a write has to do.
#[derive(Default)]
pub(super) struct Plan {
    /// Each document stands once.
    pub(super) documents: Vec<Planned>,
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

/// A result, and the entry it came from.
struct Candidate<T> {
    entry: usize,
    result: T,
}

/// A result of an operator that is one document.
trait Documented {
    /// What the document is found by.
    fn id(&self) -> String;
    fn revision(&self) -> u32;
    fn document(&self, position: i64) -> Document;
}

impl Documented for Rollup {
    fn id(&self) -> String {
        document::id(&self.operator, &self.version, &self.source, &self.series.key(), self.window)
    }

    fn revision(&self) -> u32 {
        self.revision
    }

    fn document(&self, position: i64) -> Document {
        document::write(self, position)
    }
}

impl Documented for Score {
    fn id(&self) -> String {
        score_document::id(self)
    }

    fn revision(&self) -> u32 {
        self.revision
    }

    fn document(&self, position: i64) -> Document {
        score_document::write(self, position)
    }
}

impl Plan {
    /// The plan of writing the rollups in `entries`, for the sink called `sink`.
    pub(super) fn of_rollups(sink: &str, entries: &[Entry]) -> Self {
        let mut letters = Vec::new();
        let mut candidates = Vec::new();
        for (entry, of) in entries.iter().enumerate() {
            let rows = Rows::of(sink, std::slice::from_ref(of));
            letters.extend(rows.dead);
            for row in rows.rollups {
                let (source, series) = &rows.series[row.series];
                let result = Rollup {
                    id: row.id.into_owned(),
                    operator: row.operator.into_owned(),
                    version: row.version.into_owned(),
                    source: source.clone().into_owned(),
                    series: series.clone(),
                    window: row.window,
                    revision: row.revision,
                    aggregates: row.aggregates,
                };
                candidates.push(Candidate { entry, result });
            }
        }
        Self::of(sink, entries, candidates, letters)
    }

    /// The same of the scores.
    pub(super) fn of_scores(sink: &str, entries: &[Entry]) -> Self {
        let Scored { scores, dead } = Scored::of(sink, entries);
        let candidates = scores.into_iter().map(|(entry, result)| Candidate { entry, result }).collect();
        Self::of(sink, entries, candidates, dead)
    }

    fn of<T: Documented>(sink: &str, entries: &[Entry], candidates: Vec<Candidate<T>>, letters: Vec<DeadLetter>) -> Self {
        let mut plan = Self { documents: Vec::new(), letters };
        for Candidate { entry, result } in newest(candidates) {
            match statement(&result, entries[entry].position.0.cast_signed()) {
                Ok(statement) => plan.documents.push(Planned { entry, statement }),
                Err(e) => plan.letters.push(dead_letters::of_entry(sink, &entries[entry], &e)),
            }
        }
        plan
    }
}

/// Each document once, at its highest revision, where the first of them stood.
fn newest<T: Documented>(candidates: Vec<Candidate<T>>) -> Vec<Candidate<T>> {
    let mut newest: Vec<Candidate<T>> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    for candidate in candidates {
        match places.entry(candidate.result.id()) {
            Place::Vacant(free) => {
                free.insert(newest.len());
                newest.push(candidate);
            }
            Place::Occupied(place) => {
                let there = &mut newest[*place.get()];
                if there.result.revision() < candidate.result.revision() {
                    *there = candidate;
                }
            }
        }
    }
    newest
}

/// Writes the document unless one of the same or a higher revision is there. So the order of writes, and a writer that was
/// overtaken, change nothing.
fn statement(result: &impl Documented, position: i64) -> Result<RawDocumentBuf, Error> {
    let document = result.document(position);
    let raw =
        |document: &Document| RawDocumentBuf::try_from(document).map_err(|e| Error::rejected("writing a result as a document").because(e));
    let bytes = raw(&document)?.as_bytes().len();
    if bytes > DOCUMENT_BYTES_MAX {
        return Err(Error::rejected(format!("a result is a document of {bytes} bytes; MongoDB takes at most {DOCUMENT_BYTES_MAX}")));
    }
    // Of a document that is not there yet the revision is missing, which is less than any number.
    let newer = doc! { "$lt": ["$revision", i64::from(result.revision())] };
    let id = document.get_str("_id").expect("it was just given one").to_owned();
    raw(&doc! {
        "q": { "_id": id },
        "u": [{ "$replaceWith": { "$cond": [newer, { "$literal": document }, "$$ROOT"] } }],
        "upsert": true,
    })
}
