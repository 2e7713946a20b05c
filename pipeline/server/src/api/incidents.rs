//! The lists of incidents, alerts and silences.

use axum::{
    Json,
    extract::{Path, State},
};
use floodmark_core::ports::{AlertFilter, IncidentFilter, Page};
use floodmark_schemas::Severity;

use super::{error::ApiError, parameters::Parameters, situation::AlertState, state::ApiState};
use crate::incidents::{self, AlertOverview, Found, Overview, SilenceOverview, Whole, WholeAlert};

type Answer<T> = Result<Json<T>, ApiError>;

/// Incidents, the newest first.
pub(super) async fn incidents(State(state): State<ApiState>, given: Parameters) -> Answer<Page<Overview>> {
    given.only(&["open", "severity", "from", "to", "limit", "after"])?;
    let (from, to) = given.span(&*state.clock)?;
    let filter = IncidentFilter { open: open(&given)?, severity_min: severity(&given)?, from, to };
    let page = given.page()?;
    let Some(alerts) = &state.alerts else { return Ok(Json(nothing())) };
    let found = alerts.of.query.incidents(&filter, page.after.as_deref(), page.limit).await?;
    let any_open = found.items.iter().any(|record| record.incident.resolved.is_none());
    let situation = alerts.situation(any_open).await?;
    Ok(Json(Overview::page(found, &situation, state.clock.now())))
}

/// One incident, by the beginning of its id, with its newest alerts, decisions and notifications.
pub(super) async fn incident(State(state): State<ApiState>, Path(id): Path<String>, given: Parameters) -> Answer<Whole> {
    given.only(&["limit"])?;
    let limit = given.page()?.limit;
    let alerts = known(&state)?;
    let record = one(incidents::incident(&*alerts.of.query, &id).await?, "incident", &id)?;
    let situation = alerts.situation(record.incident.resolved.is_none()).await?;
    Ok(Json(Whole::of(&*alerts.of.query, record, &situation, state.clock.now(), limit).await?))
}

/// Alerts at their newest step, those that began last first.
pub(super) async fn alerts(State(state): State<ApiState>, given: Parameters) -> Answer<Page<AlertOverview>> {
    given.only(&["open", "severity", "rule", "source", "incident", "label", "from", "to", "limit", "after"])?;
    let (from, to) = given.span(&*state.clock)?;
    let filter = AlertFilter {
        rule: given.id("rule")?,
        source: given.id("source")?,
        incident: given.owned("incident")?,
        active: open(&given)?,
        live: None,
        severity_min: severity(&given)?,
        labels: given.labels()?,
        from,
        to,
    };
    let page = given.page()?;
    let Some(alerts) = &state.alerts else { return Ok(Json(nothing())) };
    let found = alerts.of.query.alerts(&filter, page.after.as_deref(), page.limit).await?;
    let situation = alerts.situation(found.items.iter().any(floodmark_core::alert::desk::AlertRecord::is_open)).await?;
    Ok(Json(AlertOverview::page(found, &situation, state.clock.now())))
}

/// One alert, by the beginning of its id, with its steps.
pub(super) async fn alert(State(state): State<ApiState>, Path(id): Path<String>, given: Parameters) -> Answer<WholeAlert> {
    given.only(&["limit"])?;
    let limit = given.page()?.limit;
    let alerts = known(&state)?;
    let record = one(incidents::alert(&*alerts.of.query, &id).await?, "alert", &id)?;
    let situation = alerts.situation(record.is_open()).await?;
    Ok(Json(WholeAlert::of(&*alerts.of.query, record, &situation, state.clock.now(), limit).await?))
}

/// Silences that are not over, or all, by their end, all on one page.
pub(super) async fn silences(State(state): State<ApiState>, given: Parameters) -> Answer<Page<SilenceOverview>> {
    given.only(&["all"])?;
    let all = given.flag("all")?;
    let Some(alerts) = &state.alerts else { return Ok(Json(nothing())) };
    let (found, situation, now) = (alerts.of.query.silences(all).await?, alerts.situation(true).await?, state.clock.now());
    let items = found.into_iter().map(|silence| SilenceOverview::of(silence, &situation, now)).collect();
    Ok(Json(Page { items, next: None }))
}

/// The store of alerts, where there are rules.
pub(super) fn known(state: &ApiState) -> Result<&AlertState, ApiError> {
    state.alerts.as_deref().ok_or_else(|| ApiError::no_such_item("there are no alerts: the configuration has no [alerts.<id>]"))
}

/// The one that begins so.
pub(super) fn one<T>(found: Found<T>, what: &str, beginning: &str) -> Result<T, ApiError> {
    match found {
        Found::One(one) => Ok(one),
        Found::None => Err(ApiError::no_such_item(format!("there is no {what} {beginning:?}"))),
        Found::Several(lines) => Err(ApiError::ambiguous(format!("several begin with {beginning:?}: {}", lines.join("; ")))),
    }
}

fn nothing<T>() -> Page<T> {
    Page { items: Vec::new(), next: None }
}

/// Open ones unless it is said otherwise.
fn open(given: &Parameters) -> Result<Option<bool>, ApiError> {
    match given.text("open")? {
        None | Some("true") => Ok(Some(true)),
        Some("false") => Ok(Some(false)),
        Some("any") => Ok(None),
        Some(other) => Err(ApiError::parameter("open", format!("{other:?} is not true, false or any"))),
    }
}

fn severity(given: &Parameters) -> Result<Option<Severity>, ApiError> {
    let Some(text) = given.text("severity")? else { return Ok(None) };
    let found = Severity::ALL.into_iter().find(|severity| severity.name() == text);
    found.map(Some).ok_or_else(|| ApiError::parameter("severity", format!("{text:?} is not info, warning, error or critical")))
}
