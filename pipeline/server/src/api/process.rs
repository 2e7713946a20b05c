//! What machines ask about the process itself.

use axum::{
    extract::State,
    http::{Method, Uri, header},
    response::{IntoResponse, Response},
};
use prometheus::{Encoder, TextEncoder};

use super::{error::ApiError, router::PATHS, state::ApiState};

/// The process answers.
pub(super) async fn healthy() -> &'static str {
    "healthy\n"
}

/// The pipeline runs.
pub(super) async fn ready(State(state): State<ApiState>) -> Result<&'static str, ApiError> {
    if *state.ready.borrow() { Ok("ready\n") } else { Err(ApiError::not_ready()) }
}

/// All metrics in the Prometheus text format 0.0.4
/// (<https://prometheus.io/docs/instrumenting/exposition_formats/>).
pub(super) async fn metrics(State(state): State<ApiState>) -> Result<Response, ApiError> {
    let encoder = TextEncoder::new();
    let mut text = Vec::new();
    encoder.encode(&state.registry.gather(), &mut text).map_err(|error| {
        tracing::error!(%error, "metrics could not be written");
        ApiError::internal("writing the metrics")
    })?;
    Ok(([(header::CONTENT_TYPE, encoder.format_type().to_owned())], text).into_response())
}

/// Nothing is at this path.
pub(super) async fn no_such_path(uri: Uri) -> ApiError {
    ApiError::no_such_path(uri.path(), PATHS)
}

/// Something is at this path, but not for this method.
pub(super) async fn wrong_method(_: Method) -> ApiError {
    ApiError::method()
}
