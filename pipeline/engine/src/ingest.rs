//! From a source to the log: events become frames, frames become durable, in order and once.
//!
//! A source, or one of its shards, holds an [`Input`]; its [`Pump`] owns the frames. There is one append in flight for each source: what arrives
//! meanwhile is framed and goes with the next, so order needs no bookkeeping and a retry repeats the very same entries.

mod claim;
mod frames;
mod promise;
mod pump;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use floodmark_core::ports::log::dead_letter_entry;
use floodmark_core::ports::{Expect, Ingest, Log, NewEntry, SourceSpec};
use floodmark_core::{Error, Kind, Result};
use floodmark_schemas::{DeadLetter, EventBatch};
use tokio::sync::{mpsc, oneshot};

use crate::backoff::Backoff;
use crate::status::Statuses;
use crate::telemetry::SourceMeters;

use promise::Held;
pub use promise::Promise;
pub use pump::Pump;

/// How many batches wait for the pump before a source has to wait.
const QUEUE_BATCHES: usize = 8;

/// What a source hands to its pump.
enum Command {
    Send { events: EventBatch, cursor: Option<String>, held: Held },
    Publish { events: EventBatch, key: String, held: Held, reply: oneshot::Sender<Result<bool>> },
    Flush { reply: oneshot::Sender<()> },
}

/// The logs that everything goes to.
#[derive(Clone)]
pub struct Logs {
    /// Frames of events.
    pub events: Arc<dyn Log>,
    /// Commits, snapshots and dead letters.
    pub outputs: Arc<dyn Log>,
}

/// A source's end of the road to the log.
pub struct Input {
    spec: SourceSpec,
    commands: mpsc::Sender<Command>,
    cursor: Arc<Mutex<Option<String>>>,
    promise: Arc<Promise>,
    outputs: Arc<dyn Log>,
    statuses: Statuses,
    meters: SourceMeters,
}

/// Takes the source over in every partition and returns both ends of its road. Whoever had it before is fenced: its next
/// append is refused as a conflict, so nothing of it is acknowledged any more.
///
/// # Errors
/// `Unavailable`; `Conflict` when somebody else takes it over at the same time.
pub async fn open(spec: SourceSpec, partitions: u32, logs: &Logs, promise: Arc<Promise>, statuses: Statuses) -> Result<(Input, Pump)> {
    let (commands, queue) = mpsc::channel(QUEUE_BATCHES);
    let pump = Pump::claim(&spec, partitions, logs.clone(), queue, statuses.clone()).await?;
    let (cursor, meters) = (pump.cursor(), SourceMeters::new(&spec.id));
    let input = Input { spec, commands, cursor, promise, outputs: logs.outputs.clone(), statuses, meters };
    Ok((input, pump))
}

impl Input {
    async fn command(&self, command: Command) -> Result<()> {
        let gone = |_| Error::broken(format!("handing over events of source {}: its pump has stopped", self.spec.writer()));
        self.commands.send(command).await.map_err(gone)
    }

    async fn answer<T>(&self, reply: oneshot::Receiver<T>) -> Result<T> {
        let gone =
            |_| Error::unavailable(format!("waiting until events of source {} are durable: its pump has stopped", self.spec.writer()));
        reply.await.map_err(gone)
    }
}

#[async_trait]
impl Ingest for Input {
    fn cursor(&self) -> Option<String> {
        self.cursor.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn send(&self, events: EventBatch, cursor: Option<String>) -> Result<()> {
        let held = self.promise.hold(events.times());
        self.command(Command::Send { events, cursor, held }).await
    }

    async fn publish(&self, events: EventBatch, key: &str) -> Result<bool> {
        let (reply, answer) = oneshot::channel();
        let held = self.promise.hold(events.times());
        self.command(Command::Publish { events, key: key.to_owned(), held, reply }).await?;
        self.answer(answer).await?
    }

    async fn flush(&self) -> Result<()> {
        let (reply, answer) = oneshot::channel();
        self.command(Command::Flush { reply }).await?;
        self.answer(answer).await
    }

    fn polled(&self, late: Duration) {
        self.meters.polled(late);
    }

    async fn dead_letter(&self, letter: DeadLetter) -> Result<()> {
        dead_letter(&*self.outputs, &letter).await?;
        self.meters.dead_letters(1);
        self.statuses.update(&self.spec, |status| status.dead_letters += 1);
        Ok(())
    }
}

/// Stores a dead letter, waiting while the log is not available. Repeating it stores nothing more.
///
/// # Errors
/// Any but `Unavailable`.
pub async fn dead_letter(outputs: &dyn Log, letter: &DeadLetter) -> Result<()> {
    let entry = dead_letter_entry(letter)?;
    append(outputs, &[entry], Expect::Anything, &letter.component).await.map(drop)
}

/// Appends, repeating while the log is not available. The entries must have ids or `expect` must fence them, so that a
/// repeat after an unknown outcome stores nothing twice.
pub(crate) async fn append(log: &dyn Log, entries: &[NewEntry], expect: Expect, who: &str) -> Result<Vec<floodmark_core::ports::Appended>> {
    retrying(who, || log.append(entries.to_vec(), expect.clone())).await
}

/// Asks a log again while it is not available.
pub(crate) async fn retrying<T, F: Future<Output = Result<T>>>(who: &str, ask: impl Fn() -> F) -> Result<T> {
    let mut backoff = Backoff::new(who);
    loop {
        match ask().await {
            Err(e) if e.kind() == Kind::Unavailable => {
                tracing::warn!(component = who, attempt = backoff.attempt(), error = e.chain(), "log is not available, will retry");
                backoff.wait().await;
            }
            outcome => return outcome,
        }
    }
}
