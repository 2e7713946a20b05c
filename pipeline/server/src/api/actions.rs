//! What people ask the desk to do, over HTTP.
//!
//! There is no log-in: who can reach the address may ask. A page of another site that a browser shows must not, see
//! [`guard`](super::guard).

use std::time::Duration;

use axum::{
    Json,
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use floodmark_connectors::settings::Span;
use floodmark_core::alert::desk::{Action, Matchers};
use floodmark_schemas::Timestamp;
use serde::{Deserialize, de::DeserializeOwned};

use super::{
    error::ApiError,
    guard,
    incidents::{known, one},
    parameters::Parameters,
    situation::AlertState,
    state::ApiState,
};
use crate::incidents::{self, Asked, ask, words};

/// How long an answer waits for the desk.
const WAIT: Duration = Duration::from_secs(5);

/// The body of an acknowledgement.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Acknowledge {
    owner: String,
    #[serde(default)]
    note: String,
    #[serde(default)]
    useful: Option<bool>,
}

/// The body of a silence: its end is `until`, or `for` after its beginning.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Silence {
    matchers: Vec<String>,
    owner: String,
    comment: String,
    from: Option<Timestamp>,
    until: Option<Timestamp>,
    #[serde(rename = "for")]
    lasts: Option<String>,
}

/// Somebody looks after an incident.
pub(super) async fn acknowledge(
    State(state): State<ApiState>,
    Path(id): Path<String>,
    given: Parameters,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, ApiError> {
    given.only(&[])?;
    guard::same_site(&headers)?;
    let Acknowledge { owner, note, useful } = read(&headers, &body)?;
    let (owner, note) = (words::owner(owner).map_err(ApiError::body)?, words::note(note).map_err(ApiError::body)?);
    let alerts = known(&state)?;
    let incident = one(incidents::incident(&*alerts.of.query, &id).await?, "incident", &id)?.incident.id;
    done(alerts, &Action::Acknowledge { incident, owner, note, useful }, state.clock.now(), StatusCode::OK).await
}

/// Alerts are not to be told for a while.
pub(super) async fn silence(
    State(state): State<ApiState>,
    given: Parameters,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, ApiError> {
    given.only(&[])?;
    guard::same_site(&headers)?;
    let Silence { matchers, owner, comment, from, until, lasts } = read(&headers, &body)?;
    let (owner, comment) = (words::owner(owner).map_err(ApiError::body)?, words::comment(comment).map_err(ApiError::body)?);
    let (alerts, now) = (known(&state)?, state.clock.now());
    let matchers = Matchers::parse(matchers.iter().map(String::as_str)).map_err(|e| ApiError::body(e.chain()))?;
    let starts = from.unwrap_or(now);
    let ends = match (until, lasts) {
        (Some(until), None) => until,
        (None, Some(lasts)) => starts.plus_micros(lasts.parse::<Span>().map_err(ApiError::body)?.micros()),
        _ => return Err(ApiError::body("a silence has an end: give either until or for")),
    };
    done(alerts, &Action::Silence { matchers, owner, comment, starts, ends }, now, StatusCode::CREATED).await
}

/// A silence is to end now.
pub(super) async fn unsilence(
    State(state): State<ApiState>,
    Path(id): Path<String>,
    given: Parameters,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    given.only(&["owner"])?;
    guard::same_site(&headers)?;
    let owner = given.owned("owner")?.ok_or_else(|| ApiError::parameter("owner", "say who asks: owner=name"))?;
    let owner = words::owner(owner).map_err(|why| ApiError::parameter("owner", why))?;
    let alerts = known(&state)?;
    let silence = one(incidents::silence(&*alerts.of.query, &id).await?, "silence", &id)?.id;
    done(alerts, &Action::Unsilence { silence, owner }, state.clock.now(), StatusCode::OK).await
}

/// Asks the desk, and says what came of it.
async fn done(alerts: &AlertState, action: &Action, now: Timestamp, status: StatusCode) -> Result<Response, ApiError> {
    let asked = ask(&*alerts.of.requests, action, now, WAIT).await?;
    alerts.changed().await;
    let reply = Json(asked.reply());
    Ok(match asked {
        Asked::Answered(answer) if !answer.done => ApiError::refused(answer.text).into_response(),
        Asked::Answered(_) => (status, reply).into_response(),
        Asked::Waiting(_) => (StatusCode::ACCEPTED, reply).into_response(),
    })
}

/// The body, which has to say that it is JSON: a form of a page elsewhere cannot.
fn read<T: DeserializeOwned>(headers: &HeaderMap, body: &[u8]) -> Result<T, ApiError> {
    guard::json(headers)?;
    serde_json::from_slice(body).map_err(|e| ApiError::body(format!("the body cannot be read: {e}")))
}
