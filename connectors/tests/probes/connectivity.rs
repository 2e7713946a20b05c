//! What a probe says while the line of its monitor is dead. Both ends are listeners of this machine; closed ones stand for a dead line.

use std::sync::Arc;
use std::time::Duration;

use floodmark_connectors::clock::SystemClock;
use floodmark_connectors::sources::connectivity::{Config, Connectivity, Line};
use floodmark_connectors::sources::http_probe::HttpProbes;
use floodmark_connectors::sources::tcp_probe::TcpProbes;
use floodmark_schemas::{Check, Reason};
use serde_json::json;
use tokio::net::TcpListener;

use crate::recorder::{Recorder, check_of, events};
use crate::server::Server;

/// An address where nobody listens: it was given to this process, and given back.
async fn closed() -> String {
    open().await.1
}

async fn open() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (listener, address)
}

fn settings(targets: &[&str]) -> Config {
    serde_json::from_value(json!({ "targets": targets, "every": "1 s", "timeout": "1 s" })).unwrap()
}

async fn look(target: &str, line: &[&str], asks: bool) -> Check {
    let config = json!({ "targets": [target], "connectivity": asks });
    let source = TcpProbes::new("ports", serde_json::from_value(config).unwrap(), Arc::new(SystemClock)).unwrap();
    let source = source.asking(Some(Arc::new(Line::new(&settings(line)))));
    check_of(&events(source, Recorder::new(), 1).await[0]).clone()
}

#[tokio::test]
async fn a_target_is_down_only_while_the_monitor_is_online() {
    let (_listening, online) = open().await;
    let (dead, also_dead, target) = (closed().await, closed().await, closed().await);
    let verdict = |check: Check| (check.up, check.reason);
    let down = (Some(false), Some(Reason::ConnectRefused));
    let unknown = (None, Some(Reason::MonitorOffline));
    assert_eq!(verdict(look(&target, &[&online], true).await), down);
    assert_eq!(verdict(look(&target, &[&dead, &also_dead], true).await), unknown);
    // One that answers is enough.
    assert_eq!(verdict(look(&target, &[&dead, &online], true).await), down);
    // Those that are reached without the line.
    assert_eq!(verdict(look(&target, &[&dead], false).await), down);
    // What is up needs no excuse.
    assert_eq!(verdict(look(&online, &[&dead], true).await), (Some(true), None));
    let check = look(&target, &[&dead], true).await;
    let detail = check.detail.unwrap();
    assert!(detail.contains(&format!("this monitor is offline ({dead}: connecting to {dead}")), "{detail}");
    assert!(detail.contains(&format!("the check itself found: connecting to {target}")), "{detail}");
}

#[tokio::test]
async fn a_target_that_answers_is_down_whatever_the_line_is_like() {
    let (server, dead) = (Server::http().await, closed().await);
    let config = json!({ "targets": [server.url("/ok")], "expect_status": [204] });
    let source = HttpProbes::new("web", serde_json::from_value(config).unwrap(), Arc::new(SystemClock)).unwrap();
    let source = source.asking(Some(Arc::new(Line::new(&settings(&[&dead])))));
    let check = check_of(&events(source, Recorder::new(), 1).await[0]).clone();
    assert_eq!((check.up, check.reason), (Some(false), Some(Reason::Status)));
}

#[tokio::test]
async fn many_failed_checks_share_a_test_that_began_after_they_failed() {
    let (listening, online) = open().await;
    let line = Line::new(&settings(&[&online]));
    let failed = || Check { up: Some(false), reason: Some(Reason::ConnectTimeout), ..Check::of("a:1") };
    let (mut first, mut second, mut third) = (failed(), failed(), failed());
    let began = tokio::time::Instant::now();
    tokio::join!(line.excuse(&mut first, began), line.excuse(&mut second, began), line.excuse(&mut third, began));
    assert_eq!([&first, &second, &third].map(|check| check.up), [Some(false); 3]);
    let connections = async {
        let mut count = 0;
        while tokio::time::timeout(Duration::ZERO, listening.accept()).await.is_ok() {
            count += 1;
        }
        count
    };
    // One for the first; those that failed when that had begun share the next.
    assert_eq!(connections.await, 2);
    // The line dies: a test from before does not count.
    drop(listening);
    let mut fourth = failed();
    line.excuse(&mut fourth, tokio::time::Instant::now()).await;
    assert_eq!((fourth.up, fourth.reason), (None, Some(Reason::MonitorOffline)));
}

#[tokio::test]
async fn a_line_that_was_dead_during_the_check_excuses_it_when_it_is_back() {
    let (listening, address) = open().await;
    let line = Line::new(&settings(&[&address]));
    drop(listening);
    let began = tokio::time::Instant::now();
    assert!(!line.test().await.is_online());
    let _back = TcpListener::bind(&address).await.unwrap();
    let mut check = Check { up: Some(false), reason: Some(Reason::ConnectTimeout), ..Check::of("a:1") };
    line.excuse(&mut check, began).await;
    assert_eq!((check.up, check.reason), (None, Some(Reason::MonitorOffline)));
    // One that began afterwards has no excuse.
    let mut check = Check { up: Some(false), reason: Some(Reason::ConnectTimeout), ..Check::of("a:1") };
    line.excuse(&mut check, tokio::time::Instant::now()).await;
    assert_eq!(check.up, Some(false));
}

#[tokio::test]
async fn the_line_leaves_a_check_at_every_interval() {
    let (listening, address) = open().await;
    let config = settings(&[&address]);
    let source = |config: &Config| Connectivity::new("floodmark", config, Arc::new(Line::new(config)), Arc::new(SystemClock)).unwrap();
    let event = events(source(&config), Recorder::new(), 1).await.remove(0);
    assert_eq!((event.source.as_str(), event.subject.as_deref()), ("floodmark", Some("connectivity")));
    assert_eq!((check_of(&event).up, check_of(&event).reason), (Some(true), None));
    drop(listening);
    let event = events(source(&config), Recorder::new(), 1).await.remove(0);
    assert_eq!((check_of(&event).up, check_of(&event).reason), (Some(false), Some(Reason::ConnectRefused)));
}
