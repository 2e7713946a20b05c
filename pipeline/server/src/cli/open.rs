//! Opening what commands read, and running what they do: beside a running `floodmark run`, or without one.

use std::path::Path;
use std::sync::Arc;

use floodmark_connectors::logs::embedded::Log;
use floodmark_connectors::stores::embedded::Store;

use super::args::Global;
use super::exit::{Exit, Failure, Outcome};
use super::selection::Place;
use crate::data_dir::DataDir;
use crate::{config, telemetry};

/// The data directory that the command line or else the configuration names.
pub(super) fn data_dir(global: &Global, place: &Place) -> Result<DataDir, Failure> {
    let path = match &place.data_dir {
        Some(path) => path.clone(),
        None => config::load(&global.config)?.data_dir,
    };
    if path.is_dir() { Ok(DataDir::new(path)) } else { Err(missing("data directory", &path, &path)) }
}

/// The event log, for reading.
pub(super) fn events(data: &DataDir) -> Result<Arc<Log>, Failure> {
    let path = data.events();
    if !path.exists() {
        return Err(missing("event log", &path, data.path()));
    }
    Ok(Arc::new(Log::open_read_only(&path)?))
}

/// The store, for reading.
pub(super) fn store(data: &DataDir) -> Result<Store, Failure> {
    let path = data.store();
    if !path.exists() {
        return Err(missing("store", &path, data.path()));
    }
    Ok(Store::open_read_only(&path)?)
}

fn missing(what: &str, path: &Path, data_dir: &Path) -> Failure {
    let remedy = format!(
        "`floodmark run` writes the data that is read here, and so does `floodmark demo --data-dir {}`; \
         --data-dir DIR reads another directory",
        data_dir.display()
    );
    Failure::new(format!("there is no {what} at {}", path.display())).remedy(remedy)
}

/// Runs a command on this thread until it has ended or Ctrl-C is pressed; then it is dropped where it stands.
pub(super) fn block_on(global: &Global, command: impl Future<Output = Outcome>) -> Outcome {
    let format = global.log_format;
    // One less than a pipeline: a command that reads says only what is wrong.
    telemetry::Logging { format, verbosity: global.verbosity().saturating_sub(1) }.start()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|e| Failure::new(format!("starting: {e}")))?;
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
