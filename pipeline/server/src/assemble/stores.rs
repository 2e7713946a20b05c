//! Stores and their sinks from their settings: one `match` arm for each kind.

use std::sync::Arc;

use floodmark_connectors::stores::embedded::{Alerts as InStore, Catalog, DeadLetters, Rollups, Scores, Store};
use floodmark_connectors::stores::frames::Frames;
use floodmark_connectors::stores::{mongodb, postgres};
use floodmark_core::Result;
use floodmark_core::ports::query::Answers;
use floodmark_core::ports::{DeadLetterQuery, EventQuery, Log, RollupQuery, ScoreQuery, SeriesQuery, Sink};
use floodmark_engine::SinkPlan;
use floodmark_engine::sink_runner::Reads;
use floodmark_schemas::subject;

use super::desk::Alerts;
use super::logs::OpenLogs;
use super::remote::{Remote, RemoteSink};
use crate::config::{Config, SinkKind};
use crate::data_dir::DataDir;

/// Stores that are open, with what writes to them.
pub(crate) struct OpenStores {
    /// What runs.
    pub(crate) sinks: Vec<SinkPlan>,
    /// Those of them that keep the catalog of series, by id.
    pub(crate) catalogs: Vec<String>,
    /// Who answers about raw events.
    pub(crate) events: Arc<dyn EventQuery>,
    /// Who answers about everything else.
    pub(crate) answers: Answers,
    /// Who keeps alerts, when there are rules.
    pub(crate) alerts: Option<Arc<dyn Alerts>>,
}

/// Who answers what, as far as the stores so far say: the first of several.
#[derive(Default)]
struct Found {
    sinks: Vec<SinkPlan>,
    catalogs: Vec<String>,
    events: Option<Arc<dyn EventQuery>>,
    rollups: Option<Arc<dyn RollupQuery>>,
    scores: Option<Arc<dyn ScoreQuery>>,
    series: Option<Arc<dyn SeriesQuery>>,
    dead_letters: Option<Arc<dyn DeadLetterQuery>>,
    alerts: Option<Arc<dyn Alerts>>,
}

/// Opens the stores that the configuration names. What none of them takes goes to the embedded one; raw events are
/// answered from the frames of the log when no store has them.
pub(crate) async fn open(config: &Config, data: &DataDir, logs: &OpenLogs) -> Result<OpenStores> {
    let mut found = Found::default();
    for (id, sink) in &config.sinks {
        match &sink.kind {
            // It takes what the others leave.
            SinkKind::Embedded(_) => {}
            SinkKind::Mongodb(settings) => {
                let (settings, outputs) = (settings.clone(), logs.logs.outputs.clone());
                let open = move || InMongo::open(settings.clone(), outputs.clone());
                found.mongodb(id, Remote::new(id, open).await?);
            }
            SinkKind::Postgres(settings) => {
                let settings = settings.clone();
                found.postgres(id, Remote::new(id, move || InPostgres::open(settings.clone())).await?);
            }
        }
    }
    // When the last rule is removed, its receivers are told that what it had begun is over.
    let needs_alerts = !config.alerts.is_empty() || !config.receivers.is_empty();
    let lacks_alerts = needs_alerts && found.alerts.is_none();
    if lacks_alerts || found.rollups.is_none() || found.scores.is_none() || found.series.is_none() || found.dead_letters.is_none() {
        found.embedded(&Store::open(data.store())?);
    }
    let Found { sinks, catalogs, events, rollups, scores, series, dead_letters, alerts } = found;
    let known = "the embedded store knows what no other does";
    Ok(OpenStores {
        sinks,
        catalogs,
        events: events.unwrap_or_else(|| Arc::new(Frames::over(logs.scan.clone()))),
        answers: Answers {
            rollups: rollups.expect(known),
            scores: scores.expect(known),
            series: series.expect(known),
            dead_letters: dead_letters.expect(known),
        },
        alerts: alerts.filter(|_| needs_alerts),
    })
}

