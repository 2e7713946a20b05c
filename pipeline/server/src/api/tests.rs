//! The API over real sockets.

pub(crate) mod client;
mod incidents;
mod lists;
mod serving;

use std::sync::Arc;

use floodmark_connectors::clock::TokioClock;
use floodmark_core::ports::query::{KnownSeries, StoredEvent};
use floodmark_engine::{SourceState, SourceStatus, Standing};
use floodmark_schemas::{Aggregates, Check, DeadLetter, Episode, Event, Head, Rollup, Score, ScoreState, Series, Timestamp, Window};
use tokio::sync::watch;

use super::{ApiState, memory::Memory};
use crate::telemetry;
use client::Server;

/// What the clock of the tests shows when they begin.
const NOW: Timestamp = Timestamp::from_secs(10_000);

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(secs)
}

pub(crate) fn memory() -> Memory {
    let load = |host: &str| Series::new("load1").label("host", host);
    let event = |n: u64, event: Event| StoredEvent { position: n, index: 0, log_time: event.time, event };
    let rollup = |n: i64, host: &str| Rollup {
        id: format!("{n:032}"),
        operator: "minutely".to_owned(),
        version: "00000001".to_owned(),
        source: "host".to_owned(),
        series: load(host).into(),
        window: Window { start: at(n * 60), end: at(n * 60 + 60) },
        revision: 0,
        aggregates: Aggregates { count: 60, mean: Some(0.5), ..Aggregates::default() },
    };
    let score = |n: i64, value: f64| Score {
        id: format!("{n:032}"),
        operator: "unusual".to_owned(),
        version: "00000001".to_owned(),
        source: "host".to_owned(),
        series: load("a").into(),
        time: at(n * 60),
        window: None,
        revision: 0,
        value: 7.5,
        score: value,
        novelty: value,
        jump: 0.0,
        staleness: 0.0,
        head: Head::Novelty,
        baseline: None,
        lower: None,
        upper: None,
        state: ScoreState::Normal,
        episode: (n > 1).then(|| Episode { id: "e".repeat(32), opened: at(120), peak: 1.5, closed: n == 3 }),
    };
    Memory {
        events: vec![
            event(1, Event::sample("host", "1", at(9_000), load("a"), 0.25)),
            event(2, Event::sample("host", "2", at(9_500), load("b:c"), 0.5)),
            event(3, Event::check("web", "3", at(9_900), Check::of("http://x"))),
        ],
        scores: vec![score(1, 0.5), score(2, 1.5), score(3, 0.75)],
        rollups: vec![rollup(1, "a"), rollup(2, "a"), rollup(3, "b")],
        series: vec![KnownSeries { source: "host".to_owned(), series: load("a"), first_seen: at(1), last_seen: at(2) }],
        dead_letters: vec![
            DeadLetter::new("csv", "1", "a.csv:1", "not a number", at(5), b"x"),
            DeadLetter::new("csv", "2", "a.csv:2", "not a time", at(6), b"y"),
        ],
        away: false,
    }
}

fn state(memory: Memory, ready: watch::Receiver<bool>) -> ApiState {
    let memory = Arc::new(memory);
    let source = SourceStatus {
        id: "host".to_owned(),
        kind: "host".to_owned(),
        state: SourceState::BackingOff,
        shards: None,
        restarts: 2,
        last_error: Some("reading the load".to_owned()),
        last_event_time: None,
        events: 7,
        dead_letters: 1,
        polls: None,
    };
    ApiState {
        events: memory.clone(),
        store: memory,
        sources: Arc::new(move || vec![source.clone()]),
        units: Arc::new(|| {
            Box::pin(async { Ok(vec![Standing { unit: "job.minutely.0".to_owned(), lag: Some(7), ..Standing::default() }]) })
        }),
        alerts: None,
        clock: Arc::new(TokioClock::starting_at(NOW)),
        registry: telemetry::tests::metrics().registry.clone(),
        ready,
    }
}

/// Makes the API answer one request, so that its metrics are shown.
pub(crate) async fn one_request() {
    Server::start(memory()).await.get("/-/healthy").await;
}
