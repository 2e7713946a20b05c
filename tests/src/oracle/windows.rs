//! Windows by the definition: which events are in time, which come after the firing, which are late.

use std::collections::BTreeMap;

/// What is asked of an operator and a source.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// The length of a window, microseconds.
    pub size_us: i64,
    /// For how long after its end a window takes events.
    pub lateness_us: i64,
    /// By how much event times may go backwards.
    pub disorder_us: i64,
}

/// One number as it stands in the log.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Its source.
    pub source: String,
    /// The canonical text of its series.
    pub series: String,
    /// Its time.
    pub time_us: i64,
    /// Its value.
    pub value: f64,
}

/// Whether the source goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The last windows are still open.
    Open,
    /// It has ended: everything fires.
    Ended,
}

/// A window of a series.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Id {
    /// The source.
    pub source: String,
    /// The canonical text of the series.
    pub series: String,
    /// Where the window starts.
    pub start_us: i64,
}

/// The newest value of a window.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "named as in floodmark_schemas::Aggregates")]
pub struct Rollup {
    pub revision: u32,
    pub count: i64,
    pub sum: f64,
    pub mean: f64,
    pub min: f64,
    pub max: f64,
    pub stddev: f64,
    pub first: f64,
    pub last: f64,
}

/// What must come out.
#[derive(Debug, Default)]
pub struct Expected {
    /// Each window that fired, at its highest revision.
    pub rollups: BTreeMap<Id, Rollup>,
    /// Which of the numbers were late, by their place in the input.
    pub late: Vec<usize>,
}

/// One window of one series: its values in order, and how many of them came after it fired.
#[derive(Default)]
struct Cell {
    values: Vec<(i64, f64)>,
    after: u32,
}

/// The windows of one source in one partition. Its watermark is the greatest time so far less its disorder; several
/// numbers of one event have the same time and stand next to each other.
pub fn windows(rules: Rules, seen: &[Seen], end: End) -> Expected {
    let (mut cells, mut late) = (BTreeMap::<Id, Cell>::new(), Vec::new());
    let mut watermark = i64::MIN;
    for (place, number) in seen.iter().enumerate() {
        watermark = watermark.max(number.time_us - rules.disorder_us);
        let start_us = number.time_us.div_euclid(rules.size_us) * rules.size_us;
        let end_us = start_us + rules.size_us;
        if watermark >= end_us + rules.lateness_us {
            late.push(place);
            continue;
        }
        let id = Id { source: number.source.clone(), series: number.series.clone(), start_us };
        let cell = cells.entry(id).or_default();
        cell.values.push((number.time_us, number.value));
        cell.after += u32::from(watermark >= end_us);
    }
    let fired = |id: &Id| end == End::Ended || watermark >= id.start_us + rules.size_us;
    let rollups = cells.into_iter().filter(|(id, _)| fired(id)).map(|(id, cell)| (id, cell.rollup())).collect();
    Expected { rollups, late }
}

impl Cell {
    fn rollup(self) -> Rollup {
        let count = self.values.len();
        let mut sum = 0.0;
        let (mut min, mut max) = (f64::INFINITY, f64::NEG_INFINITY);
        let (mut first, mut last) = (self.values[0], self.values[0]);
        for (time, value) in &self.values {
            sum += value;
            min = min.min(*value);
            max = max.max(*value);
            if *time < first.0 {
                first = (*time, *value);
            }
            if *time >= last.0 {
                last = (*time, *value);
            }
        }
        let mean = sum / count as f64;
        let squares: f64 = self.values.iter().map(|(_, value)| (value - mean).powi(2)).sum();
        let stddev = (squares / count as f64).sqrt();
        // A window that fired with something in it did so as revision 0; one that got its first value later began with that.
        let before = count as u32 - self.after;
        let revision = if before > 0 { self.after } else { self.after - 1 };
        Rollup { revision, count: count as i64, sum, mean, min, max, stddev, first: first.1, last: last.1 }
    }
}