impl Found {
    fn postgres(&mut self, id: &str, store: Arc<Remote<InPostgres>>) {
        let sink = |pick| Arc::new(RemoteSink { store: store.clone(), pick });
        self.sink(id, sink(|parts: &InPostgres| &parts.raw as &dyn Sink), Reads::Events, subject::EVENTS);
        self.sink(format!("{id}_dead_letters"), sink(|parts| &parts.dead_letters), Reads::Outputs, subject::DEAD);
        self.catalogs.push(format!("{id}_series"));
        self.sink(format!("{id}_series"), sink(|parts| &parts.catalog), Reads::Events, subject::EVENTS);
        self.events.get_or_insert_with(|| store.clone());
        self.dead_letters.get_or_insert_with(|| store.clone());
        self.alerts.get_or_insert_with(|| store.clone());
        self.series.get_or_insert(store);
    }

    fn mongodb(&mut self, id: &str, store: Arc<Remote<InMongo>>) {
        let sink = |pick| Arc::new(RemoteSink { store: store.clone(), pick });
        self.sink(id, sink(|parts: &InMongo| &parts.rollups as &dyn Sink), Reads::Outputs, subject::OUTPUTS);
        self.sink(format!("{id}_scores"), sink(|parts| &parts.scores), Reads::Outputs, subject::OUTPUTS);
        self.rollups.get_or_insert_with(|| store.clone());
        self.scores.get_or_insert(store);
    }

    fn embedded(&mut self, store: &Store) {
        let (all, of) = (Arc::new(store.clone()), || store.clone());
        if self.rollups.is_none() {
            self.sink("rollups", Arc::new(Rollups::new(of(), "rollups")), Reads::Outputs, subject::OUTPUTS);
            self.rollups = Some(all.clone());
        }
        if self.scores.is_none() {
            self.sink("scores", Arc::new(Scores::new(of(), "scores")), Reads::Outputs, subject::OUTPUTS);
            self.scores = Some(all.clone());
        }
        if self.dead_letters.is_none() {
            self.sink("dead_letters", Arc::new(DeadLetters::new(of(), "dead_letters")), Reads::Outputs, subject::DEAD);
            self.dead_letters = Some(all.clone());
        }
        if self.series.is_none() {
            self.catalogs.push("catalog".to_owned());
            self.sink("catalog", Arc::new(Catalog::new(of(), "catalog")), Reads::Events, subject::EVENTS);
            self.series = Some(all);
        }
        self.alerts.get_or_insert_with(|| Arc::new(InStore::new(of())));
    }

    fn sink(&mut self, id: impl Into<String>, sink: Arc<dyn Sink>, reads: Reads, pattern: &str) {
        self.sinks.push(SinkPlan { id: id.into(), sink, reads, patterns: vec![pattern.to_owned()] });
    }
}

/// What PostgreSQL holds. Positions have names of their own, so that a sink may be renamed.
struct InPostgres {
    store: postgres::Store,
    raw: postgres::Raw,
    dead_letters: postgres::DeadLetters,
    catalog: postgres::Catalog,
}

impl InPostgres {
    async fn open(settings: Box<postgres::Config>) -> Result<Self> {
        let store = postgres::Store::open(&settings).await?;
        let of = || store.clone();
        let (raw, dead_letters) = (postgres::Raw::new(of(), "raw"), postgres::DeadLetters::new(of(), "dead_letters"));
        Ok(Self { raw, dead_letters, catalog: postgres::Catalog::new(of(), "catalog"), store })
    }
}

/// What MongoDB holds.
struct InMongo {
    store: mongodb::Store,
    rollups: mongodb::Rollups,
    scores: mongodb::Scores,
}

impl InMongo {
    async fn open(settings: Box<mongodb::Config>, outputs: Arc<dyn Log>) -> Result<Self> {
        let store = mongodb::Store::open(&settings).await?;
        let rollups = mongodb::Rollups::new(store.clone(), "rollups", outputs.clone());
        Ok(Self { rollups, scores: mongodb::Scores::new(store.clone(), "scores", outputs), store })
    }
}

impl AsRef<postgres::Store> for InPostgres {
    fn as_ref(&self) -> &postgres::Store {
        &self.store
    }
}

impl AsRef<mongodb::Store> for InMongo {
    fn as_ref(&self) -> &mongodb::Store {
        &self.store
    }
}
