//! From a configuration to components: one `match` for each kind. Opens files, spawns nothing.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use floodmark_connectors::clock::SystemClock;
use floodmark_connectors::leases::Alone;
use floodmark_connectors::logs::{self, embedded::Log as EmbeddedLog};
use floodmark_connectors::sources::{file, github, host, http_probe, open_meteo, push, tcp_probe};
use floodmark_connectors::stores::embedded::{Catalog, DeadLetters, Rollups, Store};
use floodmark_connectors::stores::frames::{Frames, IndexedScan};
use floodmark_core::ports::log::Retention;
use floodmark_core::ports::{Clock, EventQuery, Log, Operator as OperatorPort, Source as SourcePort, SourceSpec, StoreQuery};
use floodmark_core::window::{Aggregate as CoreAggregate, AggregateSet, Spec};
use floodmark_core::{BySource, Error, Result};
use floodmark_engine::ingest::Logs;
use floodmark_engine::sink_runner::Reads;
use floodmark_engine::{JobPlan, Metered, Pipeline, SinkPlan, SourcePlan, Statuses};
use floodmark_schemas::series::fnv1a;
use floodmark_schemas::subject;

use crate::config::{Aggregate, Config, LogKind, Operator, OperatorKind, SinkKind, Source, SourceKind, Tumbling};
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

/// Opens the logs and stores and makes every component.
///
/// # Errors
/// `Broken` when a component cannot be made from its settings, or the data directory belongs to another configuration;
/// `Unavailable` when it is in use or cannot be opened.
pub fn assemble(config: &Config) -> Result<Assembled> {
    let data = DataDir::new(&config.data_dir);
    data.prepare(config.partitions.get())?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let (events_log, logs) = open_logs(config, &data, &clock)?;
    let store = Store::open(data.store())?;
    let mut progress = BTreeMap::new();
    let sources = config.sources.iter().map(|(id, source)| source_plan(id, source, &clock, &mut progress)).collect::<Result<_>>()?;
    let partitions = config.partitions.get();
    let jobs = config.operators.iter().map(|(id, operator)| job_plan(id, operator)).collect::<Result<_>>()?;
    let sinks = config.sinks.values().flat_map(|sink| sink_plans(&sink.kind, &store)).collect();
    let (leases, member) = (Arc::new(Alone::default()), "alone".to_owned());
    let (drain_deadline, statuses) = (DRAIN_DEADLINE, Statuses::default());
    let pipeline = Pipeline { logs, partitions, clock, sources, jobs, sinks, drain_deadline, statuses, leases, member };
    let events = Arc::new(Frames::over(Arc::new(IndexedScan::new(events_log.clone()))));
    let store = Arc::new(store);
    Ok(Assembled { pipeline, events, store, log: events_log, progress })
}

fn open_logs(config: &Config, data: &DataDir, clock: &Arc<dyn Clock>) -> Result<(Arc<EmbeddedLog>, Logs)> {
    let LogKind::Embedded(settings) = &config.log;
    let options = logs::Options {
        retention: Retention { age_max: settings.retention_age.0, bytes_max: settings.retention_size.0 },
        duplicate_window: settings.duplicate_window.0,
        ..logs::Options::default()
    };
    let events = Arc::new(EmbeddedLog::open(&data.events(), options, clock.clone())?);
    let outputs = Arc::new(EmbeddedLog::open(&data.outputs(), options, clock.clone())?);
    let logs = Logs { events: Arc::new(Metered::new(events.clone(), "events")), outputs: Arc::new(Metered::new(outputs, "outputs")) };
    Ok((events, logs))
}

fn source_plan(
    id: &str,
    source: &Source,
    clock: &Arc<dyn Clock>,
    progress: &mut BTreeMap<String, Arc<file::Progress>>,
) -> Result<SourcePlan> {
    let spec =
        SourceSpec { id: id.to_owned(), encoding: source.frame_encoding(), disorder: source.disorder.0, live: source.kind.is_live() };
    let file_progress = Arc::new(file::Progress::default());
    if let SourceKind::File(_) = source.kind {
        progress.insert(id.to_owned(), file_progress.clone());
    }
    // Made once now, so that settings that cannot work are told at the start and not in the log.
    let (id, kind, clock) = (id.to_owned(), source.kind.clone(), clock.clone());
    let make = move || make_source(&id, &kind, &clock, &file_progress);
    make()?;
    Ok(SourcePlan { spec, kind: source.kind.type_name().to_owned(), make: Arc::new(make) })
}

