//! Windows of each source by the book: every event that was not late, in the order of the log, computed in the end.

use std::collections::BTreeMap;

use floodmark_core::project;
use floodmark_core::window::Spec;
use floodmark_schemas::commit::Output;
use floodmark_schemas::{Aggregates, Event};

use super::script::{SOURCES, Step, What, disorder_us};

/// A source, the key of a series, and the start of a window in microseconds.
pub type Cell = (String, String, i64);

/// What must have come out in the end.
#[derive(Debug, Default, PartialEq)]
pub struct Results {
    /// The values of each window at its highest revision, without standard deviation.
    pub windows: BTreeMap<Cell, Aggregates>,
    /// How often each window was revised.
    pub revisions: BTreeMap<Cell, u32>,
    /// Source, series, time and value of what came too late, in order.
    pub late: Vec<(String, String, i64, f64)>,
}

#[derive(Clone, Debug)]
struct Source {
    known: bool,
    ended: bool,
    seen: i64,
    reached: i64,
    watermark: i64,
    /// Windows that end by then have fired.
    clock: i64,
    last_end: i64,
}

/// What `steps` must give.
pub fn expected(spec: &Spec, steps: &[Step]) -> Results {
    let start = Source { known: false, ended: false, seen: 0, reached: i64::MIN, watermark: i64::MIN, clock: i64::MIN, last_end: i64::MIN };
    let mut sources = vec![start; SOURCES.len()];
    let mut cells: BTreeMap<Cell, Vec<(i64, f64)>> = BTreeMap::new();
    let mut results = Results::default();
    for Step { log_time, what } in steps {
        match what {
            What::Events(source, events) => {
                sources[*source].see(*log_time, false);
                sources[*source].follow(spec, *log_time);
                for event in events {
                    sources[*source].take(spec, *source, *log_time, event, &mut cells, &mut results);
                }
            }
            What::Takeover(source) => sources[*source].see(*log_time, false),
            What::Ghost(..) => {}
            What::Tick(promises) => {
                for (source, promise) in promises.iter().filter(|(source, _)| sources[*source].known).copied().collect::<Vec<_>>() {
                    let source = &mut sources[source];
                    (source.seen, source.watermark) = (*log_time, source.watermark.max(promise));
                }
            }
            What::End(source) => sources[*source].see(*log_time, true),
        }
        // A tick concerns all sources, a frame its own; a frame of another source lets nobody fall idle.
        let concerned = |index: usize| match what {
            What::Tick(_) => true,
            What::Events(source, _) | What::Takeover(source) | What::End(source) => index == *source,
            What::Ghost(..) => false,
        };
        sources.iter_mut().enumerate().filter(|(index, s)| s.known && concerned(*index)).for_each(|(_, s)| s.follow(spec, *log_time));
    }
    results.windows = cells.into_iter().map(|(cell, values)| (cell, aggregates(&values))).collect();
    results
}

impl Source {
    fn see(&mut self, log_time: i64, ended: bool) {
        (self.known, self.seen, self.ended) = (true, log_time, ended);
    }

    /// How far the clock of this source's windows may go by what is known of it.
    fn follow(&mut self, spec: &Spec, log_time: i64) {
        let size = spec.size.as_micros() as i64;
        let target = if self.ended {
            self.last_end
        } else if log_time - self.seen <= spec.idle_timeout.as_micros() as i64 {
            self.watermark
        } else if self.reached > i64::MIN {
            self.reached - self.reached.rem_euclid(size) + size
        } else {
            i64::MIN
        };
        self.clock = self.clock.max(target);
    }

    fn take(
        &mut self,
        spec: &Spec,
        source: usize,
        log_time: i64,
        event: &Event,
        cells: &mut BTreeMap<Cell, Vec<(i64, f64)>>,
        results: &mut Results,
    ) {
        let time = event.time.micros();
        let counted = time.min(log_time + spec.future_limit.as_micros() as i64);
        self.reached = self.reached.max(counted);
        self.watermark = self.watermark.max(counted - disorder_us(source));
        self.clock = self.clock.max(self.watermark);
        let size = spec.size.as_micros() as i64;
        let start = time - time.rem_euclid(size);
        for (series, value) in project::samples_of(event) {
            let name = SOURCES[source].to_owned();
            if start + size + spec.allowed_lateness.as_micros() as i64 <= self.clock {
                results.late.push((name, series.key(), time, value));
            } else {
                self.last_end = self.last_end.max(start + size);
                let cell = (name, series.key(), start);
                let values = cells.entry(cell.clone()).or_default();
                values.push((time, value));
                // Each event after the window has fired revises it, but one that is its first.
                let revised = start + size <= self.clock && values.len() > 1;
                *results.revisions.entry(cell).or_default() += u32::from(revised);
            }
        }
    }
}

fn aggregates(events: &[(i64, f64)]) -> Aggregates {
    let values = || events.iter().map(|(_, value)| *value);
    let (count, sum) = (events.len() as u64, values().fold(0.0, |sum, value| sum + value));
    // Sorting is stable: of equal times the first stays first and the last last.
    let mut by_time = events.to_vec();
    by_time.sort_by_key(|(time, _)| *time);
    Aggregates {
        count,
        sum: Some(sum),
        mean: Some(sum / count as f64),
        min: values().reduce(f64::min),
        max: values().reduce(f64::max),
        first: by_time.first().map(|(_, value)| *value),
        last: by_time.last().map(|(_, value)| *value),
        ..Aggregates::default()
    }
}

/// The same of what did come out. Revisions of a window must follow each other from 0.
pub fn found(outputs: &[Output]) -> Results {
    let mut results = Results::default();
    let mut revisions: BTreeMap<Cell, u32> = BTreeMap::new();
    for output in outputs {
        match output {
            Output::Rollup(rollup) => {
                let cell = (rollup.source.clone(), rollup.series.key(), rollup.window.start.micros());
                let next = revisions.entry(cell.clone()).or_default();
                assert_eq!(rollup.revision, *next, "the next revision of {cell:?}");
                *next += 1;
                results.revisions.insert(cell.clone(), rollup.revision);
                results.windows.insert(cell, Aggregates { stddev: None, ..rollup.aggregates.clone() });
            }
            Output::Late(late) => results.late.push((late.source.clone(), late.series.key(), late.time.micros(), late.value)),
            Output::Score(_) | Output::Alert(_) => {}
        }
    }
    results
}
