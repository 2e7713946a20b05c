//! `http_probe` without TLS. Cases that the Prometheus blackbox exporter was asked too have its verdict and status.

use floodmark_schemas::Reason;
use serde_json::{Value, json};

use crate::recorder::{http_check, phases};
use crate::server::{Server, closed};

/// A deadline for cases that reach it.
const SOON: &str = "250 ms";

async fn check(target: Value, expected: (bool, Option<Reason>, Option<u16>, &str)) -> floodmark_schemas::Check {
    let check = http_check(json!({ "targets": [target] })).await;
    let found = (check.up.unwrap(), check.reason, check.status, phases(&check));
    assert_eq!(found, (expected.0, expected.1, expected.2, expected.3.to_owned()), "{target}: {check:?}");
    assert_eq!(check.detail.is_some(), check.reason.is_some(), "{check:?}");
    check
}

const ALL: &str = "connect processing transfer";

#[tokio::test]
async fn good_answers_are_up() {
    let server = Server::http().await;
    for path in ["/ok", "/chunked", "/until-close", "/early-hints"] {
        let check = check(json!(server.url(path)), (true, None, Some(200), ALL)).await;
        assert_eq!((check.target, check.address), (server.url(path), Some(server.address.to_string())));
    }
    check(json!(server.url("/204")), (true, None, Some(204), ALL)).await;
    check(json!({ "url": server.url("/404"), "method": "HEAD", "expect_status": [404] }), (true, None, Some(404), ALL)).await;
}

#[tokio::test]
async fn a_name_is_resolved_and_every_address_gets_its_chance() {
    // "localhost" may have ::1 first, where this server does not listen.
    let server = Server::http().await;
    let url = format!("http://localhost:{}/ok", server.address.port());
    check(json!(url), (true, None, Some(200), "resolve connect processing transfer")).await;
}

