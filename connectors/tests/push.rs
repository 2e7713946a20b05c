//! The push source on real sockets.

#![cfg(test)]

#[path = "common/recorder.rs"]
mod recorder;

use std::net::SocketAddr;
use std::sync::Arc;

use floodmark_connectors::settings::{Secret, Size, Span};
use floodmark_connectors::sources::push::{Config, Push};
use floodmark_core::Kind;
use floodmark_core::ports::{Clock, Source};
use floodmark_schemas::{Event, Series, Timestamp};
use recorder::Recorder;
use reqwest::{Client, RequestBuilder, Response};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const GOOD: &str =
    r#"{"id":"1","source":"you","type":"floodmark.sample.v1","time":"2024-01-01T00:00:00Z","data":{"metric":"m","value":1.5}}"#;

/// It is always 7 seconds past the epoch.
struct AtSeven;

impl Clock for AtSeven {
    fn now(&self) -> Timestamp {
        Timestamp::from_secs(7)
    }
}

fn config() -> Config {
    Config { listen: "127.0.0.1:0".parse().unwrap(), ..Config::default() }
}

/// Runs a push source while `test` talks to it.
async fn serving<F: Future<Output = ()>>(config: Config, recorder: &Recorder, test: impl FnOnce(SocketAddr) -> F) {
    let mut push = Push::new("in", config, Arc::new(AtSeven)).unwrap();
    let mut address = push.address();
    let test = async {
        let address = address.wait_for(Option::is_some).await.unwrap().unwrap();
        test(address).await
    };
    tokio::select! { result = push.run(recorder) => panic!("ended: {result:?}"), () = test => {} }
}

fn post(address: SocketAddr, content_type: &str, body: impl Into<reqwest::Body>) -> RequestBuilder {
    let client = Client::builder().no_proxy().build().unwrap();
    client.post(format!("http://{address}/v1/events")).header("content-type", content_type).body(body)
}

async fn told(response: Response) -> (u16, Value) {
    (response.status().as_u16(), response.json().await.unwrap())
}

fn sample(id: &str, value: f64) -> Event {
    let series = Series::new("m").label("sender", "you");
    Event::sample("", id, Timestamp::parse("2024-01-01T00:00:00Z").unwrap(), series, value)
}

#[tokio::test]
async fn good_events_are_stored_and_bad_ones_are_set_aside_and_listed() {
    let recorder = Recorder::new();
    serving(config(), &recorder, |address| async move {
        let body = format!(
            "[{GOOD}, {{\"type\":\"x\",\"data\":1}}, {{\"type\":\"floodmark.sample.v1\",\"data\":{{\"metric\":\"m\",\"value\":2}}}}]"
        );
        let answer = told(post(address, "application/cloudevents-batch+json", body).send().await.unwrap()).await;
        let reason = "type \"x\" is none of floodmark.sample.v1, floodmark.check.v1 and floodmark.record.v1";
        assert_eq!(answer, (200, json!({"accepted": 2, "duplicate": false, "rejected": [{"index": 1, "reason": reason}]})));
        let answer = told(post(address, "application/x-ndjson", format!("{GOOD}\n{GOOD}")).send().await.unwrap()).await;
        assert_eq!(answer, (200, json!({"accepted": 2, "duplicate": false, "rejected": []})));
        let answer = told(post(address, "application/json", "[1]").send().await.unwrap()).await;
        assert_eq!((answer.0, &answer.1["accepted"], &answer.1["rejected"][0]["index"]), (400, &json!(0), &json!(0)));
    })
    .await;
    let now = Event::sample("", "", Timestamp::from_secs(7), Series::new("m"), 2.0);
    assert_eq!(recorder.events(), [sample("1", 1.5), now, sample("1", 1.5), sample("1", 1.5)]);
    let originals: Vec<String> = recorder.letters().into_iter().map(|l| l.original).collect();
    assert_eq!(originals, ["{\"type\":\"x\",\"data\":1}", "1"]);
}

#[tokio::test]
async fn a_request_with_a_key_is_stored_once_and_without_one_each_time() {
    let recorder = Recorder::new();
    serving(config(), &recorder, |address| async move {
        for duplicate in [false, true] {
            let request = post(address, "application/json", GOOD).header("idempotency-key", "k1");
            assert_eq!(told(request.send().await.unwrap()).await, (200, json!({"accepted": 1, "duplicate": duplicate, "rejected": []})));
        }
        for _ in 0..2 {
            assert_eq!(told(post(address, "application/json", GOOD).send().await.unwrap()).await.1["duplicate"], json!(false));
        }
        let long = post(address, "application/json", GOOD).header("idempotency-key", "k".repeat(201));
        assert_eq!(long.send().await.unwrap().status(), 400);
    })
    .await;
    assert_eq!(recorder.events().len(), 3);
}

