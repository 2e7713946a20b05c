//! Windows of every shape against an oracle: random events of several sources and lanes, any frame split, any restart, both
//! encodings.

#![cfg(test)]

mod golden;
mod oracle;
mod selection;
mod storms;
mod world;

use std::collections::BTreeMap;
use std::time::Duration;

use floodmark_core::ports::{Entry, Operator};
use floodmark_core::window::{Shape, Spec, Unit, Windows, Zone};
use floodmark_schemas::{Timestamp, commit::Output};
use oracle::{Oracle, Out};
use proptest::prelude::*;

fn seconds(range: std::ops::Range<u64>) -> impl Strategy<Value = Duration> {
    range.prop_map(Duration::from_secs)
}

fn group_by() -> impl Strategy<Value = Option<Vec<String>>> {
    let labels = |labels: &[&str]| Some(labels.iter().map(|label| (*label).to_owned()).collect());
    prop_oneof![6 => Just(None), 1 => Just(labels(&[])), 1 => Just(labels(&["n"])), 1 => Just(labels(&["target", "phase"]))]
}

/// A spec with any times, and windows of a size that is given.
fn specs(size: impl Strategy<Value = (Duration, Shape)>) -> impl Strategy<Value = Spec> {
    (
        (size, group_by()),
        seconds(0..25),
        seconds(1..30),
        prop_oneof![Just(Duration::from_secs(300)), seconds(0..20)],
        prop_oneof![Just(usize::MAX), 1..6usize],
    )
        .prop_map(|(((size, shape), group_by), allowed_lateness, idle_timeout, future_limit, series_max)| Spec {
            shape,
            group_by,
            allowed_lateness,
            idle_timeout,
            future_limit,
            series_max,
            quantiles: vec![0.5, 0.99],
            ..Spec::new("w", 0, size)
        })
}

/// A spec and steps on the lanes that its operator reads.
fn worlds(size: impl Strategy<Value = (Duration, Shape)>) -> impl Strategy<Value = (Spec, Vec<world::Step>)> {
    specs(size).prop_flat_map(|spec| {
        let lanes = if spec.group_by.is_some() { world::LANES.len() } else { 2 };
        (Just(spec), world::steps(lanes))
    })
}

fn tumbling() -> impl Strategy<Value = (Spec, Vec<world::Step>)> {
    worlds(seconds(1..15).prop_map(|size| (size, Shape::Tumbling)))
}

fn hopping() -> impl Strategy<Value = (Spec, Vec<world::Step>)> {
    worlds((1..15u64, 1..15u64).prop_map(|(a, b)| {
        let (size, slide) = (Duration::from_secs(a.max(b)), Duration::from_secs(a.min(b)));
        (size, Shape::Hopping { slide })
    }))
}

/// Windows of a hundred panes and more with two series in each, and late events: enough for the late halves to leave marks.
fn long_hopping() -> impl Strategy<Value = (Spec, Vec<world::Step>)> {
    let late = prop::collection::vec((100..400i64, 1..160i64, 0..2u8), 1..12);
    (120..180u64, 1..3u64, 20..90u64, late).prop_map(|(size, slide, lateness, late)| {
        let secs = Duration::from_secs;
        let mut spec = Spec::new("w", 0, secs(size));
        (spec.shape, spec.allowed_lateness) = (Shape::Hopping { slide: secs(slide) }, secs(lateness));
        let step = |now: i64| {
            let lates = late.iter().filter(|(at, ..)| *at == now).map(|(_, by, kind)| (now - by, *kind));
            let events = [(now, 0), (now, 1)].into_iter().chain(lates);
            let event = |(time, kind): (i64, u8)| world::event("a", time * world::SECOND, kind, (time * 37 % 64) as f64 / 8.0);
            world::Step { log_time: now * world::SECOND, source: 0, lane: 0, what: world::What::Events(events.map(event).collect()) }
        };
        (spec, (0..400).map(step).collect())
    })
}

fn session() -> impl Strategy<Value = (Spec, Vec<world::Step>)> {
    worlds(seconds(1..10).prop_map(|gap| (gap, Shape::Session)))
}

/// A second of the world is half an hour here, and clocks change in the middle of it.
fn calendar() -> impl Strategy<Value = (Spec, Vec<world::Step>)> {
    let unit = prop_oneof![4 => Just(Unit::Day), 2 => Just(Unit::Week), 1 => Just(Unit::Month)];
    let place = prop_oneof![
        Just(("Europe/Berlin", "2026-03-27T00:00:00Z")),
        Just(("America/St_Johns", "2010-11-05T00:00:00Z")),
        Just(("Pacific/Apia", "2011-12-28T00:00:00Z")),
        Just(("UTC", "1969-12-25T00:00:00Z")),
    ];
    let shape = (unit, place.clone()).prop_map(|(unit, (zone, _))| Shape::Calendar { unit, zone: Zone::named(zone).unwrap() });
    (worlds(shape.prop_map(|shape| (Duration::from_secs(1), shape))), place).prop_map(|((spec, steps), (_, base))| {
        let factor = 1_800;
        let scaled = |time: Duration| time * factor;
        let base: jiff::Timestamp = base.parse().unwrap();
        let steps = world::scaled(&steps, base.as_microsecond(), factor.into());
        let (allowed_lateness, idle_timeout) = (scaled(spec.allowed_lateness), scaled(spec.idle_timeout));
        (Spec { allowed_lateness, idle_timeout, future_limit: scaled(spec.future_limit), ..spec }, steps)
    })
}

