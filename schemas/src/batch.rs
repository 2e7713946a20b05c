//! Events on their way into a frame: columns instead of objects, so that a million samples cost no million allocations.

use std::borrow::Cow;
use std::sync::Arc;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::{Event, Payload, Series, series::fnv1a};

/// The slot of a row that is not a sample.
pub(crate) const OTHER: i32 = -1;

/// A series with what is derived from it once.
#[derive(Debug)]
pub struct Interned {
    /// The series.
    pub series: Series,
    /// Its canonical key.
    pub key: String,
    /// Hash of the key: decides the partition.
    pub hash: u32,
}

/// A series known to one [`BatchBuilder`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeriesRef(u32);

/// Events of one source, in order. Samples are columns; checks and records are kept as they are.
#[derive(Clone, Debug, Default)]
pub struct EventBatch {
    pub(crate) dictionary: Vec<Arc<Interned>>,
    pub(crate) time: Vec<i64>,
    pub(crate) slot: Vec<i32>,
    pub(crate) value: Vec<f64>,
    pub(crate) id_ends: Vec<u32>,
    pub(crate) id_bytes: String,
    pub(crate) others: Vec<Event>,
}

/// One event of a batch.
#[derive(Clone, Copy, Debug)]
pub enum Row<'a> {
    /// A sample.
    Sample {
        /// Event time in microseconds.
        time: i64,
        /// What the source gave, or empty: then the frame's id and the index stand for it.
        id: &'a str,
        /// The series.
        series: &'a Arc<Interned>,
        /// The value.
        value: f64,
    },
    /// A check or a record.
    Event(&'a Event),
}

impl EventBatch {
    /// How many events.
    pub fn len(&self) -> usize {
        self.time.len()
    }

    /// Whether there is no event.
    pub fn is_empty(&self) -> bool {
        self.time.is_empty()
    }

    /// Event times in microseconds, in order.
    pub fn times(&self) -> &[i64] {
        &self.time
    }

    /// The events in order.
    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        let mut others = self.others.iter();
        (0..self.len()).map(move |i| match self.slot[i] {
            OTHER => Row::Event(others.next().expect("every row without a slot has its event")),
            slot => Row::Sample { time: self.time[i], id: self.id(i), series: &self.dictionary[slot as usize], value: self.value[i] },
        })
    }

    /// What the source gave as id of row `i`, or empty.
    pub(crate) fn id(&self, i: usize) -> &str {
        let end = |i: usize| self.id_ends.get(i).map_or(0, |n| *n as usize);
        if i >= self.id_ends.len() { "" } else { &self.id_bytes[if i == 0 { 0 } else { end(i - 1) }..end(i)] }
    }

    /// Parts the events by partition, keeping their order. Partitions without events are left out.
    pub fn split(self, partitions: u32) -> Vec<(u32, EventBatch)> {
        if partitions <= 1 {
            return if self.is_empty() { Vec::new() } else { vec![(0, self)] };
        }
        let mut parts: Vec<BatchPart> = (0..partitions).map(|_| BatchPart::default()).collect();
        for row in self.rows() {
            let hash = match row {
                Row::Sample { series, .. } => series.hash,
                Row::Event(event) => partition_hash(event),
            };
            parts[(hash % partitions) as usize].row(row);
        }
        (0..).zip(parts).map(|(p, part)| (p, part.batch)).filter(|(_, batch)| !batch.is_empty()).collect()
    }

    /// Adds the events of `other` behind these.
    pub fn extend(&mut self, other: &EventBatch) {
        let mut part = BatchPart { slots: HashMap::default(), batch: std::mem::take(self) };
        for (series, slot) in part.batch.dictionary.iter().zip(0..) {
            part.slots.insert(Arc::as_ptr(series), slot);
        }
        other.rows().for_each(|row| part.row(row));
        *self = part.batch;
    }

    /// The same events in order, in batches of at most `max`.
    pub fn chunks(self, max: usize) -> Vec<EventBatch> {
        if self.len() <= max {
            return vec![self];
        }
        let mut chunks = Vec::with_capacity(self.len().div_ceil(max));
        let mut part = BatchPart::default();
        for row in self.rows() {
            if part.batch.len() == max {
                chunks.push(std::mem::take(&mut part).batch);
            }
            part.row(row);
        }
        chunks.push(part.batch);
        chunks
    }

    /// The batch with an id for every check and record: `derived` gives it, by its row, to those that have none.
    pub(crate) fn with_ids_of_others(&self, derived: impl Fn(usize) -> String) -> Cow<'_, Self> {
        if self.others.iter().all(|event| !event.id.is_empty()) {
            return Cow::Borrowed(self);
        }
        let mut batch = self.clone();
        let rows = (0..batch.slot.len()).filter(|row| batch.slot[*row] == OTHER);
        for (event, row) in batch.others.iter_mut().zip(rows).filter(|(event, _)| event.id.is_empty()) {
            event.id = derived(row);
        }
        Cow::Owned(batch)
    }

    fn row(&mut self, time: i64, slot: i32, value: f64, id: &str) {
        if !id.is_empty() || !self.id_ends.is_empty() {
            // Rows before the first id have the empty one.
            self.id_ends.resize(self.time.len(), self.id_bytes.len() as u32);
            self.id_bytes.push_str(id);
            self.id_ends.push(self.id_bytes.len() as u32);
        }
        self.time.push(time);
        self.slot.push(slot);
        self.value.push(value);
    }

    fn other(&mut self, event: Event) {
        self.row(event.time.micros(), OTHER, 0.0, "");
        self.others.push(event);
    }
}

