//! What runs in this process: one task for each unit that it has.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use floodmark_core::ports::Position;
use floodmark_core::{Error, Result};
use futures_util::future::BoxFuture;
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use super::desk::Order;
use super::ticks::Ticks;
use super::unit::{self, Stage, Unit};
use super::{Pipeline, job, source};
use crate::desk::AlertDesk;
use crate::ingest::Promise;
use crate::job::{JobSpec, SNAPSHOT_AFTER_BYTES};
use crate::retention::{self, Everybody, Floors};
use crate::sink_runner::{Reads, SinkRunner};
use crate::status::SourceState;
use crate::tenure::Tenure;

/// The tasks of this process.
pub(super) struct Work {
    pipeline: Arc<Pipeline>,
    floors: Floors,
    promises: Vec<Arc<Promise>>,
    ready: Arc<watch::Sender<bool>>,
    events_drain: watch::Sender<Option<Position>>,
    /// For the jobs of each level from 1 on.
    level_drains: Vec<watch::Sender<Option<Position>>>,
    outputs_drain: watch::Sender<Option<Position>>,
    by_name: BTreeMap<String, Unit>,
    running: BTreeMap<String, Running>,
    tasks: JoinSet<Ended>,
    /// Where the last tick stands.
    ticked: Option<Position>,
}

/// A unit that this process has.
struct Running {
    unit: Unit,
    tenure: Tenure,
    stop: CancellationToken,
    /// A source that has come to its end stays this process's.
    over: bool,
}

/// A task that is over.
pub(super) struct Ended {
    name: String,
    how: How,
}

enum How {
    /// It was told to stop, or has nothing more to do.
    Done(Result<Option<Position>>),
    /// A source has come to its end.
    SourceOver,
    /// The lease was lost.
    Lost,
}

impl Work {
    pub(super) fn new(pipeline: Pipeline, floors: Floors, ready: Arc<watch::Sender<bool>>) -> Self {
        let alone = pipeline.leases.ttl().is_none();
        let promises: Vec<_> =
            pipeline.sources.iter().map(|plan| Arc::new(Promise::new(&plan.spec.writer(), plan.spec.disorder))).collect();
        if !alone {
            promises.iter().for_each(|promise| promise.entrust(Tenure::over()));
        }
        for plan in &pipeline.sources {
            let state = if alone { SourceState::Starting } else { SourceState::Elsewhere };
            source::show(&pipeline.statuses, &plan.spec, |status| (status.kind, status.state) = (plan.kind.clone(), state));
        }
        let mut by_name = BTreeMap::new();
        for (i, plan) in pipeline.sources.iter().enumerate() {
            by_name.insert(unit::source(&plan.spec.writer()), Unit::Source(i));
        }
        for (i, plan) in pipeline.jobs.iter().enumerate() {
            let (jobs, level) = (plan.input.jobs(pipeline.partitions), plan.input.level());
            by_name.extend((0..jobs).map(|partition| (unit::job(&plan.operator, partition), Unit::Job(i, partition, level))));
        }
        for (i, plan) in pipeline.sinks.iter().enumerate() {
            by_name.insert(unit::sink(&plan.id), Unit::Sink(i));
        }
        by_name.extend(pipeline.alerts.iter().map(|_| (unit::ALERTS.to_owned(), Unit::Alerts)));
        by_name.insert(unit::ticker(0), Unit::Ticker(0));
        by_name.insert(unit::RETENTION.to_owned(), Unit::Retention);
        let (events_drain, outputs_drain) = (watch::Sender::new(None), watch::Sender::new(None));
        let levels = pipeline.jobs.iter().map(|plan| plan.input.level()).max().unwrap_or(0);
        let level_drains = (0..levels).map(|_| watch::Sender::new(None)).collect();
        let (pipeline, running, tasks) = (Arc::new(pipeline), BTreeMap::new(), JoinSet::new());
        Self { pipeline, floors, promises, ready, events_drain, level_drains, outputs_drain, by_name, running, tasks, ticked: None }
    }

