//! Tumbling windows against an oracle: random events of several sources, any frame split, any restart, both encodings.

#![cfg(test)]

mod golden;
mod oracle;
mod world;

use std::collections::BTreeMap;
use std::time::Duration;

use floodmark_core::ports::{Entry, Operator};
use floodmark_core::window::{Spec, Windows};
use floodmark_schemas::commit::Output;
use oracle::{Oracle, Out};
use proptest::prelude::*;

fn specs() -> impl Strategy<Value = Spec> {
    let seconds = |range: std::ops::Range<u64>| range.prop_map(Duration::from_secs);
    (
        seconds(1..15),
        seconds(0..25),
        seconds(1..30),
        prop_oneof![Just(Duration::from_secs(300)), seconds(0..20)],
        prop_oneof![Just(usize::MAX), 1..6usize],
    )
        .prop_map(|(size, allowed_lateness, idle_timeout, future_limit, series_max)| Spec {
            allowed_lateness,
            idle_timeout,
            future_limit,
            series_max,
            quantiles: vec![0.5, 0.99],
            ..Spec::new("w", 0, size)
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
    assert_eq!(outputs.len(), expected.len());
    for (output, expected) in outputs.into_iter().zip(expected) {
        let found = match output {
            Output::Late(late) => {
                let (source, series, time) = (late.source, late.series.key(), late.time.micros());
                Out::Late { source, series, time, value: late.value, event: late.position as usize }
            }
            Output::Score(score) => panic!("windows give no scores: {score:?}"),
            Output::Rollup(rollup) => {
                let Out::Rollup { values, .. } = expected else { panic!("{rollup:?} instead of {expected:?}") };
                let mut aggregates = rollup.aggregates;
                for (level, value) in std::mem::take(&mut aggregates.quantiles) {
                    assert_quantile(level.parse().unwrap(), value, values);
                }
                let (start, end) = (rollup.window.start.micros(), rollup.window.end.micros());
                let (source, series, revision) = (rollup.source, rollup.series.key(), rollup.revision);
                Out::Rollup { source, series, start, end, revision, aggregates, values: values.clone() }
            }
        };
        assert_eq!(&found, expected);
    }
}

fn assert_quantile(level: f64, found: f64, values: &[f64]) {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let exact = sorted[(level * (sorted.len() - 1) as f64) as usize];
    assert!((found - exact).abs() <= exact.abs() * 0.0101 + 1e-9, "quantile {level} of {sorted:?} is {found}");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn outputs_equal_the_oracle(spec in specs(), steps in world::steps()) {
        let oracle = Oracle::run(&spec, &steps);
        let (entries, places) = world::entries(&steps, &[usize::MAX]);
        let (operator, outputs) = run(&spec, &entries, &[]);
        prop_assert_eq!(operator.watermark(), oracle.watermark());
        prop_assert_eq!(operator.counts().overflow, oracle.overflow);
        prop_assert_eq!(operator.events(), places.len() as u64);
        assert_equals_oracle(without_places(outputs, &places), &oracle.out);
    }

    #[test]
    fn neither_cuts_nor_restarts_nor_encodings_change_the_outputs(
        spec in specs(),
        steps in world::steps(),
        cuts in prop::collection::vec(1..6usize, 1..8),
        restarts in prop::collection::vec(any::<bool>(), 1..8),
    ) {
        let (whole, whole_places) = world::entries(&steps, &[usize::MAX]);
        let (cut, cut_places) = world::entries(&steps, &cuts);
        let (straight, expected) = run(&spec, &whole, &[]);
        let (restarted, found) = run(&spec, &cut, &restarts);
        prop_assert_eq!(restarted.counts(), straight.counts());
        prop_assert_eq!(restarted.watermark(), straight.watermark());
        prop_assert_eq!(without_places(found, &cut_places), without_places(expected, &whole_places));
    }

    #[test]
    fn revisions_have_no_gaps_and_ids_are_unique(spec in specs(), steps in world::steps()) {
        let (entries, _) = world::entries(&steps, &[3, 2]);
        let (_, outputs) = run(&spec, &entries, &[]);
        let (mut revisions, mut ids) = (BTreeMap::new(), BTreeMap::new());
        for output in outputs {
            let Output::Rollup(rollup) = output else { continue };
            let next = revisions.entry((rollup.source.clone(), rollup.series.clone(), rollup.window)).or_insert(0);
            prop_assert_eq!(rollup.revision, *next);
            *next += 1;
            prop_assert!(ids.insert(rollup.id.clone(), rollup).is_none());
        }
    }

    #[test]
    fn bytes_that_are_no_snapshot_are_refused(steps in world::steps(), at in any::<prop::sample::Index>(), bit in 0..8u32, cut in any::<bool>()) {
        let spec = Spec { quantiles: vec![0.5], ..Spec::new("w", 0, Duration::from_secs(10)) };
        let (operator, _) = run(&spec, &world::entries(&steps, &[usize::MAX]).0, &[]);
        let mut bytes = operator.snapshot();
        let at = at.index(bytes.len());
        if cut { bytes.truncate(at) } else { bytes[at] ^= 1 << bit }
        let mut fresh = Windows::new(spec).unwrap();
        prop_assert_eq!(fresh.restore(&bytes).unwrap_err().kind(), floodmark_core::Kind::Broken);
        prop_assert_eq!(fresh.events(), 0);
    }
}
