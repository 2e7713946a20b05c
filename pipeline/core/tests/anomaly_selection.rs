//! Anomaly scores of samples that were selected and derived.

#![cfg(test)]

use floodmark_core::anomaly::{Anomaly, Emit, Spec};
use floodmark_core::expression::{Expression, Scope};
use floodmark_core::ports::{Entry, Operator, Position};
use floodmark_core::selection::{Derived, Selection};
use floodmark_schemas::commit::Output;
use floodmark_schemas::{Encoding, Event, EventBatch, FrameHeader, Series, Timestamp, frame, subject};
use twox_hash::XxHash3_64;

/// The inverses of samples of host a that are not negative.
fn operator() -> Anomaly {
    let scope = Scope::sample();
    let filter = Expression::compile_bool("labels.host == 'a' and value >= 0", &scope).unwrap();
    let value = Expression::compile_number("1 / value", &scope).unwrap();
    let derived = Derived { value, metric: "inverse".to_owned(), unit: "1/s".to_owned() };
    let selection = Selection { filter: Some(filter), derived: Some(derived) };
    Anomaly::new(Spec { selection, emit: Emit::All, ..Spec::new("a", 0) }).unwrap()
}

/// The operator after some samples, and what it gave.
fn after_samples() -> (Anomaly, Vec<Output>) {
    let mut operator = operator();
    let sample = |secs, host: &str, value| {
        Event::sample("s", "", Timestamp::from_secs(secs), Series::new("wait").unit("s").label("host", host), value)
    };
    let events = [sample(1, "a", 2.0), sample(2, "b", 2.0), sample(3, "a", -1.0), sample(4, "a", 0.0), sample(5, "a", 4.0)];
    let body = frame::encode(&events.into_iter().collect::<EventBatch>(), Encoding::Json, "s", "f");
    let header = FrameHeader { source: "s".to_owned(), epoch: 1, number: 1, count: 5, ..FrameHeader::default() };
    let (position, time, headers) = (Position(1), Timestamp::from_secs(6), header.to_headers());
    let mut outputs = Vec::new();
    operator.apply(&Entry { position, time, subject: subject::events(0, "s"), id: None, headers, body }, &mut outputs).unwrap();
    (operator, outputs)
}

#[test]
fn only_selected_samples_are_judged_by_their_derived_value() {
    let (_, outputs) = after_samples();
    let found: Vec<(String, String, f64)> = outputs
        .iter()
        .map(|output| match output {
            Output::Score(score) => (score.series.to_string(), score.series.unit.clone(), score.value),
            other => panic!("{other:?}"),
        })
        .collect();
    let series = || (r#"inverse{host="a"}"#.to_owned(), "1/s".to_owned());
    assert_eq!(found, [(series().0, series().1, 0.5), (series().0, series().1, 0.25)]);
}

#[test]
fn values_that_the_formula_does_not_give_are_counted_and_the_count_is_kept() {
    let (before, _) = after_samples();
    assert_eq!((before.undefined(), before.events()), (1, 5));
    let mut after = operator();
    after.restore(&before.snapshot()).unwrap();
    assert_eq!((after.undefined(), after.snapshot() == before.snapshot()), (1, true));
}

#[test]
fn a_state_of_before_there_was_the_count_restores() {
    let (operator_then, _) = after_samples();
    let now = operator_then.snapshot();
    // The count stood nowhere: after the format, the operator's name and numbers, and four counts.
    let at = 4 + (4 + (4 + 1 + 4 + 4)) + 4 * 8;
    assert_eq!(now[at..at + 8], 1_u64.to_le_bytes());
    let mut then = [b"FMA1", &now[4..at], &now[at + 8..now.len() - 8]].concat();
    then.extend(XxHash3_64::oneshot(&then).to_le_bytes());
    let mut operator = operator();
    operator.restore(&then).unwrap();
    assert_eq!((operator.undefined(), operator.events(), operator.live_series()), (0, 5, 1));
}
