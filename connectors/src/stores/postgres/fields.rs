//! Rows of raw events as `COPY ... (FORMAT binary)` takes them
//! (<https://www.postgresql.org/docs/current/sql-copy.html#id-1.9.3.55.9.4>).
//!
//! What all samples of a series have in common is written once and then copied, so that a sample costs no allocation.

use bytes::{BufMut, BytesMut};
use floodmark_schemas::{Event, Payload, Series, Timestamp};

use super::series_ids;
use super::times::exact;

/// The statement. Its columns stand in the order in which rows are written.
pub(super) const COPY: &str = "COPY event (position, event_index, log_time, time, value, id, subject, data, original, \
                               series_id, source, type, metric, unit, labels) FROM STDIN (FORMAT binary)";
const COLUMNS: i16 = 15;
/// What a COPY begins with: signature, no flags, no extension.
pub(super) const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// What it ends with.
pub(super) const TRAILER: &[u8] = &(-1i16).to_be_bytes();

/// Why an event can be no row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refused(pub(super) String);

/// Where an event stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) position: u64,
    pub(super) log_time: Timestamp,
    pub(super) index: u32,
}

/// What the rows of one series have in common.
pub(super) struct Common {
    bytes: BytesMut,
}

impl Common {
    /// Of samples of `series`.
    pub(super) fn of_sample(source: &str, series: &Series, key: &str) -> Result<Self, Refused> {
        let labels = serde_json::to_string(&series.labels).expect("texts by name are JSON");
        refuse_nul(&[("source", source), ("metric", &series.metric), ("unit", &series.unit)])?;
        if series.labels.iter().any(|(name, value)| name.contains('\0') || value.contains('\0')) {
            return Err(nul("a label"));
        }
        let id = Some(series_ids::id(source, key));
        let kind = floodmark_schemas::event::SAMPLE;
        Ok(Self::write(id, source, kind, Some((&series.metric, &series.unit)), &labels))
    }

    fn write(series_id: Option<i64>, source: &str, kind: &str, metric: Option<(&str, &str)>, labels: &str) -> Self {
        let mut bytes = BytesMut::new();
        match series_id {
            Some(id) => {
                bytes.put_i32(8);
                bytes.put_i64(id);
            }
            None => bytes.put_i32(-1),
        }
        text(&mut bytes, source);
        text(&mut bytes, kind);
        optional(&mut bytes, metric.map(|(metric, _)| metric));
        optional(&mut bytes, metric.map(|(_, unit)| unit));
        json(&mut bytes, Some(labels));
        Self { bytes }
    }
}

/// Writes the row of a sample with nothing unusual about it.
pub(super) fn sample(out: &mut BytesMut, place: Place, time: i64, value: f64, id: &str, common: &Common) -> Result<(), Refused> {
    refuse_nul(&[("id", id)])?;
    head(out, place, time, Some(value))?;
    text(out, id);
    (0..3).for_each(|_| out.put_i32(-1));
    out.extend_from_slice(&common.bytes);
    Ok(())
}

/// Writes the row of any event; `common` is of its series, if it is a sample.
pub(super) fn event(out: &mut BytesMut, place: Place, event: &Event, common: Option<&Common>) -> Result<(), Refused> {
    let whole = || serde_json::to_string(event).expect("an event is JSON");
    let original = (!comes_back(event)).then(whole);
    let subject = event.subject.as_deref();
    refuse_nul(&[("id", &event.id), ("source", &event.source), ("subject", subject.unwrap_or_default())])?;
    let (value, data) = match &event.payload {
        Payload::Sample(sample) => (Some(sample.value), None),
        Payload::Check(check) => (check.up.map(|up| f64::from(u8::from(up))), Some(serde_json::to_string(check))),
        Payload::Record(record) => (None, Some(serde_json::to_string(record))),
    };
    let data = data.map(|data| data.expect("data of an event is JSON"));
    let made;
    let common = match (common, &event.payload) {
        (Some(common), _) => common,
        (None, Payload::Check(check)) => {
            let up = check.series("up", "");
            if up.labels.iter().any(|(name, value)| name.contains('\0') || value.contains('\0')) {
                return Err(nul("a label or the target"));
            }
            let labels = serde_json::to_string(&up.labels).expect("texts by name are JSON");
            let id = series_ids::id(&event.source, &up.key());
            made = Common::write(Some(id), &event.source, event.payload.type_name(), None, &labels);
            &made
        }
        (None, _) => {
            made = Common::write(None, &event.source, event.payload.type_name(), None, "{}");
            &made
        }
    };
    head(out, place, event.time.micros(), value)?;
    text(out, &event.id);
    optional(out, subject);
    json(out, data.as_deref());
    optional(out, original.as_deref());
    out.extend_from_slice(&common.bytes);
    Ok(())
}

/// Whether the columns give the event back to the last bit. `jsonb` keeps numbers as decimals: `1e16` comes back as a whole
/// number and `-0.0` without its sign, so facts with such numbers keep their own text.
fn comes_back(event: &Event) -> bool {
    let plain = event.specversion == "1.0" && event.datacontenttype.is_none();
    plain && if let Payload::Record(record) = &event.payload { !record.fact.values().any(holds_floats) } else { true }
}

fn holds_floats(value: &serde_json::Value) -> bool {
    match value {
        serde_json::Value::Number(number) => number.is_f64(),
        serde_json::Value::Array(values) => values.iter().any(holds_floats),
        serde_json::Value::Object(values) => values.values().any(holds_floats),
        _ => false,
    }
}

fn head(out: &mut BytesMut, place: Place, time: i64, value: Option<f64>) -> Result<(), Refused> {
    let held = |what: &str, time: i64| {
        let text = || Refused(format!("{what} {} lies before 4713 BC, where the times of PostgreSQL begin", Timestamp::from_micros(time)));
        exact(time).ok_or_else(text)
    };
    let (log_time, time) = (held("the log time", place.log_time.micros())?, held("the time", time)?);
    out.put_i16(COLUMNS);
    out.put_i32(8);
    out.put_i64(place.position.cast_signed());
    out.put_i32(4);
    out.put_i32(place.index.cast_signed());
    out.put_i32(8);
    out.put_i64(log_time);
    out.put_i32(8);
    out.put_i64(time);
    match value {
        Some(value) => {
            out.put_i32(8);
            out.put_f64(value);
        }
        None => out.put_i32(-1),
    }
    Ok(())
}

fn text(out: &mut BytesMut, text: &str) {
    out.put_i32(length(text.len()));
    out.extend_from_slice(text.as_bytes());
}

fn optional(out: &mut BytesMut, value: Option<&str>) {
    match value {
        Some(value) => text(out, value),
        None => out.put_i32(-1),
    }
}

/// `jsonb` in its binary form: version 1, then the text.
fn json(out: &mut BytesMut, value: Option<&str>) {
    match value {
        Some(value) => {
            out.put_i32(length(value.len() + 1));
            out.put_u8(1);
            out.extend_from_slice(value.as_bytes());
        }
        None => out.put_i32(-1),
    }
}

fn length(bytes: usize) -> i32 {
    i32::try_from(bytes).expect("an entry of the log is far smaller than 2 GiB")
}

fn refuse_nul(texts: &[(&str, &str)]) -> Result<(), Refused> {
    match texts.iter().find(|(_, text)| memchr::memchr(0, text.as_bytes()).is_some()) {
        Some((what, _)) => Err(nul(&format!("the {what}"))),
        None => Ok(()),
    }
}

fn nul(what: &str) -> Refused {
    Refused(format!("{what} holds the character U+0000, which no text of PostgreSQL can hold"))
}
