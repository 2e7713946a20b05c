//! Reading onwards, by a consumer that lives as long as nothing goes wrong with it.
//!
//! The consumer is ephemeral and in memory: the position of record is the reader's own. Messages are numbered by the
//! consumer; a number that does not follow means that some are missing or come again (a server that was killed may do
//! both), and a new consumer begins behind what was read.

use std::pin::Pin;
use std::time::Duration;

use async_nats::jetstream::consumer::pull::{Config as ConsumerConfig, Stream as Messages};
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, PullConsumer};
use async_trait::async_trait;
use floodmark_core::ports::{Entry, Limit, Position, Reader as ReaderPort};
use floodmark_core::{Error, Result};
use floodmark_schemas::{Timestamp, subject};
use futures_util::{FutureExt, StreamExt};
use tracing::debug;

use super::super::newest::Page;
use super::Log;
use super::query::{Which, micros};
use super::wire;

/// How many messages and bytes are asked for at once; half as many again may be on their way. At least one message always
/// fits.
const AHEAD_ENTRIES: usize = 1_000;
const AHEAD_BYTES: usize = 4 << 20;
/// What a message has around its body and headers: its subject and where to acknowledge it.
const ENVELOPE_BYTES: usize = 64 << 10;
const PULL_EXPIRES: Duration = Duration::from_secs(30);
/// A consumer whose heart does not beat twice is taken for lost.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// When the server forgets a consumer that nobody reads from.
const INACTIVE: Duration = Duration::from_secs(60);
/// Consumers that gave nothing, one after another, before the caller is told.
const FRUITLESS_MAX: u32 = 3;
/// How often a reader that is told where to end looks whether it is there.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Entries that are on their way come first.
const LOOK_FIRST: Duration = Duration::from_millis(2);

type Pending<T> = Pin<Box<dyn Future<Output = Result<T>> + Send>>;

pub(super) struct Reader {
    tail: Tail,
    /// Read and not given yet.
    ahead: Option<Entry>,
    looking: Option<Looking>,
}

/// What comes from the log, one after another.
struct Tail {
    log: Log,
    patterns: Vec<String>,
    /// What the consumer is to deliver; empty for everything.
    filters: Vec<String>,
    /// Everything up to here came from the log or does not match.
    read: Position,
    /// The newest entry that came, with its time: what tells this log from one that was put in its place.
    seen: Option<(Position, Timestamp)>,
    session: Session,
    fruitless: u32,
}

/// Looks whether nothing more matches after `read` and up to `until`; is done when that is so.
struct Looking {
    read: Position,
    until: Position,
    outcome: Pending<()>,
}

/// Kept outside `next`, which may be dropped at any await.
enum Session {
    Closed,
    Opening(Pending<Box<Open>>),
    Open(Box<Open>),
}

struct Open {
    messages: Messages,
    /// The number of the last message.
    number: u64,
    /// How often the connection had been lost when it was opened.
    losses: u64,
}

impl Reader {
    pub(super) fn new(log: Log, patterns: Vec<String>, after: Position) -> Result<Self> {
        for pattern in &patterns {
            if pattern != ">" && pattern.starts_with(['*', '>']) {
                return Err(Error::broken(format!("reading {pattern:?}: a pattern begins with a token that is no wildcard")));
            }
        }
        let filters = wire::filters(&patterns).into_iter().map(|pattern| log.subjects.to_wire(pattern)).collect();
        let mut tail = Tail { log, patterns, filters, read: after, seen: None, session: Session::Closed, fruitless: 0 };
        tail.open();
        Ok(Self { tail, ahead: None, looking: None })
    }

    /// What is there now. Does not wait.
    fn ready(&mut self, limit: Limit) -> Vec<Entry> {
        let mut page = Page::new(limit);
        loop {
            let entry = match self.ahead.take() {
                Some(entry) => entry,
                // An error shows again when there is nothing to give.
                None => match self.tail.entry().now_or_never() {
                    Some(Ok(entry)) => entry,
                    _ => break,
                },
            };
            if limit.until.is_some_and(|until| entry.position > until) {
                self.ahead = Some(entry);
                break;
            }
            if page.push(entry) {
                break;
            }
        }
        page.entries
    }
}

