//! What other operators commit as what a rule looks at.

use floodmark_core::alert::{Condition, Holds, Input, Limit, Limits, Side, Spec, Timing};
use floodmark_core::expression::{Expression, Scope};
use floodmark_core::ports::{Entry, Position};
use floodmark_core::upstream::Upstream;
use floodmark_schemas::commit::Output;
use floodmark_schemas::{
    Aggregates, Availability, Commit, Episode, Evidence, Head, Headers, JobEntry, Rollup, Score, ScoreState, Series, Severity, Timestamp,
    Window, subject,
};

use crate::world::{run, told};

fn upstream() -> Upstream {
    Upstream { operator: "minutes".to_owned(), version: "0badcafe".to_owned(), jobs: 1 }
}

fn rollup(minute: i64, revision: u32, mean: Option<f64>, max: f64) -> Output {
    let at = |minute: i64| Timestamp::from_secs(minute * 60);
    Output::Rollup(Rollup {
        id: format!("{minute}.{revision}"),
        operator: "minutes".to_owned(),
        version: "0badcafe".to_owned(),
        source: "s".to_owned(),
        series: Series::new("load").into(),
        window: Window { start: at(minute), end: at(minute + 1) },
        revision,
        aggregates: Aggregates { count: 5, mean, max: Some(max), ..Aggregates::default() },
    })
}

fn score(minute: i64, score: f64, state: ScoreState, closed: Option<bool>) -> Output {
    let episode = closed.map(|closed| Episode { id: "e".to_owned(), opened: Timestamp::from_secs(0), peak: score, closed });
    Output::Score(Score {
        id: format!("score-{minute}"),
        operator: "minutes".to_owned(),
        version: "0badcafe".to_owned(),
        source: "s".to_owned(),
        series: Series::new("load").into(),
        time: Timestamp::from_secs(minute * 60),
        window: None,
        revision: 0,
        value: 1.0,
        score,
        novelty: score,
        jump: 0.0,
        staleness: 0.0,
        head: Head::Novelty,
        baseline: None,
        lower: None,
        upper: None,
        state,
        episode,
    })
}

/// A commit of each output, then one that says that event time has come to an hour.
fn commits(outputs: Vec<Output>) -> Vec<Entry> {
    let count = outputs.len() as u64;
    let of = |n: u64, outputs: Vec<Output>, secs: i64| {
        let watermarks = [("s".to_owned(), Timestamp::from_secs(secs))].into();
        let commit = JobEntry::Commit(Commit { n, in_position: 10 + n, watermarks, outputs, ..Commit::default() });
        let mut headers = Headers::default();
        headers.set("Floodmark-Version", "0badcafe");
        let (time, body) = (Timestamp::from_secs(1_000 + n as i64), serde_json::to_vec(&commit).unwrap().into());
        Entry { position: Position(n), time, subject: subject::outputs("minutes", 0), id: None, headers, body }
    };
    let each = (1..).zip(outputs).map(|(n, output)| of(n, vec![output], 0));
    each.chain([of(count + 1, Vec::new(), 3_600)]).collect()
}

fn above(at: f64) -> Condition {
    Condition::Limits(Limits(vec![Limit { severity: Severity::Error, side: Side::Above, at, recover_at: at }]))
}

#[test]
fn windows_are_judged_once_when_they_fire_at_their_ends() {
    let input = Input::Rollups(upstream(), vec!["mean".to_owned()]);
    let timing = Timing { for_us: 60_000_000, keep_firing_for_us: 600_000_000, ..Timing::default() };
    let spec = Spec { timing, ..Spec::new("hot", 0, input, above(10.0)) };
    let outputs =
        vec![rollup(0, 0, Some(11.0), 20.0), rollup(0, 1, Some(1.0), 20.0), rollup(1, 0, Some(12.0), 20.0), rollup(2, 0, Some(2.0), 20.0)];
    let alerts = run(&spec, &commits(outputs), &[true]).1;
    assert_eq!(told(&alerts), ["0 pending error 60", "1 firing error 120", "2 recovering error 180", "3 resolved error 780"]);
    let window = Window { start: Timestamp::from_secs(60), end: Timestamp::from_secs(120) };
    assert_eq!(alerts[1].evidence, Some(Evidence::Rollup { id: "1.0".to_owned(), window }));
    assert_eq!((alerts[1].value, &alerts[3].evidence), (Some(12.0), &Some(Evidence::Time { position: 15 })));
}

