//! The rows of the table: what is new between two looks, and what stands still.

use std::cmp::Ordering;

use floodmark_schemas::Timestamp;

use super::snapshot::{Snapshot, Source, Unit};

/// The rows of the three parts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rows {
    /// When they were true.
    pub(super) time: Timestamp,
    pub(super) sources: Vec<Row>,
    pub(super) jobs: Vec<Row>,
    pub(super) sinks: Vec<Row>,
    /// Whether lags are known.
    pub(super) lags: Lags,
}

/// Whether lags are known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Lags {
    #[default]
    Known,
    Unknown,
}

/// One source, job or sink. What does not apply, or is not known yet, is absent.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Row {
    pub(super) name: String,
    /// Of a source its type.
    pub(super) kind: String,
    pub(super) state: String,
    /// Events or entries a second.
    pub(super) rate: Option<f64>,
    /// Outputs a second.
    pub(super) outputs: Option<f64>,
    /// How many entries it still has to read.
    pub(super) lag: Option<u64>,
    /// How old the newest event or entry is, or the watermark: microseconds.
    pub(super) age: Option<i64>,
    /// What came too late, was set aside, or had to be tried again.
    pub(super) drops: Option<u64>,
    pub(super) owner: String,
    pub(super) error: String,
}

/// What rows are sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    /// Names, from a to z.
    #[default]
    Name,
    /// The fastest first.
    Rate,
    /// Those that are furthest behind first.
    Lag,
    /// The oldest first.
    Age,
    /// Those with most that came too late or was set aside first.
    Drops,
}

impl Sort {
    /// The order that a key asks for.
    pub fn of_key(key: char) -> Option<Self> {
        match key {
            'n' => Some(Self::Name),
            'r' => Some(Self::Rate),
            'l' => Some(Self::Lag),
            'a' => Some(Self::Age),
            'd' => Some(Self::Drops),
            _ => None,
        }
    }

    fn compare(self, a: &Row, b: &Row) -> Ordering {
        let order = match self {
            Self::Name => Ordering::Equal,
            Self::Rate => b.rate.unwrap_or(-1.0).total_cmp(&a.rate.unwrap_or(-1.0)),
            Self::Lag => b.lag.cmp(&a.lag),
            Self::Age => b.age.cmp(&a.age),
            Self::Drops => b.drops.cmp(&a.drops),
        };
        order.then_with(|| a.name.cmp(&b.name))
    }
}

impl Rows {
    /// What `now` shows; rates are taken since `before`.
    pub fn of(before: Option<&Snapshot>, now: &Snapshot, sort: Sort) -> Self {
        let look = Look { before, now };
        let units = now.units.as_deref().unwrap_or_default();
        let jobs = units.iter().filter_map(|unit| look.job(unit));
        let sinks = units.iter().filter_map(|unit| look.sink(unit).or_else(|| look.alerts(unit)));
        let lags = if now.units.is_some() { Lags::Known } else { Lags::Unknown };
        let mut rows = Self {
            time: now.time,
            sources: now.sources.iter().map(|source| look.source(source)).collect(),
            jobs: jobs.collect(),
            sinks: sinks.collect(),
            lags,
        };
        for part in [&mut rows.sources, &mut rows.jobs, &mut rows.sinks] {
            part.sort_by(|a, b| sort.compare(a, b));
        }
        rows
    }
}

struct Look<'a> {
    before: Option<&'a Snapshot>,
    now: &'a Snapshot,
}

impl Look<'_> {
    fn source(&self, source: &Source) -> Row {
        let before = self.before.and_then(|before| before.sources.iter().find(|other| other.id == source.id));
        let unit = format!("source.{}", source.id);
        let owner = self.now.units.iter().flatten().find(|other| other.unit == unit).and_then(|unit| unit.owner.clone());
        Row {
            name: source.id.clone(),
            kind: source.kind.clone(),
            state: match source.polls.map_or(0, |polls| polls.overdue) {
                0 => source.state.clone(),
                overdue => format!("{}, {overdue} overdue", source.state),
            },
            rate: before.and_then(|before| self.rate(before.events as f64, source.events as f64)),
            age: source.last_event_time.map(|time| self.age(time)),
            drops: Some(source.dead_letters),
            owner: owner.unwrap_or_default(),
            // What failed before the source came to run again is over.
            error: source.last_error.clone().filter(|_| source.state != "running").unwrap_or_default(),
            ..Row::default()
        }
    }

    fn job(&self, unit: &Unit) -> Option<Row> {
        let (operator, partition) = unit.unit.strip_prefix("job.")?.rsplit_once('.')?;
        let labels = [("operator", operator), ("partition", partition)];
        let watermark = self.now.metrics.value("floodmark_job_watermark_seconds", &labels);
        let watermark = watermark.map(|secs| Timestamp::from_micros((secs * 1e6) as i64));
        Some(Row {
            name: format!("{operator}/{partition}"),
            rate: self.per_second("floodmark_job_events_total", &labels),
            outputs: self.per_second("floodmark_job_outputs_total", &labels),
            age: watermark.map(|time| self.age(time)),
            drops: self.count("floodmark_job_late_events_total", &labels),
            ..self.unit(unit)
        })
    }

    fn sink(&self, unit: &Unit) -> Option<Row> {
        let id = unit.unit.strip_prefix("sink.")?;
        Some(Row {
            name: id.to_owned(),
            rate: self.per_second("floodmark_sink_entries_total", &[("sink", id)]),
            drops: self.count("floodmark_sink_retries_total", &[("sink", id)]),
            ..self.unit(unit)
        })
    }

    /// The desk of alerts reads as a sink does.
    fn alerts(&self, unit: &Unit) -> Option<Row> {
        let row = || Row { name: unit.unit.clone(), rate: self.per_second("floodmark_alert_steps_total", &[]), ..self.unit(unit) };
        (unit.unit == "alerts").then(row)
    }

    fn unit(&self, unit: &Unit) -> Row {
        let state = match unit.lag {
            Some(0) => "up to date",
            Some(_) => "behind",
            None => "",
        };
        let (state, owner) = (state.to_owned(), unit.owner.clone().unwrap_or_default());
        Row { state, lag: unit.lag, age: unit.time.map(|time| self.age(time)), owner, ..Row::default() }
    }

    fn age(&self, time: Timestamp) -> i64 {
        self.now.time.micros().saturating_sub(time.micros())
    }

    fn count(&self, name: &str, labels: &[(&str, &str)]) -> Option<u64> {
        self.now.metrics.value(name, labels).map(|value| value as u64)
    }

    fn per_second(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        self.rate(self.before?.metrics.value(name, labels)?, self.now.metrics.value(name, labels)?)
    }

    /// Counters begin anew with the process: then nothing is known.
    fn rate(&self, before: f64, now: f64) -> Option<f64> {
        let micros = self.now.time.micros().saturating_sub(self.before?.time.micros());
        (micros > 0 && now >= before).then(|| (now - before) * 1e6 / micros as f64)
    }
}
