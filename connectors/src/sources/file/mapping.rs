//! From the cells of a foreign record to events.

use floodmark_core::Result;
use floodmark_schemas::batch::SeriesRef;
use floodmark_schemas::{BatchBuilder, Check, Event, Reason, Series, Timestamp};
use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::cells::Cell;
use super::config::{Config, ValueColumn};
use super::time::TimeReader;

/// How many spellings are remembered before all are forgotten: a bound for files that never repeat a series.
const SPELLINGS_MAX: usize = 1_000_000;

/// What a column of the file means. Columns are numbered in the order of [`Mapping::columns`].
pub struct Mapping {
    source: String,
    columns: Vec<String>,
    time: usize,
    time_reader: TimeReader,
    id: Option<usize>,
    labels: Vec<usize>,
    kind: Kind,
}

enum Kind {
    Samples(Samples),
    Check(CheckSlots),
}

struct CheckSlots {
    target: usize,
    up: usize,
    up_values: Vec<String>,
    status: Option<usize>,
    latency_ms: Option<usize>,
}

/// Value columns, and the series they were seen with.
struct Samples {
    values: Vec<(usize, ValueColumn)>,
    metric: Option<usize>,
    /// The place in `series` of the first value column, by how metric and labels are spelled.
    known: HashMap<Box<[u8]>, usize, FixedState>,
    spelling: Vec<u8>,
    series: Vec<SeriesRef>,
    /// The numbers of the present record.
    numbers: Vec<Option<f64>>,
}

impl Mapping {
    /// The mapping of `config` for events of `source`.
    ///
    /// # Errors
    /// `Broken` when the settings contradict each other.
    pub fn new(source: &str, config: &Config) -> Result<Self> {
        let mut columns: Vec<String> = Vec::new();
        let mut slot = |name: &String| {
            columns.iter().position(|c| c == name).unwrap_or_else(|| {
                columns.push(name.clone());
                columns.len() - 1
            })
        };
        let time = slot(config.time_column()?);
        config.one_kind()?;
        let kind = match &config.check {
            Some(check) => Kind::Check(CheckSlots {
                target: slot(&check.target),
                up: slot(&check.up),
                up_values: check.up_values.clone(),
                status: check.status.as_ref().map(&mut slot),
                latency_ms: check.latency_ms.as_ref().map(&mut slot),
            }),
            None => Kind::Samples(Samples {
                values: config.values.iter().map(|value| (slot(&value.column), value.clone())).collect(),
                metric: config.metric.as_ref().map(&mut slot),
                known: HashMap::default(),
                spelling: Vec::new(),
                series: Vec::new(),
                numbers: Vec::new(),
            }),
        };
        let labels = config.labels.iter().map(&mut slot).collect();
        let id = config.id.as_ref().map(&mut slot);
        let time_reader = config.time_reader()?;
        Ok(Self { source: source.to_owned(), columns, time, time_reader, id, labels, kind })
    }

    /// The columns that are read.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// Forgets the series, because the builder has.
    pub fn forget_series(&mut self) {
        if let Kind::Samples(samples) = &mut self.kind {
            samples.known.clear();
            samples.series.clear();
        }
    }

