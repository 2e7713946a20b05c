//! The thread that writes: takes what is waiting, one transaction, one fsync, then answers all.

use std::collections::HashMap;
use std::sync::Arc;
use std::thread::JoinHandle;

use floodmark_core::ports::{Appended, Clock, Entry, Expect, NewEntry, Position};
use floodmark_core::{Error, Result};
use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::{mpsc, oneshot, watch};

use super::super::newest::Newest;
use super::append::Stored;
use super::{Options, error, query};

/// How many callers may wait in the queue; more wait before it.
const QUEUE_MAX: usize = 256;
/// How much goes into one transaction.
const GROUP_BYTES_MAX: usize = 4 << 20;
const GROUP_MAX: usize = 256;
/// How many subjects the writer remembers the last entry of; beyond that it forgets all and asks the file again.
pub(super) const SUBJECTS_MAX: usize = 10_000;

pub(super) type Answer<T> = oneshot::Sender<Result<T>>;

/// What callers ask of the writer.
pub(super) enum Command {
    Append(Append),
    Purge { subject: String, before: Position, answer: Answer<u64> },
    Retain { keep_from: Position, answer: Answer<u64> },
}

pub(super) struct Append {
    pub(super) entries: Vec<NewEntry>,
    pub(super) expect: Expect,
    pub(super) answer: Answer<Vec<Appended>>,
}

impl Append {
    fn bytes(&self) -> usize {
        self.entries.iter().map(|entry| entry.body.len()).sum()
    }
}

/// What the writer remembers of a subject.
#[derive(Clone, Copy, Debug)]
pub(super) struct Subject {
    pub(super) id: i64,
    pub(super) last: Position,
}

/// The one connection that writes, with what it remembers of the file.
pub(super) struct Writer {
    pub(super) connection: Connection,
    pub(super) options: Options,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) newest: Arc<Newest>,
    pub(super) subjects: HashMap<String, Subject>,
    pub(super) tail: Position,
    /// The log time of the newest entry, in microseconds.
    pub(super) time_us: i64,
    published: watch::Sender<Position>,
}

impl Writer {
    pub(super) fn new(connection: Connection, options: Options, clock: Arc<dyn Clock>) -> Result<Self> {
        let (tail, time_us) = newest_of(&connection).map_err(|e| error::of("reading the tail of the log", e))?;
        let newest = Arc::new(Newest::new(options.newest_bytes_max, tail));
        let published = watch::Sender::new(tail);
        Ok(Self { connection, options, clock, newest, subjects: HashMap::new(), tail, time_us, published })
    }

    pub(super) fn newest(&self) -> Arc<Newest> {
        self.newest.clone()
    }

    pub(super) fn tail(&self) -> watch::Receiver<Position> {
        self.published.subscribe()
    }

    /// Starts the thread; it ends when the handle is dropped.
    pub(super) fn start(self) -> Result<Handle> {
        let (commands, queue) = mpsc::channel(QUEUE_MAX);
        let thread = std::thread::Builder::new().name("log-writer".into()).spawn(move || self.run(queue));
        let thread = thread.map_err(|e| Error::unavailable("starting the thread that writes the log").because(e))?;
        Ok(Handle { commands: Some(commands), thread: Some(thread) })
    }

    fn run(mut self, mut queue: mpsc::Receiver<Command>) {
        let mut next = queue.blocking_recv();
        while let Some(command) = next.take() {
            match command {
                Command::Append(append) => {
                    let (mut bytes, mut group) = (append.bytes(), vec![append]);
                    while bytes < GROUP_BYTES_MAX && group.len() < GROUP_MAX {
                        match queue.try_recv() {
                            Ok(Command::Append(append)) => {
                                bytes += append.bytes();
                                group.push(append);
                            }
                            other => {
                                next = other.ok();
                                break;
                            }
                        }
                    }
                    self.append_all(group);
                }
                // A caller that has gone does not want the answer.
                Command::Purge { subject, before, answer } => drop(answer.send(self.purge(&subject, before))),
                Command::Retain { keep_from, answer } => drop(answer.send(self.retain(keep_from))),
            }
            if next.is_none() {
                next = queue.blocking_recv();
            }
        }
    }

    fn append_all(&mut self, group: Vec<Append>) {
        let (requests, answers): (Vec<_>, Vec<_>) = group.into_iter().map(|a| ((a.entries, a.expect), a.answer)).unzip();
        match self.store_all(requests) {
            Ok((outcomes, entries)) => {
                self.newest.push(entries);
                self.published.send_replace(self.tail);
                answers.into_iter().zip(outcomes).for_each(|(answer, outcome)| drop(answer.send(outcome)));
            }
            Err(e) => {
                let e = error::of("storing entries in the log", e);
                tracing::warn!(error = e.chain(), "the log could not store entries");
                self.recall();
                answers.into_iter().for_each(|answer| drop(answer.send(Err(error::copy(&e)))));
            }
        }
    }

    /// One transaction. What one request does not get leaves the others untouched.
    #[expect(clippy::type_complexity, reason = "the outcome of each request, and what is new for readers")]
    fn store_all(&mut self, requests: Vec<(Vec<NewEntry>, Expect)>) -> rusqlite::Result<(Vec<Result<Vec<Appended>>>, Vec<Entry>)> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let window_us = i64::try_from(self.options.duplicate_window.as_micros()).unwrap_or(i64::MAX / 2);
        if self.subjects.len() > SUBJECTS_MAX {
            self.subjects.clear();
        }
        let mut stored = Stored::new(&transaction, &mut self.subjects, self.tail, window_us);
        let mut outcomes = Vec::with_capacity(requests.len());
        for (entries, expect) in requests {
            self.time_us = self.time_us.max(self.clock.now().micros());
            outcomes.push(stored.request(entries, &expect, self.time_us)?);
        }
        let (tail, entries) = stored.finish()?;
        transaction.commit()?;
        self.tail = tail;
        Ok((outcomes, entries))
    }

    /// After a failure: what is remembered may not be what is stored.
    pub(super) fn recall(&mut self) {
        self.subjects.clear();
        match newest_of(&self.connection) {
            Ok((tail, _)) => {
                self.tail = tail;
                self.newest.restart(tail);
                self.published.send_replace(tail);
            }
            Err(e) => tracing::error!(error = %e, "the tail of the log cannot be read"),
        }
    }
}

/// The tail and the log time.
fn newest_of(connection: &Connection) -> rusqlite::Result<(Position, i64)> {
    let tail = query::continuity(connection)?.tail;
    let sql = "SELECT max(time_us, ifnull((SELECT time_us FROM entry ORDER BY seq DESC LIMIT 1), time_us)) FROM meta";
    Ok((tail, connection.query_row(sql, [], |row| row.get(0))?))
}

/// The way to the writer. Dropping it waits until the writer has done what it was asked.
pub(super) struct Handle {
    commands: Option<mpsc::Sender<Command>>,
    thread: Option<JoinHandle<()>>,
}

impl Handle {
    /// Asks the writer and waits for its answer.
    pub(super) async fn ask<T>(&self, command: impl FnOnce(Answer<T>) -> Command) -> Result<T> {
        let (answer, answered) = oneshot::channel();
        let commands = self.commands.as_ref().expect("it is taken on drop only");
        let gone = || Error::broken("writing to the log: its thread has ended");
        commands.send(command(answer)).await.map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        drop(self.commands.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that writes the log has panicked");
        }
    }
}
