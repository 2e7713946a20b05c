//! The loop that turns what a source hands over into durable frames.

use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use floodmark_core::ports::{Appended, Expect, NewEntry, SourceSpec};
use floodmark_core::{Error, Kind, Result};
use floodmark_schemas::frame::{BYTES_MAX, EVENTS_MAX};
use floodmark_schemas::{DeadLetter, EventBatch, Timestamp, subject};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::claim::{self, Claimed};
use super::frames::Framer;
use super::promise::Held;
use super::{Command, Logs, append, dead_letter, retrying};
use crate::status::Statuses;
use crate::telemetry::SourceMeters;
use crate::trace::{Step, Tracer};

/// How long events wait for company before they become a frame.
const LINGER: Duration = Duration::from_millis(1);
/// How many frames' worth of events may wait for company.
const GATHERED_FRAMES_MAX: usize = 16;
/// How many bytes of frames may wait for the append before them; above it the source waits.
const READY_BYTES_MAX: usize = 16 * BYTES_MAX;
/// How many frames may wait: those without events have no bytes.
const READY_FRAMES_MAX: usize = 1_024;
/// How many events that are too large may wait to be set aside.
const READY_OVERSIZED_MAX: usize = 64;

/// The frames of one source, or of one of its shards, on their way into the log.
pub struct Pump {
    spec: SourceSpec,
    /// What it is called: `spec.writer()`.
    writer: String,
    logs: Logs,
    queue: mpsc::Receiver<Command>,
    framers: Vec<Framer>,
    /// Of the newest batch that is durable.
    cursor: Arc<Mutex<Option<String>>>,
    /// Of the newest batch that became frames.
    framed: Option<String>,
    statuses: Statuses,
    meters: SourceMeters,
    tracer: Tracer,
    gathering: Option<Gathering>,
    ready: Group,
}

/// Small batches that wait for company.
struct Gathering {
    since: Instant,
    events: EventBatch,
    cursor: Option<String>,
    held: Vec<Held>,
}

/// What goes into the log with one append, and what to say once it is there.
#[derive(Default)]
struct Group {
    entries: Vec<NewEntry>,
    oversized: Vec<DeadLetter>,
    bytes: usize,
    frames: u64,
    events: u64,
    latest: Option<i64>,
    cursor: Option<String>,
    held: Vec<Held>,
    replies: Vec<oneshot::Sender<()>>,
}

/// A request to store events as frames of their own.
type Publish = (EventBatch, String, Held, oneshot::Sender<Result<bool>>);
/// A group on its way, and what became of it.
type Flight = Pin<Box<dyn Future<Output = (Group, Result<Vec<Appended>>)> + Send>>;

impl Pump {
    /// Reads where the source stopped and claims the next epoch in every partition, by compare-and-set.
    pub(super) async fn claim(
        spec: &SourceSpec,
        partitions: u32,
        logs: Logs,
        queue: mpsc::Receiver<Command>,
        statuses: Statuses,
    ) -> Result<Self> {
        let Claimed { framers, cursor } = claim::claim(spec, partitions, &logs).await?;
        let (framed, cursor) = (cursor.clone(), Arc::new(Mutex::new(cursor)));
        let (spec, writer, meters, tracer) = (spec.clone(), spec.writer(), SourceMeters::new(&spec.id), Tracer::new(&spec.id));
        Ok(Self { spec, writer, logs, queue, framers, cursor, framed, statuses, meters, tracer, gathering: None, ready: Group::default() })
    }

    pub(super) fn cursor(&self) -> Arc<Mutex<Option<String>>> {
        self.cursor.clone()
    }

    /// Runs until the source's end is dropped and everything it handed over is durable. Dropped before that, what is on
    /// its way stays undecided until the source resumes from its cursor.
    ///
    /// # Errors
    /// `Conflict` when somebody else has taken the source over: nothing that was on its way is acknowledged. Any but
    /// `Unavailable`, which is retried.
    pub async fn run(&mut self) -> Result<()> {
        let mut flight: Option<Flight> = None;
        let mut publish: Option<Publish> = None;
        let mut open = true;
        loop {
            if flight.is_none() {
                if !self.ready.is_empty() {
                    let group = std::mem::take(&mut self.ready);
                    flight = Some(self.fly(group));
                } else if let Some(request) = publish.take() {
                    self.publish(request).await?;
                    continue;
                } else if !open && self.gathering.is_none() {
                    return Ok(());
                }
            }
            // When the source has gone nothing comes to keep waiting events company.
            let linger = if open { LINGER } else { Duration::ZERO };
            let due = self.gathering.as_ref().map(|g| g.since + linger);
            let room = open && publish.is_none() && self.ready.has_room();
            tokio::select! {
                biased;
                (mut group, outcome) = async { flight.as_mut().expect("guarded by the condition").await }, if flight.is_some() => {
                    flight = None;
                    match outcome {
                        Ok(appended) => self.landed(group, &appended),
                        Err(e) if self.holds_on(&e, &mut group.entries).await? => flight = Some(self.fly(group)),
                        Err(e) => return Err(e),
                    }
                }
                command = self.queue.recv(), if room => match command {
                    None => open = false,
                    Some(Command::Send { events, cursor, held }) => self.gather(events, cursor, held),
                    Some(Command::Flush { reply }) => {
                        self.seal();
                        self.ready.replies.push(reply);
                    }
                    Some(Command::Publish { events, key, held, reply }) => {
                        self.seal();
                        publish = Some((events, key, held, reply));
                    }
                },
                () = tokio::time::sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => self.seal(),
            }
        }
    }