impl Tail {
    fn open(&mut self) {
        self.session = Session::Opening(Box::pin(open(self.log.clone(), self.filters.clone(), self.read, self.seen)));
    }

    /// The next entry, which the caller must keep at once. May be dropped at any await.
    async fn entry(&mut self) -> Result<Entry> {
        loop {
            match &mut self.session {
                Session::Closed => self.open(),
                Session::Opening(opening) => match opening.as_mut().await {
                    Ok(open) => self.session = Session::Open(open),
                    Err(error) => {
                        self.session = Session::Closed;
                        return Err(error);
                    }
                },
                Session::Open(open) => {
                    let message = tokio::select! {
                        biased;
                        message = open.messages.next() => message,
                        () = self.log.connection.link.lost(open.losses) => None,
                    };
                    match message {
                        Some(Ok(message)) => {
                            if let Some(entry) = self.take(message) {
                                return Ok(entry);
                            }
                        }
                        Some(Err(error)) => self.closed(&error)?,
                        None => self.closed(&"the connection was lost")?,
                    }
                }
            }
        }
    }

    /// The entry of a message, unless it is not wanted or the consumer is not to be trusted any more.
    fn take(&mut self, message: async_nats::jetstream::Message) -> Option<Entry> {
        let Session::Open(open) = &mut self.session else { return None };
        let Ok(info) = message.info() else {
            debug!(stream = %self.log.stream, "a message without a position came, reading again behind the last one");
            self.session = Session::Closed;
            return None;
        };
        let (position, number) = (Position(info.stream_sequence), info.consumer_sequence);
        let stored = micros(info.published.unix_timestamp_nanos());
        if number != open.number + 1 {
            debug!(stream = %self.log.stream, number, expected = open.number + 1, "messages are missing, reading again behind the last one");
            self.session = Session::Closed;
            return None;
        }
        open.number = number;
        self.fruitless = 0;
        // A consumer that starts behind the tail starts at the tail.
        if position <= self.read {
            return None;
        }
        self.read = position;
        let message = message.message;
        let entry = self.log.subjects.entry(&message.subject, message.headers.as_ref(), message.payload, position, stored)?;
        self.seen = Some((position, entry.time));
        let wanted = !self.filters.is_empty() || self.patterns.iter().any(|pattern| subject::matches(pattern, &entry.subject));
        wanted.then_some(entry)
    }

    /// The consumer is gone; the next one begins behind what was read.
    fn closed(&mut self, why: &dyn std::fmt::Display) -> Result<()> {
        debug!(stream = %self.log.stream, %why, "a consumer is gone, reading goes on with a new one");
        let fruitless = matches!(&self.session, Session::Open(open) if open.number == 0);
        self.session = Session::Closed;
        self.fruitless = if fruitless { self.fruitless + 1 } else { 0 };
        if self.fruitless < FRUITLESS_MAX {
            return Ok(());
        }
        self.fruitless = 0;
        Err(Error::unavailable(format!("reading {}: {why}", self.log.stream)))
    }
}

impl Looking {
    fn start(tail: &Tail, until: Position) -> Self {
        let (log, patterns, read) = (tail.log.clone(), tail.patterns.clone(), tail.read);
        let outcome = Box::pin(async move {
            tokio::time::sleep(LOOK_FIRST).await;
            while !nothing_more(&log, &patterns, read, until).await? {
                tokio::time::sleep(LOOK_EVERY).await;
            }
            Ok(())
        });
        Self { read, until, outcome }
    }

    fn is_of(&self, tail: &Tail, until: Position) -> bool {
        self.read == tail.read && self.until == until
    }
}

