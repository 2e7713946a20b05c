//! Opening what commands read, and running what they do: beside a running `floodmark run`, or without one.

use std::path::PathBuf;
use std::sync::Arc;

use floodmark_connectors::logs::{embedded::Log as EmbeddedLog, jetstream};
use floodmark_connectors::stores::embedded::Store;
use floodmark_connectors::stores::frames::{Frames, IndexedScan};
use floodmark_connectors::stores::{mongodb, postgres};
use floodmark_core::alert::desk::Policy;
use floodmark_core::ports::{DeadLetterQuery, EventQuery, Log, ResultSetQuery, RollupQuery, ScoreQuery, SeriesQuery};

use super::args::Global;
use super::exit::{Exit, Failure, Outcome};
use super::selection::Place;
use crate::assemble::desk;
pub(super) use crate::assemble::desk::Access;
use crate::config::{Config, LogKind, SinkKind};
use crate::data_dir::DataDir;
use crate::incidents::Alerts;
use crate::replay::ResultSet;
use crate::{config, telemetry};

/// Where the data is: what a configuration names, or a data directory alone.
pub(super) struct Data {
    config: Option<Config>,
    directory: DataDir,
}

/// The data that the command line or else the configuration names.
pub(super) fn data(global: &Global, place: &Place) -> Result<Data, Failure> {
    Ok(match &place.data_dir {
        Some(path) => Data { config: None, directory: DataDir::new(path) },
        None => {
            let config = config::load(&global.config)?;
            Data { directory: DataDir::new(&config.data_dir), config: Some(config) }
        }
    })
}

impl Data {
    /// The results of a replay instead of the live ones.
    pub(super) fn result_set(self, name: Option<&str>) -> Result<Self, Failure> {
        let Some(name) = name else { return Ok(self) };
        let set = ResultSet::of(&self.directory, name)?;
        match set.manifest()? {
            Some(manifest) if manifest.done.is_some() => Ok(Self { config: None, directory: set.data().clone() }),
            Some(_) => Err(Failure::new(format!("result set {name} is not complete")).remedy("repeat its `floodmark replay`")),
            None => {
                let remedy = "`floodmark replay ls` lists those there are";
                Err(Failure::new(format!("there is no result set {name:?}")).remedy(remedy))
            }
        }
    }

    /// The event log, for reading.
    pub(super) async fn log(&self) -> Result<Arc<dyn Log>, Failure> {
        match self.log_kind() {
            None | Some(LogKind::Embedded(_)) => Ok(self.embedded_log()?),
            Some(LogKind::Jetstream(settings)) => Ok(jetstream::Connection::open(settings).await?.events()),
        }
    }

    /// The output log, for reading.
    pub(super) async fn outputs(&self) -> Result<Arc<dyn Log>, Failure> {
        match self.log_kind() {
            None | Some(LogKind::Embedded(_)) => {
                Ok(Arc::new(EmbeddedLog::open_read_only(&self.file("output log", self.directory.outputs())?)?))
            }
            Some(LogKind::Jetstream(settings)) => Ok(jetstream::Connection::open(settings).await?.outputs()),
        }
    }

    /// Who answers about raw events: a store that has them, else the log.
    pub(super) async fn events(&self) -> Result<Arc<dyn EventQuery>, Failure> {
        for kind in self.sink_kinds() {
            match kind {
                SinkKind::Postgres(settings) => return Ok(Arc::new(postgres::Store::open(settings).await?)),
                SinkKind::Embedded(_) | SinkKind::Mongodb(_) => {}
            }
        }
        match self.log_kind() {
            None | Some(LogKind::Embedded(_)) => Ok(Arc::new(Frames::over(Arc::new(IndexedScan::new(self.embedded_log()?))))),
            Some(LogKind::Jetstream(_)) => Ok(Arc::new(Frames::new(self.log().await?))),
        }
    }

    /// Who answers about rollups.
    pub(super) async fn rollups(&self) -> Result<Arc<dyn RollupQuery>, Failure> {
        for kind in self.sink_kinds() {
            match kind {
                SinkKind::Mongodb(settings) => return Ok(Arc::new(mongodb::Store::open(settings).await?)),
                SinkKind::Postgres(_) | SinkKind::Embedded(_) => {}
            }
        }
        Ok(Arc::new(self.embedded_store()?))
    }

    /// Who knows which results count, for reading or also for dropping some.
    pub(super) async fn result_sets(&self, access: Access) -> Result<Arc<dyn ResultSetQuery>, Failure> {
        for kind in self.sink_kinds() {
            match kind {
                SinkKind::Mongodb(settings) => return Ok(Arc::new(mongodb::Store::open(settings).await?)),
                SinkKind::Postgres(_) | SinkKind::Embedded(_) => {}
            }
        }
        let store = self.embedded_store()?;
        Ok(Arc::new(match access {
            Access::Read => store,
            Access::Write => Store::open(self.directory.store())?,
        }))
    }

