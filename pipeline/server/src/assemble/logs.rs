//! The logs from their settings: one `match` arm for each kind.

use std::sync::Arc;

use floodmark_connectors::leases::{self, Alone};
use floodmark_connectors::logs::{self, embedded::Log as EmbeddedLog, jetstream};
use floodmark_connectors::stores::frames::{FrameScan, IndexedScan, LogScan};
use floodmark_core::Result;
use floodmark_core::ports::log::Retention;
use floodmark_core::ports::{Clock, Leases, Log};
use floodmark_engine::Metered;
use floodmark_engine::ingest::Logs;

use crate::config::{Config, EmbeddedLog as EmbeddedSettings, LogKind};
use crate::data_dir::DataDir;

/// Logs that are open.
pub(crate) struct OpenLogs {
    /// For the pipeline.
    pub(crate) logs: Logs,
    /// The event log, to follow what comes.
    pub(crate) events: Arc<dyn Log>,
    /// Finds frames in the event log.
    pub(crate) scan: Arc<dyn FrameScan>,
    /// Who of several processes does what.
    pub(crate) leases: Arc<dyn Leases>,
}

/// Opens the logs to look at them only, beside a pipeline that runs.
pub(crate) async fn look(config: &Config, data: &DataDir) -> Result<OpenLogs> {
    match &config.log {
        LogKind::Embedded(_) => {
            let events = Arc::new(EmbeddedLog::open_read_only(&data.events())?);
            let outputs = Arc::new(EmbeddedLog::open_read_only(&data.outputs())?);
            let scan = Arc::new(IndexedScan::new(events.clone()));
            Ok(OpenLogs { logs: metered(events.clone(), outputs), events, scan, leases: Arc::new(Alone::default()) })
        }
        LogKind::Jetstream(settings) => jetstream(config, settings).await,
    }
}

/// Opens the logs for a pipeline.
pub(crate) async fn open(config: &Config, data: &DataDir, clock: &Arc<dyn Clock>) -> Result<OpenLogs> {
    match &config.log {
        LogKind::Embedded(settings) => embedded(settings, data, clock),
        LogKind::Jetstream(settings) => jetstream(config, settings).await,
    }
}

async fn jetstream(config: &Config, settings: &jetstream::Config) -> Result<OpenLogs> {
    let connection = jetstream::Connection::open(settings).await?;
    connection.ensure(config.partitions.get()).await?;
    let events = connection.events();
    let scan = Arc::new(LogScan::new(events.clone()));
    let logs = metered(events.clone(), connection.outputs());
    let leases = Arc::new(leases::jetstream::Leases::open(&connection, settings.lease.0).await?);
    Ok(OpenLogs { logs, events, scan, leases })
}

fn embedded(settings: &EmbeddedSettings, data: &DataDir, clock: &Arc<dyn Clock>) -> Result<OpenLogs> {
    let options = logs::Options {
        retention: Retention { age_max: settings.retention_age.0, bytes_max: settings.retention_size.0 },
        duplicate_window: settings.duplicate_window.0,
        ..logs::Options::default()
    };
    let events = Arc::new(EmbeddedLog::open(&data.events(), options, clock.clone())?);
    let outputs = Arc::new(EmbeddedLog::open(&data.outputs(), options, clock.clone())?);
    let scan = Arc::new(IndexedScan::new(events.clone()));
    let logs = metered(events.clone(), outputs);
    Ok(OpenLogs { logs, events, scan, leases: Arc::new(Alone::default()) })
}

fn metered(events: Arc<dyn Log>, outputs: Arc<dyn Log>) -> Logs {
    Logs { events: Arc::new(Metered::new(events, "events")), outputs: Arc::new(Metered::new(outputs, "outputs")) }
}
