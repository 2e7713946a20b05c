//! The `github` source against a server that replays answers in order.

#![cfg(test)]

mod pollers;

use std::sync::Arc;
use std::time::Duration;

use floodmark_connectors::clock::SystemClock;
use floodmark_connectors::sources::github::{Config, Github};
use floodmark_core::ports::{Clock, Ingest};
use floodmark_schemas::{Check, Payload, Reason};
use pollers::{Kept, Reply, Server, run_until};
use serde_json::json;

const TOKEN: &str = "ghp_hunter2hunter2";

/// A source of `repos` at `url` with more settings, and a token when `settings` says so.
fn github(url: &str, repos: &[&str], settings: serde_json::Value) -> Github {
    let mut config = json!({"repos": repos, "base_url": url});
    config.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
    let config: Config = serde_json::from_value(config).unwrap();
    Github::new("gh", config, Arc::new(SystemClock)).unwrap()
}

/// Settings with a token in a file of `dir`.
fn with_token(dir: &tempfile::TempDir, every: &str) -> serde_json::Value {
    let file = dir.path().join("token");
    std::fs::write(&file, format!("{TOKEN}\n")).unwrap();
    json!({"every": every, "token": {"file": file}})
}

fn repository(id: u64, name: &str, stars: u64) -> String {
    json!({"id": id, "full_name": name, "stargazers_count": stars, "forks_count": 2, "open_issues_count": 3, "subscribers_count": 4, "size": 5})
        .to_string()
}

fn numbers(name: &str, id: u64, stars: u64) -> Vec<String> {
    [("stars", "", stars), ("forks", "", 2), ("open_issues_and_pulls", "", 3), ("subscribers", "", 4), ("size", " KiBy", 5)]
        .map(|(metric, unit, value)| format!("{metric}{{repo=\"{name}\",repo_id=\"{id}\"}}{unit} = {value}"))
        .to_vec()
}

fn brief(check: &Check) -> (Option<bool>, Option<Reason>, Option<u16>, u32) {
    (check.up, check.reason, check.status, check.attempt)
}

/// Runs one repository against `replies` until there are `checks` checks.
async fn checks(replies: Vec<Reply>, every: &str, checks: usize) -> (Kept, Arc<Server>) {
    let server = Server::new(replies).await;
    let kept = Kept::default();
    let mut source = github(&server.url(), &["a/b"], json!({"every": every}));
    run_until(&mut source, &kept, &[&server], || kept.checks().len() >= checks).await;
    (kept, server)
}

#[tokio::test]
async fn not_modified_repeats_the_numbers_and_the_tag_is_sent_as_it_came() {
    let first = Reply::new(200, repository(7, "a/b", 1)).header("ETag", "W/\"abc\"").header("X-RateLimit-Remaining", "59");
    let (kept, server) = checks(vec![first, Reply::new(304, "").header("x-ratelimit-remaining", "59")], "1s", 2).await;
    let requests = server.requests();
    assert_eq!(requests[0].path, "/repos/a/b");
    assert_eq!(requests[0].header("accept"), Some("application/vnd.github+json"));
    assert_eq!(requests[0].header("x-github-api-version"), Some("2022-11-28"));
    assert_eq!(requests[0].header("user-agent"), Some(concat!("floodmark/", env!("CARGO_PKG_VERSION"))));
    assert_eq!([requests[0].header("if-none-match"), requests[1].header("if-none-match")], [None, Some("W/\"abc\"")]);
    assert_eq!(requests[0].header("authorization"), None);
    assert_eq!(kept.samples(), [numbers("a/b", 7, 1), numbers("a/b", 7, 1)].concat());
    let found: Vec<_> = kept.checks().iter().map(brief).collect();
    assert_eq!(found, [(Some(true), None, Some(200), 1), (Some(true), None, Some(304), 1)]);
    assert!(kept.checks().iter().all(|check| check.target == "a/b" && check.duration_us.is_some()));
    let times: Vec<_> = kept.events().iter().filter(|e| matches!(e.payload, Payload::Sample(_))).map(|e| e.time).collect();
    assert!(times[0] < times[5], "observed again, at a later time");
}

