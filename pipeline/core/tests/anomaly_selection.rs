//! Anomaly scores of samples that were selected and derived.

#![cfg(test)]

use floodmark_core::anomaly::{Anomaly, Emit, Spec};
use floodmark_core::expression::{Expression, Scope};
use floodmark_core::ports::{Entry, Operator, Position};
use floodmark_core::selection::{Derived, Selection};
use floodmark_schemas::commit::Output;
use floodmark_schemas::{Encoding, Event, EventBatch, FrameHeader, Series, Timestamp, frame, subject};

#[test]
fn only_selected_samples_are_judged_by_their_derived_value() {
    let scope = Scope::sample();
    let filter = Expression::compile_bool("labels.host == 'a' and value >= 0", &scope).unwrap();
    let value = Expression::compile_number("1 / value", &scope).unwrap();
    let derived = Derived { value, metric: "inverse".to_owned(), unit: "1/s".to_owned() };
    let selection = Selection { filter: Some(filter), derived: Some(derived) };
    let mut operator = Anomaly::new(Spec { selection, emit: Emit::All, ..Spec::new("a", 0) }).unwrap();
    let sample = |secs, host: &str, value| {
        Event::sample("s", "", Timestamp::from_secs(secs), Series::new("wait").unit("s").label("host", host), value)
    };
    let events = [sample(1, "a", 2.0), sample(2, "b", 2.0), sample(3, "a", -1.0), sample(4, "a", 0.0), sample(5, "a", 4.0)];
    let body = frame::encode(&events.into_iter().collect::<EventBatch>(), Encoding::Json, "s", "f");
    let header = FrameHeader { source: "s".to_owned(), epoch: 1, number: 1, count: 5, ..FrameHeader::default() };
    let (position, time, headers) = (Position(1), Timestamp::from_secs(6), header.to_headers());
    let mut outputs = Vec::new();
    operator.apply(&Entry { position, time, subject: subject::events(0, "s"), id: None, headers, body }, &mut outputs).unwrap();
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
