//! State that an earlier version wrote: it must always restore.

use floodmark_core::Kind;
use floodmark_core::anomaly::{Anomaly, Spec};
use floodmark_core::ports::Operator;

use crate::world::{DAY, MINUTE, Sample, entries, ordinary, run, spec};

const GOLDEN: &[u8] = include_bytes!("../golden/v1/anomaly.snapshot");

/// One series that has met every hour of the week and is in an episode, and a counter that is learning.
fn samples() -> Vec<Sample> {
    let mut samples: Vec<Sample> = ordinary(8).into_iter().step_by(6).collect();
    samples.extend([(8 * DAY, "load", 500.0), (8 * DAY, "load", 501.0)]);
    samples.extend((0..20).map(|n| (8 * DAY + n * MINUTE, "requests_total", (n * n) as f64)));
    samples
}

#[test]
fn the_golden_state_restores() {
    let now = run(&spec(), &entries(&samples(), &[100])).0.snapshot();
    let mut operator = Anomaly::new(spec()).unwrap();
    operator.restore(GOLDEN).unwrap();
    assert_eq!((operator.events(), operator.live_series(), operator.counts().episodes), (406, 2, 1));
    // It is the state that the same samples make today.
    assert!(now == operator.snapshot());
}

#[test]
fn the_state_of_another_operator_is_refused() {
    for other in [Spec { version: 2, ..spec() }, Spec { partition: 1, ..spec() }, Spec { operator: "other".to_owned(), ..spec() }] {
        assert_eq!(Anomaly::new(other).unwrap().restore(GOLDEN).unwrap_err().kind(), Kind::Broken);
    }
}
