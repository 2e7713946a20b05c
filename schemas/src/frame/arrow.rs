//! Frames as Arrow IPC streams.
//!
//! Columns, in order; `id` and `event` stand only where a row needs them:
//! `time` timestamp[us, UTC] · `series` dictionary<int32, utf8> (canonical keys) · `value` float64 ·
//! `id` utf8 (empty: derived) · `event` utf8 (the JSON of a check or record; then `series` and `value` are null).

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, DictionaryArray, Float64Array, Int32Array, RecordBatch, StringArray, StringBuilder, TimestampMicrosecondArray,
};
use arrow::buffer::{Buffer, NullBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, Field, Int32Type, Schema, TimeUnit};
use arrow::ipc::reader::StreamDecoder;
use arrow::ipc::writer::{IpcWriteOptions, StreamWriter};
use arrow::ipc::{CompressionType, root_as_message};
use bytes::Bytes;

use crate::batch::OTHER;
use crate::frame::{Compression, Visitor};
use crate::{DecodeError, Event, EventBatch, Row, Series, Timestamp};

pub(super) fn encode(batch: &EventBatch, compression: Compression) -> Bytes {
    write(&columns(batch), compression).expect("columns of one length with matching types are always written").into()
}

fn write(record_batch: &RecordBatch, compression: Compression) -> Result<Vec<u8>, arrow::error::ArrowError> {
    let options = IpcWriteOptions::default().try_with_compression(match compression {
        Compression::None => None,
        Compression::Lz4 => Some(CompressionType::LZ4_FRAME),
        Compression::Zstd => Some(CompressionType::ZSTD),
    })?;
    let out = Vec::with_capacity(2048 + record_batch.num_rows() * 64);
    let mut writer = StreamWriter::try_new_with_options(out, &record_batch.schema(), options)?;
    writer.write(record_batch)?;
    writer.into_inner()
}

fn columns(batch: &EventBatch) -> RecordBatch {
    let samples = || batch.slot.iter().map(|slot| *slot != OTHER);
    let nulls = (!batch.others.is_empty()).then(|| NullBuffer::from_iter(samples()));
    let keys = StringArray::from_iter_values(batch.dictionary.iter().map(|s| s.key.as_str()));
    let slots: ScalarBuffer<i32> = match batch.others.is_empty() {
        true => batch.slot.clone().into(),
        false => batch.slot.iter().map(|slot| (*slot).max(0)).collect(),
    };
    let times: ScalarBuffer<i64> = batch.time.clone().into();
    let values: ScalarBuffer<f64> = batch.value.clone().into();
    let series = DictionaryArray::<Int32Type>::new(Int32Array::new(slots, nulls.clone()), Arc::new(keys));
    let mut fields: Vec<(&str, ArrayRef)> = vec![
        ("time", Arc::new(TimestampMicrosecondArray::new(times, None).with_timezone("UTC"))),
        ("series", Arc::new(series)),
        ("value", Arc::new(Float64Array::new(values, nulls))),
    ];
    if !batch.id_ends.is_empty() {
        let mut ids = StringBuilder::with_capacity(batch.len(), batch.id_bytes.len());
        (0..batch.len()).for_each(|i| ids.append_value(batch.id(i)));
        fields.push(("id", Arc::new(ids.finish())));
    }
    if !batch.others.is_empty() {
        let json = |event: &Event| serde_json::to_string(event).expect("an event is JSON");
        let events = batch.rows().map(|row| if let Row::Event(event) = row { Some(json(event)) } else { None });
        fields.push(("event", Arc::new(events.collect::<StringArray>())));
    }
    let schema = Schema::new(fields.iter().map(|(name, array)| Field::new(*name, array.data_type().clone(), true)).collect::<Vec<_>>());
    RecordBatch::try_new(Arc::new(schema), fields.into_iter().map(|(_, array)| array).collect())
        .expect("all columns have one value for each row")
}

/// The columns of a body, checked.
struct Columns {
    time: TimestampMicrosecondArray,
    slots: Int32Array,
    keys: StringArray,
    value: Float64Array,
    id: Option<StringArray>,
    event: Option<StringArray>,
}

