//! Errors as answers: a status and `{ "error": { "code", "message", "parameter" } }`.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use floodmark_core::{Error, Kind};
use serde::Serialize;

/// An error as the client sees it. Codes are for programs and never change; messages are for people.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct ApiError {
    #[serde(skip)]
    status: StatusCode,
    code: &'static str,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameter: Option<String>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    paths: &'static [&'static str],
}

#[derive(Serialize)]
struct Body {
    error: ApiError,
}

impl ApiError {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), parameter: None, paths: &[] }
    }

    /// A query parameter is wrong; the message says what is allowed.
    pub fn parameter(name: &str, message: impl Into<String>) -> Self {
        Self { parameter: Some(name.to_owned()), ..Self::new(StatusCode::BAD_REQUEST, "bad_parameter", message) }
    }

    /// The query string itself cannot be read.
    pub fn query(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_query", message)
    }

    /// Nothing is at this path; these are the paths that exist.
    pub fn no_such_path(path: &str, paths: &'static [&'static str]) -> Self {
        Self { paths, ..Self::new(StatusCode::NOT_FOUND, "not_found", format!("there is nothing at {path}")) }
    }

    /// The path is right, but what it names does not exist.
    pub fn no_such_item(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", message)
    }

    /// This path only answers other methods, which the `Allow` header names.
    pub fn method() -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "this path does not take this method: Allow says which it does")
    }

    /// The body is not what is expected; the message says what is.
    pub fn body(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_body", message)
    }

    /// The body is of another type.
    pub fn content_type(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "content_type", message)
    }

    /// A page of another site asks for a change.
    pub fn foreign(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "foreign_origin", message)
    }

    /// The beginning of an id that several have.
    pub fn ambiguous(message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "ambiguous", message)
    }

    /// What is asked for was not done; the message says why.
    pub fn refused(message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "refused", message)
    }

    /// The body is larger than any request needs.
    pub fn body_too_large(bytes_max: u64) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", format!("a request body may have at most {bytes_max} bytes"))
    }

    /// The answer was not ready in time.
    pub fn time_limit(secs: u64) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "time_limit", format!("no answer within {secs} s; ask for less, or later"))
    }

    /// The pipeline does not run yet, or no longer.
    pub fn not_ready() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "not_ready", "the pipeline is not running")
    }

    /// What was asked cannot be shown because of an error here.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", message)
    }
}

impl From<Error> for ApiError {
    /// Clients see what was being done; the causes, which may name files and servers, go to the log.
    fn from(error: Error) -> Self {
        match error.kind() {
            // Every other part of a question is checked before it is asked.
            Kind::Rejected => Self::parameter("after", error.to_string()),
            Kind::Unavailable => {
                tracing::warn!(error = error.chain(), "question could not be answered for now");
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", error.to_string())
            }
            Kind::Conflict | Kind::Broken => {
                tracing::error!(error = error.chain(), "question could not be answered");
                Self::internal(error.to_string())
            }
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = self.status;
        let mut response = (status, Json(Body { error: self })).into_response();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}
