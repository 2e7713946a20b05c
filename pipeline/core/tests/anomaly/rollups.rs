//! Rollups as what is judged.

use floodmark_core::anomaly::{Anomaly, Emit, Rollups, Spec};
use floodmark_core::ports::{Entry, Operator, Position};
use floodmark_core::upstream::Upstream;
use floodmark_schemas::commit::Output;
use floodmark_schemas::{Aggregates, Commit, Headers, JobEntry, Rollup, Score, Series, Timestamp, Window, subject};

use crate::world::{START, ordinary, scores};

fn spec(aggregate: &str) -> Spec {
    let upstream = Upstream { operator: "minutes".to_owned(), version: "0badcafe".to_owned(), jobs: 1 };
    let from = Some(Rollups { upstream, aggregate: aggregate.to_owned() });
    Spec { from, emit: Emit::All, ..Spec::new("unusual", 0) }
}

fn rollup(metric: &str, n: usize, revision: u32, mean: f64) -> Rollup {
    let at = |n: usize| Timestamp::from_secs(START + n as i64 * 300);
    Rollup {
        id: format!("{n}.{revision}"),
        operator: "minutes".to_owned(),
        version: "0badcafe".to_owned(),
        source: "s".to_owned(),
        series: Series::new(metric).into(),
        window: Window { start: at(n), end: at(n + 1) },
        revision,
        aggregates: Aggregates { count: 5, mean: Some(mean), max: Some(2.0 * mean), ..Aggregates::default() },
    }
}

/// One commit for each rollup, by the version that is read or by another.
fn commit(n: u64, version: &str, outputs: Vec<Output>) -> Entry {
    let commit = Commit { n, in_position: n, outputs, ..Commit::default() };
    let watermarks = std::iter::once(("s".to_owned(), Timestamp::from_secs(START))).collect();
    let commit = JobEntry::Commit(Commit { watermarks, ..commit });
    let mut headers = Headers::default();
    headers.set("Floodmark-Version", version);
    let body = serde_json::to_vec(&commit).unwrap().into();
    Entry { position: Position(n), time: Timestamp::from_secs(0), subject: subject::outputs("minutes", 0), id: None, headers, body }
}

fn run(spec: &Spec, rollups: Vec<Rollup>) -> (Anomaly, Vec<Score>) {
    let mut operator = Anomaly::new(spec.clone()).unwrap();
    let mut outputs = Vec::new();
    for (n, rollup) in (1..).zip(rollups) {
        operator.apply(&commit(n, "0badcafe", vec![Output::Rollup(rollup)]), &mut outputs).unwrap();
        if n % 100 == 0 {
            let snapshot = operator.snapshot();
            operator = Anomaly::new(spec.clone()).unwrap();
            operator.restore(&snapshot).unwrap();
        }
    }
    (operator, scores(outputs))
}

fn means(metric: &str) -> Vec<Rollup> {
    ordinary(5).iter().enumerate().map(|(n, sample)| rollup(metric, n, 0, sample.2)).collect()
}

#[test]
fn an_aggregate_is_judged_at_the_end_of_its_window() {
    let mut rollups = means("load");
    rollups.push(rollup("load", 1_440, 0, 300.0));
    let (operator, scores) = run(&spec("max"), rollups);
    let last = scores.last().unwrap();
    assert_eq!((scores.len(), last.value, last.revision), (1_441, 600.0, 0));
    assert_eq!((last.time, last.window), (Timestamp::from_secs(START + 1_441 * 300), Some(rollup("load", 1_440, 0, 0.0).window)));
    assert!(last.episode.is_some() && last.score > 10.0);
    assert_eq!(operator.watermarks().into_iter().collect::<Vec<_>>(), [("s".to_owned(), Timestamp::from_secs(START))]);
    // An aggregate that is not there, and one by its name in JSON.
    assert_eq!((run(&spec("sum"), means("load")).1.len(), run(&spec("count"), means("load")).1.len()), (0, 1_440));
}

#[test]
fn a_revision_is_judged_again_and_teaches_nothing() {
    let straight = {
        let mut rollups = means("load");
        rollups.extend([rollup("load", 1_440, 0, 300.0), rollup("load", 1_441, 0, 55.0)]);
        run(&spec("mean"), rollups).1
    };
    let mut rollups = means("load");
    rollups.extend([rollup("load", 1_440, 0, 300.0), rollup("load", 1_440, 1, 300.0), rollup("load", 1_440, 2, 301.0)]);
    rollups.extend([rollup("load", 1_440, 3, 55.0), rollup("load", 1_441, 0, 55.0)]);
    let found = run(&spec("mean"), rollups).1;
    assert_eq!((&found[..1_441], &found[1_444]), (&straight[..1_441], &straight[1_441]));
    let [first, same, nearly, corrected] = &found[1_440..1_444] else { panic!("{}", found.len()) };
    assert_eq!([same, nearly, corrected].map(|score| score.revision), [1, 2, 3]);
    assert_eq!((same.novelty, same.time, &same.episode.as_ref().unwrap().id), (first.novelty, first.time, &first.id));
    assert!((nearly.novelty - first.novelty).abs() < 0.1 * first.novelty && nearly.value == 301.0, "{nearly:?}");
    assert!(corrected.score < 0.5 && corrected.value == 55.0, "{corrected:?}");
}

#[test]
fn a_window_that_is_taken_back_and_other_versions_say_nothing() {
    let gone = Rollup { aggregates: Aggregates::default(), ..rollup("load", 10, 1, 0.0) };
    let mut rollups = means("load");
    rollups.insert(20, gone);
    assert_eq!(run(&spec("mean"), rollups).1, run(&spec("mean"), means("load")).1);
    let mut operator = Anomaly::new(spec("mean")).unwrap();
    let mut outputs = Vec::new();
    operator.apply(&commit(1, "other", vec![Output::Rollup(rollup("load", 0, 0, 1.0))]), &mut outputs).unwrap();
    assert_eq!((outputs.len(), operator.events()), (0, 0));
}

#[test]
fn the_level_of_a_counter_is_differenced_and_a_number_of_events_is_not() {
    let mut total = 0.0;
    let grow = |rollup: Rollup| {
        total += rollup.aggregates.mean.unwrap() * 300.0;
        Rollup { aggregates: Aggregates { count: 5, max: Some(total), ..Aggregates::default() }, ..rollup }
    };
    let mut rollups: Vec<Rollup> = means("requests_total").into_iter().map(grow).collect();
    // The second window is corrected, and the third is measured against what it became.
    let mut corrected = Rollup { revision: 1, ..rollups[1].clone() };
    corrected.aggregates.max = rollups[1].aggregates.max.map(|max| max + 30.0);
    rollups.insert(2, corrected);
    let scores = run(&spec("max"), rollups.clone()).1;
    assert_eq!(scores.len(), 1_440);
    let means = means("requests_total");
    let mean = |n: usize| means[n].aggregates.mean.unwrap();
    for (score, expected) in scores.iter().zip([mean(1), mean(1) + 0.1, mean(2) - 0.1, mean(3)]) {
        assert!((score.value - expected).abs() < 1e-9, "{} instead of {expected}", score.value);
    }
    assert_eq!(run(&spec("count"), rollups).1[0].value, 5.0);
}
