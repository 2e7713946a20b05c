//! What `docs/guides/mongodb.md` says is true: its fields are there, and its five queries run as they stand in Python and
//! give what they should.

use std::collections::BTreeSet;

use floodmark_connectors::clock::SystemClock;
use floodmark_connectors::stores::mongodb::Scores;
use floodmark_core::conformance::store::commit_entry;
use floodmark_core::ports::{Clock, Position, Sink};
use floodmark_schemas::commit::Output;
use floodmark_schemas::{Aggregates, Availability, Bucket, Episode, Head, Ranked, Score, ScoreState, Series, Timestamp, Window};
use floodmark_tests::servers::python;
use mongodb::bson::{Document, doc};

use crate::support::{At, commit, rollup, value};

const GUIDE: &str = include_str!("../../../docs/guides/mongodb.md");

/// The blocks of the guide in a language.
fn blocks(language: &str) -> Vec<&'static str> {
    GUIDE.split(&format!("```{language}\n")).skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

fn cpu(host: &str) -> Series {
    Series::new("cpu_usage").unit("%").label("host", host)
}

/// Windows of two hosts over two days, and of response times in the last hours.
async fn filled(now: Timestamp) -> At {
    let at = At::new().await;
    let day = Timestamp::parse("2026-11-20T00:00:00Z").unwrap();
    let of = |host, mins: i64, revision, x| rollup("host", cpu(host), day.plus_micros(mins * 60_000_000), revision, value(x));
    let duration = |target: &str, mins_ago: i64, p99: f64| {
        let aggregates = Aggregates { quantiles: [("0.5".to_owned(), 0.1), ("0.99".to_owned(), p99)].into(), ..value(p99) };
        rollup("web", Series::new("duration").label("target", target), now.plus_micros(-mins_ago * 60_000_000), 0, aggregates)
    };
    at.write(&[commit(1, [of("a", -1, 0, 1.0), of("a", 0, 0, 2.5), of("a", 1_439, 0, 3.0), of("a", 1_440, 2, 4.0), of("b", 0, 1, 9.0)])])
        .await;
    at.write(&[commit(2, [duration("x", 10, 0.5), duration("y", 20, 2.5), duration("z", 90, 7.0)])]).await;
    at
}

/// The script of the guide with another address and database, which prints every row of the query as a line of JSON.
fn script(at: &At, query: &str) -> String {
    let [script] = blocks("python")[..] else { panic!("the guide has one script") };
    let (head, _) = script.split_once("for row in ").expect("the script ends with a loop");
    let head = head.replace("mongodb://127.0.0.1:27017", &at.config.uri).replace("\"floodmark\"", &format!("{:?}", at.config.database));
    let print = "    print(json.dumps(row, sort_keys=True, default=lambda time: time.strftime('%Y-%m-%dT%H:%M:%SZ')))";
    format!("import json\n{head}\nfor row in (\n{query}\n):\n{print}\n")
}

