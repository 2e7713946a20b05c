//! The state: it is all that counts, it goes through bytes unharmed, and frames mean nothing.

use floodmark_core::Kind;
use floodmark_core::anomaly::{Anomaly, Detector, Spec};
use floodmark_core::ports::{Entry, Operator};
use floodmark_schemas::{Encoding, Score, Timestamp};
use proptest::prelude::*;

use crate::world::{DAY, MINUTE, Sample, entries, entry, noise, run, scores, spec};

/// Series with steps, stops, repeated and backward times, gaps and glitches.
fn samples() -> impl Strategy<Value = Vec<Sample>> {
    let sample = (0..4usize, 0..40u32, any::<u8>());
    (any::<u64>(), prop::collection::vec(sample, 1..600)).prop_map(|(seed, rough)| {
        let (mut noise, mut now) = (noise(seed), 0);
        let one = |(series, step, what): (usize, u32, u8)| {
            now += match step {
                0 => -600,
                1 => 0,
                2 => 2 * DAY,
                _ => 20 * MINUTE,
            };
            let metric = ["load", "free", "level", "requests_total"][series];
            let value = match what {
                0..4 => 1e6,
                4..100 => f64::from(what / 10),
                _ => 50.0 + noise(),
            };
            (now, metric, if metric == "requests_total" { now as f64 + value } else { value })
        };
        rough.into_iter().map(one).collect()
    })
}

/// Applies all entries; after each whose turn it is in `restarts`, a new operator takes over from a snapshot.
fn run_with_restarts(spec: &Spec, entries: &[Entry], restarts: &[bool]) -> (Anomaly, Vec<Score>) {
    let mut operator = Anomaly::new(spec.clone()).unwrap();
    let mut outputs = Vec::new();
    for (entry, restart) in entries.iter().zip(restarts.iter().cycle()) {
        operator.apply(entry, &mut outputs).unwrap();
        if *restart {
            let snapshot = operator.snapshot();
            operator = Anomaly::new(spec.clone()).unwrap();
            operator.restore(&snapshot).unwrap();
            assert!(operator.snapshot() == snapshot, "equal states give equal bytes");
        }
    }
    (operator, scores(outputs))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn neither_cuts_nor_restarts_nor_encodings_change_the_scores(
        samples in samples(),
        cuts in prop::collection::vec(1..60usize, 1..8),
        restarts in prop::collection::vec(any::<bool>(), 1..8),
        series_max in 2..5usize,
    ) {
        let spec = Spec { series_max, ..spec() };
        let (straight, expected) = run(&spec, &entries(&samples, &[usize::MAX]));
        let (restarted, found) = run_with_restarts(&spec, &entries(&samples, &cuts), &restarts);
        let bits = |scores: &[Score]| scores.iter().map(|s| [s.score, s.novelty, s.jump].map(f64::to_bits)).collect::<Vec<_>>();
        prop_assert_eq!(bits(&found), bits(&expected));
        prop_assert_eq!(found, expected);
        prop_assert_eq!(restarted.counts(), straight.counts());
        prop_assert_eq!(restarted.watermark(), straight.watermark());
    }

    #[test]
    fn scores_are_always_numbers(values in prop::collection::vec(prop::num::f64::ANY, 1..300), step in 1..100_000_000_i64) {
        let mut detector = Detector::default();
        for (n, value) in (0..).zip(values) {
            if let Some(judged) = detector.score(n * step, value) {
                let numbers = [judged.novelty, judged.jump, judged.staleness, judged.baseline, judged.lower, judged.upper];
                prop_assert!(numbers.iter().all(|n| n.is_finite()), "{judged:?}");
            }
        }
    }

    #[test]
    fn bytes_that_are_no_snapshot_are_refused(samples in samples(), at in any::<prop::sample::Index>(), bit in 0..8u32, cut in any::<bool>()) {
        let (operator, _) = run(&spec(), &entries(&samples, &[usize::MAX]));
        let mut bytes = operator.snapshot();
        let at = at.index(bytes.len());
        if cut { bytes.truncate(at) } else { bytes[at] ^= 1 << bit }
        let mut fresh = Anomaly::new(spec()).unwrap();
        prop_assert_eq!(fresh.restore(&bytes).unwrap_err().kind(), Kind::Broken);
        prop_assert_eq!(fresh.events(), 0);
    }
}

#[test]
fn frames_seen_before_are_dropped_and_missing_ones_counted() {
    let frame = |number| entry(number, number, &[(number as i64, "load", 1.0)], Encoding::Json);
    let (operator, scores) = run(&spec(), &[frame(1), frame(1), frame(2), frame(5), frame(3)]);
    assert_eq!((operator.events(), scores.len(), operator.counts().missing, operator.late()), (3, 3, 2, 0));
    assert_eq!(operator.watermarks().into_iter().collect::<Vec<_>>(), [("s".to_owned(), Timestamp::from_secs(crate::world::START + 5))]);
}

#[test]
fn a_frame_that_cannot_be_read_changes_nothing() {
    let mut operator = Anomaly::new(spec()).unwrap();
    let mut outputs = Vec::new();
    operator.apply(&entry(1, 1, &[(1, "load", 1.0)], Encoding::Json), &mut outputs).unwrap();
    let before = operator.snapshot();
    let mut damaged = entry(2, 2, &[(2, "free", 1.0)], Encoding::Json);
    damaged.body = damaged.body.slice(..damaged.body.len() - 1);
    assert_eq!(operator.apply(&damaged, &mut outputs).unwrap_err().kind(), Kind::Rejected);
    assert!(operator.snapshot() == before && outputs.len() == 1);
}
