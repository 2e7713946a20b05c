//! Questions, their parameters, and what is wrong with them.

use serde_json::{Value, json};

use super::{client::Server, memory};

async fn check(path: &str, expected: Value) {
    let answer = Server::start(memory()).await.get(path).await;
    assert_eq!((answer.status, answer.json()), (200, expected), "{path}");
}

async fn refused(path: &str, parameter: &str, message: &str) {
    let answer = Server::start(memory()).await.get(path).await;
    let expected = json!({ "error": { "code": "bad_parameter", "message": message, "parameter": parameter } });
    assert_eq!((answer.status, answer.json()), (400, expected), "{path}");
}

async fn positions(query: &str) -> Vec<u64> {
    let answer = Server::start(memory()).await.get(&format!("/api/v1/events{query}")).await;
    assert_eq!(answer.status, 200, "{query}: {}", answer.body);
    answer.json()["items"].as_array().unwrap().iter().map(|item| item["position"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn an_event_is_given_with_its_place_in_the_log() {
    let event = json!({
        "position": 1, "index": 0, "log_time": "1970-01-01T02:30:00Z",
        "event": {
            "specversion": "1.0", "id": "1", "source": "host", "time": "1970-01-01T02:30:00Z", "type": "floodmark.sample.v1",
            "data": { "value": 0.25, "metric": "load1", "labels": { "host": "a" } },
        },
    });
    check("/api/v1/events?limit=1", json!({ "items": [event], "next": "1" })).await;
}

#[tokio::test]
async fn every_parameter_narrows_the_answer() {
    let cases = [
        ("", vec![1, 2, 3]),
        ("?source=host", vec![1, 2]),
        ("?metric=load1&label=host:a", vec![1]),
        ("?label=host:b:c", vec![2]),
        ("?label=host%3Aa&label=host:a", vec![1]),
        ("?label=target:http://x", vec![3]),
        ("?type=check", vec![3]),
        ("?type=floodmark.sample.v1", vec![1, 2]),
        ("?from=-550s", vec![2, 3]),
        ("?from=-2d&to=-550s", vec![1]),
        ("?from=1970-01-01T02:30:00Z&to=1970-01-01T04:38:20+02:00", vec![1]),
        ("?after=1&limit=1", vec![2]),
    ];
    for (query, expected) in cases {
        assert_eq!(positions(query).await, expected, "{query}");
    }
}

#[tokio::test]
async fn pages_follow_each_other_until_there_is_no_next() {
    let server = Server::start(memory()).await;
    let (mut after, mut seen) = (String::new(), Vec::new());
    loop {
        let page = server.get(&format!("/api/v1/rollups?order=oldest&limit=2{after}")).await.json();
        seen.extend(page["items"].as_array().unwrap().iter().map(|rollup| rollup["window"]["start"].clone()));
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    assert_eq!(seen, ["1970-01-01T00:01:00Z", "1970-01-01T00:02:00Z", "1970-01-01T00:03:00Z"]);
}

#[tokio::test]
async fn scores_are_chosen_by_what_is_asked() {
    let server = Server::start(memory()).await;
    for (query, times) in [
        ("", vec![3, 2, 1]),
        ("?order=oldest", vec![1, 2, 3]),
        ("?score_min=0.75", vec![3, 2]),
        ("?score_min=1&only_episodes=true", vec![2]),
        ("?only_episodes=true", vec![3, 2]),
        ("?only_episodes=false&limit=1", vec![3]),
        ("?source=host&metric=load1&label=host:a&operator=unusual&to=1970-01-01T00:02:00Z", vec![1]),
        ("?operator=other", vec![]),
    ] {
        let answer = server.get(&format!("/api/v1/scores{query}")).await;
        assert_eq!(answer.status, 200, "{query}: {}", answer.body);
        let page = answer.json();
        let found: Vec<&Value> = page["items"].as_array().unwrap().iter().map(|item| &item["time"]).collect();
        let expected: Vec<Value> = times.iter().map(|n| json!(format!("1970-01-01T00:0{n}:00Z"))).collect();
        assert_eq!(found, expected.iter().collect::<Vec<_>>(), "{query}");
    }
    refused("/api/v1/scores?score_min=much", "score_min", "\"much\" is not a number").await;
    refused("/api/v1/scores?score_min=inf", "score_min", "\"inf\" is not a number").await;
    refused("/api/v1/scores?only_episodes=yes", "only_episodes", "\"yes\" is not true or false").await;
    refused("/api/v1/scores?score_mn=1", "score_mn", "there is no parameter \"score_mn\": did you mean \"score_min\"?").await;
}

#[tokio::test]
async fn rollups_come_newest_first_unless_asked_otherwise() {
    let server = Server::start(memory()).await;
    for (order, first) in [("", 3), ("&order=newest", 3), ("&order=oldest", 1)] {
        let page = server.get(&format!("/api/v1/rollups?operator=minutely{order}")).await.json();
        assert_eq!(page["items"][0]["window"]["start"], format!("1970-01-01T00:0{first}:00Z"), "{order}");
        assert_eq!(page["items"].as_array().unwrap().len(), 3);
    }
}

#[tokio::test]
async fn series_sources_and_dead_letters_are_listed() {
    let series = json!({
        "source": "host", "metric": "load1", "labels": { "host": "a" },
        "first_seen": "1970-01-01T00:00:01Z", "last_seen": "1970-01-01T00:00:02Z",
    });
    check("/api/v1/series?source=host", json!({ "items": [series] })).await;
    check("/api/v1/series?source=other", json!({ "items": [] })).await;
    let source = json!({
        "id": "host", "kind": "host", "state": "backing_off", "restarts": 2, "last_error": "reading the load", "events": 7,
        "dead_letters": 1,
    });
    check("/api/v1/sources", json!({ "items": [source] })).await;
    check("/api/v1/units", json!({ "items": [{ "unit": "job.minutely.0", "lag": 7 }] })).await;
    let letter = json!({
        "id": "2", "component": "csv", "origin": "a.csv:2", "reason": "not a time", "time": "1970-01-01T00:00:06Z", "original": "y",
    });
    check("/api/v1/dead-letters?component=csv&limit=1", json!({ "items": [letter], "next": "1" })).await;
    check("/api/v1/dead-letters/csv/2", letter).await;
}

#[tokio::test]
async fn what_is_wrong_with_a_parameter_is_said_with_the_remedy() {
    let time = |text: &str| format!("{text:?} is not a time; write 2026-01-31T12:00:00Z, now, or a duration before now such as -1h");
    let known = "this path takes source, metric, type, label, from, to, limit, after";
    let cases = [
        ("events?limt=3", "limt", r#"there is no parameter "limt": did you mean "limit"?"#.to_owned()),
        ("events?xyz=3", "xyz", format!("there is no parameter \"xyz\": {known}")),
        ("events?order=newest", "order", format!("there is no parameter \"order\": {known}")),
        ("sources?limit=3", "limit", r#"there is no parameter "limit": this path takes none"#.to_owned()),
        ("events?limit=0", "limit", r#""0" is not a number from 1 to 1000"#.to_owned()),
        ("events?limit=1001", "limit", r#""1001" is not a number from 1 to 1000"#.to_owned()),
        ("events?limit=ten", "limit", r#""ten" is not a number from 1 to 1000"#.to_owned()),
        ("events?limit=1&limit=2", "limit", r#""limit" is given more than once"#.to_owned()),
        ("events?source=", "source", r#""source" is empty; leave it out to ask for everything"#.to_owned()),
        ("events?source=a.b", "source", r#""a.b" holds '.'; letters, digits, '_' and '-' are allowed"#.to_owned()),
        ("events?type=metric", "type", r#""metric" is not sample, check or record"#.to_owned()),
        ("events?label=host", "label", r#""host" is not name:value, such as label=host:web1"#.to_owned()),
        ("events?label=:a", "label", r#"":a" is not name:value, such as label=host:web1"#.to_owned()),
        ("events?label=host:a&label=host:b", "label", r#"the label "host" is given with two values; nothing has both"#.to_owned()),
        ("events?from=yesterday", "from", time("yesterday")),
        ("rollups?to=-9999999999999999999d", "to", time("-9999999999999999999d")),
        ("rollups?order=up", "order", r#""up" is not newest or oldest"#.to_owned()),
        (
            "rollups?from=1970-01-01T00:00:02Z&to=1970-01-01T00:00:01Z",
            "to",
            "to (1970-01-01T00:00:01Z) lies before from (1970-01-01T00:00:02Z)".to_owned(),
        ),
        ("rollups?after=nonsense", "after", r#""nonsense" is not a page"#.to_owned()),
    ];
    for (query, parameter, message) in cases {
        refused(&format!("/api/v1/{query}"), parameter, &message).await;
    }
}

#[tokio::test]
async fn a_dead_letter_that_does_not_exist_is_not_found() {
    let answer = Server::start(memory()).await.get("/api/v1/dead-letters/csv/9").await;
    let expected = json!({ "error": { "code": "not_found", "message": "\"csv\" has no dead letter \"9\"" } });
    assert_eq!((answer.status, answer.json()), (404, expected));
}

#[tokio::test]
async fn a_store_that_is_away_gives_503_without_the_cause() {
    let server = Server::start(super::Memory { away: true, ..memory() }).await;
    for path in ["events", "rollups", "series", "dead-letters"] {
        let answer = server.get(&format!("/api/v1/{path}")).await;
        let expected = json!({ "error": { "code": "unavailable", "message": "asking the store" } });
        assert_eq!((answer.status, answer.header("retry-after"), answer.json()), (503, Some("1"), expected), "{path}");
    }
}
