//! From a configuration to components: one `match` for each kind. Opens files and connections, spawns nothing.

mod check;
pub(crate) mod logs;
pub(crate) mod operators;
pub(crate) mod sources;
pub(crate) mod stores;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use floodmark_connectors::clock::SystemClock;
use floodmark_connectors::sources::file;
use floodmark_core::Result;
use floodmark_core::ports::{Clock, EventQuery, Log, StoreQuery};
use floodmark_engine::{Pipeline, Statuses};

pub use check::{Found, check};

use crate::config::Config;
use crate::data_dir::DataDir;

/// How long draining may take at a shutdown.
const DRAIN_DEADLINE: Duration = Duration::from_secs(5);

/// A pipeline that is ready to run, and what answers questions about it.
pub struct Assembled {
    /// What runs.
    pub pipeline: Pipeline,
    /// Answers from raw events.
    pub events: Arc<dyn EventQuery>,
    /// Answers from results.
    pub store: Arc<dyn StoreQuery>,
    /// The event log, to follow what comes.
    pub log: Arc<dyn Log>,
    /// How far file sources have read, by source.
    pub progress: BTreeMap<String, Arc<file::Progress>>,
}

/// What this process is called among those that share the work: where it runs, and a name that no start before had.
fn member() -> String {
    let host = std::env::var("HOSTNAME").ok().or_else(|| std::fs::read_to_string("/proc/sys/kernel/hostname").ok()).unwrap_or_default();
    let host: String = host.trim().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).take(32).collect();
    format!("{host}-{}-{:x}", std::process::id(), SystemClock.now().micros())
}

/// Opens the logs and stores and makes every component.
///
/// # Errors
/// `Broken` when a component cannot be made from its settings, or the data belongs to another configuration;
/// `Unavailable` when a file is in use or a server cannot be reached.
pub async fn assemble(config: &Config) -> Result<Assembled> {
    let data = DataDir::new(&config.data_dir);
    let partitions = config.partitions.get();
    data.prepare(partitions)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let mut progress = BTreeMap::new();
    // What needs no server comes first: a mistake there is told at once.
    let sources =
        config.sources.iter().map(|(id, source)| sources::source_plan(id, source, &clock, &mut progress)).collect::<Result<_>>()?;
    let jobs = config.operators.iter().map(|(id, operator)| operators::job_plan(id, operator)).collect::<Result<_>>()?;
    let logs = logs::open(config, &data, &clock).await?;
    let stores = stores::open(config, &data, &logs).await?;
    let pipeline = Pipeline {
        logs: logs.logs,
        partitions,
        clock,
        sources,
        jobs,
        sinks: stores.sinks,
        drain_deadline: DRAIN_DEADLINE,
        statuses: Statuses::default(),
        leases: logs.leases,
        member: member(),
    };
    Ok(Assembled { pipeline, events: stores.events, store: Arc::new(stores.answers), log: logs.events, progress })
}
