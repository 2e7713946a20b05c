//! Entries of a log through many variants of rules: read and decoded by one, judged by as many threads as there are processors.

use std::sync::Arc;

use floodmark_core::alert::{Shared, Sharing};
use floodmark_core::ports::{Limit, Log, Position};
use floodmark_core::{Error, Result};
use floodmark_schemas::Timestamp;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::plan::{Rules, Wanted};

/// How much is read at once.
const READ: Limit = Limit { until: None, entries: 256, bytes: 4 * 1024 * 1024 };
/// How many such pieces may wait for the slowest thread.
const AHEAD: usize = 4;

/// Which times were seen.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    /// The newest entry.
    pub(super) until: Option<Timestamp>,
    /// When frames with events were stored.
    pub(super) log: Extent,
    /// Of their events.
    pub(super) events: Extent,
}

/// A span of time that grows.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Extent {
    pub(super) first: Option<Timestamp>,
    pub(super) last: Option<Timestamp>,
}

impl Extent {
    fn reach(&mut self, time: Timestamp) {
        self.first = Some(self.first.map_or(time, |first| first.min(time)));
        self.last = Some(self.last.map_or(time, |last| last.max(time)));
    }

    pub(super) fn span(self) -> i64 {
        self.first.zip(self.last).map_or(0, |(first, last)| last.micros().saturating_sub(first.micros()))
    }
}

impl Seen {
    /// Up to when the desk goes.
    pub(super) fn ends(&self, by_event: bool) -> Option<Timestamp> {
        if by_event { self.events.last } else { self.until }
    }

    fn take(&mut self, shared: &Shared) {
        self.until = self.until.max(Some(shared.entry().time));
        if let Some((first, last)) = shared.header().and_then(|header| header.times) {
            self.log.reach(shared.entry().time);
            self.events.reach(first);
            self.events.reach(last);
        }
    }
}

type Piece = Arc<Vec<Shared>>;

/// Feeds the entries of a log up to a position to all variants. Gives them back in their order.
///
/// # Errors
/// Those of the log.
pub(super) async fn feed(
    log: &dyn Log,
    patterns: Vec<String>,
    until: Position,
    wanted: &Wanted,
    variants: Vec<Rules>,
    seen: &mut Seen,
    mut tell: impl FnMut(Position),
) -> Result<Vec<Rules>> {
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(variants.len()).max(1);
    let mut shares: Vec<Vec<(usize, Rules)>> = (0..threads).map(|_| Vec::new()).collect();
    variants.into_iter().enumerate().for_each(|(n, rules)| shares[n % threads].push((n, rules)));
    let (mut workers, mut ways) = (JoinSet::new(), Vec::new());
    for share in shares {
        let (way, pieces) = mpsc::channel::<Piece>(AHEAD);
        ways.push(way);
        workers.spawn_blocking(move || judge(share, pieces));
    }
    let (mut sharing, mut reader) = (Sharing::default(), log.reader(patterns, Position::START).await?);
    loop {
        let entries = reader.next(Limit { until: Some(until), ..READ }).await?;
        let Some(last) = entries.last().map(|entry| entry.position) else { break };
        let read = |entry| sharing.read(entry, |source| wanted.takes(source));
        let piece: Piece = Arc::new(entries.into_iter().map(read).collect());
        piece.iter().for_each(|shared| seen.take(shared));
        for way in &ways {
            let gone = || Error::broken("a thread that judges the past has ended");
            way.send(piece.clone()).await.map_err(|_| gone())?;
        }
        tell(last);
    }
    drop(ways);
    let mut all = Vec::new();
    while let Some(ended) = workers.join_next().await {
        all.extend(ended.map_err(|e| Error::broken("a thread that judges the past panicked").because(e))?);
    }
    all.sort_by_key(|(n, _)| *n);
    Ok(all.into_iter().map(|(_, rules)| rules).collect())
}

fn judge(mut share: Vec<(usize, Rules)>, mut pieces: mpsc::Receiver<Piece>) -> Vec<(usize, Rules)> {
    while let Some(piece) = pieces.blocking_recv() {
        for (_, rules) in &mut share {
            piece.iter().for_each(|shared| rules.take(shared));
        }
    }
    share
}
