//! A condition and a derived value: what comes out is what comes out of a log in which somebody did the same by hand.

use std::time::Duration;

use floodmark_core::expression::{Expression, Scope};
use floodmark_core::selection::{Derived, Selection};
use floodmark_core::window::Spec;
use floodmark_schemas::{Event, Payload, Record, Series};
use proptest::prelude::*;

use crate::world::{self, Step, What};
use crate::{hopping, run, session, tumbling, without_places};

const WHERE: &str = "source != 'c' and metric in ['load', 'cpu'] and (value > -100 or labels.n == '1')";
const VALUE: &str = "if(metric == 'load', 1000 / value, value * 2)";

fn selection(derived: bool) -> Selection {
    let filter = Expression::compile_bool(WHERE, &Scope::sample()).unwrap();
    let value = Expression::compile_number(VALUE, &Scope::sample()).unwrap();
    let derived = derived.then(|| Derived { value, metric: "derived".to_owned(), unit: "u".to_owned() });
    Selection { filter: Some(filter), derived }
}

/// The same by hand. What is left out becomes an event that gives no number: its time still counts.
fn by_hand(steps: &[Step], derived: bool, undefined: &mut u64) -> Vec<Step> {
    let event = |event: &Event, undefined: &mut u64| {
        let nothing = || {
            let record = Record { name: "left out".to_owned(), fact: Default::default() };
            Event::record(&event.source, "r", event.time, record)
        };
        let Payload::Sample(sample) = &event.payload else { return nothing() };
        let (series, value) = (&sample.series, sample.value);
        let wanted = event.source != "c"
            && ["load", "cpu"].contains(&series.metric.as_str())
            && (value > -100.0 || series.labels.get("n").is_some_and(|n| n == "1"));
        if !wanted {
            return nothing();
        }
        if !derived {
            return event.clone();
        }
        let value = if series.metric == "load" { 1000.0 / value } else { value * 2.0 };
        if !value.is_finite() {
            *undefined += 1;
            return nothing();
        }
        let series = Series { metric: "derived".to_owned(), unit: "u".to_owned(), labels: series.labels.clone() };
        Event::sample(&event.source, "s", event.time, series, value)
    };
    let mut step = |step: &Step| match &step.what {
        What::Events(events) => Step { what: What::Events(events.iter().map(|e| event(e, undefined)).collect()), ..step.clone() },
        _ => step.clone(),
    };
    steps.iter().map(&mut step).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn selecting_is_as_if_the_log_had_been_written_so(
        (plain, steps) in prop_oneof![tumbling(), hopping(), session()],
        derived in any::<bool>(),
        cuts in prop::collection::vec(1..6usize, 1..8),
        restarts in prop::collection::vec(any::<bool>(), 1..8),
    ) {
        let selecting = Spec { selection: selection(derived), ..plain.clone() };
        let mut undefined = 0;
        let (written, places) = world::entries(&by_hand(&steps, derived, &mut undefined), &[usize::MAX]);
        let (straight, expected) = run(&plain, &written, &[]);
        let (cut, cut_places) = world::entries(&steps, &cuts);
        let (selected, found) = run(&selecting, &cut, &restarts);
        prop_assert_eq!(without_places(found, &cut_places), without_places(expected, &places));
        prop_assert_eq!(selected.counts().undefined, undefined);
        prop_assert_eq!((selected.counts().late, selected.counts().events), (straight.counts().late, straight.counts().events));
    }
}

#[test]
fn a_state_with_derived_values_does_not_restore_without() {
    let plain = Spec::new("w", 0, Duration::from_secs(10));
    let selecting = Spec { selection: selection(true), ..plain.clone() };
    let (operator, _) = run(&selecting, &[], &[]);
    let (mut other, _) = run(&plain, &[], &[]);
    let snapshot = floodmark_core::ports::Operator::snapshot(&operator);
    assert!(floodmark_core::ports::Operator::restore(&mut other, &snapshot).is_err());
}