#[tokio::test]
async fn what_is_expected_of_status_and_body_decides() {
    let server = Server::http().await;
    let bad_status = (false, Some(Reason::Status));
    let bad_body = (false, Some(Reason::Body), Some(200), ALL);
    let good = (true, None, Some(200), ALL);
    let found = check(json!(server.url("/404")), (bad_status.0, bad_status.1, Some(404), ALL)).await;
    assert_eq!(found.detail.unwrap(), r#"status 404 Not Found, expected 2xx; the body begins with "{\"error\":\"nope\"}""#);
    check(json!(server.url("/500")), (bad_status.0, bad_status.1, Some(500), ALL)).await;
    check(json!({ "url": server.url("/404"), "expect_status": ["2xx", "400-404"] }), (true, None, Some(404), ALL)).await;
    check(json!({ "url": server.url("/ok"), "body_contains": "\"n\": 3" }), good).await;
    check(json!({ "url": server.url("/ok"), "body_contains": "\"n\": 4" }), bad_body).await;
    check(json!({ "url": server.url("/ok"), "body_matches": "\"status\":\\s*\"ok\"" }), good).await;
    check(json!({ "url": server.url("/bad"), "body_matches": "\"status\":\\s*\"ok\"" }), bad_body).await;
    check(json!({ "url": server.url("/ok"), "body_not_matches": "down" }), good).await;
    check(json!({ "url": server.url("/bad"), "body_not_matches": "down" }), bad_body).await;
    let found = check(json!({ "url": server.url("/gzip"), "body_matches": "ok" }), bad_body).await;
    assert!(found.detail.unwrap().contains("although that was not asked for"));
    assert!(!server.requests.lock().unwrap().last().unwrap().to_lowercase().contains("accept-encoding"));
}

#[tokio::test]
async fn a_body_is_kept_up_to_its_limit_and_read_to_its_end() {
    let server = Server::http().await;
    let targets = json!([{ "url": server.url("/large"), "body_contains": "needle" }]);
    assert_eq!(http_check(json!({ "targets": targets })).await.up, Some(true));
    let found = http_check(json!({ "targets": targets, "body_bytes_max": "4KiB" })).await;
    assert_eq!(found.reason, Some(Reason::Body));
    assert!(found.detail.unwrap().contains("(looked at the first 4096 bytes of 100006)"));
}

#[tokio::test]
async fn trouble_has_a_reason_and_keeps_what_was_seen() {
    let server = Server::http().await;
    let reset = Server::listen(|stream, _| async move {
        let mut byte = [0];
        tokio::io::AsyncReadExt::read_exact(&mut { stream }, &mut byte).await.unwrap();
        // Unread bytes at the time of closing make the kernel send a reset.
    })
    .await;
    let refused = format!("http://{}/", closed());
    for (url, reason, status, phases) in [
        (refused, Reason::ConnectRefused, None, ""),
        (reset.url("/"), Reason::BadResponse, None, "connect"),
        (server.url("/empty"), Reason::BadResponse, None, "connect"),
        (server.url("/garbage"), Reason::BadResponse, None, "connect processing"),
        (server.url("/truncated"), Reason::BodyTruncated, Some(200), ALL),
        (server.url("/truncated-chunk"), Reason::BodyTruncated, Some(200), ALL),
        ("http://floodmark.invalid/".to_owned(), Reason::Dns, None, ""),
    ] {
        check(json!(url), (false, Some(reason), status, phases)).await;
    }
}

#[tokio::test]
async fn one_deadline_holds_for_everything() {
    let server = Server::http().await;
    for (path, reason, status, phases) in [
        ("/hang", Reason::FirstByteTimeout, None, "connect"),
        ("/hang-body", Reason::BodyTimeout, Some(200), ALL),
        ("/endless", Reason::BodyTimeout, Some(200), ALL),
    ] {
        let found = check(json!({ "url": server.url(path), "timeout": SOON }), (false, Some(reason), status, phases)).await;
        assert!((250_000..2_000_000).contains(&found.duration_us.unwrap()), "{found:?}");
    }
}

#[tokio::test]
async fn a_request_that_is_not_taken_is_not_sent() {
    let deaf = Server::listen(|mut stream, _| async move {
        tokio::io::AsyncReadExt::read_u8(&mut stream).await.unwrap();
        // Closing with so much unread resets the connection.
    })
    .await;
    let target = json!({ "url": deaf.url("/"), "method": "POST", "body": "x".repeat(32 << 20) });
    let check = http_check(json!({ "targets": [target] })).await;
    assert_eq!((check.reason, phases(&check).as_str()), (Some(Reason::SendFailed), "connect"), "{:?}", check.detail);
}

#[tokio::test]
async fn phases_say_where_the_time_went() {
    let server = Server::http().await;
    let first = check(json!(server.url("/slow-first-byte")), (true, None, Some(200), ALL)).await.phases;
    assert!(first.processing_us.unwrap() >= 200_000 && first.transfer_us.unwrap() < 200_000, "{first:?}");
    let body = check(json!(server.url("/slow-body")), (true, None, Some(200), ALL)).await.phases;
    assert!(body.processing_us.unwrap() < 200_000 && body.transfer_us.unwrap() >= 199_000, "{body:?}");
    let slow = json!({ "url": server.url("/slow-body"), "latency_max": "100ms" });
    check(slow, (false, Some(Reason::TooSlow), Some(200), ALL)).await;
}

#[tokio::test]
async fn redirects_are_followed_up_to_ten() {
    let server = Server::http().await;
    for (n, up, reason, status) in
        [(1, true, None, 200), (3, true, None, 200), (10, true, None, 200), (11, false, Some(Reason::RedirectLimit), 301)]
    {
        let phases = if up { ALL } else { "connect processing" };
        check(json!(server.url(&format!("/redirect/{n}"))), (up, reason, Some(status), phases)).await;
    }
    assert_eq!(server.requests.lock().unwrap().len(), 2 + 4 + 11 + 11);
    check(json!(server.url("/loop")), (false, Some(Reason::RedirectLimit), Some(302), "connect processing")).await;
    check(json!(server.url("/to-mail")), (false, Some(Reason::BadResponse), Some(301), "connect processing")).await;
    check(json!(server.url("/nowhere")), (false, Some(Reason::Status), Some(301), ALL)).await;
    let not_followed = json!({ "url": server.url("/redirect/3"), "follow_redirects": false, "expect_status": [301] });
    check(not_followed, (true, None, Some(301), ALL)).await;
}

#[tokio::test]
async fn each_request_is_sent_once_on_its_own_connection() {
    let server = Server::http().await;
    check(json!(server.url("/empty")), (false, Some(Reason::BadResponse), None, "connect")).await;
    let requests = server.requests.lock().unwrap().clone();
    assert_eq!(requests.len(), 1, "no library repeats it");
    let host = format!("host: {}\r\n", server.address);
    assert!(requests[0].starts_with("GET /empty HTTP/1.1\r\n") && requests[0].contains("connection: close\r\n"), "{requests:?}");
    assert!(requests[0].contains(&host) && requests[0].contains("user-agent: floodmark/"), "{requests:?}");
}

#[tokio::test]
async fn secrets_go_to_the_first_host_only_and_never_show() {
    let (first, second) = (Server::http().await, Server::http().await);
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("token");
    std::fs::write(&file, "hun\"ter2\n").unwrap();
    let target = json!({
        "url": first.url(&format!("/away/{}", second.url("/echo"))),
        "headers": { "X-Key": { "file": file }, "X-Plain": "seen" },
        "bearer_token": { "file": file },
    });
    let mut direct = target.clone();
    direct["url"] = json!(first.url("/echo"));
    check(target, (false, Some(Reason::Status), Some(403), ALL)).await;
    let at = |server: &Server| server.requests.lock().unwrap()[0].clone();
    assert!(at(&first).contains("x-key: hun\"ter2\r\n") && at(&first).contains("authorization: Bearer hun\"ter2\r\n"), "{}", at(&first));
    assert!(!at(&second).contains("ter2") && at(&second).contains("x-plain: seen\r\n"), "{}", at(&second));
    let detail = check(direct, (false, Some(Reason::Status), Some(403), ALL)).await.detail.unwrap();
    assert!(!detail.contains("ter2") && detail.contains("***"), "{detail}");
}
