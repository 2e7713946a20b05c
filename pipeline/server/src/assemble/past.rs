//! What a replay needs of a configuration: its logs to read, and a place of its own for what comes out.

use std::sync::Arc;

use floodmark_connectors::clock::SystemClock;
use floodmark_connectors::leases::Alone;
use floodmark_connectors::logs::{self, embedded::Log as EmbeddedLog, jetstream};
use floodmark_connectors::settings::Span;
use floodmark_connectors::stores::frames::LogScan;
use floodmark_connectors::stores::{embedded, mongodb};
use floodmark_core::ports::query::Answers;
use floodmark_core::ports::{Clock, Log, RollupQuery, ScoreQuery, Sink};
use floodmark_core::{Error, Result};
use floodmark_engine::ingest::Logs;
use floodmark_engine::sink_runner::Reads;
use floodmark_engine::{JobPlan, SinkPlan};

use super::logs::OpenLogs;
use super::{alerts, operators, stores};
use crate::config::{Config, LogKind, SinkKind};
use crate::data_dir::DataDir;

/// Opens the logs of a configuration to read them: nothing is made, claimed or leased there.
///
/// # Errors
/// `Broken` when there is no log; `Unavailable` when a server does not answer.
pub async fn live_logs(config: &Config) -> Result<Logs> {
    match &config.log {
        LogKind::Embedded(_) => {
            let data = DataDir::new(&config.data_dir);
            let open = |path: &std::path::Path| -> Result<Arc<dyn Log>> {
                if !path.exists() {
                    let place = path.display();
                    return Err(Error::broken(format!("there is no log at {place}; `floodmark run` writes the one that is read here")));
                }
                Ok(Arc::new(EmbeddedLog::open_read_only(path)?))
            };
            Ok(Logs { events: open(&data.events())?, outputs: open(&data.outputs())? })
        }
        LogKind::Jetstream(settings) => {
            let connection = jetstream::Connection::open(settings).await?;
            Ok(Logs { events: connection.events(), outputs: connection.outputs() })
        }
    }
}

/// The operators and rules of a configuration.
///
/// # Errors
/// `Broken` when one cannot work.
pub fn jobs(config: &Config) -> Result<Vec<JobPlan>> {
    alerts::all_plans(config, config.partitions.get())
}

/// The same, but operators of scores give every one.
///
/// # Errors
/// `Broken` when one cannot work.
pub fn jobs_giving_every_score(config: &Config) -> Result<Vec<JobPlan>> {
    operators::giving_every_score(&config.operators, config.partitions.get())
}

/// Where a configuration keeps results.
pub struct Stored {
    /// Who answers about rollups.
    pub rollups: Arc<dyn RollupQuery>,
    /// Who answers about scores.
    pub scores: Arc<dyn ScoreQuery>,
    /// Who writes them, to ask how far that is.
    pub sinks: Vec<Arc<dyn Sink>>,
    /// How long the store keeps them; for ever when nothing is said.
    pub ttl: Option<Span>,
}

/// Opens where the configuration keeps results, to ask it.
///
/// # Errors
/// `Unavailable`; `Broken` when there is no store.
pub async fn stored(config: &Config, outputs: Arc<dyn Log>) -> Result<Stored> {
    for sink in config.sinks.values() {
        match &sink.kind {
            SinkKind::Mongodb(settings) => {
                let store = mongodb::Store::open(settings).await?;
                let rollups = mongodb::Rollups::new(store.clone(), "rollups", outputs.clone());
                let sinks: Vec<Arc<dyn Sink>> = vec![Arc::new(rollups), Arc::new(mongodb::Scores::new(store.clone(), "scores", outputs))];
                let store = Arc::new(store);
                return Ok(Stored { rollups: store.clone(), scores: store, sinks, ttl: settings.ttl });
            }
            SinkKind::Embedded(_) | SinkKind::Postgres(_) => {}
        }
    }
    let store = embedded::Store::open_read_only(DataDir::new(&config.data_dir).store())?;
    let rollups = embedded::Rollups::new(store.clone(), "rollups");
    let sinks: Vec<Arc<dyn Sink>> = vec![Arc::new(rollups), Arc::new(embedded::Scores::new(store.clone(), "scores"))];
    let store = Arc::new(store);
    Ok(Stored { rollups: store.clone(), scores: store, sinks, ttl: None })
}

/// An output log and a store in a directory, with what fills the store.
pub(crate) struct Place {
    pub(crate) outputs: Arc<dyn Log>,
    pub(crate) sinks: Vec<SinkPlan>,
    pub(crate) answers: Answers,
}

/// Opens or makes a place for results, embedded whatever the configuration says of its own log and stores. `events` is
/// only read.
///
/// # Errors
/// `Conflict` when another process writes there; otherwise as the log and the store.
pub(crate) async fn place(config: &Config, directory: &DataDir, events: Arc<dyn Log>) -> Result<Place> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let outputs: Arc<dyn Log> = Arc::new(EmbeddedLog::open(&directory.outputs(), logs::Options::default(), clock)?);
    let open = OpenLogs {
        logs: Logs { events: events.clone(), outputs: outputs.clone() },
        scan: Arc::new(LogScan::new(events.clone())),
        events,
        leases: Arc::new(Alone::default()),
    };
    // With nothing said, everything goes to the embedded store. The catalog of series would be that of the live log.
    let opened = stores::open(&Config { sinks: Default::default(), ..config.clone() }, directory, &open).await?;
    let sinks = opened.sinks.into_iter().filter(|sink| sink.reads == Reads::Outputs).collect();
    Ok(Place { outputs, sinks, answers: opened.answers })
}
