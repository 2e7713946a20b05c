//! The observations of a frame, as columns.

use floodmark_schemas::{Check, Event, Payload, Reason, Record, Series, frame};
use serde_json::Value;

use super::spec::{Input, Pattern};
use crate::project;
use crate::selection::{NONE, Taken};
use crate::taking::Taking;
use crate::window::Columns;

/// The longest text that is kept of a match, in bytes.
const TEXT_BYTES_MAX: usize = 256;
/// The metric that rules about checks take of samples when none is named.
const UP: &str = "up";

/// One row for each observation, or one without a series for an event that gives none.
#[derive(Debug, Default)]
pub(super) struct Rows {
    /// A value that is no number stands for an observation that cannot be judged.
    pub columns: Columns,
    /// What matched, by the row.
    pub texts: Vec<(usize, String)>,
}

/// Fills rows from a frame of one source.
pub(super) struct Filling<'a> {
    pub input: &'a Input,
    pub taking: Taking<'a>,
    pub rows: &'a mut Rows,
}

/// Whether a target is up; `None` when nobody can say: the check could not be made, or this machine or its line was to blame.
pub fn is_up(check: &Check) -> Option<bool> {
    check.up.filter(|_| !matches!(check.reason, Some(Reason::Missed | Reason::Local | Reason::MonitorOffline)))
}

impl Filling<'_> {
    fn push(&mut self, index: u32, time: i64, series: u32, value: f64) -> bool {
        match self.taking.row(time, series, value) {
            Taken::Yes(series, value) => self.rows.columns.push(index, time, series, value),
            Taken::No => return false,
            Taken::Undefined => {
                self.rows.columns.undefined += 1;
                return false;
            }
        }
        true
    }

    fn push_series(&mut self, index: u32, time: i64, series: &Series, value: f64) -> bool {
        let wanted = self.taking.takes_metric(&series.metric);
        let number = if wanted { self.taking.number(&series.key()) } else { NONE };
        wanted && self.push(index, time, number, value)
    }

    fn of_event(&mut self, index: u32, event: &Event) -> bool {
        let time = event.time.micros();
        match (self.input, &event.payload) {
            (Input::Samples, _) => {
                let before = self.rows.columns.time.len();
                for (series, value) in project::samples_of(event) {
                    self.push_series(index, time, &series, value);
                }
                self.rows.columns.time.len() > before
            }
            (Input::Checks, Payload::Check(check)) => {
                let value = is_up(check).map_or(f64::NAN, |up| f64::from(u8::from(up)));
                self.push_series(index, time, &check.series(UP, ""), value)
            }
            (Input::Certificates, Payload::Check(check)) => check.certificate_expires.is_some_and(|end| {
                let days = end.micros().saturating_sub(time) as f64 / 86_400e6;
                self.push_series(index, time, &check.series("certificate_days_left", "d"), days)
            }),
            (Input::Anything, Payload::Check(check)) => self.push_series(index, time, &check.series(UP, ""), 1.0),
            (Input::Anything, Payload::Record(record)) => self.push_series(index, time, &series_of(event, record), 1.0),
            (Input::Texts(pattern), payload) => {
                let series = match payload {
                    Payload::Check(check) => check.series(UP, ""),
                    Payload::Record(record) => series_of(event, record),
                    Payload::Sample(_) => return false,
                };
                let Some(text) = text_of(event, pattern).filter(|text| pattern.pattern.is_match(text)) else { return false };
                let row = self.rows.columns.time.len();
                let taken = self.push_series(index, time, &series, 1.0);
                if taken {
                    self.rows.texts.push((row, text));
                }
                taken
            }
            _ => false,
        }
    }
}

impl frame::Visitor for Filling<'_> {
    fn series(&mut self, key: &str) -> u32 {
        match self.input {
            Input::Samples | Input::Anything => self.taking.number(key),
            Input::Checks if self.taking.metrics.is_some() => self.taking.number(key),
            Input::Checks if Series::from_key(key).is_ok_and(|series| series.metric == UP) => self.taking.number(key),
            _ => NONE,
        }
    }

    fn sample(&mut self, index: u32, time: i64, series: u32, value: f64) {
        self.rows.columns.events += 1;
        let value = if matches!(self.input, Input::Checks) { f64::from(u8::from(value > 0.0)) } else { value };
        if series == NONE || !self.push(index, time, series, value) {
            self.rows.columns.push(index, time, NONE, 0.0);
        }
    }

    fn event(&mut self, index: u32, event: Event) {
        self.rows.columns.events += 1;
        if !self.of_event(index, &event) {
            self.rows.columns.push(index, event.time.micros(), NONE, 0.0);
        }
    }
}

/// The series of a record: its name, and what it is about.
fn series_of(event: &Event, record: &Record) -> Series {
    let series = Series::new(record.name.clone());
    match &event.subject {
        Some(subject) => series.label("subject", subject.clone()),
        None => series,
    }
}

/// The text of a field.
fn text_of(event: &Event, pattern: &Pattern) -> Option<String> {
    let field = pattern.field.as_str();
    let text = match (&event.payload, field) {
        (_, "subject") => event.subject.clone()?,
        (Payload::Record(record), "name") => record.name.clone(),
        (Payload::Record(record), _) => {
            let mut parts = field.strip_prefix("fact.")?.split('.');
            let first = record.fact.get(parts.next()?)?;
            match parts.try_fold(first, |value, part| value.get(part))? {
                Value::String(text) => text.clone(),
                Value::Null | Value::Object(_) | Value::Array(_) => return None,
                other => other.to_string(),
            }
        }
        (Payload::Check(check), "target") => check.target.clone(),
        (Payload::Check(check), "detail") => check.detail.clone()?,
        (Payload::Check(check), "reason") => serde_json::to_value(check.reason?).ok()?.as_str()?.to_owned(),
        _ => return None,
    };
    Some(text)
}

/// As much of what matched as an alert tells.
pub(super) fn shortened(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(TEXT_BYTES_MAX));
    text
}