#[tokio::test]
async fn without_a_tag_the_time_of_the_last_change_makes_the_request_conditional() {
    let changed = "Thu, 22 Aug 2013 02:09:11 GMT";
    let replies = vec![Reply::new(200, repository(7, "a/b", 1)).header("Last-Modified", changed), Reply::new(200, repository(7, "a/b", 2))];
    let (kept, server) = checks(replies, "1s", 2).await;
    assert_eq!(server.requests()[1].header("if-modified-since"), Some(changed));
    assert_eq!(kept.samples()[5], numbers("a/b", 7, 2)[0]);
}

#[tokio::test]
async fn a_rename_is_followed_told_once_and_remembered() {
    let server = Server::new([]).await;
    let there = format!("{}/repositories/7", server.url());
    server.add(Reply::new(301, r#"{"message":"Moved Permanently"}"#).header("Location", &there));
    server.add(Reply::new(200, repository(7, "c/d", 1)).header("ETag", "\"x\""));
    server.add(Reply::new(304, ""));
    let dir = tempfile::tempdir().unwrap();
    let kept = Kept::default();
    let mut source = github(&server.url(), &["a/b"], with_token(&dir, "1s"));
    run_until(&mut source, &kept, &[&server], || kept.checks().len() == 2).await;
    let requests = server.requests();
    let paths: Vec<_> = requests.iter().map(|request| request.path.as_str()).collect();
    assert_eq!(paths, ["/repos/a/b", "/repositories/7", "/repositories/7"]);
    assert_eq!(requests[2].header("if-none-match"), Some("\"x\""));
    let bearer = format!("Bearer {TOKEN}");
    assert!(requests.iter().all(|request| request.header("authorization") == Some(&bearer)), "the same host may see the token");
    assert_eq!(kept.samples(), [numbers("c/d", 7, 1), numbers("c/d", 7, 1)].concat());
    let records: Vec<_> = kept.records().into_iter().map(|(_, record)| (record.name, serde_json::Value::Object(record.fact))).collect();
    assert_eq!(records, [("github.renamed".to_owned(), json!({"from": "a/b", "to": "c/d", "repo_id": "7"}))]);
    assert!(kept.checks().iter().all(|check| check.target == "a/b"), "the target of the checks stays");

    // A new process asks for the configured name again, but does not tell the rename again.
    let cursor = kept.cursor();
    let again = Kept::resuming(cursor);
    server.add(Reply::new(301, "").header("Location", "/repositories/7"));
    server.add(Reply::new(200, repository(7, "c/d", 1)));
    let mut source = github(&server.url(), &["a/b"], with_token(&dir, "1s"));
    run_until(&mut source, &again, &[&server], || again.checks().len() == 1).await;
    assert_eq!(again.records(), []);
    assert_eq!(again.samples(), numbers("c/d", 7, 1));
}

#[tokio::test]
async fn a_redirect_for_now_is_followed_once_and_not_remembered() {
    let moved = Reply::new(302, "").header("Location", "/elsewhere");
    let replies = vec![moved.clone(), Reply::new(200, repository(7, "a/b", 1)), moved.clone(), moved];
    let (kept, server) = checks(replies, "1s", 2).await;
    let paths: Vec<_> = server.requests().into_iter().map(|request| request.path).collect();
    assert_eq!(paths, ["/repos/a/b", "/elsewhere", "/repos/a/b", "/elsewhere"]);
    assert_eq!(brief(&kept.checks()[1]), (Some(false), Some(Reason::Status), Some(302), 1));
}

#[tokio::test]
async fn the_token_is_never_sent_to_another_host() {
    let other = Server::new([Reply::new(200, repository(7, "a/b", 1))]).await;
    let server = Server::new([Reply::new(301, "").header("Location", format!("{}/repositories/7", other.url()))]).await;
    let dir = tempfile::tempdir().unwrap();
    let kept = Kept::default();
    let mut source = github(&server.url(), &["a/b"], with_token(&dir, "10d"));
    run_until(&mut source, &kept, &[&server, &other], || kept.checks().len() == 1).await;
    assert!(server.requests()[0].header("authorization").is_some());
    assert_eq!(other.requests()[0].path, "/repositories/7");
    assert_eq!(other.requests()[0].header("authorization"), None);
}

#[tokio::test]
async fn redirects_without_end_are_given_up() {
    let round = Reply::new(301, "").header("Location", "/repos/a/b");
    let (kept, server) = checks(vec![round; 4], "10d", 1).await;
    assert_eq!(server.requests().len(), 4);
    assert_eq!(brief(&kept.checks()[0]), (Some(false), Some(Reason::RedirectLimit), None, 1));
}

#[tokio::test]
async fn retry_after_is_waited_for_and_the_wait_leaves_checks() {
    let abuse = Reply::new(403, r#"{"message":"You have triggered an abuse detection mechanism."}"#).header("Retry-After", "3");
    let server = Server::new([abuse, Reply::new(200, repository(7, "a/b", 1))]).await;
    let kept = Kept::default();
    let mut source = github(&server.url(), &["a/b"], json!({"every": "1s"}));
    run_until(&mut source, &kept, &[&server], || kept.checks().iter().any(|check| check.up == Some(true))).await;
    let requests = server.requests();
    assert!(requests[1].at - requests[0].at >= Duration::from_secs(3), "{:?}", requests[1].at - requests[0].at);
    let checks = kept.checks();
    assert_eq!(brief(&checks[0]), (None, Some(Reason::RateLimited), Some(403), 1));
    assert_eq!(checks[0].detail.as_deref(), Some("status 403, waiting 3 s: You have triggered an abuse detection mechanism."));
    // At least two scheduled looks fall into the wait.
    let held: Vec<_> = checks[1..checks.len() - 1].iter().map(brief).collect();
    assert!(held.len() >= 2, "{held:?}");
    assert!(held.iter().all(|check| *check == (None, Some(Reason::RateLimited), None, 1)), "{held:?}");
}

#[tokio::test]
async fn everything_of_one_credential_waits_and_is_asked_one_after_the_other() {
    let ok = |id: u64, name: &str| Reply::new(200, repository(id, name, 1));
    let limited = Reply::new(429, "").header("retry-after", "2");
    let server = Server::new([ok(1, "a/1"), limited, ok(2, "a/2"), ok(3, "a/3")]).await;
    let kept = Kept::default();
    let mut source = github(&server.url(), &["a/1", "a/2", "a/3"], json!({"every": "10d"}));
    run_until(&mut source, &kept, &[&server], || kept.checks().iter().filter(|check| check.up == Some(true)).count() == 3).await;
    let requests = server.requests();
    assert_eq!(
        requests.iter().map(|request| request.path.as_str()).collect::<Vec<_>>(),
        ["/repos/a/1", "/repos/a/2", "/repos/a/2", "/repos/a/3"]
    );
    assert!(requests.iter().all(|request| request.together == 1), "never two at a time");
    assert!(requests[1].at - requests[0].at < Duration::from_secs(1), "nothing to wait for");
    assert!(requests[2].at - requests[1].at >= Duration::from_secs(2), "the limit");
    let found: Vec<_> = kept.checks().iter().map(|check| (check.target.clone(), brief(check))).collect();
    let expected = [
        ("a/1", (Some(true), None, Some(200), 1)),
        ("a/2", (None, Some(Reason::RateLimited), Some(429), 1)),
        ("a/3", (None, Some(Reason::RateLimited), None, 1)),
        ("a/2", (Some(true), None, Some(200), 2)),
        ("a/3", (Some(true), None, Some(200), 2)),
    ];
    assert_eq!(found, expected.map(|(target, check)| (target.to_owned(), check)));
}

#[tokio::test]
async fn a_limit_without_a_length_is_waited_for_a_minute() {
    let spent = Reply::new(403, r#"{"message":"API Rate Limit Exceeded for 1.2.3.4"}"#).header("X-RateLimit-Remaining", "0");
    let (kept, server) = checks(vec![spent], "1s", 4).await;
    assert_eq!(server.requests().len(), 1);
    let checks = kept.checks();
    assert_eq!(checks[0].detail.as_deref(), Some("status 403, waiting 60 s: API Rate Limit Exceeded for 1.2.3.4"));
    assert!(checks.iter().all(|check| check.up.is_none() && check.reason == Some(Reason::RateLimited)));
}

#[tokio::test]
async fn after_the_last_allowed_answer_nothing_is_asked_before_the_reset() {
    let date = jiff::Timestamp::from_microsecond(SystemClock.now().micros()).unwrap();
    let last = Reply::new(200, repository(7, "a/b", 1))
        .header("x-ratelimit-remaining", "0")
        .header("x-ratelimit-reset", (date.as_second() + 2).to_string())
        .header("date", jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&date).unwrap());
    let (kept, server) = checks(vec![last, Reply::new(200, repository(7, "a/b", 2))], "1s", 4).await;
    let requests = server.requests();
    assert_eq!(brief(&kept.checks()[0]), (Some(true), None, Some(200), 1));
    assert_eq!(brief(&kept.checks()[1]), (None, Some(Reason::RateLimited), None, 1));
    assert!(requests.get(1).is_none_or(|second| second.at - requests[0].at >= Duration::from_secs(3)));
}

#[tokio::test]
async fn a_missing_permission_is_no_limit_and_rests_longer() {
    let forbidden = Reply::new(403, r#"{"message":"Must have admin rights"}"#).header("x-ratelimit-remaining", "4000");
    let (kept, server) = checks(vec![forbidden, Reply::new(404, r#"{"message":"Not Found"}"#)], "1s", 3).await;
    let checks = kept.checks();
    assert_eq!(brief(&checks[0]), (Some(false), Some(Reason::Unauthorized), Some(403), 1));
    assert_eq!(brief(&checks[1]), (None, Some(Reason::Unauthorized), None, 1));
    let requests = server.requests();
    assert!(requests.get(1).is_none_or(|second| second.at - requests[0].at > Duration::from_secs(1)));
}

#[tokio::test]
async fn server_errors_are_repeated_with_growing_waits_and_then_left_to_the_schedule() {
    let bad = Reply::new(502, "<html><h1>Bad Gateway</h1></html>").header("Content-Type", "text/html");
    let (kept, server) = checks(vec![bad; 4], "10d", 4).await;
    let found: Vec<_> = kept.checks().iter().map(brief).collect();
    assert_eq!(found, [1, 2, 3, 4].map(|attempt| (Some(false), Some(Reason::Status), Some(502), attempt)));
    assert_eq!(kept.checks()[0].detail.as_deref(), Some("status 502, the service has a problem: <html><h1>Bad Gateway</h1></html>"));
    let at: Vec<_> = server.requests().iter().map(|request| request.at).collect();
    let waits: Vec<_> = at.windows(2).map(|pair| (pair[1] - pair[0]).as_secs_f64()).collect();
    assert!(waits[0] >= 1.0 && waits[1] >= 2.0 && waits[2] >= 4.0, "{waits:?}");
}

#[tokio::test]
async fn an_answer_that_is_no_json_is_malformed_and_kept_without_the_token() {
    let server = Server::new([Reply::new(200, format!("<html>hello {TOKEN}</html>"))]).await;
    let dir = tempfile::tempdir().unwrap();
    let kept = Kept::default();
    let mut source = github(&server.url(), &["a/b"], with_token(&dir, "10d"));
    run_until(&mut source, &kept, &[&server], || kept.checks().len() == 1).await;
    assert_eq!(brief(&kept.checks()[0]), (Some(false), Some(Reason::Malformed), Some(200), 1));
    let letters = kept.letters();
    assert_eq!(letters.len(), 1);
    assert_eq!((letters[0].component.as_str(), letters[0].original.as_str()), ("gh", "<html>hello ***</html>"));
    assert_eq!(letters[0].origin, format!("{}/repos/a/b", server.url()));
    assert_eq!(letters[0].reason, "the body is not the JSON that was expected: expected value at line 1 column 1");
    assert_eq!(kept.samples(), Vec::<String>::new());
}

#[tokio::test]
async fn a_null_gives_no_sample_and_an_unknown_field_no_error() {
    let body = r#"{"id":7,"full_name":"a/b","stargazers_count":null,"forks_count":2,"size":null,"new_in_2030":{"x":[]}}"#;
    let (kept, _) = checks(vec![Reply::new(200, body)], "10d", 1).await;
    assert_eq!(kept.samples(), [r#"forks{repo="a/b",repo_id="7"} = 2"#]);
    assert_eq!(kept.checks()[0].up, Some(true));
}

#[tokio::test]
async fn a_refused_connection_is_a_failed_check() {
    let server = Server::new([]).await;
    let url = server.url();
    drop(server);
    let idle = Server::new([]).await;
    let kept = Kept::default();
    let mut source = github(&url, &["a/b"], json!({"every": "10d"}));
    run_until(&mut source, &kept, &[&idle], || kept.checks().len() == 1).await;
    assert_eq!(brief(&kept.checks()[0]), (Some(false), Some(Reason::ConnectRefused), None, 1));
}

#[tokio::test]
async fn each_release_becomes_one_record_also_over_a_restart() {
    let release = |id: u64, day: u8| json!({"id": id, "tag_name": format!("v{id}"), "published_at": format!("2024-01-{day:02}T00:00:00Z")});
    let page = |releases: &[serde_json::Value]| Reply::new(200, json!(releases).to_string()).header("ETag", "\"r\"");
    let repo = || Reply::new(200, repository(7, "a/b", 1));
    let server = Server::new([repo(), page(&[release(2, 2), release(1, 1)]), page(&[release(3, 3), release(2, 2)])]).await;
    let settings = json!({"every": "10d", "releases": true, "releases_every": "1s"});
    let kept = Kept::default();
    // The prefix of an Enterprise server goes before every path.
    let url = format!("{}/api/v3", server.url());
    let mut source = github(&url, &["a/b"], settings.clone());
    run_until(&mut source, &kept, &[&server], || kept.checks().len() == 3).await;
    let ids = |kept: &Kept| kept.records().into_iter().map(|(id, record)| (id, record.name)).collect::<Vec<_>>();
    assert_eq!(ids(&kept), ["1", "2", "3"].map(|id| (id.to_owned(), "github.release".to_owned())));
    let requests = server.requests();
    assert_eq!(requests[1].path, "/api/v3/repos/a/b/releases?per_page=30");
    assert_eq!(requests[2].header("if-none-match"), Some("\"r\""));
    assert_eq!(kept.checks()[1].target, "a/b/releases");

    let again = Kept::resuming(kept.cursor());
    let server = Server::new([repo(), page(&[release(4, 4), release(3, 3)])]).await;
    let mut source = github(&server.url(), &["a/b"], settings);
    run_until(&mut source, &again, &[&server], || again.checks().len() == 2).await;
    assert_eq!(ids(&again), [("4".to_owned(), "github.release".to_owned())]);
    assert_eq!(server.requests()[1].header("if-none-match"), None, "a new process has nothing that a 304 could repeat");
}