fn make_source(id: &str, kind: &SourceKind, clock: &Arc<dyn Clock>, progress: &Arc<file::Progress>) -> Result<Box<dyn SourcePort>> {
    let clock = clock.clone();
    Ok(match kind {
        SourceKind::Host(config) => Box::new(host::Host::new(id, config.clone(), clock)?),
        SourceKind::HttpProbe(config) => Box::new(http_probe::HttpProbes::new(id, config.clone(), clock)?),
        SourceKind::TcpProbe(config) => Box::new(tcp_probe::TcpProbes::new(id, config.clone(), clock)?),
        SourceKind::Github(config) => Box::new(github::Github::new(id, config.clone(), clock)?),
        SourceKind::OpenMeteo(config) => Box::new(open_meteo::OpenMeteo::new(id, config.clone(), clock)?),
        SourceKind::File(config) => Box::new(file::File::new(id, config.clone(), clock)?.reporting(progress.clone())),
        SourceKind::Push(config) => Box::new(push::Push::new(id, config.clone(), clock)?),
    })
}

fn job_plan(id: &str, operator: &Operator) -> Result<JobPlan> {
    let OperatorKind::Tumbling(settings) = &operator.kind;
    let definition = serde_json::to_string(settings).map_err(|e| Error::broken("writing an operator's definition").because(e))?;
    let version = fnv1a(definition.as_bytes());
    let spec = tumbling_spec(id, version, settings);
    // Made once now, so that a definition that cannot work is told at the start.
    BySource::new(spec.clone())?;
    let make = move |partition| -> Box<dyn OperatorPort> {
        Box::new(BySource::new(Spec { partition, ..spec.clone() }).expect("the same spec was accepted above"))
    };
    Ok(JobPlan { operator: id.to_owned(), version: format!("{version:08x}"), make: Arc::new(make) })
}

fn tumbling_spec(id: &str, version: u32, settings: &Tumbling) -> Spec {
    Spec {
        version,
        allowed_lateness: settings.allowed_lateness.0,
        idle_timeout: settings.idle_timeout.0,
        aggregates: settings.aggregates.iter().map(core_aggregate).collect::<AggregateSet>(),
        quantiles: settings.quantiles.iter().map(|quantile| quantile.get()).collect(),
        metrics: settings.metrics.clone(),
        sources: settings.sources.clone(),
        series_max: settings.series_max as usize,
        ..Spec::new(id, 0, settings.size.0)
    }
}

fn core_aggregate(aggregate: &Aggregate) -> CoreAggregate {
    match aggregate {
        Aggregate::Count => CoreAggregate::Count,
        Aggregate::Sum => CoreAggregate::Sum,
        Aggregate::Mean => CoreAggregate::Mean,
        Aggregate::Min => CoreAggregate::Min,
        Aggregate::Max => CoreAggregate::Max,
        Aggregate::Stddev => CoreAggregate::Stddev,
        Aggregate::First => CoreAggregate::First,
        Aggregate::Last => CoreAggregate::Last,
    }
}

fn sink_plans(kind: &SinkKind, store: &Store) -> Vec<SinkPlan> {
    let SinkKind::Embedded(_) = kind;
    let plan = |id: &str, sink, reads, pattern: &str| SinkPlan { id: id.to_owned(), sink, reads, patterns: vec![pattern.to_owned()] };
    vec![
        plan("rollups", Arc::new(Rollups::new(store.clone(), "rollups")), Reads::Outputs, subject::OUTPUTS),
        plan("dead_letters", Arc::new(DeadLetters::new(store.clone(), "dead_letters")), Reads::Outputs, subject::DEAD),
        plan("catalog", Arc::new(Catalog::new(store.clone(), "catalog")), Reads::Events, subject::EVENTS),
    ]
}
