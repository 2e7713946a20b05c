//! Everything that is not a question: metrics, health, errors of HTTP itself, limits, and the end.

use std::future::pending;

use axum::{
    Router,
    body::{Body, to_bytes},
    http::Request,
    middleware::from_fn,
    routing::get,
};
use serde_json::{Value, json};
use tokio::{
    io::AsyncWriteExt,
    net::TcpStream,
    sync::{mpsc, watch},
    time::Instant,
};
use tower::ServiceExt;

use super::{
    client::{Server, read},
    memory,
};
use crate::api::router::{PATHS, limits};
use crate::telemetry::tests::lines;

#[tokio::test]
async fn metrics_are_given_as_prometheus_text_and_count_requests() {
    let server = Server::start(memory()).await;
    server.get("/api/v1/dead-letters/csv/1").await;
    server.get("/invented/by/a/client").await;
    let answer = server.get("/metrics").await;
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("text/plain; version=0.0.4")));
    assert!(answer.body.contains("\nfloodmark_process_start_time_seconds 1000\n"), "{}", answer.body);
    let path = "/api/v1/dead-letters/{component}/{id}";
    let counted = lines(&format!("floodmark_http_requests_total{{method=\"GET\",path=\"{path}\",status=\"200\"}}"));
    assert_eq!(counted.len(), 1);
    assert_eq!(lines("floodmark_http_requests_total").iter().filter(|line| line.contains("invented")).count(), 0);
    assert_eq!(lines("floodmark_http_requests_total{method=\"GET\",path=\"other\",status=\"404\"}").len(), 1);
}

#[tokio::test]
async fn health_is_always_given_and_readiness_when_the_pipeline_runs() {
    let server = Server::start(memory()).await;
    server.ready.send(false).unwrap();
    assert_eq!(server.get("/-/healthy").await.body, "healthy\n");
    let answer = server.get("/-/ready").await;
    let expected = json!({ "error": { "code": "not_ready", "message": "the pipeline is not running" } });
    assert_eq!((answer.status, answer.json()), (503, expected));
    server.ready.send(true).unwrap();
    let answer = server.get("/-/ready").await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "ready\n"));
}

#[tokio::test]
async fn an_unknown_path_is_answered_with_the_known_ones() {
    let answer = Server::start(memory()).await.get("/api/v2/events?x=1").await;
    let expected = json!({ "error": {
        "code": "not_found",
        "message": "there is nothing at /api/v2/events",
        "paths": [
            "/", "/metrics", "/-/healthy", "/-/ready", "/api/v1/events", "/api/v1/rollups", "/api/v1/scores", "/api/v1/series",
            "/api/v1/sources", "/api/v1/units",
            "/api/v1/dead-letters", "/api/v1/dead-letters/{component}/{id}",
            "/api/v1/incidents", "/api/v1/incidents/{id}", "/api/v1/incidents/{id}/ack", "/api/v1/alerts", "/api/v1/alerts/{id}",
            "/api/v1/silences", "/api/v1/silences/{id}",
        ],
    } });
    assert_eq!((answer.status, answer.json()), (404, expected));
}

#[tokio::test]
async fn every_listed_path_exists() {
    let server = Server::start(memory()).await;
    for path in PATHS {
        let status = match *path {
            // Without rules there are none.
            "/api/v1/incidents/{id}" | "/api/v1/alerts/{id}" => 404,
            "/api/v1/incidents/{id}/ack" | "/api/v1/silences/{id}" => 405,
            _ => 200,
        };
        let path = path.replace("{component}", "csv").replace("{id}", "1");
        let answer = server.get(&path).await;
        assert_eq!((answer.status, answer.header("cache-control")), (status, Some("no-store")), "{path}");
    }
}

