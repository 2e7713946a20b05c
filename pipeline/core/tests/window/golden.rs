//! State that an earlier version wrote: it must always restore.

use std::time::Duration;

use floodmark_core::ports::Operator;
use floodmark_core::window::{Spec, Windows};
use floodmark_schemas::{Check, Event, Record, Series, Timestamp};

use crate::world::{SECOND, Step, What, entries};

const GOLDEN: &[u8] = include_bytes!("../golden/v1/window.snapshot");

fn spec() -> Spec {
    Spec { quantiles: vec![0.5, 0.99], ..Spec::new("golden", 3, Duration::from_secs(10)) }
}

fn steps() -> Vec<Step> {
    let at = |secs: i64| Timestamp::from_secs(secs);
    let sample = |secs, value| Event::sample("a", "s", at(secs), Series::new("load").unit("%").label("host", "ü\"1"), value);
    let check = Check { up: Some(true), duration_us: Some(1_250), ..Check::of("target") };
    let record = Event::record("c", "r", at(31), Record { name: "note".to_owned(), fact: Default::default() });
    let step = |secs: i64, source, what| Step { log_time: secs * SECOND, source, lane: 0, what };
    vec![
        step(10, 0, What::Events(vec![sample(8, 0.1), sample(9, 0.2), sample(8, -0.0), sample(-200, 1e300)])),
        step(12, 1, What::Events(vec![Event::check("b", "c", at(12), check)])),
        step(32, 2, What::Events(vec![record])),
        step(33, 1, What::Promise(None)),
        step(34, 0, What::Events(vec![sample(33, 1e-300), sample(8, 0.3), sample(-200, 1.0)])),
        step(35, 0, What::Tick(vec![(0, 0, 34 * SECOND)])),
    ]
}

fn now() -> Vec<u8> {
    let mut operator = Windows::new(spec()).unwrap();
    let mut outputs = Vec::new();
    entries(&steps(), &[usize::MAX]).0.iter().for_each(|entry| operator.apply(entry, &mut outputs).unwrap());
    operator.snapshot()
}

#[test]
fn the_golden_state_restores() {
    let mut operator = Windows::new(spec()).unwrap();
    operator.restore(GOLDEN).unwrap();
    assert_eq!((operator.events(), operator.late(), operator.live_series()), (9, 2, 3));
    assert_eq!(operator.watermark(), Some(Timestamp::from_secs(26)));
    // As long as the form has not changed, it is also what is written today.
    assert_eq!(now(), GOLDEN);
}

#[test]
fn the_state_of_another_operator_is_refused() {
    for other in [
        Spec { version: 2, ..spec() },
        Spec { partition: 4, ..spec() },
        Spec { size: Duration::from_secs(20), ..spec() },
        Spec { quantiles: Vec::new(), ..spec() },
    ] {
        let error = Windows::new(other).unwrap().restore(GOLDEN).unwrap_err();
        assert_eq!(error.kind(), floodmark_core::Kind::Broken);
    }
    assert!(Windows::new(Spec { quantiles: vec![0.9], series_max: 1, ..spec() }).unwrap().restore(GOLDEN).is_ok());
}