    /// Marks the end of the source: no event will ever come, until it is started again.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub async fn end(&mut self) -> Result<()> {
        let cursor = self.durable_cursor();
        let mut entries = self.framers.iter_mut().map(|f| f.empty(Some(Timestamp::MAX), cursor.as_deref())).collect();
        self.put(&mut entries).await.map(drop)
    }

    fn durable_cursor(&self) -> Option<String> {
        self.cursor.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn fly(&self, mut group: Group) -> Flight {
        let steps = self.begin(&mut group.entries);
        let (logs, id, expect) = (self.logs.clone(), self.writer.clone(), self.expect(&group.entries));
        Box::pin(async move {
            let outcome = async {
                set_aside(&logs, &group.oversized).await?;
                // A flush has nothing to store.
                if group.entries.is_empty() { Ok(Vec::new()) } else { append(&*logs.events, &group.entries, expect, &id).await }
            };
            let outcome = outcome.await;
            drop(steps);
            (group, outcome)
        })
    }

    /// Begins the ways of those frames that are to be traced.
    fn begin(&self, entries: &mut [NewEntry]) -> Vec<Step> {
        entries.iter_mut().filter(|entry| !entry.body.is_empty()).filter_map(|frame| self.tracer.begin(frame)).collect()
    }

    /// Appends now, and waits for it.
    async fn put(&mut self, entries: &mut Vec<NewEntry>) -> Result<Vec<Appended>> {
        let _steps = self.begin(entries);
        loop {
            match append(&*self.logs.events, entries, self.expect(entries), &self.writer).await {
                Err(e) if self.holds_on(&e, entries).await? => {}
                Ok(appended) => {
                    self.advance(entries, &appended);
                    return Ok(appended);
                }
                Err(e) => return Err(e),
            }
        }
    }

    /// Every frame follows the newest one that its framer knows: an owner who was replaced cannot write any more.
    fn expect(&self, entries: &[NewEntry]) -> Expect {
        let subjects: BTreeSet<&str> = entries.iter().map(|entry| entry.subject.as_str()).collect();
        let framers = self.framers.iter().filter(|framer| subjects.contains(framer.subject.as_str()));
        Expect::LastOnSubjects(framers.map(|framer| (framer.subject.clone(), framer.newest)).collect())
    }

    fn advance(&mut self, entries: &[NewEntry], appended: &[Appended]) {
        for (entry, appended) in entries.iter().zip(appended) {
            let home = subject::parse_events(&entry.subject).and_then(|(partition, ..)| self.framers.get_mut(partition as usize));
            if let Some(framer) = home {
                framer.newest = framer.newest.max(appended.position);
            }
        }
    }

    /// Whether the source is still this owner's after an append failed, and the append is to be repeated.
    async fn holds_on(&mut self, e: &Error, entries: &mut Vec<NewEntry>) -> Result<bool> {
        if e.kind() != Kind::Conflict {
            return Ok(false);
        }
        let cursor = self.durable_cursor();
        let pending = [entries, &mut self.ready.entries];
        claim::claim_again(&mut self.framers, pending, cursor.as_deref(), &self.logs, &self.writer).await
    }

    fn landed(&mut self, group: Group, appended: &[Appended]) {
        self.advance(&group.entries, appended);
        if group.cursor.is_some() {
            self.cursor.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&group.cursor);
        }
        self.durable(&group);
        // A receiver that has gone does not want to know.
        group.replies.into_iter().for_each(|reply| reply.send(()).unwrap_or(()));
    }

    fn durable(&self, group: &Group) {
        let (oversized, latest) = (group.oversized.len() as u64, group.latest.map(Timestamp::from_micros));
        self.meters.accepted(group.events);
        self.meters.frames(group.frames, group.bytes as u64);
        self.meters.dead_letters(oversized);
        self.statuses.update(&self.spec, |status| {
            status.events += group.events;
            status.dead_letters += oversized;
            status.last_event_time = status.last_event_time.max(latest);
        });
        // Of all shards here: one that is behind must not set it back.
        if latest.is_some() {
            self.statuses.newest(&self.spec.id).iter().for_each(|newest| self.meters.newest(*newest));
        }
    }

    /// Joins events with those that wait; seals them at once when they are many.
    fn gather(&mut self, events: EventBatch, cursor: Option<String>, held: Held) {
        let full = self.full();
        if self.gathering.as_ref().is_some_and(|g| g.events.len() + events.len() > full) {
            self.seal();
        }
        let gathering = match &mut self.gathering {
            Some(gathering) => {
                gathering.events.extend(&events);
                gathering
            }
            none => none.insert(Gathering { since: Instant::now(), events, cursor: None, held: Vec::new() }),
        };
        gathering.cursor = cursor.or(gathering.cursor.take());
        gathering.held.push(held);
        if gathering.events.len() >= full {
            self.seal();
        }
    }

    /// How many events may wait for company: as many as fill a frame of each partition, within limits.
    fn full(&self) -> usize {
        EVENTS_MAX * self.framers.len().min(GATHERED_FRAMES_MAX)
    }

    /// Turns the waiting events into frames.
    fn seal(&mut self) {
        let Some(Gathering { events, cursor, held, .. }) = self.gathering.take() else { return };
        let group = &mut self.ready;
        let from = group.entries.len();
        group.latest = group.latest.max(events.times().iter().max().copied());
        let (count, aside) = (events.len(), group.oversized.len());
        for (partition, events) in events.split(self.framers.len() as u32) {
            self.framers[partition as usize].frames(events, self.framed.as_deref(), None, &mut group.entries, &mut group.oversized);
        }
        if let Some(cursor) = cursor {
            // A log may store a part of what is appended: only the last frame may say that all of it is there.
            match group.entries[from..].last_mut() {
                Some(last) => Framer::tell(last, &cursor),
                None => group.entries.push(self.framers[0].empty(None, Some(&cursor))),
            }
            self.framed = Some(cursor.clone());
            group.cursor = Some(cursor);
        }
        group.events += (count + aside - group.oversized.len()) as u64;
        group.count_frames(from);
        group.held.extend(held);
    }

    /// Stores a request as frames of its own, alone: when it was stored before, its frame numbers are free again.
    async fn publish(&mut self, (events, key, held, reply): Publish) -> Result<()> {
        let numbers: Vec<u64> = self.framers.iter().map(Framer::number).collect();
        let mut group = Group { events: events.len() as u64, latest: events.times().iter().max().copied(), ..Group::default() };
        for (partition, events) in events.split(self.framers.len() as u32) {
            let cursor = self.framed.as_deref();
            self.framers[partition as usize].frames(events, cursor, Some(&key), &mut group.entries, &mut group.oversized);
        }
        group.count_frames(0);
        group.events -= group.oversized.len() as u64;
        let answer = match set_aside(&self.logs, &group.oversized).await {
            Ok(()) if group.entries.is_empty() => Ok(Vec::new()),
            Ok(()) => self.put(&mut group.entries).await,
            Err(e) => Err(e),
        };
        let answer = match answer {
            Ok(appended) if !appended.iter().any(|a| a.duplicate) => Ok(true),
            Err(e) if e.kind() != Kind::Rejected => return Err(e),
            // A duplicate may have been stored long ago or, by a try of unknown outcome, just now.
            other => {
                let stored = self.recount(&numbers).await?;
                other.map(|_| stored)
            }
        };
        if matches!(answer, Ok(true)) {
            self.durable(&group);
        }
        drop(held);
        // A requester that has gone will ask again with the same key.
        drop(reply.send(answer));
        Ok(())
    }

    /// Reads from the log which numbers are taken, and says whether that are more than `numbers`: a number that is left out
    /// does no harm, but a frame whose number was taken before is dropped by everybody. Where a duplicate stands says
    /// nothing of the newest entry on its subject: that is read, too.
    async fn recount(&mut self, numbers: &[u64]) -> Result<bool> {
        for (framer, number) in self.framers.iter_mut().zip(numbers) {
            let newest = retrying(&self.writer, || self.logs.events.last(&framer.subject)).await?;
            framer.resume(newest.as_ref(), *number)?;
        }
        Ok(self.framers.iter().zip(numbers).any(|(framer, number)| framer.number() > *number))
    }
}

/// Makes dead letters durable: before the frames, so that no cursor passes them.
async fn set_aside(logs: &Logs, oversized: &[DeadLetter]) -> Result<()> {
    for letter in oversized {
        dead_letter(&*logs.outputs, letter).await?;
    }
    Ok(())
}

impl Group {
    fn count_frames(&mut self, from: usize) {
        self.frames += (self.entries.len() - from) as u64;
        self.bytes += self.entries[from..].iter().map(|e| e.body.len()).sum::<usize>();
    }

    fn has_room(&self) -> bool {
        self.bytes < READY_BYTES_MAX && self.entries.len() < READY_FRAMES_MAX && self.oversized.len() < READY_OVERSIZED_MAX
    }

    fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.oversized.is_empty() && self.replies.is_empty()
    }
}