    /// Adds the events of one record, all or none.
    ///
    /// # Errors
    /// What is wrong with the record.
    pub fn apply(&mut self, cells: &[Cell<'_>], builder: &mut BatchBuilder) -> std::result::Result<(), String> {
        let time = match cells[self.time] {
            Cell::Text(text) => self.time_reader.read(text),
            cell => self.time_reader.read(&cell.required(&self.columns[self.time])?),
        };
        let time = time.map_err(|reason| format!("{:?}: {reason}", self.columns[self.time]))?;
        let id = match self.id {
            Some(slot) => cells[slot].required(&self.columns[slot])?,
            None => "".into(),
        };
        match &mut self.kind {
            Kind::Samples(samples) => samples.apply(time, &id, cells, &self.columns, &self.labels, builder),
            Kind::Check(slots) => {
                let check = slots.check(cells, &self.columns, &self.labels)?;
                builder.event(Event::check(&self.source, id, Timestamp::from_micros(time), check));
                Ok(())
            }
        }
    }
}

impl Samples {
    fn apply(
        &mut self,
        time: i64,
        id: &str,
        cells: &[Cell<'_>],
        columns: &[String],
        labels: &[usize],
        builder: &mut BatchBuilder,
    ) -> std::result::Result<(), String> {
        self.numbers.clear();
        for (slot, value) in &self.values {
            self.numbers.push(cells[*slot].number(&value.column)?);
        }
        if self.numbers.iter().all(Option::is_none) {
            // Empty cells say that there was nothing to measure; missing ones that the record is of another shape.
            let missing = self.values.iter().all(|(slot, _)| cells[*slot] == Cell::Absent);
            return if missing { Err(format!("{:?} is missing", self.values[0].1.column)) } else { Ok(()) };
        }
        let first = self.series(cells, columns, labels, builder)?;
        for (i, number) in self.numbers.iter().enumerate() {
            match number {
                Some(number) if id.is_empty() || self.values.len() == 1 => builder.sample(self.series[first + i], time, *number, id),
                // One id in the file, several events: each needs its own.
                Some(number) => builder.sample(self.series[first + i], time, *number, &format!("{id}.{}", self.values[i].1.metric)),
                None => {}
            }
        }
        Ok(())
    }

    /// The place in `self.series` of the series of the first value column.
    fn series(
        &mut self,
        cells: &[Cell<'_>],
        columns: &[String],
        labels: &[usize],
        builder: &mut BatchBuilder,
    ) -> std::result::Result<usize, String> {
        self.spelling.clear();
        for slot in self.metric.iter().chain(labels) {
            let text = match cells[*slot] {
                Cell::Text(text) | Cell::Escaped(text) => text,
                Cell::Absent | Cell::Empty => "",
                Cell::Nested => return Err(format!("{:?} is an object or array where a text or number is expected", columns[*slot])),
            };
            self.spelling.extend_from_slice(&(text.len() as u32).to_le_bytes());
            self.spelling.extend_from_slice(text.as_bytes());
        }
        if let Some(first) = self.known.get(self.spelling.as_slice()) {
            return Ok(*first);
        }
        let mut series = Series::default();
        for slot in labels {
            if let Some(text) = cells[*slot].text(&columns[*slot])? {
                series = series.label(&columns[*slot], text);
            }
        }
        if self.known.len() >= SPELLINGS_MAX {
            self.known.clear();
            self.series.clear();
        }
        let first = self.series.len();
        for (_, value) in &self.values {
            series.metric = match self.metric {
                Some(slot) => cells[slot].required(&columns[slot])?.into_owned(),
                None => value.metric.clone(),
            };
            series.unit.clone_from(&value.unit);
            self.series.push(builder.series(&series));
        }
        self.known.insert(self.spelling.as_slice().into(), first);
        Ok(first)
    }
}

impl CheckSlots {
    fn check(&self, cells: &[Cell<'_>], columns: &[String], labels: &[usize]) -> std::result::Result<Check, String> {
        let mut check = Check::of(cells[self.target].required(&columns[self.target])?);
        let said = cells[self.up].required(&columns[self.up])?;
        let up = self.up_values.iter().any(|value| value.eq_ignore_ascii_case(&said));
        check.up = Some(up);
        if let Some(slot) = self.status {
            let text = cells[slot].text(&columns[slot])?;
            let code = text.as_ref().map(|text| text.parse::<u16>());
            check.status = match code {
                None | Some(Ok(0)) => None,
                Some(Ok(code)) => Some(code),
                Some(Err(_)) => return Err(format!("{:?} is {:?}, which is not a status code", columns[slot], text.unwrap_or_default())),
            };
        }
        if let Some(slot) = self.latency_ms {
            check.duration_us = match cells[slot].number(&columns[slot])? {
                Some(ms) if ms < 0.0 => return Err(format!("{:?} is {ms}: a duration is not negative", columns[slot])),
                // A failure before any answer is written as 0, which is not how long it took.
                Some(ms) if ms == 0.0 && !up => None,
                ms => ms.map(|ms| (ms * 1_000.0).round() as u64),
            };
        }
        if !up {
            // Where there is an answer its status is why; where there is none the file does not say.
            check.reason = check.status.map(|_| Reason::Status);
            check.detail = Some(format!("{} is {said:?}", columns[self.up]));
        }
        for slot in labels {
            if let Some(text) = cells[*slot].text(&columns[*slot])? {
                check.labels.insert(columns[*slot].clone(), text.into_owned());
            }
        }
        Ok(check)
    }
}
