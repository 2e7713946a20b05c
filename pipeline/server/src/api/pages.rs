//! The lists under `/api/v1/`: a question to a store for each.

use axum::{
    Json,
    extract::{Path, State},
};
use floodmark_core::ports::{
    EventFilter, Page, RollupFilter, ScoreFilter, SeriesFilter,
    query::{KnownSeries, StoredEvent},
};
use floodmark_engine::{SourceStatus, Standing};
use floodmark_schemas::{DeadLetter, Rollup, Score};

use super::{
    error::ApiError,
    parameters::{Order, Parameters},
    state::ApiState,
};

type Answer<T> = Result<Json<T>, ApiError>;

/// Raw events in the order of the log.
pub(super) async fn events(State(state): State<ApiState>, given: Parameters) -> Answer<Page<StoredEvent>> {
    given.only(&["source", "metric", "type", "label", "from", "to", "limit", "after"])?;
    let (from, to) = given.span(&*state.clock)?;
    let filter = EventFilter {
        source: given.id("source")?,
        metric: given.owned("metric")?,
        kind: given.event_type("type")?,
        labels: given.labels()?,
        from,
        to,
    };
    let page = given.page()?;
    Ok(Json(state.events.events(&filter, page.after.as_deref(), page.limit).await?))
}

/// Rollups at their highest revision, the newest window first.
pub(super) async fn rollups(State(state): State<ApiState>, given: Parameters) -> Answer<Page<Rollup>> {
    given.only(&["operator", "source", "metric", "label", "from", "to", "order", "limit", "after"])?;
    let (from, to) = given.span(&*state.clock)?;
    let filter = RollupFilter {
        operator: given.id("operator")?,
        source: given.id("source")?,
        metric: given.owned("metric")?,
        labels: given.labels()?,
        from,
        to,
        version: None,
        newest_first: given.order()? == Order::Newest,
    };
    let page = given.page()?;
    Ok(Json(state.store.rollups(&filter, page.after.as_deref(), page.limit).await?))
}

/// Scores at their highest revision, the newest value first.
pub(super) async fn scores(State(state): State<ApiState>, given: Parameters) -> Answer<Page<Score>> {
    let chosen = ["operator", "source", "metric", "label", "from", "to", "score_min", "only_episodes"];
    given.only(&[&chosen[..], &["order", "limit", "after"]].concat())?;
    let (from, to) = given.span(&*state.clock)?;
    let filter = ScoreFilter {
        operator: given.id("operator")?,
        source: given.id("source")?,
        metric: given.owned("metric")?,
        labels: given.labels()?,
        from,
        to,
        score_min: given.number("score_min")?,
        only_episodes: given.flag("only_episodes")?,
        version: None,
        newest_first: given.order()? == Order::Newest,
    };
    let page = given.page()?;
    Ok(Json(state.store.scores(&filter, page.after.as_deref(), page.limit).await?))
}

/// Series in order of source and key.
pub(super) async fn series(State(state): State<ApiState>, given: Parameters) -> Answer<Page<KnownSeries>> {
    given.only(&["source", "metric", "label", "limit", "after"])?;
    let filter = SeriesFilter { source: given.id("source")?, metric: given.owned("metric")?, labels: given.labels()? };
    let page = given.page()?;
    Ok(Json(state.store.series(&filter, page.after.as_deref(), page.limit).await?))
}

/// Sources in order of their ids, all on one page.
pub(super) async fn sources(State(state): State<ApiState>, given: Parameters) -> Answer<Page<SourceStatus>> {
    given.only(&[])?;
    Ok(Json(Page { items: (state.sources)(), next: None }))
}

/// Where each unit of work stands, all on one page: sources first, then jobs, sinks and the rest.
pub(super) async fn units(State(state): State<ApiState>, given: Parameters) -> Answer<Page<Standing>> {
    given.only(&[])?;
    Ok(Json(Page { items: (state.units)().await?, next: None }))
}

/// Dead letters, newest first.
pub(super) async fn dead_letters(State(state): State<ApiState>, given: Parameters) -> Answer<Page<DeadLetter>> {
    given.only(&["component", "limit", "after"])?;
    let (component, page) = (given.id("component")?, given.page()?);
    Ok(Json(state.store.dead_letters(component.as_deref(), page.after.as_deref(), page.limit).await?))
}

/// One dead letter.
pub(super) async fn dead_letter(
    State(state): State<ApiState>,
    Path((component, id)): Path<(String, String)>,
    given: Parameters,
) -> Answer<DeadLetter> {
    given.only(&[])?;
    let found = state.store.dead_letter(&component, &id).await?;
    found.map(Json).ok_or_else(|| ApiError::no_such_item(format!("{component:?} has no dead letter {id:?}")))
}
