//! Webhooks: what is sent, what answers mean, and row A2 of the fault matrix: an answer that is lost after the work was done.

use std::sync::Arc;
use std::time::Duration;

use floodmark_connectors::notify::webhook::{Config, Webhook};
use floodmark_connectors::settings::Span;
use floodmark_core::Kind;
use floodmark_core::ports::Notifier;
use floodmark_schemas::Notification;
use floodmark_tests::servers::Receiver;
use floodmark_tests::servers::receiver::Turn;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::certificates::Certificates;
use super::{clock, config, failed, opened};

const SECRET: &str = "hunter2";

fn webhook(receiver: &Receiver, more: Value) -> Webhook {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("secret");
    std::fs::write(&file, SECRET).unwrap();
    let mut settings = json!({ "url": receiver.url("/hook?team=a"), "secret": { "file": file }, "timeout": "20s" });
    settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    Webhook::new(config(settings), clock()).unwrap()
}

async fn receiver(turns: impl IntoIterator<Item = Turn>) -> Arc<Receiver> {
    let receiver = Receiver::start(Some(SECRET)).await;
    receiver.plan(turns);
    receiver
}

fn refuse(status: u16, headers: &[(&'static str, &str)], body: &'static str) -> Turn {
    Turn::Refuse(status, headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect(), body)
}

#[tokio::test]
async fn the_body_is_the_notification_and_the_signature_is_right() {
    let receiver = receiver([Turn::Take(202, "thank\nyou")]).await;
    let receipt = webhook(&receiver, json!({ "headers": { "X-Team": "a" } })).deliver(&opened()).await.unwrap();
    assert_eq!(receipt.answer, "202 Accepted: thank you");
    let [request] = &receiver.received()[..] else { panic!("one request") };
    assert_eq!(request.what, "POST /hook?team=a");
    assert_eq!(serde_json::from_str::<Notification>(&request.body).unwrap(), opened());
    let header = |name: &str| request.headers.get(name).map(String::as_str);
    assert_eq!(header("idempotency-key"), Some(opened().id.as_str()));
    assert_eq!(header("content-type"), Some("application/json"));
    assert_eq!(header("x-team"), Some("a"));
    assert!(header("user-agent").unwrap().starts_with("floodmark/"));
    assert_eq!(receiver.wrong(), Vec::<String>::new());
}

#[tokio::test]
async fn a_template_makes_another_body() {
    let receiver = receiver([]).await;
    let body =
        r#"{"text": {{ headline|tojson }}, "since": "{{ incident.opened|time("Europe/Berlin") }}", "team": "{{ alerts[0].labels.team }}"}"#;
    let webhook = webhook(&receiver, json!({ "body": body, "method": "PUT", "content_type": "application/vnd.chat+json" }));
    webhook.deliver(&opened()).await.unwrap();
    let request = receiver.received().remove(0);
    assert_eq!((request.what.as_str(), request.headers["content-type"].as_str()), ("PUT /hook?team=a", "application/vnd.chat+json"));
    let expected =
        json!({ "text": "[FIRING 2 · critical] The disk of db-1 is nearly full", "since": "2026-01-31 12:48:00 CET", "team": "" });
    assert_eq!(request.json(), expected);
}

#[tokio::test]
async fn each_status_says_what_to_do_next() {
    for (status, headers, kind, wait) in [
        (408, &[][..], Kind::Unavailable, None),
        (425, &[], Kind::Unavailable, None),
        (429, &[("retry-after", "17")], Kind::Unavailable, Some(17)),
        (500, &[], Kind::Unavailable, None),
        (503, &[("retry-after", "Thu, 22 Aug 2013 02:13:40 GMT"), ("date", "Thu, 22 Aug 2013 02:13:10 GMT")], Kind::Unavailable, Some(30)),
        (400, &[], Kind::Rejected, None),
        (401, &[], Kind::Rejected, None),
        (404, &[("retry-after", "17")], Kind::Rejected, None),
        (410, &[], Kind::Rejected, None),
    ] {
        let receiver = receiver([refuse(status, headers, "because")]).await;
        let (found, text, waited) = failed(webhook(&receiver, json!({})).deliver(&opened()).await);
        assert_eq!((found, waited), (kind, wait), "{status}: {text}");
        assert!(text.starts_with("sending to 127.0.0.1: ") && text.ends_with(": because"), "{text}");
    }
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let other = Receiver::start(None).await;
    let receiver = receiver([refuse(307, &[("location", &other.url("/"))], "")]).await;
    let (kind, text, _) = failed(webhook(&receiver, json!({})).deliver(&opened()).await);
    assert_eq!(kind, Kind::Rejected);
    assert!(text.contains("307 Temporary Redirect (redirects are not followed"), "{text}");
    assert_eq!(other.received(), []);
}

/// Row A2.
#[tokio::test]
async fn what_was_done_before_the_answer_was_lost_is_not_done_again() {
    let receiver = receiver([Turn::TakeAndDrop, Turn::TakeAndHang, Turn::Take(500, "after the work was done"), refuse(503, &[], "")]).await;
    let webhook = webhook(&receiver, json!({ "timeout": "1s" }));
    for attempt in 0..4 {
        let (kind, text, _) = failed(webhook.deliver(&opened()).await);
        assert_eq!(kind, Kind::Unavailable, "{attempt}: {text}");
    }
    assert_eq!(webhook.deliver(&opened()).await.unwrap().answer, "200 OK: ok");
    let body = serde_json::to_string(&opened()).unwrap();
    assert_eq!(receiver.taken(), [(opened().id, (body, 4))].into());
    assert_eq!((receiver.received().len(), receiver.wrong()), (5, Vec::new()));
}

#[tokio::test]
async fn a_long_answer_is_cut_and_a_secret_in_it_is_hidden() {
    let long: &'static str = Box::leak(format!("{SECRET} {}", "x".repeat(100_000)).into_boxed_str());
    let receiver = receiver([Turn::Take(200, long), refuse(400, &[], long)]).await;
    let webhook = webhook(&receiver, json!({}));
    let hidden = format!("*** {}", "x".repeat(4096 - SECRET.len() - 1));
    assert_eq!(webhook.deliver(&opened()).await.unwrap().answer, format!("200 OK: {hidden}"));
    assert_eq!(failed(webhook.deliver(&opened()).await).1, format!("sending to 127.0.0.1: 400 Bad Request: {hidden}"));
}

#[tokio::test]
async fn nobody_there_is_to_be_tried_again() {
    let receiver = receiver([]).await;
    let webhook = webhook(&receiver, json!({}));
    drop(receiver);
    let (kind, text, _) = failed(webhook.deliver(&opened()).await);
    assert_eq!(kind, Kind::Unavailable, "{text}");
    assert!(!text.contains("team=a"), "an address may hold a key: {text}");
}

#[tokio::test]
async fn only_the_authorities_of_ca_file_are_trusted() {
    let certificates = Certificates::new();
    let acceptor = certificates.acceptor();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/", listener.local_addr().unwrap());
    // Answers whatever is sent to it, once the handshake is done.
    let serve = async {
        loop {
            let Ok(mut stream) = acceptor.accept(listener.accept().await.unwrap().0).await else { continue };
            let mut request = [0; 1024];
            assert!(stream.read(&mut request).await.unwrap() > 0);
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\nconnection: close\r\n\r\nsecret").await.unwrap();
            stream.shutdown().await.unwrap();
        }
    };
    let send = async {
        let trusting: Config = config(json!({ "url": url, "ca_file": certificates.authority }));
        assert_eq!(Webhook::new(trusting, clock()).unwrap().deliver(&opened()).await.unwrap().answer, "200 OK: secret");
        let not_trusting: Config = config(json!({ "url": url }));
        let (kind, text, _) = failed(Webhook::new(not_trusting, clock()).unwrap().deliver(&opened()).await);
        assert_eq!(kind, Kind::Unavailable);
        assert!(text.contains("UnknownIssuer"), "{text}");
    };
    tokio::select! { () = send => {}, () = serve => {} }
}

#[test]
fn a_template_that_does_not_work_is_told_with_its_place() {
    let check = |settings: Value, expected: &[&str]| {
        let config: Config = config(settings);
        assert_eq!(config.validate().iter().map(ToString::to_string).collect::<Vec<_>>(), expected);
    };
    let url = "https://example.org";
    check(json!({ "url": url, "body": "{{ headline }} {{ incident.title|upper }}" }), &[]);
    check(
        json!({ "url": url, "body": "a headline\n{% if status == 'resolved' %}{{ headlin|tojson }}{% endif %}" }),
        &["`body`: this template does not work: line 2: there is no `headlin` (correct it)"],
    );
    check(
        json!({ "url": url, "body": "{% for n in range(9999) %}{% for m in range(9999) %}{{ n }}{% endfor %}{% endfor %}" }),
        &["`body`: this template does not work: line 1: engine ran out of fuel (correct it)"],
    );
    check(
        json!({ "url": url, "body": "a\n{{ headline " }),
        &[
            "`body`: this template does not work: line 2: syntax error: unexpected end of input, expected end of variable block (correct it)",
        ],
    );
    check(
        json!({ "url": url, "body": "{{ headlines }}", "timeout": "0s" }),
        &[
            "`timeout`: no receiver could answer in time (write for example \"30s\")",
            "`body`: this template does not work: line 1: there is no `headlines` (correct it)",
        ],
    );
    check(
        json!({ "url": url, "headers": { "Idempotency-Key": "1" }, "link": "example.org/{id}" }),
        &[
            "`link`: \"example.org/{id}\" is not an address (write for example \"https://status.example.org/incidents/{id}\")",
            "`headers.Idempotency-Key`: Idempotency-Key is set by the webhook itself (remove it)",
        ],
    );
}

#[test]
fn the_time_limit_is_half_a_minute_unless_told_otherwise() {
    let config: Config = config(json!({ "url": "https://example.org" }));
    assert_eq!(config.timeout, Span(Duration::from_secs(30)));
}
