//! Owns every task of a running pipeline: starts them, restarts what fails, and drains in order at the end.
//!
//! What there is to do is cut into units: a source, a job, a sink, the desk of alerts, ticks, retention. A process alone has all of them;
//! several with the same configuration share them by leases (see `desk`).

mod desk;
mod job;
mod source;
mod standing;
mod ticks;
pub(crate) mod unit;
mod work;

use std::sync::Arc;
use std::time::Duration;

use floodmark_core::ports::{Clock, Leases, Sink, Source, SourceSpec};
use floodmark_core::{Error, Result};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::desk::AlertPlan;
use crate::ingest::Logs;
use crate::input::Input;
use crate::retention::{Floors, Notes};
use crate::sink_runner::Reads;
use crate::status::Statuses;
use crate::tenure::Tenure;

pub use standing::Standing;

use desk::{Desk, News, Order};
use unit::Stage;
use work::Work;

/// What may be under way between the supervisor and the desk: it is granted, to be given up, and released.
const QUEUED_PER_UNIT: usize = 8;

/// Makes a source afresh: at the start, and after it failed.
pub type SourceFactory = dyn Fn() -> Result<Box<dyn Source>> + Send + Sync;

/// A source to run, or one shard of it.
#[derive(Clone)]
pub struct SourcePlan {
    /// What the engine has to know of it.
    pub spec: SourceSpec,
    /// Its type, for people.
    pub kind: String,
    /// Makes it.
    pub make: Arc<SourceFactory>,
}

/// An operator to run.
#[derive(Clone)]
pub struct JobPlan {
    /// Its id.
    pub operator: String,
    /// Its definition as a hash.
    pub version: String,
    /// What its jobs read.
    pub input: Input,
    /// Makes it for a partition.
    pub make: Arc<dyn Fn(u32) -> Box<dyn floodmark_core::ports::Operator> + Send + Sync>,
}

/// A sink to run.
#[derive(Clone)]
pub struct SinkPlan {
    /// Its id.
    pub id: String,
    /// The sink.
    pub sink: Arc<dyn Sink>,
    /// The log it reads.
    pub reads: Reads,
    /// The subjects it wants.
    pub patterns: Vec<String>,
}

/// Everything that runs. A clone of it shares what it works on: run one of them only; the others can say where it stands.
#[derive(Clone)]
pub struct Pipeline {
    /// The logs.
    pub logs: Logs,
    /// How many partitions the event log has.
    pub partitions: u32,
    /// The wall clock, for ticks.
    pub clock: Arc<dyn Clock>,
    /// The sources; of one that is split, each shard that has something to do.
    pub sources: Vec<SourcePlan>,
    /// The operators.
    pub jobs: Vec<JobPlan>,
    /// The sinks.
    pub sinks: Vec<SinkPlan>,
    /// What is done with alerts, when there are rules.
    pub alerts: Option<AlertPlan>,
    /// How long draining may take.
    pub drain_deadline: Duration,
    /// What becomes known of the sources.
    pub statuses: Statuses,
    /// Who of several processes does what.
    pub leases: Arc<dyn Leases>,
    /// What this process is called among them: another name at every start.
    pub member: String,
}

/// Why a pipeline came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It was asked to stop.
    Stopped,
    /// Every source has come to its end, and everything they gave is in the stores.
    SourcesEnded,
}

