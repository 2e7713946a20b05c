//! What a sender is told.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use hyper::{Response, StatusCode};
use serde::Serialize;

/// The body of an answer to a request whose events were read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// How many events are durable.
    pub accepted: usize,
    /// Whether an earlier request with the same key has stored them already.
    pub duplicate: bool,
    /// Which were not accepted, and why. They are in the dead letters.
    pub rejected: Vec<RejectedEvent>,
}

/// An event that was not accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RejectedEvent {
    /// Its place among the events of the body, from 0.
    pub index: usize,
    /// What is wrong with it.
    pub reason: String,
}

/// How long a sender is asked to wait.
const RETRY_AFTER_SECS: &str = "1";

/// An answer to a request that was refused as a whole.
#[derive(Debug)]
pub struct Refusal {
    status: StatusCode,
    error: String,
}

impl Refusal {
    pub fn new(status: StatusCode, error: impl Into<String>) -> Self {
        Self { status, error: error.into() }
    }

    /// The same request may succeed later.
    pub fn unavailable(error: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, error)
    }

    pub fn response(self) -> Response<Full<Bytes>> {
        #[derive(Serialize)]
        struct Text {
            error: String,
        }
        let mut response = json(self.status, &Text { error: self.error });
        let header: Option<(HeaderName, &'static str)> = match self.status {
            StatusCode::UNAUTHORIZED => Some((WWW_AUTHENTICATE, "Bearer")),
            StatusCode::METHOD_NOT_ALLOWED => Some((ALLOW, "POST")),
            StatusCode::SERVICE_UNAVAILABLE => Some((RETRY_AFTER, RETRY_AFTER_SECS)),
            _ => None,
        };
        if let Some((name, value)) = header {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        response
    }
}

impl Answer {
    pub(super) fn response(&self) -> Response<Full<Bytes>> {
        let status = if self.accepted == 0 && !self.rejected.is_empty() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
        json(status, self)
    }
}

fn json(status: StatusCode, body: &impl Serialize) -> Response<Full<Bytes>> {
    let text = serde_json::to_vec(body).expect("texts and numbers are JSON");
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
