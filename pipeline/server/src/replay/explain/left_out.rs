//! What is left out of the log to see what would have come out without it.

use std::str::FromStr;

use floodmark_core::ports::Entry;
use floodmark_core::{Error, Result};
use floodmark_schemas::commit::Output;
use floodmark_schemas::{EventBatch, FrameHeader, JobEntry, Rollup, Timestamp, frame};
use serde::Serialize;

use super::{Place, trial};

/// What a person wants to be left out: one of what an explanation lists, as it is listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Without {
    /// An event, by its place.
    Place(Place),
    /// A rollup of another operator, by its id.
    Rollup(String),
}

/// What is left out.
#[derive(Clone, Debug, PartialEq)]
pub enum LeftOut {
    /// One event.
    Event(Place),
    /// A window of another operator, in all its revisions.
    Window(Box<Rollup>),
}

impl Without {
    /// What that is, of a result that is made of `rollups`; of events when there are none.
    ///
    /// # Errors
    /// `Rejected` when the result is not made of it.
    pub fn of(&self, rollups: &[Rollup]) -> Result<LeftOut> {
        match self {
            Self::Place(place) if rollups.is_empty() => Ok(LeftOut::Event(*place)),
            Self::Place(_) => Err(Error::rejected("the result is made of rollups, not of events: leave one of them out by its id")),
            Self::Rollup(id) => match rollups.iter().find(|rollup| rollup.id == *id) {
                Some(rollup) => Ok(LeftOut::Window(Box::new(rollup.clone()))),
                None => Err(Error::rejected(format!("{id} is not among the rollups that the result is made of"))),
            },
        }
    }
}

impl LeftOut {
    /// What remains of an entry.
    ///
    /// # Errors
    /// `Rejected` when the entry cannot be read.
    pub(super) fn of(&self, entry: Entry) -> Result<Entry> {
        match self {
            Self::Event(place) if place.position == entry.position.0 => without_event(entry, place.index),
            Self::Event(_) => Ok(entry),
            Self::Window(rollup) => Ok(without_window(entry, rollup)),
        }
    }
}

/// The frame without one of its events.
fn without_event(mut entry: Entry, index: u32) -> Result<Entry> {
    let mut header = FrameHeader::from_headers(&entry.headers)?;
    let all = trial::events(&header, &entry)?;
    let kept: EventBatch = all.into_iter().zip(0..).filter(|(_, at)| *at != index).map(|(event, _)| event).collect();
    header.count = u32::try_from(kept.len()).unwrap_or(u32::MAX);
    let ends = kept.times().iter().min().zip(kept.times().iter().max());
    header.times = ends.map(|(min, max)| (Timestamp::from_micros(*min), Timestamp::from_micros(*max)));
    entry.body = if kept.is_empty() { Default::default() } else { frame::encode(&kept, header.encoding, &header.source, "without") };
    entry.headers = header.to_headers();
    Ok(entry)
}

/// The commit without the revisions of one window of a series.
fn without_window(mut entry: Entry, left_out: &Rollup) -> Entry {
    let Ok(JobEntry::Commit(mut commit)) = serde_json::from_slice::<JobEntry>(&entry.body) else { return entry };
    let same = |output: &Output| match output {
        Output::Rollup(rollup) => rollup.window == left_out.window && rollup.source == left_out.source && rollup.series == left_out.series,
        Output::Late(_) | Output::Score(_) | Output::Alert(_) => false,
    };
    if commit.outputs.iter().any(same) {
        commit.outputs.retain(|output| !same(output));
        entry.body = serde_json::to_vec(&JobEntry::Commit(commit)).expect("a commit is plain data").into();
    }
    entry
}

/// Reads `POSITION.INDEX`, or an id.
impl FromStr for Without {
    type Err = String;
    fn from_str(text: &str) -> std::result::Result<Self, String> {
        if text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Ok(Self::Rollup(text.to_ascii_lowercase()));
        }
        text.parse().map(Self::Place)
    }
}

impl std::fmt::Display for Without {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Place(place) => write!(f, "event {place}"),
            Self::Rollup(id) => write!(f, "rollup {id}"),
        }
    }
}
