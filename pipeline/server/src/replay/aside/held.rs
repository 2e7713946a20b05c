//! A result as bytes: its place, by which results are in order and belong together, and what it says.
//!
//! A place is the time, the source, the key of the series, the operator and the fourth part of [`Identity`], such that the
//! order of the bytes is the order of these. What a result says is JSON, so what cannot be told apart in a commit is the
//! same here. Ids and versions, which change with the definition of an operator, are in neither.

use std::sync::Arc;

use floodmark_core::{Error, Result};
use floodmark_schemas::{Aggregates, Episode, Head, Rollup, Score, ScoreState, Series, Timestamp, Window};
use serde::Serialize;

use super::super::kind::{Identity, Kind};

/// The bytes of a time.
const TIME: usize = 8;
/// Stands behind each text of a place. No text has it: ids are made of letters and digits, and a key is JSON.
const END: u8 = 0;

/// A result that was put aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::replay) struct Held {
    /// Which of several in the same place counts: the highest.
    pub(super) revision: u32,
    /// Where it stands.
    pub(super) place: Box<[u8]>,
    /// What it says; nothing when it was retracted.
    pub(super) says: Box<[u8]>,
}

impl Held {
    /// The time by which results are in order.
    pub(in crate::replay) fn time(&self) -> Timestamp {
        self.place.first_chunk().map_or(Timestamp::MIN, |bytes| time_of(*bytes))
    }

    /// What tells it from others at that time, in the order of [`Kind::identity`].
    pub(in crate::replay) fn place(&self) -> Box<[u8]> {
        self.place.clone()
    }

    /// The operator that made it.
    pub(in crate::replay) fn operator(&self) -> Result<&str> {
        Ok(self.parts()?.2)
    }

    /// Whether it says the same as another one. When not, it may do so all the same: 0 and -0 are equal.
    pub(in crate::replay) fn is_the_same(&self, other: &Self) -> bool {
        self.says == other.says
    }

    /// Whether it says that there is none.
    pub(super) fn is_retracted(&self) -> bool {
        self.says.is_empty()
    }

    /// It as what it is, without its ids and version.
    ///
    /// # Errors
    /// `Broken` when it is something else.
    pub(in crate::replay) fn read<T: Packed>(&self) -> Result<T> {
        let (source, key, operator, last) = self.parts()?;
        let series = Arc::new(Series::from_key(key).map_err(|e| damaged().because(e))?);
        let place = Place { time: self.time(), source: source.to_owned(), series, operator: operator.to_owned(), last };
        T::read(place, &self.says).map_err(|e| damaged().because(e))
    }

    fn parts(&self) -> Result<(&str, &str, &str, Timestamp)> {
        let parts = || {
            let (_, rest) = self.place.split_first_chunk::<TIME>()?;
            let (texts, last) = rest.split_last_chunk::<TIME>()?;
            let mut texts = texts.split(|byte| *byte == END).map(|text| std::str::from_utf8(text).ok());
            Some((texts.next()??, texts.next()??, texts.next()??, time_of(*last)))
        };
        parts().ok_or_else(damaged)
    }
}

fn damaged() -> Error {
    Error::broken("reading a result that was put aside")
}

/// What a place holds.
pub(in crate::replay) struct Place {
    time: Timestamp,
    source: String,
    series: Arc<Series>,
    operator: String,
    last: Timestamp,
}

/// A kind of result that is put aside.
pub(in crate::replay) trait Packed: Kind {
    /// How many bytes at the end of a place do not tell whether one result replaces another.
    const BESIDE: usize;

    /// Its revision, unless it is retracted.
    fn revision(&self) -> u32;

    /// What it says; nothing when it is retracted.
    fn says_in_short(&self) -> Option<impl Serialize>;

    /// What says this in that place.
    fn read(place: Place, says: &[u8]) -> serde_json::Result<Self>;
}

/// Room to write results, used again for each.
#[derive(Default)]
pub(super) struct Scratch {
    place: Vec<u8>,
    says: Vec<u8>,
}

impl Scratch {
    /// The revision, the place and the words of a result.
    pub(super) fn pack<T: Packed>(&mut self, result: &T) -> (u32, &[u8], &[u8]) {
        self.place.clear();
        self.says.clear();
        let (source, key, operator, last): Identity = result.identity();
        self.place.extend(bytes_of(result.time()));
        for text in [source, key, operator] {
            self.place.extend(text.as_bytes());
            self.place.push(END);
        }
        self.place.extend(bytes_of(last));
        if let Some(says) = result.says_in_short() {
            serde_json::to_writer(&mut self.says, &says).expect("a result is plain data");
        }
        (result.revision(), &self.place, &self.says)
    }
}

/// A time such that the order of the bytes is that of the times.
fn bytes_of(time: Timestamp) -> [u8; TIME] {
    (time.micros() ^ i64::MIN).to_be_bytes()
}

fn time_of(bytes: [u8; TIME]) -> Timestamp {
    Timestamp::from_micros(i64::from_be_bytes(bytes) ^ i64::MIN)
}

impl Packed for Rollup {
    const BESIDE: usize = 0;

    fn revision(&self) -> u32 {
        self.revision
    }

    fn says_in_short(&self) -> Option<impl Serialize> {
        let Self { id: _, operator: _, version: _, source: _, series: _, window: _, revision, aggregates } = self;
        (!self.is_retraction()).then_some((revision, aggregates))
    }

    fn read(place: Place, says: &[u8]) -> serde_json::Result<Self> {
        let (revision, aggregates): (u32, Aggregates) = serde_json::from_slice(says)?;
        let Place { time: start, source, series, operator, last: end } = place;
        let (id, version, window) = (String::new(), String::new(), Window { start, end });
        Ok(Self { id, operator, version, source, series, window, revision, aggregates })
    }
}

/// What a score says: window, revision and value; score, novelty, jump, staleness and head; baseline, lower and upper; state;
/// opening, peak and end of the episode.
type Said = (
    (Option<Window>, u32, f64),
    (f64, f64, f64, f64, Head),
    (Option<f64>, Option<f64>, Option<f64>),
    ScoreState,
    Option<(Timestamp, f64, bool)>,
);

impl Packed for Score {
    /// Of the scores of a series at one time there is one, of whichever window.
    const BESIDE: usize = TIME;

    fn revision(&self) -> u32 {
        self.revision
    }

    fn says_in_short(&self) -> Option<impl Serialize> {
        let Self { id: _, operator: _, version: _, source: _, series: _, time: _, window, revision, value, .. } = self;
        let Self { score, novelty, jump, staleness, head, baseline, lower, upper, state, episode, .. } = self;
        let episode = episode.as_ref().map(|episode| (episode.opened, episode.peak, episode.closed));
        let heads = (*score, *novelty, *jump, *staleness, *head);
        let said: Said = ((*window, *revision, *value), heads, (*baseline, *lower, *upper), *state, episode);
        Some(said)
    }

    fn read(place: Place, says: &[u8]) -> serde_json::Result<Self> {
        let ((window, revision, value), heads, (baseline, lower, upper), state, episode): Said = serde_json::from_slice(says)?;
        let (score, novelty, jump, staleness, head) = heads;
        let episode = episode.map(|(opened, peak, closed)| Episode { id: String::new(), opened, peak, closed });
        let Place { time, source, series, operator, last: _ } = place;
        let (id, version) = (String::new(), String::new());
        Ok(Self {
            id,
            operator,
            version,
            source,
            series,
            time,
            window,
            revision,
            value,
            score,
            novelty,
            jump,
            staleness,
            head,
            baseline,
            lower,
            upper,
            state,
            episode,
        })
    }
}
