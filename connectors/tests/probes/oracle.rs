//! The same targets as Prometheus' blackbox_exporter 0.23 was asked: verdict, status and phases agree, phase by phase.
//!
//! One difference is meant: where the exporter says 0 for a phase that did not happen, the phase is absent here.

use std::collections::BTreeMap;
use std::path::PathBuf;

use floodmark_schemas::Check;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;

use crate::recorder::{http_check, tcp_check};
use crate::server::{Server, closed, hang};

/// The samples of a recording that have a number of their own here.
fn recorded(folder: &str, name: &str) -> BTreeMap<String, f64> {
    let text = std::fs::read_to_string(PathBuf::from(folder).join(format!("uptime/blackbox-oracle/{name}.prom"))).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.rsplit_once(' '));
    lines.map(|(series, value)| (series.to_owned(), value.parse().unwrap())).collect()
}

/// What a recording and a check both say: up, status, and which phases after the resolving took any time.
type Verdict = (bool, Option<u16>, Vec<&'static str>);

const PHASES: [&str; 4] = ["connect", "tls", "processing", "transfer"];

fn theirs(recording: &BTreeMap<String, f64>) -> Verdict {
    let value = |series: &str| recording.get(series).copied().unwrap_or_default();
    let status = Some(value("probe_http_status_code") as u16).filter(|status| *status > 0);
    let took_time = |phase: &&&str| value(&format!("probe_http_duration_seconds{{phase=\"{phase}\"}}")) > 0.0;
    (value("probe_success") == 1.0, status, PHASES.iter().filter(took_time).copied().collect())
}

fn ours(check: &Check) -> Verdict {
    let happened = |phase: &&&str| check.phases.iter().any(|(name, _)| name == **phase);
    (check.up.unwrap(), check.status, PHASES.iter().filter(happened).copied().collect())
}

#[tokio::test]
async fn the_verdicts_of_another_prober_are_ours() {
    let Ok(folder) = std::env::var("FLOODMARK_INPUTS") else {
        println!("skipped: FLOODMARK_INPUTS not set");
        return;
    };
    let server = Server::http().await;
    let reset = Server::listen(|mut stream, _| async move {
        tokio::io::AsyncReadExt::read_u8(&mut stream).await.unwrap();
    })
    .await;
    let at = |path: &str| json!({ "url": server.url(path), "timeout": "500ms" });
    let with = |path: &str, setting: &str, value: Value| {
        let mut target = at(path);
        target[setting] = value;
        target
    };
    let status_ok = || json!("\"status\":\\s*\"ok\"");
    let mut not_followed = with("/redirect/1", "expect_status", json!([301, 302]));
    not_followed["follow_redirects"] = json!(false);
    for (recording, target) in [
        ("http_ok", at("/ok")),
        ("http_404", at("/404")),
        ("http_500", at("/500")),
        ("http204", at("/204")),
        ("http_regex_ok", with("/ok", "body_matches", status_ok())),
        ("http_regex_bad", with("/bad", "body_matches", status_ok())),
        ("gzip", with("/gzip", "body_matches", status_ok())),
        ("redir1", at("/redirect/1")),
        ("redir3", at("/redirect/3")),
        ("redir_nofollow", not_followed),
        ("slow_ttfb", at("/slow-first-byte")),
        ("slow_body", at("/slow-body")),
        ("hang", at("/hang")),
        ("hang_body", at("/hang-body")),
        ("truncated", at("/truncated")),
        ("empty_close", at("/empty")),
        ("reset", json!(reset.url("/"))),
        ("refused", json!(format!("http://{}/", closed()))),
    ] {
        let check = http_check(json!({ "targets": [target] })).await;
        assert_eq!(ours(&check), theirs(&recorded(&folder, recording)), "{recording}: {check:?}");
    }
    // At the limit the exporter times the body of the last redirect, which is not read here.
    for (recording, path) in [("redir11", "/redirect/11"), ("loop", "/loop")] {
        let check = http_check(json!({ "targets": [at(path)] })).await;
        let (up, status, _) = theirs(&recorded(&folder, recording));
        assert_eq!((check.up, check.status), (Some(up), status), "{recording}");
    }
    let banner = Server::listen(|mut stream, _| async move { stream.write_all(b"SSH-2.0-Fake_1\r\n").await.unwrap() }).await;
    let silent = Server::listen(|stream, _| async move {
        let _open = stream;
        hang().await
    })
    .await;
    for (recording, address, expect) in [
        ("tcp_open", banner.address, None),
        ("tcp_closed", closed(), None),
        ("tcp_banner", banner.address, Some("^SSH-2.0-")),
        ("tcp_silent", silent.address, Some("^SSH-2.0-")),
    ] {
        let target = json!({ "address": address.to_string(), "expect": expect, "timeout": "300ms" });
        let check = tcp_check(json!({ "targets": [target] })).await;
        assert_eq!(check.up, Some(theirs(&recorded(&folder, recording)).0), "{recording}: {check:?}");
    }
}