/// Whether the log has come to `until`, and nothing that matches stands after `read` and up to there.
async fn nothing_more(log: &Log, patterns: &[String], read: Position, until: Position) -> Result<bool> {
    if log.held().await?.continuity.tail < until {
        return Ok(false);
    }
    for pattern in patterns {
        let next = log.find(Which::Next(Position(read.0 + 1), pattern)).await?;
        if next.is_some_and(|entry| entry.position <= until) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether the stream still has what was read from it. A server may have come back with an older copy, or a new stream of
/// the same name: what it stores next would be passed over.
async fn check_same(log: &Log, (position, time): (Position, Timestamp)) -> Result<()> {
    let tail = log.held().await?.continuity.tail;
    let other = |what: String| Err(Error::broken(format!("reading {} on after {position}: {what}. Restore the stream", log.stream)));
    if tail < position {
        return other(format!("it ends at {tail} now: it has lost entries"));
    }
    match log.find(Which::At(position)).await? {
        Some(found) if found.time != time => other("it has another entry there now: it is another log".to_owned()),
        _ => Ok(()),
    }
}

/// A consumer of what stands after `after`.
async fn consumer(log: &Log, filters: Vec<String>, after: Position) -> Result<PullConsumer> {
    let doing = || format!("reading {}", log.stream);
    let stream = log.connection.context.get_stream_no_info(&log.stream).await;
    let stream = stream.map_err(|e| Error::unavailable(doing()).because(e))?;
    let config = ConsumerConfig {
        description: Some("a reader of Floodmark".to_owned()),
        deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: after.0.saturating_add(1) },
        ack_policy: AckPolicy::None,
        filter_subjects: filters,
        inactive_threshold: INACTIVE,
        memory_storage: true,
        num_replicas: 1,
        ..ConsumerConfig::default()
    };
    stream.create_consumer(config).await.map_err(|e| Error::unavailable(doing()).because(e))
}

/// How many entries a reader after `after` would get now: the server counts them when it makes a consumer.
pub(super) async fn pending(log: &Log, patterns: &[String], after: Position) -> Result<u64> {
    log.connection.connected().await?;
    let filters = wire::filters(patterns).into_iter().map(|pattern| log.subjects.to_wire(pattern)).collect();
    let consumer = consumer(log, filters, after).await?;
    let info = consumer.cached_info();
    let (count, name) = (info.num_pending, info.name.clone());
    // It would vanish by itself too.
    drop(log.connection.context.delete_consumer_from_stream(&name, &log.stream).await);
    Ok(count)
}

async fn open(log: Log, filters: Vec<String>, after: Position, seen: Option<(Position, Timestamp)>) -> Result<Box<Open>> {
    let doing = || format!("reading {}", log.stream);
    let losses = log.connection.connected().await?;
    if let Some(seen) = seen {
        check_same(&log, seen).await?;
    }
    let consumer = consumer(&log, filters, after).await?;
    let bytes = AHEAD_BYTES.max(log.connection.client().max_payload() + ENVELOPE_BYTES);
    let messages = consumer.stream().max_messages_per_batch(AHEAD_ENTRIES).max_bytes_per_batch(bytes);
    let messages = messages.expires(PULL_EXPIRES).heartbeat(HEARTBEAT).messages().await;
    let messages = messages.map_err(|e| Error::unavailable(doing()).because(e))?;
    Ok(Box::new(Open { messages, number: 0, losses }))
}

#[async_trait]
impl ReaderPort for Reader {
    async fn next(&mut self, limit: Limit) -> Result<Vec<Entry>> {
        // A reader that always finds something must still let others run.
        tokio::task::consume_budget().await;
        loop {
            let entries = self.ready(limit);
            // What is ahead now stands behind `until`.
            if !entries.is_empty() || self.ahead.is_some() {
                return Ok(entries);
            }
            let Some(until) = limit.until else {
                self.ahead = Some(self.tail.entry().await?);
                continue;
            };
            if self.tail.read >= until {
                return Ok(entries);
            }
            let looking = match self.looking.take() {
                Some(looking) if looking.is_of(&self.tail, until) => looking,
                _ => Looking::start(&self.tail, until),
            };
            let looking = self.looking.insert(looking);
            tokio::select! {
                biased;
                entry = self.tail.entry() => self.ahead = Some(entry?),
                outcome = &mut looking.outcome => {
                    self.looking = None;
                    outcome?;
                    return Ok(entries);
                }
            }
        }
    }
}