/// Refuses lengths that lead out of the body, on which the reader of arrow 60.1 would panic instead of failing.
/// Form of the messages: <https://arrow.apache.org/docs/format/Columnar.html#encapsulated-message-format>.
fn check_lengths(mut body: &[u8]) -> Option<()> {
    while !body.is_empty() {
        let (continuation, rest) = body.split_first_chunk::<4>()?;
        let (length, rest) = rest.split_first_chunk::<4>()?;
        let length = u32::from_le_bytes(*length) as usize;
        if *continuation != [0xff; 4] || length == 0 {
            // The end, or an older form that is not written here.
            return (*continuation == [0xff; 4] && rest.is_empty()).then_some(());
        }
        let (metadata, rest) = rest.split_at_checked(length)?;
        let message = root_as_message(metadata).ok()?;
        let (data, rest) = rest.split_at_checked(usize::try_from(message.bodyLength()).ok()?)?;
        let batch = message.header_as_record_batch().or_else(|| message.header_as_dictionary_batch()?.data());
        for buffer in batch.and_then(|batch| batch.buffers()).into_iter().flatten() {
            let (from, length) = (usize::try_from(buffer.offset()).ok()?, usize::try_from(buffer.length()).ok()?);
            let bytes = data.get(from..from.checked_add(length)?)?;
            let compressed = batch.is_some_and(|batch| batch.compression().is_some());
            if let (true, Some(length)) = (compressed, bytes.first_chunk::<8>()) {
                // -1: this buffer is not compressed after all.
                let fits = -1..=UNCOMPRESSED_BYTES_MAX;
                fits.contains(&i64::from_le_bytes(*length)).then_some(())?;
            }
        }
        for node in batch.and_then(|batch| batch.nodes()).into_iter().flatten() {
            (node.length() >= 0 && node.length() <= UNCOMPRESSED_BYTES_MAX && node.null_count() >= 0).then_some(())?;
        }
        body = rest;
    }
    Some(())
}

/// The most bytes that one column of a frame may take when it is no longer compressed.
const UNCOMPRESSED_BYTES_MAX: i64 = 1 << 28;

fn read(body: &Bytes) -> Result<Vec<Columns>, DecodeError> {
    check_lengths(body).ok_or_else(|| DecodeError::new("the lengths in the Arrow IPC stream do not fit its size"))?;
    // Offsets whose bytes are not a multiple of their width make the decoder panic instead of fail.
    let decoded = std::panic::catch_unwind(|| read_checked(body));
    decoded.unwrap_or_else(|_| Err(DecodeError::new("the buffers of the Arrow IPC stream do not fit their types")))
}

fn read_checked(body: &Bytes) -> Result<Vec<Columns>, DecodeError> {
    let mut decoder = StreamDecoder::new();
    let mut buffer = Buffer::from(body.clone());
    let mut batches = Vec::with_capacity(1);
    while !buffer.is_empty() {
        match decoder.decode(&mut buffer) {
            Ok(Some(batch)) => batches.push(Columns::of(&batch)?),
            Ok(None) => {}
            Err(e) => return Err(DecodeError::caused("the body is not an Arrow IPC stream", e)),
        }
    }
    decoder.finish().map_err(|e| DecodeError::caused("the Arrow IPC stream ends early", e))?;
    Ok(batches)
}