#[tokio::test]
async fn the_five_queries_of_the_guide_run_in_python_and_answer() {
    let now = SystemClock.now();
    let at = filled(now).await;
    let latest = |source: &str, series: &str, start: &str, x: f64| {
        let series = serde_json::to_string(series).unwrap();
        format!(r#"{{"_id": {{"series": {series}, "source": "{source}"}}, "max": {x:?}, "mean": {x:?}, "window_start": "{start}"}}"#)
    };
    let ago = |mins: i64| {
        let start = now.plus_micros(-mins * 60_000_000).micros().div_euclid(1_000_000);
        Timestamp::from_secs(start).to_string()
    };
    let target = |name: &str| Series::new("duration").label("target", name).key();
    let day = |start: &str, x: f64| format!(r#"{{"count": 1, "max": {x:?}, "mean": {x:?}, "min": {x:?}, "window_start": "{start}"}}"#);
    let of_host = |start: &str, x: f64| format!(r#"{{"max": {x:?}, "mean": {x:?}, "metric": "cpu_usage", "window_start": "{start}"}}"#);
    let worst = |name: &str, p99: f64| {
        format!(r#"{{"quantiles": {{"p99": {p99:?}}}, "series": {}, "source": "web"}}"#, serde_json::to_string(&target(name)).unwrap())
    };
    let revised = |host: &str, start: &str, revision: u32| {
        let series = serde_json::to_string(&cpu(host).key()).unwrap();
        format!(r#"{{"operator": "per_minute", "revision": {revision}, "series": {series}, "source": "host", "window_start": "{start}"}}"#)
    };
    let expected = [
        vec![
            latest("host", &cpu("a").key(), "2026-11-21T00:00:00Z", 4.0),
            latest("host", &cpu("b").key(), "2026-11-20T00:00:00Z", 9.0),
            latest("web", &target("x"), &ago(10), 0.5),
            latest("web", &target("y"), &ago(20), 2.5),
            latest("web", &target("z"), &ago(90), 7.0),
        ],
        vec![day("2026-11-20T00:00:00Z", 2.5), day("2026-11-20T23:59:00Z", 3.0)],
        vec![
            of_host("2026-11-21T00:00:00Z", 4.0),
            of_host("2026-11-20T23:59:00Z", 3.0),
            of_host("2026-11-20T00:00:00Z", 2.5),
            of_host("2026-11-19T23:59:00Z", 1.0),
        ],
        vec![worst("y", 2.5), worst("x", 0.5)],
        vec![revised("a", "2026-11-21T00:00:00Z", 2), revised("b", "2026-11-20T00:00:00Z", 1)],
    ];
    let queries = blocks("js");
    assert_eq!(queries.len(), expected.len());
    for (query, expected) in queries.into_iter().zip(expected) {
        let said = python(&script(&at, query), &[]).await;
        assert_eq!(said.lines().collect::<Vec<_>>(), expected, "{query}");
    }
}

#[tokio::test]
async fn documents_have_the_fields_that_the_guide_names() {
    let at = At::new().await;
    let everything = Aggregates {
        sum: Some(1.0),
        stddev: Some(0.0),
        first: Some(1.0),
        last: Some(1.0),
        quantiles: [("0.99".to_owned(), 1.0)].into(),
        delta: Some(0.0),
        increase: Some(0.0),
        rate: Some(0.0),
        distinct: Some(1),
        availability: Some(Availability { up: 1.0, observed: 0.5 }),
        top: vec![Ranked { name: "1".to_owned(), amount: 1.0, error: 0.0 }],
        histogram: vec![Bucket { le: 1.0, count: 1 }],
        ..value(1.0)
    };
    at.write(&[commit(1, [rollup("host", cpu("a"), Timestamp::from_micros(-1_500_001), 0, everything)])]).await;
    let document = at.documents().await.find_one(doc! {}).await.unwrap().unwrap();
    let (_, table) = GUIDE.split_once("## The document\n").unwrap();
    let rows = table.lines().skip_while(|line| !line.starts_with("| `")).take_while(|line| line.starts_with("| `"));
    let names = rows.flat_map(|line| line.split('|').nth(1).unwrap().split(',').map(|name| name.trim().trim_matches('`').to_owned()));
    assert_eq!(names.collect::<BTreeSet<_>>(), document.keys().cloned().collect());
    assert_eq!(document.get_i64("window_start_us").unwrap(), -1_500_001);
    assert_eq!(document.get_datetime("window_start").unwrap().timestamp_millis(), -1_501);
    let id = r#"host {"metric":"cpu_usage","unit":"%","labels":{"host":"a"}} per_minute 1969-12-31T23:59:58.499999Z 1970-01-01T00:00:58.499999Z 00000001"#;
    assert_eq!(document.get_str("_id").unwrap(), id);
    assert_eq!(document.get_array("labels").unwrap(), &[doc! { "k": "host", "v": "a" }.into()]);
    assert_eq!(document.get_document("quantiles").unwrap(), &doc! { "p99": 1.0 });
}

#[tokio::test]
async fn scores_have_the_fields_that_the_guide_names() {
    let at = At::new().await;
    let time = Timestamp::from_micros(-1_500_001);
    let text = GUIDE.split_once("## The document of a score\n").unwrap().1;
    let rows = text.lines().skip_while(|line| !line.starts_with("| `")).take_while(|line| line.starts_with("| `"));
    let names = rows.flat_map(|line| line.split('|').nth(1).unwrap().split(',').map(|name| name.trim().trim_matches('`').to_owned()));
    let score = Score {
        id: "0".repeat(32),
        operator: "unusual".to_owned(),
        version: "00000001".to_owned(),
        source: "host".to_owned(),
        series: cpu("a").into(),
        time,
        window: Some(Window { start: time.plus_micros(-60_000_000), end: time }),
        revision: 0,
        value: 1.0,
        score: 2.0,
        novelty: 2.0,
        jump: 0.0,
        staleness: 0.0,
        head: Head::Novelty,
        baseline: Some(0.5),
        lower: Some(0.0),
        upper: Some(0.75),
        state: ScoreState::Anomalous,
        episode: Some(Episode { id: "1".repeat(32), opened: time, peak: 2.0, closed: false }),
    };
    let sink = Scores::new(at.store.clone(), "scores", at.log.clone());
    let entries = [commit_entry(1, "unusual", vec![Output::Score(score)])];
    sink.write(&entries, Position(0), Position(1)).await.unwrap();
    let document = at.client().await.collection::<Document>("scores").find_one(doc! {}).await.unwrap().unwrap();
    assert_eq!(names.collect::<BTreeSet<_>>(), document.keys().cloned().collect());
    let id = r#"host {"metric":"cpu_usage","unit":"%","labels":{"host":"a"}} unusual 1969-12-31T23:59:58.499999Z 00000001"#;
    assert_eq!(document.get_str("_id").unwrap(), id);
    assert_eq!(document.get_document("episode").unwrap().get_datetime("opened").unwrap().timestamp_millis(), -1_501);
}