#[tokio::test]
async fn other_methods_are_refused_and_the_right_ones_named() {
    let server = Server::start(memory()).await;
    let answer = server.send("POST /api/v1/events HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n").await;
    let expected =
        json!({ "error": { "code": "method_not_allowed", "message": "this path does not take this method: Allow says which it does" } });
    assert_eq!((answer.status, answer.header("allow"), answer.json()), (405, Some("GET,HEAD"), expected));
    let head = server.send("HEAD /api/v1/events HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert_eq!((head.status, head.body.as_str()), (200, ""));
}

#[tokio::test]
async fn a_large_body_is_refused_before_it_is_sent() {
    let server = Server::start(memory()).await;
    let answer = server.send("GET /api/v1/events HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 65537\r\n\r\n").await;
    let expected = json!({ "error": { "code": "body_too_large", "message": "a request body may have at most 65536 bytes" } });
    assert_eq!((answer.status, answer.header("cache-control"), answer.json()), (413, Some("no-store"), expected));
}

#[tokio::test]
async fn a_query_that_is_no_text_is_refused() {
    let answer = Server::start(memory()).await.get("/api/v1/events?source=%ff").await;
    assert_eq!((answer.status, answer.json()["error"]["code"].clone()), (400, json!("bad_parameter")));
}

#[tokio::test]
async fn the_page_for_people_links_every_path_and_loads_nothing_from_elsewhere() {
    let server = Server::start(memory()).await;
    let answer = server.get("/").await;
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("text/html; charset=utf-8")));
    assert_eq!(answer.body.matches("//").count(), 0, "no address of another server");
    let links: Vec<&str> = answer.body.split("href=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert_eq!(links.len(), 13);
    for link in links {
        assert_eq!(server.get(link).await.status, 200, "{link}");
    }
}

#[tokio::test]
async fn an_answer_that_takes_too_long_is_given_up() {
    // The clock jumps as soon as nothing but time is awaited: no other timer is set here.
    tokio::time::pause();
    let slow = Router::new().route("/slow", get(pending::<()>)).layer(from_fn(limits));
    let began = Instant::now();
    let answer = slow.oneshot(Request::get("/slow").body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!((answer.status().as_u16(), began.elapsed().as_secs()), (503, 10));
    let body: Value = serde_json::from_slice(&to_bytes(answer.into_body(), 1_000).await.unwrap()).unwrap();
    assert_eq!(body, json!({ "error": { "code": "time_limit", "message": "no answer within 10 s; ask for less, or later" } }));
}

#[tokio::test]
async fn the_end_waits_for_requests_under_way_and_takes_no_new_ones() {
    let (asked, mut was_asked) = mpsc::channel(1);
    let (release, released) = watch::channel(false);
    let held = Router::new().route(
        "/held",
        get(async move || {
            asked.send(()).await.unwrap();
            released.clone().wait_for(|released| *released).await.unwrap();
            "done"
        }),
    );
    let mut server = Server::start_router(held, watch::channel(true).0).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(b"GET /held HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    was_asked.recv().await.unwrap();

    server.shutdown.cancel();
    assert!(server.tasks.try_join_next().is_none(), "a request is under way");
    release.send(true).unwrap();
    // The client asked to keep the connection; it is closed all the same.
    let answer = read(&mut stream).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "done"));
    server.tasks.join_next().await.unwrap().unwrap().unwrap();
    assert!(TcpStream::connect(server.address).await.is_err());
}

#[tokio::test]
async fn the_end_does_not_wait_for_ever() {
    let (asked, mut was_asked) = mpsc::channel(1);
    let held = Router::new().route(
        "/held",
        get(async move || {
            asked.send(()).await.unwrap();
            pending::<()>().await;
        }),
    );
    let mut server = Server::start_router(held, watch::channel(true).0).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(b"GET /held HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    was_asked.recv().await.unwrap();
    tokio::time::pause();
    let began = Instant::now();
    server.shutdown.cancel();
    server.tasks.join_next().await.unwrap().unwrap().unwrap();
    assert_eq!(began.elapsed().as_secs(), 3);
}