/// Applies all entries; after each whose turn it is in `restarts`, a new operator takes over from a snapshot.
fn run(spec: &Spec, entries: &[Entry], restarts: &[bool]) -> (Windows, Vec<Output>) {
    let mut operator = Windows::new(spec.clone()).unwrap();
    let mut outputs = Vec::new();
    for (i, entry) in entries.iter().enumerate() {
        operator.apply(entry, &mut outputs).unwrap();
        if !restarts.is_empty() && restarts[i % restarts.len()] {
            let snapshot = operator.snapshot();
            operator = Windows::new(spec.clone()).unwrap();
            operator.restore(&snapshot).unwrap();
            assert_eq!(operator.snapshot(), snapshot, "equal states give equal bytes");
        }
    }
    (operator, outputs)
}

/// Late outputs name the place of their event in the log, which depends on the cut: it is replaced by the event's number.
fn without_places(mut outputs: Vec<Output>, places: &[(u64, u32)]) -> Vec<Output> {
    let numbers: BTreeMap<_, _> = places.iter().zip(0..).collect();
    for output in &mut outputs {
        if let Output::Late(late) = output {
            (late.position, late.index) = (numbers[&(late.position, late.index)], 0);
        }
    }
    outputs
}

fn assert_equals_oracle(outputs: Vec<Output>, expected: &[Out]) {
    for (output, expected) in outputs.iter().zip(expected) {
        let found = match output.clone() {
            Output::Late(late) => {
                let (source, series, time) = (late.source, late.series.key(), late.time.micros());
                Out::Late { source, series, time, value: late.value, event: late.position as usize }
            }
            Output::Score(_) | Output::Alert(_) => panic!("windows give neither scores nor alerts: {output:?}"),
            Output::Rollup(rollup) => {
                let Out::Rollup { values, aggregates: book, .. } = expected else { panic!("{rollup:?} instead of {expected:?}") };
                let mut aggregates = rollup.aggregates;
                for (level, value) in std::mem::take(&mut aggregates.quantiles) {
                    assert_quantile(level.parse().unwrap(), value, values);
                }
                // Joined out of parts its last bits are others than event by event.
                if let (Some(found), Some(expected)) = (aggregates.stddev, book.stddev) {
                    assert!((found - expected).abs() <= 1e-6 * (1.0 + expected.abs()), "{found} instead of {expected}");
                    aggregates.stddev = book.stddev;
                }
                let (start, end) = (rollup.window.start.micros(), rollup.window.end.micros());
                let (source, series, revision) = (rollup.source, rollup.series.key(), rollup.revision);
                Out::Rollup { source, series, start, end, revision, aggregates, values: values.clone() }
            }
        };
        assert_eq!(&found, expected);
    }
    assert_eq!(outputs.len(), expected.len());
}

fn assert_quantile(level: f64, found: f64, values: &[f64]) {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let exact = sorted[(level * (sorted.len() - 1) as f64) as usize];
    assert!((found - exact).abs() <= exact.abs() * 0.0101 + 1e-9, "quantile {level} of {sorted:?} is {found}");
}

fn outputs_equal_the_oracle(spec: &Spec, steps: &[world::Step]) {
    let oracle = Oracle::run(spec, steps);
    let (entries, places) = world::entries(steps, &[usize::MAX]);
    let (operator, outputs) = run(spec, &entries, &[]);
    assert_equals_oracle(without_places(outputs, &places), &oracle.out);
    assert_eq!(operator.watermark(), oracle.watermark());
    assert_eq!(operator.counts().overflow, oracle.overflow);
    assert_eq!(operator.late(), oracle.out.iter().filter(|out| matches!(out, Out::Late { .. })).count() as u64);
    assert_eq!(operator.events(), places.len() as u64);
}

/// Neither cuts nor restarts nor encodings make a difference, and the state is the same in the end.
fn nothing_changes_the_outputs(spec: &Spec, steps: &[world::Step], cuts: &[usize], restarts: &[bool]) {
    let (whole, whole_places) = world::entries(steps, &[usize::MAX]);
    let (cut, cut_places) = world::entries(steps, cuts);
    let (straight, expected) = run(spec, &whole, &[]);
    let (restarted, found) = run(spec, &cut, restarts);
    assert_eq!(restarted.counts(), straight.counts());
    assert_eq!(restarted.watermark(), straight.watermark());
    assert_eq!(without_places(found, &cut_places), without_places(expected, &whole_places));
    let (once_more, _) = run(spec, &cut, &[]);
    assert_eq!(restarted.snapshot(), once_more.snapshot());
}

