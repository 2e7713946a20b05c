//! When probes look, and how their events are told apart.

use std::sync::Arc;
use std::time::Duration;

use floodmark_connectors::clock::{SystemClock, TokioClock};
use floodmark_connectors::sources::{http_probe::HttpProbes, tcp_probe::TcpProbes};
use floodmark_core::Kind;
use floodmark_schemas::{Event, Reason, Timestamp};
use serde_json::{Value, json};

use crate::recorder::{Recorder, check_of, events};
use crate::server::{Server, hang};

const START: Timestamp = Timestamp::from_micros(1_000_000_500_000);

/// A target that fails without touching the network: an IPv4 address that must be an IPv6 one.
const NO_NETWORK: &str = "192.0.2.1:1";

fn summary(event: &Event) -> (String, f64, Option<Reason>, u32) {
    let check = check_of(event);
    (event.id.clone(), (event.time.micros() - START.micros()) as f64 / 1e6, check.reason, check.attempt)
}

async fn summaries(config: Value, delays: &[Duration], count: usize) -> Vec<(String, f64, Option<Reason>, u32)> {
    let source = TcpProbes::new("ports", serde_json::from_value(config).unwrap(), Arc::new(TokioClock::starting_at(START))).unwrap();
    events(source, Recorder::slow(delays), count).await.iter().map(summary).collect()
}

#[tokio::test(start_paused = true)]
async fn ticks_that_pass_while_the_log_is_slow_are_events() {
    let config = json!({ "targets": [{ "address": NO_NETWORK, "name": "a", "labels": { "team": "x" } }], "ip": "6", "every": "1 s", "timeout": "1 s" });
    let found = summaries(config, &[Duration::ZERO, Duration::from_millis(3_300)], 4).await;
    // The key decides the place on the grid; what matters here is the distance.
    let scheduled = |id: &str| id.trim_start_matches("a@").split('#').next().unwrap().parse::<i64>().unwrap();
    let grid = (scheduled(&found[1].0) - START.micros()) as f64 / 1e6;
    let id = |secs: f64, suffix: &str| format!("a@{}{suffix}", START.micros() + (secs * 1e6).round() as i64);
    assert!(grid > 0.0 && grid <= 1.0, "{grid}");
    assert_eq!(found[0], (id(0.0, ""), 0.0, Some(Reason::Dns), 1));
    assert_eq!((&found[1].0, found[1].2, found[1].3), (&id(grid, ""), Some(Reason::Dns), 1));
    let missed = (id(grid + 3.0, "#missed"), grid + 3.0, Some(Reason::Missed), 2);
    assert_eq!((&found[2].0, found[2].2, found[2].3), (&missed.0, missed.2, missed.3));
    assert!((found[2].1 - missed.1).abs() < 1e-6, "{found:?}");
    assert_eq!((&found[3].0, found[3].2, found[3].3), (&id(grid + 3.0, ""), Some(Reason::Dns), 1));
    // The check itself began when the log had room again.
    assert!((found[3].1 - (grid + 3.3)).abs() < 0.01, "{found:?}");
}

#[tokio::test(start_paused = true)]
async fn a_failed_attempt_is_repeated_and_each_leaves_an_event() {
    let config = json!({ "targets": [NO_NETWORK], "ip": "6", "retries": 2, "retry_pause": "5 s", "every": "60 s", "timeout": "10 s" });
    let found = summaries(config, &[], 3).await;
    let at = |suffix: &str| format!("{NO_NETWORK}@{}{suffix}", START.micros());
    let expected = [(at(""), 0.0, 1), (at("#2"), 5.0, 2), (at("#3"), 10.0, 3)];
    for (found, (id, secs, attempt)) in found.into_iter().zip(expected) {
        assert_eq!((&found.0, found.2, found.3), (&id, Some(Reason::Dns), attempt));
        assert!((found.1 - secs).abs() < 0.01, "{found:?}");
    }
}

#[tokio::test]
async fn a_slow_target_delays_no_other() {
    let silent = Server::listen(|stream, _| async move {
        let _open = stream;
        hang().await
    })
    .await;
    let quick = Server::http().await;
    let config = json!({ "targets": [
        { "url": silent.url("/"), "name": "slow", "every": "60 s", "timeout": "60 s" },
        { "url": quick.url("/ok"), "name": "quick", "every": "30 ms", "timeout": "30 ms" },
    ]});
    let source = HttpProbes::new("web", serde_json::from_value(config).unwrap(), Arc::new(SystemClock)).unwrap();
    let found = events(source, Recorder::new(), 5).await;
    assert!(found.iter().all(|event| event.subject.as_deref() == Some("quick")), "{found:?}");
}

#[test]
fn configurations_that_cannot_work_are_refused_with_the_remedy() {
    let clock = || Arc::new(SystemClock);
    let http = |config: Value| match serde_json::from_value(config) {
        Err(e) => e.to_string(),
        Ok(config) => match HttpProbes::new("web", config, clock()) {
            Ok(_) => "accepted".to_owned(),
            Err(e) => {
                assert_eq!(e.kind(), Kind::Broken);
                e.chain()
            }
        },
    };
    let url = "https://example.org/";
    for (config, remedy) in [
        (json!({ "targets": [] }), "name at least one target"),
        (json!({ "targets": [url, url] }), "give it another `name`"),
        (json!({ "targets": [url], "timeout": "2m" }), "raise `every`"),
        (json!({ "targets": [url], "retries": 9 }), "raise `every`"),
        (json!({ "targets": [url], "every": "0s", "timeout": "0s" }), "is 0s"),
        (json!({ "targets": ["example.org"] }), r#"write "https://example.org""#),
        (json!({ "targets": [{ "url": url, "body_matches": "(" }] }), "unclosed group"),
        (json!({ "targets": [{ "url": url, "expect_status": [] }] }), "no answer would be good"),
        (json!({ "targets": [{ "url": url, "expected_status": [200] }] }), "unknown field `expected_status`"),
        (json!({ "targets": [url], "ip": "5" }), "expected one of `any`, `4`, `6`"),
        (json!({ "targets": [url], "headers": { "a b": "c" } }), "is not the name of a header"),
        (json!({ "targets": [url], "headers": { "Connection": "keep-alive" } }), "remove it"),
        (json!({ "targets": [url], "headers": { "X-Key": { "env": "FLOODMARK_NO_SUCH_VARIABLE" } } }), "FLOODMARK_NO_SUCH_VARIABLE"),
        (json!({ "targets": [url], "ca_file": "/floodmark/no/such/file" }), "/floodmark/no/such/file"),
        (json!({ "targets": [7] }), "a URL, or a table with a url"),
    ] {
        let error = http(config.clone());
        assert!(error.contains(remedy), "{config}: {error}");
    }
}