impl Columns {
    fn of(batch: &RecordBatch) -> Result<Self, DecodeError> {
        fn column<T: Clone + 'static>(batch: &RecordBatch, name: &str) -> Result<Option<T>, DecodeError> {
            let Some(array) = batch.column_by_name(name) else { return Ok(None) };
            let typed = array.as_any().downcast_ref::<T>().cloned();
            typed.map(Some).ok_or_else(|| DecodeError::new(format!("column {name} is {}", array.data_type())))
        }
        let missing = |name: &str| DecodeError::new(format!("column {name} is missing"));
        let series: DictionaryArray<Int32Type> = column(batch, "series")?.ok_or_else(|| missing("series"))?;
        let keys = series.values().as_any().downcast_ref::<StringArray>().cloned();
        let columns = Self {
            time: column(batch, "time")?.ok_or_else(|| missing("time"))?,
            slots: series.keys().clone(),
            keys: keys.ok_or_else(|| DecodeError::new("column series is not a dictionary of utf8"))?,
            value: column(batch, "value")?.ok_or_else(|| missing("value"))?,
            id: column(batch, "id")?,
            event: column(batch, "event")?,
        };
        let time_type = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        let time_ok = columns.time.data_type() == &time_type && columns.time.null_count() == 0;
        if time_ok { Ok(columns) } else { Err(DecodeError::new("column time is not timestamp[us, UTC] without nulls")) }
    }

    /// The canonical key of the series in a slot of the dictionary.
    fn key(&self, slot: usize) -> Result<&str, DecodeError> {
        let key = self.keys.is_valid(slot).then(|| self.keys.value(slot));
        key.ok_or_else(|| DecodeError::new(format!("slot {slot} of the dictionary has no series")))
    }

    /// The check or record of row `i`, if it is one.
    fn other(&self, i: usize) -> Result<Option<Event>, DecodeError> {
        match &self.event {
            Some(events) if events.is_valid(i) => {
                let text = events.value(i);
                serde_json::from_str(text).map(Some).map_err(|e| DecodeError::caused(format!("row {i} is not an event"), e))
            }
            _ if self.slots.is_valid(i) && self.value.is_valid(i) => Ok(None),
            _ => Err(DecodeError::new(format!("row {i} has neither a sample nor an event"))),
        }
    }
}

pub(super) fn visit(body: &Bytes, visitor: &mut impl Visitor) -> Result<(), DecodeError> {
    let mut index = 0;
    let mut ids: Vec<Option<u32>> = Vec::new();
    for columns in read(body)? {
        // A series is asked for when its first sample comes, as from JSON: a dictionary may hold others, in any order.
        ids.clear();
        ids.resize(columns.keys.len(), None);
        let (times, slots, values) = (columns.time.values(), columns.slots.values(), columns.value.values());
        let only_samples = columns.event.is_none() && columns.slots.null_count() == 0 && columns.value.null_count() == 0;
        for i in 0..times.len() {
            match if only_samples { None } else { columns.other(i)? } {
                Some(event) => visitor.event(index, event),
                None if !values[i].is_finite() => return Err(DecodeError::new(format!("row {i} has the value {}", values[i]))),
                None => {
                    let slot = slots[i] as usize;
                    let id = match ids[slot] {
                        Some(id) => id,
                        None => *ids[slot].insert(visitor.series(columns.key(slot)?)),
                    };
                    visitor.sample(index, times[i], id, values[i]);
                }
            }
            index += 1;
        }
    }
    Ok(())
}

pub(super) fn rows(body: &Bytes, mut row: impl FnMut(u32, super::ArrowRow<'_>) -> Result<(), DecodeError>) -> Result<(), DecodeError> {
    let mut index = 0;
    for columns in read(body)? {
        for i in 0..columns.time.len() {
            match columns.other(i)? {
                Some(event) => row(index, super::ArrowRow::Event(Box::new(event)))?,
                None => {
                    let id = columns.id.as_ref().filter(|ids| ids.is_valid(i)).map(|ids| ids.value(i)).filter(|id| !id.is_empty());
                    let key = columns.key(columns.slots.value(i) as usize)?;
                    row(index, super::ArrowRow::Sample { id, time: columns.time.value(i), key, value: columns.value.value(i) })?;
                }
            }
            index += 1;
        }
    }
    Ok(())
}

pub(super) fn decode(body: &Bytes, source: &str, frame_id: &str) -> Result<Vec<Event>, DecodeError> {
    let mut events = Vec::new();
    for columns in read(body)? {
        let series: Vec<Series> = columns.keys.iter().map(|k| Series::from_key(k.unwrap_or_default())).collect::<Result<_, _>>()?;
        for i in 0..columns.time.len() {
            events.push(match columns.other(i)? {
                Some(event) => event,
                None => {
                    let given = columns.id.as_ref().filter(|ids| ids.is_valid(i)).map_or("", |ids| ids.value(i));
                    let id = if given.is_empty() { super::derived_id(frame_id, events.len()) } else { given.to_owned() };
                    let slot = columns.slots.value(i) as usize;
                    Event::sample(source, id, Timestamp::from_micros(columns.time.value(i)), series[slot].clone(), columns.value.value(i))
                }
            });
        }
    }
    Ok(events)
}