/// Revisions of a window have no gaps, and an id has one payload. Nothing comes after a window was taken back.
fn revisions_have_no_gaps(spec: &Spec, steps: &[world::Step]) {
    let (entries, _) = world::entries(steps, &[3, 2]);
    let (_, outputs) = run(spec, &entries, &[]);
    let (mut revisions, mut ids) = (BTreeMap::new(), BTreeMap::new());
    for output in outputs {
        let Output::Rollup(rollup) = output else { continue };
        let window = (rollup.source.clone(), rollup.series.clone(), rollup.window);
        let next = revisions.entry(window).or_insert(0);
        assert_eq!(rollup.revision, *next);
        *next = if rollup.aggregates.count == 0 { u32::MAX } else { *next + 1 };
        assert!(ids.insert(rollup.id.clone(), rollup).is_none());
    }
}

/// What is said to be open is what fires when all sources end, before a time and from it on.
fn open_windows_are_those_that_still_fire(spec: &Spec, steps: &[world::Step], at: i64) {
    let log_time = steps.iter().map(|step| step.log_time).max().unwrap();
    let lanes = (0..world::SOURCES.len()).flat_map(|source| (0..world::LANES.len()).map(move |lane| (source, lane)));
    let ends = lanes.map(|(source, lane)| world::Step { log_time, source, lane, what: world::What::Promise(None) });
    let all: Vec<world::Step> = steps.iter().cloned().chain(ends).collect();
    let (before, _) = world::entries(steps, &[usize::MAX]);
    let (entries, _) = world::entries(&all, &[usize::MAX]);
    let (mut operator, mut outputs) = (run(spec, &before, &[]).0, Vec::new());
    let at = Timestamp::from_micros(at);
    let open = [operator.open(Timestamp::MIN..at), operator.open(at..Timestamp::MAX)];
    entries[before.len()..].iter().for_each(|end| operator.apply(end, &mut outputs).unwrap());
    let fired = |early: bool| {
        let first = |output: &&Output| matches!(output, Output::Rollup(r) if r.revision == 0 && (r.window.start < at) == early);
        outputs.iter().filter(first).count() as u64
    };
    assert_eq!(open, [fired(true), fired(false)]);
    assert_eq!(operator.open(Timestamp::MIN..Timestamp::MAX), 0);
}

macro_rules! every_shape {
    ($($shape:ident)+) => { $(
        mod $shape {
            use super::*;

            proptest! {
                #![proptest_config(ProptestConfig { failure_persistence: None, cases: 64, ..ProptestConfig::default() })]

                #[test]
                fn outputs_equal_the_oracle((spec, steps) in super::$shape()) {
                    super::outputs_equal_the_oracle(&spec, &steps);
                }

                #[test]
                fn neither_cuts_nor_restarts_nor_encodings_change_the_outputs(
                    (spec, steps) in super::$shape(),
                    cuts in prop::collection::vec(1..6usize, 1..8),
                    restarts in prop::collection::vec(any::<bool>(), 1..8),
                ) {
                    nothing_changes_the_outputs(&spec, &steps, &cuts, &restarts);
                }

                #[test]
                fn revisions_have_no_gaps_and_ids_are_unique((spec, steps) in super::$shape()) {
                    revisions_have_no_gaps(&spec, &steps);
                }

                #[test]
                fn open_windows_are_those_that_still_fire((spec, steps) in super::$shape(), at in any::<prop::sample::Index>()) {
                    let at = steps[at.index(steps.len())].log_time - 7 * world::SECOND;
                    super::open_windows_are_those_that_still_fire(&spec, &steps, at);
                }

                #[test]
                fn bytes_that_are_no_snapshot_are_refused(
                    (spec, steps) in super::$shape(),
                    at in any::<prop::sample::Index>(),
                    bit in 0..8u32,
                    cut in any::<bool>(),
                ) {
                    let (operator, _) = run(&spec, &world::entries(&steps, &[usize::MAX]).0, &[]);
                    let mut bytes = operator.snapshot();
                    let at = at.index(bytes.len());
                    if cut { bytes.truncate(at) } else { bytes[at] ^= 1 << bit }
                    let mut fresh = Windows::new(spec).unwrap();
                    prop_assert_eq!(fresh.restore(&bytes).unwrap_err().kind(), floodmark_core::Kind::Broken);
                    prop_assert_eq!(fresh.events(), 0);
                }
            }
        }
    )+ };
}

every_shape!(tumbling hopping session calendar);

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 6, ..ProptestConfig::default() })]

    #[test]
    fn outputs_of_long_hopping_windows_equal_the_oracle((spec, steps) in long_hopping()) {
        outputs_equal_the_oracle(&spec, &steps);
    }

    #[test]
    fn restarts_do_not_change_the_outputs_of_long_hopping_windows(
        (spec, steps) in long_hopping(),
        restarts in prop::collection::vec(prop::bool::weighted(0.05), 30..40),
    ) {
        nothing_changes_the_outputs(&spec, &steps, &[3, 7], &restarts);
    }
}
