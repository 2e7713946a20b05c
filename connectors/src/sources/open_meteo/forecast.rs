//! Reading an answer of Open-Meteo (<https://open-meteo.com/en/docs>).

use std::collections::BTreeMap;

use floodmark_schemas::{Event, Series, Timestamp};
use jiff::civil::DateTime;
use jiff::tz::Offset;
use serde::Deserialize;
use serde_json::Value;

use super::Place;
use crate::sources::http_client::{Answer, excerpt};

const HOUR_US: i64 = 3_600_000_000;

/// What an answer is.
#[derive(Debug)]
pub enum Read {
    /// One observation for each place in the order of the request, or what is wrong with it.
    Observations(Vec<Result<Observation, String>>),
    /// It cannot be understood.
    Malformed(String),
    /// The service refused, and said this.
    Refused(String),
}

/// The values of one place.
#[derive(Debug, PartialEq)]
pub struct Observation {
    /// When they were so.
    pub time: Timestamp,
    values: Vec<Measure>,
}

/// One number.
#[derive(Debug, PartialEq)]
struct Measure {
    metric: String,
    unit: String,
    /// For a forecast: how many hours ahead.
    horizon: Option<i64>,
    value: f64,
}

#[derive(Deserialize)]
struct Document {
    #[serde(default)]
    error: Option<bool>,
    #[serde(default)]
    reason: Option<String>,
    #[serde(default)]
    utc_offset_seconds: Option<i32>,
    #[serde(default)]
    current: Option<Section>,
    #[serde(default)]
    current_units: Option<Units>,
    #[serde(default)]
    hourly: Option<Section>,
    #[serde(default)]
    hourly_units: Option<Units>,
}

/// By name, so that the order of the samples does not depend on that of the answer.
type Section = BTreeMap<String, Value>;
type Units = BTreeMap<String, Option<String>>;

/// Reads an answer for `places` places. One place gives an object, several a list of objects.
pub fn read(answer: &Answer, places: usize) -> Read {
    let list = answer.body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[');
    let documents = if list { answer.json::<Vec<Document>>() } else { answer.json::<Document>().map(|one| vec![one]) };
    if answer.status != 200 {
        let reason = documents.ok().and_then(|mut documents| documents.pop()?.reason);
        return Read::Refused(excerpt(&reason.unwrap_or_else(|| String::from_utf8_lossy(&answer.body).into_owned())));
    }
    match documents {
        Err(what) => Read::Malformed(what),
        Ok(documents) if documents.iter().any(|document| document.error == Some(true)) => {
            Read::Refused(excerpt(&documents.into_iter().find_map(|document| document.reason).unwrap_or_default()))
        }
        Ok(documents) if documents.len() != places => {
            Read::Malformed(format!("the answer is for {} places, the request was for {places}", documents.len()))
        }
        Ok(documents) => Read::Observations(documents.iter().map(Document::observation).collect()),
    }
}

impl Document {
    fn observation(&self) -> Result<Observation, String> {
        let current = self.current.as_ref().ok_or("there is no section \"current\"")?;
        let time = self.time(current.get("time").ok_or("current has no time")?)?;
        let mut values = Vec::new();
        for (metric, value) in current.iter().filter(|(name, _)| !matches!(name.as_str(), "time" | "interval")) {
            if let Some(value) = number(value).map_err(|what| format!("current.{metric} {what}"))? {
                values.push(Measure { metric: metric.clone(), unit: unit(self.current_units.as_ref(), metric), horizon: None, value });
            }
        }
        if let Some(hourly) = &self.hourly {
            self.forecast(hourly, time, &mut values)?;
        }
        Ok(Observation { time, values })
    }

    fn forecast(&self, hourly: &Section, now: Timestamp, values: &mut Vec<Measure>) -> Result<(), String> {
        let list = |name: &str| match hourly.get(name) {
            Some(Value::Array(list)) => Ok(list),
            _ => Err(format!("hourly.{name} is not a list")),
        };
        let times = list("time")?.iter().map(|time| self.time(time)).collect::<Result<Vec<_>, _>>()?;
        for name in hourly.keys().filter(|name| *name != "time") {
            let column = list(name)?;
            if column.len() != times.len() {
                return Err(format!("hourly.{name} has {} values for {} times", column.len(), times.len()));
            }
            let unit = unit(self.hourly_units.as_ref(), name);
            for (time, value) in times.iter().zip(column).filter(|(time, _)| **time > now) {
                let Some(value) = number(value).map_err(|what| format!("hourly.{name} {what}"))? else { continue };
                let horizon = Some((time.micros() - now.micros()).unsigned_abs().div_ceil(HOUR_US.unsigned_abs()) as i64);
                values.push(Measure { metric: format!("{name}_forecast"), unit: unit.clone(), horizon, value });
            }
        }
        Ok(())
    }

    /// Seconds since the epoch are always UTC. Text without an offset is local time by the offset of the answer.
    fn time(&self, value: &Value) -> Result<Timestamp, String> {
        let bad = || format!("{value} is not a time");
        match value {
            Value::Number(secs) => secs.as_i64().and_then(|secs| secs.checked_mul(1_000_000)).map(Timestamp::from_micros).ok_or_else(bad),
            Value::String(text) => Timestamp::parse(text).or_else(|_| {
                let local: DateTime = text.parse().map_err(|_| bad())?;
                let offset = Offset::from_seconds(self.utc_offset_seconds.unwrap_or(0)).map_err(|_| bad())?;
                offset.to_timestamp(local).map(|time| Timestamp::from_micros(time.as_microsecond())).map_err(|_| bad())
            }),
            _ => Err(bad()),
        }
    }
}

/// `None` where the service knows nothing: never zero.
fn number(value: &Value) -> Result<Option<f64>, String> {
    match value {
        Value::Null => Ok(None),
        Value::Number(number) => Ok(number.as_f64()),
        _ => Err(format!("is {}, not a number", excerpt(&value.to_string()))),
    }
}

fn unit(units: Option<&Units>, name: &str) -> String {
    units.and_then(|units| units.get(name)?.clone()).unwrap_or_default()
}

impl Observation {
    /// The samples of the values at `place`, with the coordinates that were asked for: those of the answer are of a grid cell.
    pub fn samples<'a>(&'a self, source: &'a str, place: &'a Place) -> impl Iterator<Item = Event> + 'a {
        self.values.iter().map(move |Measure { metric, unit, horizon, value }| {
            let mut series = Series::new(metric).unit(unit).label("place", &place.name);
            series = series.label("latitude", place.latitude.to_string()).label("longitude", place.longitude.to_string());
            let mut id = format!("{metric}:{}@{}", place.name, self.time.micros());
            if let Some(hours) = horizon {
                series = series.label("horizon", format!("{hours}h"));
                id.push_str(&format!("+{hours}h"));
            }
            Event::sample(source, id, self.time, series, *value)
        })
    }
}

#[cfg(test)]
mod tests;