impl Pipeline {
    /// Runs until `stop` is cancelled or every source has ended, then drains: sources stop, their events become
    /// durable, jobs take them, sinks write what the jobs committed, the desk of alerts takes it. `ready` becomes true when everything has started.
    /// Of several processes each does so with what it has; sources that others run keep it running.
    ///
    /// # Errors
    /// `Broken` or `Conflict` of a job, a sink or the desk of alerts: the pipeline cannot go on. `Unavailable` when draining took longer than
    /// the deadline: what is in the log is safe and the next start goes on there.
    pub async fn run(self, stop: CancellationToken, ready: watch::Sender<bool>) -> Result<End> {
        let floors = Floors::default();
        let (leases, member, drain_deadline) = (self.leases.clone(), self.member.clone(), self.drain_deadline);
        let ready = Arc::new(ready);
        let mut work = Work::new(self, floors.clone(), ready.clone());
        let queued = work.units().len() * QUEUED_PER_UNIT + QUEUED_PER_UNIT;
        let ((orders, orders_taken), (news, mut news_of)) = (mpsc::channel(queued), mpsc::channel(queued));
        let mut at_the_desk = JoinSet::new();
        match leases.ttl() {
            None => work.units().into_iter().for_each(|unit| drop(news.try_send(News::Granted(unit, Tenure::for_ever())))),
            Some(ttl) => {
                let (kinds, live, notes) = (work.kinds(), work.live(), Notes::new(floors));
                let state = desk::State::default();
                let desk = Desk { leases, ttl, member, kinds, live, notes, orders: orders_taken, news: news.clone(), state };
                at_the_desk.spawn(desk.run());
            }
        }
        let outcome = lead(&mut work, &mut news_of, &orders, stop, drain_deadline).await;
        ready.send_replace(false);
        // Nothing of it may run when others are told that they may begin.
        work.shut_down().await;
        drop(orders);
        join_all("the desk of leases", &mut at_the_desk).await.and(outcome)
    }
}

/// Runs what the desk says, until the end.
async fn lead(
    work: &mut Work,
    news: &mut mpsc::Receiver<News>,
    orders: &mpsc::Sender<Order>,
    stop: CancellationToken,
    drain_deadline: Duration,
) -> Result<End> {
    // A process alone has no desk. One that has gone after a panic is told of when it is joined.
    let order = |order| drop(orders.try_send(order));
    let mut started = work.readiness();
    let end = loop {
        if work.is_ready() && work.all_sources_ended() {
            break End::SourcesEnded;
        }
        tokio::select! {
            // A stop ends the sources too: it must be seen before that.
            biased;
            () = stop.cancelled() => break End::Stopped,
            Some(news) = news.recv() => match news {
                News::Joined => work.joined(),
                News::Granted(unit, tenure) => work.start(&unit, tenure),
                News::GiveUp(unit) => work.give_up(&unit, &order),
            },
            Some(ended) = work.next() => work.ended(ended, &order)?,
            changed = started.changed() => changed.expect("the sender is in `work`"),
        }
    };
    if !work.is_ready() {
        // Sources may have sent already: what they were told is durable is, and the next start goes on there.
        return Ok(End::Stopped);
    }
    // Draining, in the direction of the data. A file that has ended may leave more work than a shutdown may take.
    work.drains();
    order(Order::Leave);
    let drain = async {
        work.finish(Stage::Sources, &order).await?;
        work.finish(Stage::Ticks, &order).await?;
        work.drain_events().await?;
        for level in 0..work.levels() {
            work.drain_level(level).await?;
            work.finish(Stage::Jobs(level), &order).await?;
        }
        work.drain_outputs().await?;
        work.finish(Stage::Sinks, &order).await?;
        work.finish(Stage::Alerts, &order).await?;
        work.finish(Stage::Retention, &order).await?;
        Ok(end)
    };
    let deadline = async {
        stop.cancelled().await;
        tokio::time::sleep(drain_deadline).await;
    };
    tokio::select! {
        outcome = drain => outcome,
        () = deadline => Err(Error::unavailable(format!(
            "draining within {drain_deadline:?}; what was accepted is in the log and the next start goes on there"
        ))),
    }
}

async fn join_all(what: &str, tasks: &mut JoinSet<()>) -> Result<()> {
    let mut first = Ok(());
    while let Some(outcome) = tasks.join_next().await {
        first = first.and(outcome.map_err(|e| Error::broken(format!("{what} panicked")).because(e)));
    }
    first
}
