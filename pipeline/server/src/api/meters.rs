//! How often and how fast requests are answered.

use std::{sync::Arc, time::Instant};

use axum::{
    extract::{MatchedPath, Request, State},
    http::Method,
    middleware::Next,
    response::Response,
};
use floodmark_engine::telemetry::METER;
use opentelemetry::{
    KeyValue, global,
    metrics::{Counter, Histogram},
};

/// The meters of all requests.
#[derive(Clone)]
pub(super) struct HttpMeters(Arc<Instruments>);

struct Instruments {
    requests: Counter<u64>,
    seconds: Histogram<f64>,
}

impl HttpMeters {
    pub fn new() -> Self {
        let meter = global::meter(METER);
        let requests = meter.u64_counter("floodmark_http_requests_total").with_description("Requests answered.");
        let seconds = meter
            .f64_histogram("floodmark_http_request_seconds")
            .with_unit("s")
            .with_description("How long answering a request took, without sending the answer.")
            .with_boundaries(vec![0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0]);
        Self(Arc::new(Instruments { requests: requests.build(), seconds: seconds.build() }))
    }
}

/// Records a request. Labels come from small sets: what a client invents never becomes a series.
pub(super) async fn record(State(meters): State<HttpMeters>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let method = method(request.method());
    let path = request.extensions().get::<MatchedPath>().map_or_else(|| "other".to_owned(), |path| path.as_str().to_owned());
    let response = next.run(request).await;
    let status = response.status().as_u16();
    let seconds = began.elapsed().as_secs_f64();
    tracing::debug!(method, path, status, seconds, "request answered");
    let path = KeyValue::new("path", path);
    meters.0.seconds.record(seconds, std::slice::from_ref(&path));
    meters.0.requests.add(1, &[KeyValue::new("method", method), path, KeyValue::new("status", i64::from(status))]);
    response
}

fn method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        _ => "other",
    }
}
