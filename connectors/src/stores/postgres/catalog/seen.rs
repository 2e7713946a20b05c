//! What the catalog remembers of the series it has seen.

use std::collections::BTreeMap;

use bytes::Bytes;
use floodmark_core::project::samples_of;
use floodmark_schemas::frame::{Decoder, Visitor};
use floodmark_schemas::{DecodeError, Event, FrameHeader};
use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::LAST_SEEN_STEP_US;
use crate::stores::postgres::series_ids;

/// How many series of one source are remembered before all of it are forgotten: about 200 bytes each.
const SERIES_MAX: usize = 1_000_000;

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

/// The series of one source by the dense numbers that its decoder was given.
#[derive(Default)]
struct Known {
    source: String,
    numbers: HashMap<i64, u32, FixedState>,
    seen: Vec<Seen>,
    /// Series with an event since the last write.
    touched: Vec<u32>,
}

struct Seen {
    id: i64,
    key: Box<str>,
    first: i64,
    last: i64,
    stored: Option<(i64, i64)>,
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

    /// The series that are new, or have moved enough, since the last call.
    pub(super) fn moved(&mut self) -> BTreeMap<i64, series_ids::Row> {
        let mut rows = BTreeMap::new();
        for (source, SourceSeries { decoder, known }) in &mut self.by_name {
            for number in known.touched.drain(..) {
                let seen = &mut known.seen[number as usize];
                seen.touched = false;
                if seen.has_moved() {
                    let times = Some((seen.first, seen.last));
                    rows.insert(seen.id, series_ids::Row { source: source.clone(), key: seen.key.to_string(), seen: times });
                }
            }
            if known.seen.len() > SERIES_MAX {
                decoder.reset();
                *known = Known { source: source.clone(), ..Known::default() };
            }
        }
        rows
    }

    /// Takes note of what is in the table now: id, first and last.
    pub(super) fn stored(&mut self, rows: &[(i64, i64, i64)]) {
        for known in self.by_name.values_mut().map(|source| &mut source.known) {
            for (id, first, last) in rows {
                if let Some(number) = known.numbers.get(id) {
                    let seen = &mut known.seen[*number as usize];
                    (seen.first, seen.last, seen.stored) = (*first, *last, Some((*first, *last)));
                }
            }
        }
    }
}

impl Seen {
    fn has_moved(&self) -> bool {
        self.stored.is_none_or(|(first, last)| self.first < first || self.last.saturating_sub(last) > LAST_SEEN_STEP_US)
    }
}

impl Visitor for Known {
    fn series(&mut self, key: &str) -> u32 {
        let id = series_ids::id(&self.source, key);
        let next = self.seen.len() as u32;
        let number = *self.numbers.entry(id).or_insert(next);
        if number == next {
            self.seen.push(Seen { id, key: key.into(), first: i64::MAX, last: i64::MIN, stored: None, touched: false });
        }
        number
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
            let number = self.series(&series.key());
            self.sample(index, event.time.micros(), number, 0.0);
        }
    }
}