/// What decides the partition of an event that is not a sample.
fn partition_hash(event: &Event) -> u32 {
    match &event.payload {
        Payload::Sample(sample) => fnv1a(sample.series.key().as_bytes()),
        Payload::Check(check) => fnv1a(check.series("check", "").key().as_bytes()),
        Payload::Record(record) => fnv1a(event.subject.as_deref().unwrap_or(&record.name).as_bytes()),
    }
}

#[derive(Default)]
struct BatchPart {
    batch: EventBatch,
    slots: HashMap<*const Interned, i32, FixedState>,
}

impl BatchPart {
    fn row(&mut self, row: Row<'_>) {
        match row {
            Row::Sample { time, id, series, value } => self.sample(time, id, series, value),
            Row::Event(event) => self.batch.other(event.clone()),
        }
    }

    fn sample(&mut self, time: i64, id: &str, series: &Arc<Interned>, value: f64) {
        let slot = *self.slots.entry(Arc::as_ptr(series)).or_insert_with(|| {
            self.batch.dictionary.push(series.clone());
            self.batch.dictionary.len() as i32 - 1
        });
        self.batch.row(time, slot, value, id);
    }
}

/// Builds batches of one source. It remembers the series it has seen, so that a repeated one costs an index.
#[derive(Debug, Default)]
pub struct BatchBuilder {
    known: HashMap<String, u32, FixedState>,
    interned: Vec<Arc<Interned>>,
    /// For each known series the generation of the batch it was last used in, and its slot there.
    slots: Vec<(u64, i32)>,
    generation: u64,
    batch: EventBatch,
}

impl BatchBuilder {
    /// The reference of `series`, to be used with [`Self::sample`].
    pub fn series(&mut self, series: &Series) -> SeriesRef {
        let key = series.key();
        if let Some(n) = self.known.get(&key) {
            return SeriesRef(*n);
        }
        let n = self.interned.len() as u32;
        self.interned.push(Arc::new(Interned { series: series.clone(), hash: fnv1a(key.as_bytes()), key: key.clone() }));
        self.slots.push((u64::MAX, 0));
        self.known.insert(key, n);
        SeriesRef(n)
    }

    /// How many series it remembers.
    pub fn series_len(&self) -> usize {
        self.interned.len()
    }

    /// Adds a sample. `id` may be empty.
    pub fn sample(&mut self, series: SeriesRef, time: i64, value: f64, id: &str) {
        let (generation, slot) = &mut self.slots[series.0 as usize];
        if *generation != self.generation {
            *generation = self.generation;
            *slot = self.batch.dictionary.len() as i32;
            self.batch.dictionary.push(self.interned[series.0 as usize].clone());
        }
        let slot = *slot;
        self.batch.row(time, slot, value, id);
    }

    /// Adds any event.
    pub fn event(&mut self, event: Event) {
        match event.payload {
            Payload::Sample(sample) => {
                let series = self.series(&sample.series);
                self.sample(series, event.time.micros(), sample.value, &event.id);
            }
            _ => self.batch.other(event),
        }
    }

    /// How many events are waiting.
    pub fn len(&self) -> usize {
        self.batch.len()
    }

    /// Whether no event is waiting.
    pub fn is_empty(&self) -> bool {
        self.batch.is_empty()
    }

    /// Hands out the waiting events.
    pub fn take(&mut self) -> EventBatch {
        self.generation += 1;
        let rows = self.batch.len();
        let series = self.batch.dictionary.len();
        let fresh = EventBatch {
            dictionary: Vec::with_capacity(series),
            time: Vec::with_capacity(rows),
            slot: Vec::with_capacity(rows),
            value: Vec::with_capacity(rows),
            ..EventBatch::default()
        };
        std::mem::replace(&mut self.batch, fresh)
    }
}

impl FromIterator<Event> for EventBatch {
    fn from_iter<I: IntoIterator<Item = Event>>(events: I) -> Self {
        let mut builder = BatchBuilder::default();
        events.into_iter().for_each(|event| builder.event(event));
        builder.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Check, Timestamp};

    fn batch(numbers: std::ops::Range<i64>) -> EventBatch {
        let event = |n: i64| match n % 5 {
            0 => Event::check("s", format!("c{n}"), Timestamp::from_secs(n), Check::of(format!("t{}", n % 3))),
            k => Event::sample(
                "s",
                if n % 2 == 0 { format!("{n}") } else { String::new() },
                Timestamp::from_secs(n),
                Series::new(format!("m{k}")),
                n as f64,
            ),
        };
        numbers.map(event).collect()
    }

    fn text(batch: &EventBatch) -> Vec<String> {
        let row = |row| match row {
            Row::Sample { time, id, series, value } => format!("{time} {id} {} {value}", series.key),
            Row::Event(event) => format!("{event:?}"),
        };
        batch.rows().map(row).collect()
    }

    #[test]
    fn joining_and_cutting_keep_every_event_in_order() {
        let mut joined = batch(0..7);
        joined.extend(&batch(7..30));
        assert_eq!(text(&joined), text(&batch(0..30)));
        let chunks = joined.chunks(8);
        assert_eq!(chunks.iter().map(EventBatch::len).collect::<Vec<_>>(), [8, 8, 8, 6]);
        assert_eq!(chunks.iter().flat_map(text).collect::<Vec<_>>(), text(&batch(0..30)));
    }

    #[test]
    fn a_series_stays_in_one_partition_and_in_order() {
        let mut all = Vec::new();
        for (partition, part) in batch(0..50).split(4) {
            assert!(partition < 4);
            for row in part.rows() {
                if let Row::Sample { series, .. } = row {
                    assert_eq!(series.hash % 4, partition);
                }
            }
            all.extend(text(&part));
        }
        all.sort();
        let mut expected = text(&batch(0..50));
        expected.sort();
        assert_eq!(all, expected);
    }
}
