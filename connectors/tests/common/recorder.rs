//! An ingest in memory: what a source hands over, in order.

#![allow(dead_code, reason = "each test file uses its part of it")]

use std::collections::HashSet;
use std::sync::Mutex;

use async_trait::async_trait;
use floodmark_core::ports::Ingest;
use floodmark_core::{Error, Result};
use floodmark_schemas::{DeadLetter, Event, EventBatch, Row, Timestamp};
use tokio::sync::watch;

/// One thing that was handed over.
#[derive(Clone, Debug)]
pub enum Given {
    /// A batch, with the key or cursor it came with.
    Batch(EventBatch, Option<String>),
    /// A dead letter.
    Letter(DeadLetter),
}

/// Keeps what it was given.
pub struct Recorder {
    start: Option<String>,
    given: Mutex<Vec<Given>>,
    keys: Mutex<HashSet<String>>,
    /// How many things were given; tests wait for it.
    count: watch::Sender<usize>,
    /// Refuse everything until it is false.
    pub unavailable: watch::Sender<bool>,
}

impl Recorder {
    /// One whose log has nothing of the source yet.
    pub fn new() -> Self {
        Self::resuming(None)
    }

    /// One whose last durable batch came with `cursor`.
    pub fn resuming(cursor: Option<String>) -> Self {
        let (given, keys) = (Mutex::default(), Mutex::default());
        Self { start: cursor, given, keys, count: watch::Sender::new(0), unavailable: watch::Sender::new(false) }
    }

    fn record(&self, given: Given) {
        self.given.lock().unwrap().push(given);
        self.count.send_modify(|n| *n += 1);
    }

    fn refused(&self) -> Result<()> {
        if *self.unavailable.borrow() { Err(Error::unavailable("appending to the log")) } else { Ok(()) }
    }

    /// Waits until `done` says so of everything given so far.
    pub async fn wait(&self, mut done: impl FnMut(&Self) -> bool) {
        let mut count = self.count.subscribe();
        while !done(self) {
            count.changed().await.unwrap();
        }
    }

    /// Everything in order.
    pub fn given(&self) -> Vec<Given> {
        self.given.lock().unwrap().clone()
    }

    /// The batches with their cursors or keys.
    pub fn batches(&self) -> Vec<(EventBatch, Option<String>)> {
        self.given()
            .into_iter()
            .filter_map(|given| if let Given::Batch(batch, cursor) = given { Some((batch, cursor)) } else { None })
            .collect()
    }

    /// The events of all batches.
    pub fn events(&self) -> Vec<Event> {
        self.batches().iter().flat_map(|(batch, _)| events(batch)).collect()
    }

    /// The dead letters.
    pub fn letters(&self) -> Vec<DeadLetter> {
        self.given().into_iter().filter_map(|given| if let Given::Letter(letter) = given { Some(letter) } else { None }).collect()
    }
}

/// The events of a batch as objects; the source is empty, as it is the frame's.
pub fn events(batch: &EventBatch) -> Vec<Event> {
    let event = |row: Row<'_>| match row {
        Row::Sample { time, id, series, value } => Event::sample("", id, Timestamp::from_micros(time), series.series.clone(), value),
        Row::Event(event) => Event { source: String::new(), ..event.clone() },
    };
    batch.rows().map(event).collect()
}

#[async_trait]
impl Ingest for Recorder {
    fn cursor(&self) -> Option<String> {
        let batches = self.batches();
        batches.into_iter().rev().find_map(|(_, cursor)| cursor).or_else(|| self.start.clone())
    }

    async fn send(&self, events: EventBatch, cursor: Option<String>) -> Result<()> {
        self.refused()?;
        self.record(Given::Batch(events, cursor));
        Ok(())
    }

    async fn publish(&self, events: EventBatch, key: &str) -> Result<bool> {
        self.refused()?;
        let is_new = self.keys.lock().unwrap().insert(key.to_owned());
        if is_new {
            self.record(Given::Batch(events, Some(key.to_owned())));
        }
        Ok(is_new)
    }

    async fn flush(&self) -> Result<()> {
        self.refused()
    }

    async fn dead_letter(&self, letter: DeadLetter) -> Result<()> {
        self.refused()?;
        self.record(Given::Letter(letter));
        Ok(())
    }
}
