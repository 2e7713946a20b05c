//! Which path is answered by what, and the limits of every request.

use std::time::Duration;

use axum::{
    Router,
    extract::{DefaultBodyLimit, Request},
    http::{HeaderValue, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{delete, get, post},
};
use tower::limit::GlobalConcurrencyLimitLayer;

use super::{actions, error::ApiError, home, incidents, meters, pages, process, state::ApiState};

/// Everything there is, for those who ask for what there is not.
pub(super) const PATHS: &[&str] = &[
    "/",
    "/metrics",
    "/-/healthy",
    "/-/ready",
    "/api/v1/events",
    "/api/v1/rollups",
    "/api/v1/scores",
    "/api/v1/series",
    "/api/v1/sources",
    "/api/v1/units",
    "/api/v1/dead-letters",
    "/api/v1/dead-letters/{component}/{id}",
    "/api/v1/incidents",
    "/api/v1/incidents/{id}",
    "/api/v1/incidents/{id}/ack",
    "/api/v1/alerts",
    "/api/v1/alerts/{id}",
    "/api/v1/silences",
    "/api/v1/silences/{id}",
];

/// The longest a request may take, waiting for its turn included.
pub(super) const TIME_MAX: Duration = Duration::from_secs(10);
/// The largest body of a request.
pub(super) const BODY_BYTES_MAX: u64 = 64 * 1024;
/// The most questions that stores answer at a time; the others wait. Metrics and health never do.
const QUESTIONS_MAX: usize = 32;

/// The whole API. Create it after the meter provider is set, or its requests are not counted.
pub fn router(state: ApiState) -> Router {
    let questions = Router::new()
        .route("/api/v1/events", get(pages::events))
        .route("/api/v1/rollups", get(pages::rollups))
        .route("/api/v1/scores", get(pages::scores))
        .route("/api/v1/series", get(pages::series))
        .route("/api/v1/sources", get(pages::sources))
        .route("/api/v1/units", get(pages::units))
        .route("/api/v1/dead-letters", get(pages::dead_letters))
        .route("/api/v1/dead-letters/{component}/{id}", get(pages::dead_letter))
        .route("/api/v1/incidents", get(incidents::incidents))
        .route("/api/v1/incidents/{id}", get(incidents::incident))
        .route("/api/v1/incidents/{id}/ack", post(actions::acknowledge))
        .route("/api/v1/alerts", get(incidents::alerts))
        .route("/api/v1/alerts/{id}", get(incidents::alert))
        .route("/api/v1/silences", get(incidents::silences).post(actions::silence))
        .route("/api/v1/silences/{id}", delete(actions::unsilence))
        .route("/", get(home::home))
        .route_layer(GlobalConcurrencyLimitLayer::new(QUESTIONS_MAX));
    Router::new()
        .route("/metrics", get(process::metrics))
        .route("/-/healthy", get(process::healthy))
        .route("/-/ready", get(process::ready))
        .merge(questions)
        .fallback(process::no_such_path)
        .method_not_allowed_fallback(process::wrong_method)
        .with_state(state)
        .layer(middleware::from_fn(limits))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX as usize))
        .layer(middleware::from_fn_with_state(meters::HttpMeters::new(), meters::record))
        .layer(middleware::map_response(headers))
}

pub(super) async fn limits(request: Request, next: Next) -> Response {
    let length = request.headers().get(header::CONTENT_LENGTH).and_then(|text| text.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|bytes| bytes > BODY_BYTES_MAX) {
        return ApiError::body_too_large(BODY_BYTES_MAX).into_response();
    }
    match tokio::time::timeout(TIME_MAX, next.run(request)).await {
        Ok(response) => response,
        Err(_) => ApiError::time_limit(TIME_MAX.as_secs()).into_response(),
    }
}

async fn headers(mut response: Response) -> Response {
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
