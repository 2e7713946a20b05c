//! The fields of an event in CSV: one line fits samples, checks and records.

use floodmark_schemas::{Event, Payload};

use crate::cli::{csv, describe};

/// The names of the fields.
pub(super) const NAMES: [&str; 14] =
    ["id", "source", "time", "type", "metric", "unit", "labels", "value", "target", "up", "reason", "status", "duration_us", "data"];

/// The fields of `event`.
pub(super) fn of(event: &Event) -> [String; NAMES.len()] {
    let none = String::new;
    let Event { id, source, time, payload, .. } = event;
    let (id, source, time, kind) = (id.clone(), source.clone(), time.to_string(), payload.type_name().to_owned());
    match payload {
        Payload::Sample(sample) => {
            let (series, value) = (&sample.series, csv::number(sample.value));
            let (metric, unit, labels) = (series.metric.clone(), series.unit.clone(), csv::labels(&series.labels));
            [id, source, time, kind, metric, unit, labels, value, none(), none(), none(), none(), none(), none()]
        }
        Payload::Check(check) => {
            let (labels, target, up, reason) =
                (csv::labels(&check.labels), check.target.clone(), csv::maybe(check.up), csv::maybe(check.reason.map(describe::reason)));
            let (status, duration) = (csv::maybe(check.status), csv::maybe(check.duration_us));
            [id, source, time, kind, none(), none(), labels, none(), target, up, reason, status, duration, data(payload)]
        }
        Payload::Record(_) => {
            [id, source, time, kind, none(), none(), none(), none(), none(), none(), none(), none(), none(), data(payload)]
        }
    }
}

/// The `data` of a check or a record as JSON.
pub(super) fn data(payload: &Payload) -> String {
    let text = match payload {
        Payload::Sample(sample) => serde_json::to_string(sample),
        Payload::Check(check) => serde_json::to_string(check),
        Payload::Record(record) => serde_json::to_string(record),
    };
    text.expect("an event is JSON")
}
