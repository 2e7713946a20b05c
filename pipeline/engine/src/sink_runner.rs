//! From a log into a store: each sink at its own pace, from its own position.

use std::sync::Arc;
use std::time::Duration;

use floodmark_core::ports::{Continuity, Entry, Limit, Log, Mark, Position, Reader, Sink, Standing};
use floodmark_core::{Error, Kind, Result};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::backoff::Backoff;
use crate::gaps::Gaps;
use crate::retention::Floor;
use crate::telemetry::SinkMeters;
use crate::trace::{Step, Tracer};

/// How much goes into a store at once.
const WRITE: Limit = Limit { until: None, entries: 256, bytes: 8 * 1024 * 1024 };

/// How long a sink waits for an entry of its own before it passes over those of others, so that it holds no old ones back.
const PASS_AFTER: Duration = Duration::from_secs(30);

/// Which log a sink reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reads {
    /// The event log.
    Events,
    /// The output log.
    Outputs,
}

impl Reads {
    /// The log's name in metrics.
    pub fn log(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::Outputs => "outputs",
        }
    }
}

/// One sink on one log.
pub struct SinkRunner {
    /// Its id, for logs and metrics.
    pub id: String,
    /// The sink.
    pub sink: Arc<dyn Sink>,
    /// The log it reads.
    pub log: Arc<dyn Log>,
    /// Which of the two it is.
    pub reads: Reads,
    /// The subjects it wants.
    pub patterns: Vec<String>,
    /// What it still needs.
    pub floor: Floor,
}

impl SinkRunner {
    /// Writes until `drain` holds a position and everything up to it is in the store.
    ///
    /// # Errors
    /// `Conflict` when another runner moved the sink's position; `Broken`; what is `Unavailable` is retried.
    pub async fn run(&self, mut drain: watch::Receiver<Option<Position>>) -> Result<()> {
        // Until the store says what it has, all may be needed.
        self.hold(Position::START);
        // The newest entry that is in the store tells whether the log is still the same.
        let Standing { mut position, mut mark } = self.retrying(|| self.sink.standing()).await?;
        let mut reader = self.reader(position, mark.as_ref()).await?;
        let (meters, tracer, mut gaps) = (self.meters(), Tracer::new(&self.id), Gaps::new(&self.id, position));
        loop {
            self.hold(position);
            let until = *drain.borrow_and_update();
            let entries = tokio::select! {
                biased;
                changed = drain.changed(), if until.is_none() => match changed {
                    Ok(()) => continue,
                    // Whoever could drain this sink has gone: stop where it stands.
                    Err(_) => return Ok(()),
                },
                entries = reader.next(Limit { until, ..WRITE }) => entries,
                () = tokio::time::sleep(PASS_AFTER), if until.is_none() => {
                    // Without one of ours up to the tail, it is the tail we have come to.
                    let tail = self.retrying(|| self.log.continuity()).await?.tail;
                    match reader.next(Limit { until: Some(tail), ..WRITE }).await {
                        Ok(entries) if entries.is_empty() && tail > position => {
                            self.write(&[], position, tail, &meters).await?;
                            position = tail;
                            meters.written(0, tail.0);
                            continue;
                        }
                        Ok(entries) if entries.is_empty() => continue,
                        entries => entries,
                    }
                }
            };
            let entries = match entries {
                Ok(entries) => self.whole(&mut gaps, entries).await,
                failed => failed,
            };
            let entries = match entries {
                Ok(entries) => entries,
                Err(e) if e.kind() == Kind::Unavailable => {
                    tracing::warn!(sink = self.id, error = e.chain(), "reading the log failed, will retry");
                    reader = self.reader(position, mark.as_ref()).await?;
                    gaps = Gaps::new(&self.id, position);
                    continue;
                }
                Err(e) => return Err(e),
            };
            let Some(last) = entries.last() else { return Ok(()) };
            let to = last.position;
            let steps: Vec<Step> = entries.iter().filter_map(|entry| tracer.follow("write", &entry.headers)).collect();
            self.write(&entries, position, to, &meters).await?;
            drop(steps);
            position = to;
            mark = Mark::of(&entries);
            meters.written(entries.len() as u64, to.0);
        }
    }

    /// The entries, when none before them was passed over.
    async fn whole(&self, gaps: &mut Gaps, entries: Vec<Entry>) -> Result<Vec<Entry>> {
        for entry in &entries {
            gaps.check(&*self.log, entry).await?;
        }
        Ok(entries)
    }

    /// Reads on after `position`. A log that begins later, ends before or has another entry at the mark has lost what it had
    /// acknowledged: what comes to stand in its place would be passed over.
    async fn reader(&self, position: Position, mark: Option<&Mark>) -> Result<Box<dyn Reader>> {
        const REMEDY: &str = "Restore the log, or remove what the sink has stored to write everything anew";
        let Continuity { first, tail, .. } = self.retrying(|| self.log.continuity()).await?;
        let broken = |what: String| Err(Error::broken(format!("starting sink {}: it stands at {position}, but the log {what}", self.id)));
        if first.0 > position.0 + 1 && position > Position::START {
            return broken(format!("begins at {first}: entries between them are gone"));
        }
        if tail < position {
            return broken(format!("ends at {tail}: it has lost entries. {REMEDY}"));
        }
        // Retention may have taken the entry.
        if let Some(mark) = mark
            && let Some(found) = self.retrying(|| self.log.get(mark.position)).await?
            && found.fingerprint() != mark.fingerprint
        {
            return broken(format!("has another entry at {}: it is another log. {REMEDY}", mark.position));
        }
        self.retrying(|| self.log.reader(self.patterns.clone(), position)).await
    }

    fn meters(&self) -> SinkMeters {
        SinkMeters::new(&self.id, self.reads.log())
    }

    async fn write(&self, entries: &[Entry], from: Position, to: Position, meters: &SinkMeters) -> Result<()> {
        self.retrying(|| async {
            let began = Instant::now();
            self.sink.write(entries, from, to).await?;
            meters.took(began.elapsed());
            Ok(())
        })
        .await
    }

    fn hold(&self, position: Position) {
        match self.reads {
            Reads::Events => self.floor.events(position),
            Reads::Outputs => self.floor.outputs(Position(position.0 + 1)),
        }
    }

    async fn retrying<T, F: Future<Output = Result<T>>>(&self, what: impl Fn() -> F) -> Result<T> {
        let mut backoff = Backoff::new(&self.id);
        loop {
            match what().await {
                Err(e) if e.kind() == Kind::Unavailable => {
                    self.meters().retried();
                    tracing::warn!(sink = self.id, attempt = backoff.attempt(), error = e.chain(), "sink failed, will retry");
                    backoff.wait().await;
                }
                outcome => return outcome,
            }
        }
    }
}