#[tokio::test]
async fn only_the_right_token_is_let_in() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("token");
    std::fs::write(&path, "open sesame\n").unwrap();
    let recorder = Recorder::new();
    serving(Config { token: Some(Secret::File(path)), ..config() }, &recorder, |address| async move {
        let post = || post(address, "application/json", GOOD);
        let refused = post().send().await.unwrap();
        assert_eq!((refused.status().as_u16(), refused.headers()["www-authenticate"].to_str().unwrap()), (401, "Bearer"));
        for wrong in ["Bearer open sesam", "Bearer open sesame!", "Bearer ", "Basic open sesame", "open sesame"] {
            assert_eq!(post().header("authorization", wrong).send().await.unwrap().status(), 401, "{wrong}");
        }
        assert_eq!(post().header("authorization", "bearer open sesame").send().await.unwrap().status(), 200);
    })
    .await;
    assert_eq!(recorder.events().len(), 1);
}

#[tokio::test]
async fn what_is_not_a_request_for_events_is_refused_with_a_reason() {
    let recorder = Recorder::new();
    serving(Config { body_bytes_max: Size(1000), ..config() }, &recorder, |address| async move {
        let client = Client::builder().no_proxy().build().unwrap();
        let get = client.get(format!("http://{address}/v1/events")).send().await.unwrap();
        assert_eq!((get.status().as_u16(), get.headers()["allow"].to_str().unwrap()), (405, "POST"));
        assert_eq!(client.post(format!("http://{address}/")).send().await.unwrap().status(), 404);
        let answer = told(post(address, "text/plain", GOOD).send().await.unwrap()).await;
        assert_eq!(answer.0, 415);
        assert!(answer.1["error"].as_str().unwrap().contains("application/x-ndjson"), "{answer:?}");
        let zipped = post(address, "application/json", GOOD).header("content-encoding", "gzip");
        assert_eq!(zipped.send().await.unwrap().status(), 415);
        let large = told(post(address, "application/json", " ".repeat(1001)).send().await.unwrap()).await;
        assert_eq!(large, (413, json!({"error": "the body has more than 1000B"})));
        let mut stream = TcpStream::connect(address).await.unwrap();
        let head = "POST /v1/events HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
        stream.write_all(format!("{head}3e9\r\n{}\r\n", " ".repeat(1001)).as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    })
    .await;
    assert_eq!(recorder.given().len(), 0);
}

#[tokio::test]
async fn a_request_of_mostly_bad_events_is_refused_as_a_whole() {
    let recorder = Recorder::new();
    serving(config(), &recorder, |address| async move {
        let answer = told(post(address, "application/json", format!("[{GOOD}{}]", ",1".repeat(101))).send().await.unwrap()).await;
        assert_eq!(answer.0, 400);
        assert!(answer.1["error"].as_str().unwrap().starts_with("more than 100 events of a request are bad"), "{answer:?}");
    })
    .await;
    assert_eq!((recorder.events().len(), recorder.letters().len()), (0, 1));
}

#[tokio::test]
async fn senders_are_told_to_come_back_while_the_log_is_away() {
    let recorder = Recorder::new();
    let recorder = &recorder;
    serving(config(), recorder, |address| async move {
        recorder.unavailable.send_replace(true);
        for body in [GOOD, "1"] {
            let refused = post(address, "application/json", body).header("idempotency-key", "k").send().await.unwrap();
            assert_eq!((refused.status().as_u16(), refused.headers()["retry-after"].to_str().unwrap()), (503, "1"));
        }
        recorder.unavailable.send_replace(false);
        let stored = post(address, "application/json", GOOD).header("idempotency-key", "k").send().await.unwrap();
        assert_eq!(stored.status(), 200);
    })
    .await;
    assert_eq!(recorder.events(), [sample("1", 1.5)]);
}

#[tokio::test]
async fn a_slow_sender_takes_a_place_only_until_the_timeout() {
    let recorder = Recorder::new();
    serving(Config { requests_max: 1, timeout: Span::millis(300), ..config() }, &recorder, |address| async move {
        let mut slow = TcpStream::connect(address).await.unwrap();
        let head =
            "POST /v1/events HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-type: application/json\r\ncontent-length: 10\r\n\r\n";
        slow.write_all(head.as_bytes()).await.unwrap();
        // That the body is asked for says that the place is taken.
        let mut asked = [0; 25];
        slow.read_exact(&mut asked).await.unwrap();
        assert_eq!(&asked, b"HTTP/1.1 100 Continue\r\n\r\n");
        assert_eq!(post(address, "application/json", GOOD).send().await.unwrap().status(), 503);
        let mut answer = String::new();
        slow.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
        assert_eq!(post(address, "application/json", GOOD).send().await.unwrap().status(), 200);
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_listened_on_is_named() {
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let config = Config { listen: taken.local_addr().unwrap(), ..config() };
    let clock = Arc::new(AtSeven);
    let error = Push::new("in", config, clock.clone()).unwrap().run(&Recorder::new()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable);
    assert!(error.chain().contains(&taken.local_addr().unwrap().to_string()), "{}", error.chain());
    assert!(Push::new("in", Config { requests_max: 0, ..Config::default() }, clock).is_err());
}
