//! State that an earlier version wrote: it must always restore.

use floodmark_core::alert::{Change, Condition, Direction, Flapping, Input, Limit, Limits, Needed, Rule, Side, Spec, Timing};
use floodmark_core::ports::Operator;
use floodmark_schemas::Severity;

use crate::world::{Writer, event, run};

const GOLDEN: &[u8] = include_bytes!("../golden/v1/alert.snapshot");

fn spec() -> Spec {
    let limits = Limits(vec![Limit { severity: Severity::Error, side: Side::Above, at: 5.0, recover_at: 4.0 }]);
    let change = Change { within_us: 60_000_000, direction: Direction::Any, as_ratio: false };
    let timing = Timing {
        for_us: 10_000_000,
        keep_firing_for_us: 20_000_000,
        error_for_us: Some(30_000_000),
        no_data_for_us: Some(40_000_000),
        flapping: Some(Flapping { changes: 2, within_us: 600_000_000 }),
        ..Timing::default()
    };
    Spec { timing, needed: Some(Needed { n: 2, m: 3 }), ..Spec::new("golden", 0, Input::Samples, Condition::Change(change, limits)) }
}

/// One series that fires, one that has resolved, and one of which nothing comes.
fn rule() -> Rule {
    let mut writer = Writer::of_disorder(1);
    for n in 0..20 {
        let of = |series: usize, value: f64| event(&(0, series, n * 10, value));
        let quiet = if n < 6 { (n % 2) as f64 * 9.0 } else { 1.0 };
        let silent = (n < 10).then(|| of(2, 1.0));
        let all: Vec<_> = [Some(of(0, (n % 3) as f64 * 4.0)), Some(of(1, quiet)), silent].into_iter().flatten().collect();
        writer.frame(0, n * 10, &all);
    }
    run(&spec(), &writer.entries, &[false]).0
}

#[test]
fn the_golden_state_restores() {
    let now = rule().snapshot();
    if std::env::var_os("FLOODMARK_WRITE_SAMPLES").is_some() {
        std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/v1/alert.snapshot"), &now).unwrap();
    }
    let mut rule = Rule::new(spec()).unwrap();
    rule.restore(GOLDEN).unwrap();
    assert_eq!((rule.events(), rule.live_series()), (50, 3));
    // As long as the form has not changed, it is also what is written today.
    assert!(now == GOLDEN);
}
