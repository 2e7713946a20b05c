//! The old logs and stores: held for as long as it takes, so that nobody goes on writing them.

use std::sync::Arc;

use floodmark_connectors::clock::SystemClock;
use floodmark_core::ports::{Clock, Log};
use floodmark_engine::ingest::Logs;

use super::fill::fill;
use crate::assemble::logs;
use crate::assemble::stores::{self, OpenStores};
use crate::cli::Failure;
use crate::config::Config;
use crate::data_dir::DataDir;

/// What is migrated.
pub(super) struct Source {
    /// The old logs.
    pub(super) logs: Logs,
    /// Who answers from the old stores.
    pub(super) stores: OpenStores,
}

/// Opens the data of `config` for nobody else, and lets its sinks write what they have not written yet: a process that was
/// killed may have left that to its next start.
///
/// # Errors
/// When there is no data, another process uses it, or it is damaged; `Unavailable` of a store on a server.
pub(super) async fn open(config: &Config) -> Result<Source, Failure> {
    let data = DataDir::new(&config.data_dir);
    for path in [data.path().to_owned(), data.events(), data.outputs()] {
        if !path.exists() {
            let failure = Failure::new(format!("there is nothing to migrate: {} is not there", path.display()));
            return Err(failure.remedy("-c names the configuration whose log is in the data directory"));
        }
    }
    data.prepare(config.partitions.get())?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let logs = logs::open(config, &data, &clock).await?;
    let stores = stores::open(config, &data, &logs).await?;
    fill("bringing the old stores up to the end of their log", &stores.sinks, &logs.logs).await?;
    Ok(Source { logs: logs.logs, stores })
}

/// The two logs by their names.
pub(super) fn both(logs: &Logs) -> [(&'static str, &Arc<dyn Log>); 2] {
    [("events", &logs.events), ("outputs", &logs.outputs)]
}