    /// Everything there is to do.
    pub(super) fn units(&self) -> Vec<String> {
        // In the order in which they have always started.
        let order = |unit: &Unit| match unit.stage() {
            Stage::Retention => 0,
            Stage::Alerts => 1,
            Stage::Sinks => 2,
            Stage::Jobs(_) => 3,
            Stage::Sources => 4,
            Stage::Ticks => 5,
        };
        let mut units: Vec<_> = self.by_name.iter().collect();
        units.sort_by_key(|(_, unit)| (order(unit), **unit));
        units.into_iter().map(|(name, _)| name.clone()).collect()
    }

    /// The units that are shared evenly with each other, by kind; the shards of a source are a kind of their own. Places
    /// among those that tick are found otherwise.
    pub(super) fn kinds(&self) -> Vec<Vec<String>> {
        let mut kinds: BTreeMap<(u8, usize, &str), Vec<String>> = BTreeMap::new();
        for (name, unit) in &self.by_name {
            let kind = match *unit {
                Unit::Source(i) => {
                    let spec = &self.pipeline.sources[i].spec;
                    (0, 0, spec.shard.map_or("", |_| spec.id.as_str()))
                }
                Unit::Job(.., level) => (1, level, ""),
                Unit::Sink(_) => (2, 0, ""),
                Unit::Retention => (3, 0, ""),
                Unit::Alerts => (4, 0, ""),
                Unit::Ticker(_) => continue,
            };
            kinds.entry(kind).or_default().push(name.clone());
        }
        kinds.into_values().collect()
    }

    /// The units whose promises go into ticks.
    pub(super) fn live(&self) -> BTreeSet<String> {
        self.pipeline.sources.iter().filter(|plan| plan.spec.live).map(|plan| unit::source(&plan.spec.writer())).collect()
    }

    fn alone(&self) -> bool {
        self.pipeline.leases.ttl().is_none()
    }

    /// The leases have answered.
    pub(super) fn joined(&self) {
        self.ready.send_replace(true);
    }

    /// Whether everything has started.
    pub(super) fn is_ready(&self) -> bool {
        *self.ready.borrow()
    }

    /// Tells when that changes.
    pub(super) fn readiness(&self) -> watch::Receiver<bool> {
        self.ready.subscribe()
    }

    /// Nobody is to be sent here any more.
    pub(super) fn drains(&self) {
        self.ready.send_replace(false);
    }

    /// Starts a unit that is this process's now.
    pub(super) fn start(&mut self, name: &str, tenure: Tenure) {
        let known = self.by_name.get(name).copied();
        let slot = || name.strip_prefix("ticker.").and_then(|slot| slot.parse().ok()).map(Unit::Ticker);
        let Some(unit) = known.or_else(slot) else { return };
        let stop = CancellationToken::new();
        let work = self.task(unit, &tenure, &stop);
        self.running.insert(name.to_owned(), Running { unit, tenure: tenure.clone(), stop, over: false });
        let name = name.to_owned();
        self.tasks.spawn(async move {
            let how = tokio::select! {
                biased;
                () = tenure.ended() => How::Lost,
                how = work => how,
            };
            Ended { name, how }
        });
    }

