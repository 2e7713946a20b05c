//! What the catalog remembers of the series it has seen.

use std::collections::BTreeMap;

use bytes::Bytes;
use floodmark_core::Result;
use floodmark_core::project::samples_of;
use floodmark_schemas::frame::{Decoder, Visitor};
use floodmark_schemas::{DecodeError, Event, FrameHeader};
use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::LAST_SEEN_STEP_US;
use crate::stores::embedded::series_ids::identity;

/// How many series of one source are remembered before all of it are forgotten: about 100 bytes each.
const SERIES_MAX: usize = 2_000_000;

/// All sources that have sent frames to this process.
#[derive(Default)]
pub(super) struct Sources {
    by_name: BTreeMap<String, SourceSeries>,
}

#[derive(Default)]
struct SourceSeries {
    decoder: Decoder,
    known: Known,
}

/// The series of one source by the dense ids that its decoder was given.
#[derive(Default)]
struct Known {
    source: String,
    ids: HashMap<u128, u32, FixedState>,
    seen: Vec<Seen>,
    /// Series with an event since the last write.
    touched: Vec<u32>,
}

/// What is known of one series.
pub(super) struct Seen {
    /// Its canonical key, until it has its row.
    pub(super) key: Option<Box<str>>,
    /// Its row in the table.
    pub(super) row: Option<i64>,
    /// Earliest event time in microseconds.
    pub(super) first: i64,
    /// Latest event time in microseconds.
    pub(super) last: i64,
    stored_first: i64,
    stored_last: i64,
    touched: bool,
}

impl Sources {
    /// Takes the series and times of a frame.
    ///
    /// # Errors
    /// When the body cannot be read; the events before the fault have been seen.
    pub(super) fn see(&mut self, header: &FrameHeader, body: &Bytes) -> Result<(), DecodeError> {
        if !self.by_name.contains_key(&header.source) {
            let known = Known { source: header.source.clone(), ..Known::default() };
            self.by_name.insert(header.source.clone(), SourceSeries { known, ..SourceSeries::default() });
        }
        let SourceSeries { decoder, known } = self.by_name.get_mut(&header.source).expect("it was put there");
        decoder.visit(header.encoding, body, known)
    }

    /// Calls `store` for each series that is new, or has moved enough, since the last call.
    pub(super) fn moved(&mut self, mut store: impl FnMut(&str, &mut Seen) -> Result<()>) -> Result<()> {
        for (source, SourceSeries { decoder, known }) in &mut self.by_name {
            for id in known.touched.drain(..) {
                let seen = &mut known.seen[id as usize];
                seen.touched = false;
                if seen.has_moved() {
                    store(source, seen)?;
                }
            }
            if known.seen.len() > SERIES_MAX {
                decoder.reset();
                *known = Known { source: source.clone(), ..Known::default() };
            }
        }
        Ok(())
    }
}

impl Seen {
    fn has_moved(&self) -> bool {
        self.row.is_none() || self.first < self.stored_first || self.last.saturating_sub(self.stored_last) > LAST_SEEN_STEP_US
    }

    /// Remembers what is in the table now.
    pub(super) fn stored(&mut self, row: i64, first: i64, last: i64) {
        self.row = Some(row);
        (self.first, self.last) = (first, last);
        (self.stored_first, self.stored_last) = (first, last);
    }
}

impl Visitor for Known {
    fn series(&mut self, key: &str) -> u32 {
        let next = self.seen.len() as u32;
        let id = *self.ids.entry(identity(&self.source, key)).or_insert(next);
        if id == next {
            self.seen.push(Seen {
                key: Some(key.into()),
                row: None,
                first: i64::MAX,
                last: i64::MIN,
                stored_first: i64::MAX,
                stored_last: i64::MIN,
                touched: false,
            });
        }
        id
    }

    fn sample(&mut self, _index: u32, time: i64, series: u32, _value: f64) {
        let seen = &mut self.seen[series as usize];
        seen.first = seen.first.min(time);
        seen.last = seen.last.max(time);
        if !seen.touched {
            seen.touched = true;
            self.touched.push(series);
        }
    }

    fn event(&mut self, index: u32, event: Event) {
        for (series, _) in samples_of(&event) {
            let id = self.series(&series.key());
            self.sample(index, event.time.micros(), id, 0.0);
        }
    }
}