#[test]
fn an_expression_knows_the_aggregates_of_a_window() {
    let names = ["value", "count", "max"];
    let met = Expression::compile_bool("max > 2 * value and count >= 5", &Scope::numbers(names)).unwrap();
    let holds = Condition::Expression(Box::new(Holds { met, recovers: None, severity: Severity::Info }));
    let input = Input::Rollups(upstream(), ["mean", "count", "max"].map(str::to_owned).to_vec());
    let outputs = vec![rollup(0, 0, Some(1.0), 2.0), rollup(1, 0, Some(1.0), 2.5), rollup(2, 0, Some(2.0), 2.5)];
    let alerts = run(&Spec::new("peaks", 0, input, holds), &commits(outputs), &[true]).1;
    assert_eq!((told(&alerts), alerts[0].value), (vec!["0 firing info 120".to_owned(), "1 resolved info 180".to_owned()], Some(1.0)));
}

#[test]
fn a_window_without_the_aggregate_cannot_be_judged() {
    let input = Input::Rollups(upstream(), vec!["mean".to_owned()]);
    let timing = Timing { error_for_us: Some(90_000_000), ..Timing::default() };
    let spec = Spec { timing, ..Spec::new("hot", 0, input, above(10.0)) };
    let outputs = vec![rollup(0, 0, None, 1.0), rollup(1, 0, None, 1.0), rollup(2, 0, Some(1.0), 1.0)];
    assert_eq!(told(&run(&spec, &commits(outputs), &[true]).1), ["0 error warning 150", "1 resolved warning 180"]);
}

#[test]
fn an_availability_is_told_with_the_share_of_time_that_was_observed() {
    let input = Input::Rollups(upstream(), vec!["availability".to_owned()]);
    let low = Condition::Limits(Limits(vec![Limit { severity: Severity::Error, side: Side::Below, at: 0.99, recover_at: 0.99 }]));
    let annotations = [("summary".to_owned(), "{{ value }} of the time up, {{ text }}".to_owned())].into();
    let spec = Spec { annotations, ..Spec::new("slo", 0, input, low) };
    let Output::Rollup(mut rollup) = rollup(0, 0, None, 0.0) else { panic!("it is a rollup") };
    rollup.aggregates.availability = Some(Availability { up: 0.5, observed: 0.125 });
    let alerts = run(&spec, &commits(vec![Output::Rollup(rollup)]), &[true]).1;
    assert_eq!(alerts[0].annotations["summary"], "0.5 of the time up, observed for 12.5 % of the time");
}

#[test]
fn an_episode_is_an_alert_and_what_is_learnt_pages_nobody() {
    let episodes = vec![
        score(0, 9.0, ScoreState::Learning, None),
        score(1, 0.6, ScoreState::Normal, None),
        score(2, 3.0, ScoreState::Anomalous, Some(false)),
        score(3, 0.1, ScoreState::Anomalous, Some(false)),
        score(4, 0.1, ScoreState::Normal, Some(true)),
    ];
    let spec = Spec::new("unusual", 0, Input::Episodes(upstream()), Condition::Open(Severity::Warning));
    let alerts = run(&spec, &commits(episodes.clone()), &[true]).1;
    assert_eq!(told(&alerts), ["0 firing warning 120", "1 resolved warning 240"]);
    assert_eq!((alerts[0].value, &alerts[0].evidence), (Some(3.0), &Some(Evidence::Score { id: "score-2".to_owned() })));
    let spec = Spec::new("unusual", 0, Input::Scores(upstream()), above(2.0));
    assert_eq!(told(&run(&spec, &commits(episodes), &[true]).1), ["0 firing error 120", "1 resolved error 180"]);
}