    fn task(&self, unit: Unit, tenure: &Tenure, stop: &CancellationToken) -> BoxFuture<'static, How> {
        let (pipeline, stop, tenure) = (self.pipeline.clone(), stop.clone(), tenure.clone());
        let logs = pipeline.logs.clone();
        match unit {
            Unit::Source(i) => {
                let promise = self.promises[i].clone();
                promise.entrust(tenure);
                Box::pin(async move {
                    let road = source::Road { partitions: pipeline.partitions, logs, promise, statuses: pipeline.statuses.clone() };
                    source::run(&pipeline.sources[i], road, stop.clone()).await;
                    if stop.is_cancelled() { How::Done(Ok(None)) } else { How::SourceOver }
                })
            }
            Unit::Job(i, partition, level) => {
                let plan = &self.pipeline.jobs[i];
                let (operator, version, make) = (plan.operator.clone(), plan.version.clone(), plan.make.clone());
                let floor = self.floors.of(unit::job(&operator, partition)).version(&version);
                let (jobs, input) = (plan.input.jobs(pipeline.partitions), plan.input.clone());
                let spec = JobSpec { operator, partition, jobs, input, version, snapshot_after_bytes: SNAPSHOT_AFTER_BYTES };
                let drain = level.checked_sub(1).map_or(&self.events_drain, |above| &self.level_drains[above]).subscribe();
                let running = job::run(spec, logs, move || make(partition), drain, floor, tenure);
                Box::pin(async move { How::Done(stop.run_until_cancelled(running).await.unwrap_or(Ok(())).map(|()| None)) })
            }
            Unit::Sink(i) => {
                let plan = &self.pipeline.sinks[i];
                let (log, drain) = match plan.reads {
                    Reads::Events => (logs.events, self.events_drain.subscribe()),
                    Reads::Outputs => (logs.outputs, self.outputs_drain.subscribe()),
                };
                let (id, sink, patterns) = (plan.id.clone(), plan.sink.clone(), plan.patterns.clone());
                let floor = self.floors.of(unit::sink(&id));
                let running = job::run_sink(SinkRunner { id, sink, log, reads: plan.reads, patterns, floor }, drain, tenure);
                Box::pin(async move { How::Done(stop.run_until_cancelled(running).await.unwrap_or(Ok(())).map(|()| None)) })
            }
            Unit::Alerts => {
                let plan = pipeline.alerts.clone().expect("there is such a unit only with a plan");
                let (outputs, clock, floor) = (logs.outputs, pipeline.clock.clone(), self.floors.of(unit::ALERTS));
                let (desk, drain) = (AlertDesk { plan, outputs, clock, floor }, self.outputs_drain.subscribe());
                Box::pin(async move { How::Done(desk.run_until(drain, stop, tenure).await.map(|()| None)) })
            }
            Unit::Ticker(slot) => {
                let live = self.pipeline.sources.iter().zip(&self.promises).filter(|(plan, _)| plan.spec.live);
                let promises = live.map(|(_, promise)| promise.clone()).collect();
                let ready = self.alone().then(|| self.ready.clone());
                let ticks = Ticks { logs, partitions: pipeline.partitions, clock: pipeline.clock.clone(), promises, slot };
                let claimed = move || {
                    ready.iter().for_each(|ready| {
                        ready.send_replace(true);
                    })
                };
                Box::pin(async move { How::Done(ticks.run(stop, claimed).await) })
            }
            Unit::Retention => {
                let everybody = (!self.alone()).then(|| Everybody { leases: pipeline.leases.clone(), readers: readers(&pipeline) });
                let keeping = retention::keep(logs, self.floors.clone(), everybody, stop);
                Box::pin(async move {
                    keeping.await;
                    How::Done(Ok(None))
                })
            }
        }
    }

    /// Stops a unit that another process is to have.
    pub(super) fn give_up(&mut self, name: &str, order: &impl Fn(Order)) {
        let Some(running) = self.running.get(name) else { return order(Order::Release(name.to_owned())) };
        running.stop.cancel();
        if running.over {
            self.gone(name, order);
        }
    }

    /// The next task that is over; nothing when none runs.
    pub(super) async fn next(&mut self) -> Option<Result<Ended, JoinError>> {
        self.tasks.join_next().await
    }

    /// Takes note of a task that is over.
    pub(super) fn ended(&mut self, ended: Result<Ended, JoinError>, order: &impl Fn(Order)) -> Result<()> {
        let Ended { name, how } = ended.map_err(|e| Error::broken("a part of the pipeline panicked").because(e))?;
        match how {
            How::SourceOver => drop(self.running.get_mut(&name).map(|running| running.over = true)),
            How::Lost => self.gone(&name, order),
            How::Done(outcome) => {
                self.gone(&name, order);
                let position = outcome?;
                self.ticked = self.ticked.max(position);
            }
        }
        Ok(())
    }

    fn gone(&mut self, name: &str, order: &impl Fn(Order)) {
        let Some(running) = self.running.remove(name) else { return };
        if running.tenure.is_lease() {
            running.tenure.end();
            if let Unit::Source(i) = running.unit {
                let spec = &self.pipeline.sources[i].spec;
                source::show(&self.pipeline.statuses, spec, |status| status.state = SourceState::Elsewhere);
            }
        }
        order(Order::Release(name.to_owned()));
    }

    /// Whether there are sources, and this process has seen the end of each.
    pub(super) fn all_sources_ended(&self) -> bool {
        let over = self.running.values().filter(|running| running.over).count();
        over > 0 && over == self.pipeline.sources.len()
    }

    /// Waits until the units of a stage are over; those that do not end by themselves are told to stop.
    pub(super) async fn finish(&mut self, stage: Stage, order: &impl Fn(Order)) -> Result<()> {
        let ours = |work: &Self| -> Vec<String> {
            work.running.iter().filter(|(_, running)| running.unit.stage() == stage).map(|(name, _)| name.clone()).collect()
        };
        for name in ours(self) {
            let running = &self.running[&name];
            if !matches!(stage, Stage::Jobs(_) | Stage::Sinks | Stage::Alerts) {
                running.stop.cancel();
            }
            if running.over {
                self.gone(&name, order);
            }
        }
        while !ours(self).is_empty() {
            let Some(ended) = self.next().await else { return Ok(()) };
            self.ended(ended, order)?;
            // A source may have come to its end in the very moment.
            ours(self)
                .iter()
                .filter(|name| self.running[*name].over)
                .cloned()
                .collect::<Vec<_>>()
                .iter()
                .for_each(|name| self.gone(name, order));
        }
        Ok(())
    }

    /// Jobs and sinks of events go on to what is in the log now.
    pub(super) async fn drain_events(&self) -> Result<()> {
        let tail = match self.ticked {
            Some(position) => position,
            None => self.pipeline.logs.events.continuity().await?.tail,
        };
        self.events_drain.send_replace(Some(tail));
        Ok(())
    }

    /// How many levels of jobs there are.
    pub(super) fn levels(&self) -> usize {
        self.level_drains.len() + 1
    }

    /// Jobs of this level go on to what those below have committed by now. Those of level 0 read events.
    pub(super) async fn drain_level(&self, level: usize) -> Result<()> {
        let Some(drain) = level.checked_sub(1).map(|above| &self.level_drains[above]) else { return Ok(()) };
        drain.send_replace(Some(self.pipeline.logs.outputs.continuity().await?.tail));
        Ok(())
    }

    /// Sinks of outputs and the desk of alerts go on to what is in the log now.
    pub(super) async fn drain_outputs(&self) -> Result<()> {
        let tail = self.pipeline.logs.outputs.continuity().await?.tail;
        self.outputs_drain.send_replace(Some(tail));
        Ok(())
    }

    /// Ends whatever still runs.
    pub(super) async fn shut_down(&mut self) {
        self.tasks.shutdown().await;
    }
}

/// Everybody who needs something of the logs, with its definition.
fn readers(pipeline: &Pipeline) -> Vec<(String, String)> {
    let jobs = pipeline
        .jobs
        .iter()
        .flat_map(|plan| (0..plan.input.jobs(pipeline.partitions)).map(|job| (unit::job(&plan.operator, job), plan.version.clone())));
    let sinks = pipeline.sinks.iter().map(|plan| (unit::sink(&plan.id), String::new()));
    jobs.chain(sinks).chain(pipeline.alerts.iter().map(|_| (unit::ALERTS.to_owned(), String::new()))).collect()
}
