//! Events as Arrow columns: what Parquet and Arrow exports hold.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use floodmark_core::ports::query::StoredEvent;
use floodmark_schemas::{Event, Payload, Sample};

use super::fields::data;
use crate::cli::csv;

/// The columns. `metric`, `unit` and `value` are null unless the event is a sample, `data` is null if it is; `labels`
/// is null for records.
pub(super) fn schema() -> Arc<Schema> {
    let text = |name: &str, nullable| Field::new(name, DataType::Utf8, nullable);
    Arc::new(Schema::new(vec![
        text("id", false),
        text("source", false),
        Field::new("time", DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())), false),
        text("type", false),
        text("metric", true),
        text("unit", true),
        text("labels", true),
        Field::new("value", DataType::Float64, true),
        text("data", true),
    ]))
}

/// The events as a batch of [`schema`].
pub(super) fn batch(events: &[StoredEvent]) -> RecordBatch {
    let events = || events.iter().map(|stored| &stored.event);
    let text = |of: fn(&Event) -> &str| StringArray::from_iter_values(events().map(of));
    let times = TimestampMicrosecondArray::from_iter_values(events().map(|event| event.time.micros())).with_timezone("UTC");
    let columns: Vec<ArrayRef> = vec![
        Arc::new(text(|event| &event.id)),
        Arc::new(text(|event| &event.source)),
        Arc::new(times),
        Arc::new(text(|event| event.payload.type_name())),
        Arc::new(StringArray::from_iter(events().map(|event| sample(event).map(|sample| sample.series.metric.as_str())))),
        Arc::new(StringArray::from_iter(events().map(|event| sample(event).map(|sample| sample.series.unit.as_str())))),
        Arc::new(StringArray::from_iter(events().map(labels))),
        Arc::new(Float64Array::from_iter(events().map(|event| sample(event).map(|sample| sample.value)))),
        Arc::new(StringArray::from_iter(events().map(|event| sample(event).is_none().then(|| data(&event.payload))))),
    ];
    RecordBatch::try_new(schema(), columns).expect("columns of one length with the types of the schema")
}

fn sample(event: &Event) -> Option<&Sample> {
    if let Payload::Sample(sample) = &event.payload { Some(sample) } else { None }
}

fn labels(event: &Event) -> Option<String> {
    match &event.payload {
        Payload::Sample(sample) => Some(csv::labels(&sample.series.labels)),
        Payload::Check(check) => Some(csv::labels(&check.labels)),
        Payload::Record(_) => None,
    }
}