    /// Who answers about scores.
    pub(super) async fn scores(&self) -> Result<Arc<dyn ScoreQuery>, Failure> {
        for kind in self.sink_kinds() {
            match kind {
                SinkKind::Mongodb(settings) => return Ok(Arc::new(mongodb::Store::open(settings).await?)),
                SinkKind::Postgres(_) | SinkKind::Embedded(_) => {}
            }
        }
        Ok(Arc::new(self.embedded_store()?))
    }

    /// Who answers about series.
    pub(super) async fn series(&self) -> Result<Arc<dyn SeriesQuery>, Failure> {
        for kind in self.sink_kinds() {
            match kind {
                SinkKind::Postgres(settings) => return Ok(Arc::new(postgres::Store::open(settings).await?)),
                SinkKind::Embedded(_) | SinkKind::Mongodb(_) => {}
            }
        }
        Ok(Arc::new(self.embedded_store()?))
    }

    /// Who answers about dead letters.
    pub(super) async fn dead_letters(&self) -> Result<Arc<dyn DeadLetterQuery>, Failure> {
        for kind in self.sink_kinds() {
            match kind {
                SinkKind::Postgres(settings) => return Ok(Arc::new(postgres::Store::open(settings).await?)),
                SinkKind::Embedded(_) | SinkKind::Mongodb(_) => {}
            }
        }
        Ok(Arc::new(self.embedded_store()?))
    }

    /// Who answers about alerts, or also takes what is asked for.
    pub(super) async fn alerts(&self, access: Access) -> Result<Alerts, Failure> {
        match &self.config {
            Some(config) if desk::in_postgres(config).is_some() => Ok(Alerts::from(desk::store(config, access).await?)),
            _ => {
                let path = self.file("store", self.directory.store())?;
                Ok(Alerts::from(desk::embedded_store(path, access)?))
            }
        }
    }

    /// What the desk goes by; of a data directory alone nothing is known.
    pub(super) fn policy(&self) -> Result<Policy, Failure> {
        Ok(self.config.as_ref().map(desk::policy).transpose()?.unwrap_or_default())
    }

    /// Where it is, for people.
    pub(super) fn place(&self) -> String {
        match self.log_kind() {
            None | Some(LogKind::Embedded(_)) => self.directory.path().display().to_string(),
            Some(LogKind::Jetstream(settings)) => settings.servers.join(", "),
        }
    }

    fn log_kind(&self) -> Option<&LogKind> {
        self.config.as_ref().map(|config| &config.log)
    }

    fn sink_kinds(&self) -> impl Iterator<Item = &SinkKind> {
        self.config.iter().flat_map(|config| config.sinks.values()).map(|sink| &sink.kind)
    }

    fn embedded_log(&self) -> Result<Arc<EmbeddedLog>, Failure> {
        Ok(Arc::new(EmbeddedLog::open_read_only(&self.file("event log", self.directory.events())?)?))
    }

    fn embedded_store(&self) -> Result<Store, Failure> {
        Ok(Store::open_read_only(self.file("store", self.directory.store())?)?)
    }

    /// A file of the data directory that must be there.
    fn file(&self, what: &str, path: PathBuf) -> Result<PathBuf, Failure> {
        let directory = self.directory.path();
        let (what, missing) = match (directory.is_dir(), path.exists()) {
            (true, true) => return Ok(path),
            (true, false) => (what, &*path),
            (false, _) => ("data directory", directory),
        };
        let remedy = format!(
            "`floodmark run` writes the data that is read here, and so does `floodmark demo --data-dir {}`; \
             --data-dir DIR reads another directory",
            directory.display()
        );
        Err(Failure::new(format!("there is no {what} at {}", missing.display())).remedy(remedy))
    }
}

/// Runs a command on this thread until it has ended or Ctrl-C is pressed; then it is dropped where it stands.
pub(super) fn block_on(global: &Global, command: impl Future<Output = Outcome>) -> Outcome {
    block(global, &mut tokio::runtime::Builder::new_current_thread(), command)
}

/// As [`block_on`], for a command that has work for all cores.
pub(super) fn block_on_cores(global: &Global, command: impl Future<Output = Outcome>) -> Outcome {
    block(global, &mut tokio::runtime::Builder::new_multi_thread(), command)
}

fn block(global: &Global, runtime: &mut tokio::runtime::Builder, command: impl Future<Output = Outcome>) -> Outcome {
    let format = global.log_format;
    // One less than a pipeline: a command that reads says only what is wrong.
    telemetry::Logging { format, verbosity: global.verbosity().saturating_sub(1) }.start()?;
    let runtime = runtime.enable_all().build().map_err(|e| Failure::new(format!("starting: {e}")))?;
    runtime.block_on(async {
        tokio::select! {
            outcome = command => outcome,
            interrupted = tokio::signal::ctrl_c() => match interrupted {
                Ok(()) => Ok(Exit::Interrupted),
                Err(e) => Err(Failure::new(format!("listening for Ctrl-C: {e}"))),
            },
        }
    })
}
