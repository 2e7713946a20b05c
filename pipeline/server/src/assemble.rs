//! From a configuration to components: one `match` for each kind. Opens files and connections, spawns nothing.

pub(crate) mod alerts;
mod check;
pub(crate) mod desk;
pub(crate) mod logs;
mod monitor;
pub(crate) mod operators;
pub(crate) mod past;
mod receivers;
mod remote;
mod remote_alerts;
pub(crate) mod sources;
pub(crate) mod stores;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use floodmark_connectors::clock::SystemClock;
use floodmark_connectors::sources::connectivity::Line;
use floodmark_connectors::sources::file;
use floodmark_core::Result;
use floodmark_core::ports::{Clock, EventQuery, Log, Notifier, StoreQuery};
use floodmark_engine::{JobPlan, Pipeline, SourcePlan, Statuses};

pub use check::{Found, check};
pub(crate) use receivers::notifier;

use crate::config::Config;
use crate::data_dir::DataDir;
use crate::incidents::Alerts;
use logs::OpenLogs;

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
    /// Answers about alerts, where there are rules, and takes what is asked for.
    pub alerts: Option<Alerts>,
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
    data.prepare(config.partitions.get())?;
    // What needs no server comes first: a mistake there is told at once.
    let mut plans = Plans::of(config)?;
    plans.notifiers = desk::notifiers(config)?;
    let logs = logs::open(config, &data, &plans.clock).await?;
    plans.with(config, &data, logs).await
}

/// Makes every component as [`assemble`] does, to ask where it stands beside a pipeline that runs: nothing of it may be
/// run.
///
/// # Errors
/// As [`assemble`].
pub async fn look(config: &Config) -> Result<Pipeline> {
    let data = DataDir::new(&config.data_dir);
    let plans = Plans::of(config)?;
    let logs = logs::look(config, &data).await?;
    Ok(plans.with(config, &data, logs).await?.pipeline)
}

/// What needs neither a log nor a store.
struct Plans {
    clock: Arc<dyn Clock>,
    sources: Vec<SourcePlan>,
    jobs: Vec<JobPlan>,
    progress: BTreeMap<String, Arc<file::Progress>>,
    /// Empty for those who only look: secrets of receivers are none of theirs.
    notifiers: BTreeMap<String, Arc<dyn Notifier>>,
}

impl Plans {
    fn of(config: &Config) -> Result<Self> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let mut progress = BTreeMap::new();
        let line = config.connectivity.as_ref().map(|line| Arc::new(Line::new(line)));
        let sources = config.sources.iter().map(|(id, source)| sources::source_plans(id, source, &clock, line.as_ref(), &mut progress));
        let mut sources: Vec<_> = sources.collect::<Result<Vec<_>>>()?.into_iter().flatten().collect();
        sources.extend(monitor::connectivity(config, line, &clock)?);
        let jobs = alerts::all_plans(config, config.partitions.get())?;
        Ok(Self { clock, sources, jobs, progress, notifiers: BTreeMap::new() })
    }

    async fn with(self, config: &Config, data: &DataDir, logs: OpenLogs) -> Result<Assembled> {
        let stores = stores::open(config, data, &logs).await?;
        let Self { clock, mut sources, jobs, progress, notifiers } = self;
        let asked = stores.alerts.clone().map(Alerts::from);
        let alerts = stores.alerts.map(|store| desk::plan(config, store, notifiers)).transpose()?;
        let statuses = Statuses::default();
        sources.extend(monitor::coverage(config, &logs.logs.events, &statuses));
        let pipeline = Pipeline {
            logs: logs.logs,
            partitions: config.partitions.get(),
            clock,
            sources,
            jobs,
            sinks: stores.sinks,
            alerts,
            drain_deadline: DRAIN_DEADLINE,
            statuses,
            leases: logs.leases,
            member: member(),
        };
        Ok(Assembled { pipeline, events: stores.events, store: Arc::new(stores.answers), alerts: asked, log: logs.events, progress })
    }
}
