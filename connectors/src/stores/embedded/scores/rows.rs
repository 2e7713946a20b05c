//! The scores in the entries of jobs.
//!
//! Most commits hold none: those are passed without being read. Of the others each output is read as what it says it is;
//! when that does not work, the whole entry is read as a [`JobEntry`], which has the last word.

use floodmark_core::Error;
use floodmark_core::ports::Entry;
use floodmark_schemas::commit::Output;
use floodmark_schemas::{DeadLetter, JobEntry, Score};
use memchr::memmem;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::stores::embedded::dead_letters;

/// Stands in every commit that holds a score.
const KIND: &[u8] = b"\"score\"";

/// What entries hold.
#[derive(Default)]
pub(in crate::stores) struct Scored {
    /// The scores, each with the number of its entry.
    pub(in crate::stores) scores: Vec<(usize, Score)>,
    pub(in crate::stores) dead: Vec<DeadLetter>,
}

#[derive(Deserialize)]
struct EntryView<'a> {
    schema: &'a str,
    #[serde(borrow, default)]
    outputs: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Tagged<'a> {
    kind: &'a str,
}

impl Scored {
    /// The scores of `entries`; those that cannot be read are dead letters of `sink`.
    pub(in crate::stores) fn of(sink: &str, entries: &[Entry]) -> Self {
        let mut scored = Self::default();
        for (at, entry) in entries.iter().enumerate().filter(|(_, entry)| memmem::find(&entry.body, KIND).is_some()) {
            match view(&entry.body) {
                Some(scores) => scored.scores.extend(scores.into_iter().map(|score| (at, score))),
                None => scored.read(sink, at, entry),
            }
        }
        scored
    }

    /// Reads an entry as what it is.
    fn read(&mut self, sink: &str, at: usize, entry: &Entry) {
        match serde_json::from_slice::<JobEntry>(&entry.body) {
            Ok(JobEntry::Claim(_)) => {}
            Ok(JobEntry::Commit(commit)) => self.scores.extend(commit.outputs.into_iter().filter_map(|output| match output {
                Output::Score(score) => Some((at, score)),
                Output::Rollup(_) | Output::Late(_) | Output::Alert(_) => None,
            })),
            Err(e) => self.dead.push(dead_letters::of_entry(sink, entry, &Error::rejected("reading a commit").because(e))),
        }
    }
}

/// Reads an entry output by output; `None` when that cannot be done.
fn view(body: &[u8]) -> Option<Vec<Score>> {
    let entry: EntryView<'_> = serde_json::from_slice(body).ok()?;
    if entry.schema != "floodmark.commit.v1" {
        return None;
    }
    let mut scores = Vec::new();
    for output in entry.outputs {
        if serde_json::from_str::<Tagged<'_>>(output.get()).ok()?.kind == "score" {
            scores.push(serde_json::from_str(output.get()).ok()?);
        }
    }
    Some(scores)
}
