//! A source's road to a log, and what came to its end.

use std::sync::Arc;
use std::time::Duration;

use floodmark_core::ports::{Entry, Log, SourceSpec};
use floodmark_engine::Statuses;
use floodmark_engine::ingest::{self, Input, Logs, Promise, Pump};
use floodmark_schemas::{Encoding, Event, EventBatch, FrameHeader, Series, Timestamp, frame, subject};
use tokio::task::JoinSet;

use super::chain::entries;

/// A source `s` that writes JSON and whose times do not go backwards.
pub fn source(id: &str) -> SourceSpec {
    SourceSpec { id: id.to_owned(), shard: None, encoding: Encoding::Json, disorder: Duration::ZERO, live: false }
}

/// A source's end of the road, with the pump running behind it.
pub struct Road {
    /// The source's end.
    pub input: Input,
    /// What is known of the source.
    pub statuses: Statuses,
    /// What it promises.
    pub promise: Arc<Promise>,
    pump: JoinSet<(Pump, floodmark_core::Result<()>)>,
}

impl Road {
    /// Takes the source over and starts its pump.
    ///
    /// # Errors
    /// As [`ingest::open`].
    pub async fn open(spec: &SourceSpec, partitions: u32, logs: &Logs) -> floodmark_core::Result<Self> {
        let (promise, statuses) = (Arc::new(Promise::new(&spec.writer(), spec.disorder)), Statuses::default());
        let (input, mut running) = ingest::open(spec.clone(), partitions, logs, promise.clone(), statuses.clone()).await?;
        let mut pump = JoinSet::new();
        pump.spawn(async move {
            let outcome = running.run().await;
            (running, outcome)
        });
        Ok(Self { input, statuses, promise, pump })
    }

    /// The source goes; waits until everything it handed over is durable.
    ///
    /// # Errors
    /// As [`Pump::run`].
    pub async fn close(mut self) -> floodmark_core::Result<Pump> {
        drop(self.input);
        let (pump, outcome) = self.pump.join_next().await.expect("there is one task").expect("a pump does not panic");
        outcome.map(|()| pump)
    }
}

/// A sample whose value is its number, one second after the one before; of series `n % series`.
pub fn numbered(source: &str, n: u64, series: u64) -> Event {
    let series = Series::new("load").label("n", (n % series).to_string());
    Event::sample(source, format!("e{n}"), Timestamp::from_secs(n as i64), series, n as f64)
}

/// Samples with these numbers, of seven series.
pub fn batch(source: &str, numbers: std::ops::Range<u64>) -> EventBatch {
    numbers.map(|n| numbered(source, n, 7)).collect()
}

/// A frame as it stands in the log.
#[derive(Clone, Debug)]
pub struct Stored {
    /// The entry.
    pub entry: Entry,
    /// Its header.
    pub header: FrameHeader,
    /// Its events.
    pub events: Vec<Event>,
}

/// All frames of a source in a partition, also those without events. Those of replaced owners are left out, as every
/// reader does; numbers of the others must follow each other.
pub async fn frames(log: &dyn Log, partition: u32, source: &str) -> Vec<Stored> {
    let mut frames: Vec<Stored> = Vec::new();
    for entry in entries(log, &subject::events(partition, source)).await {
        let header = FrameHeader::from_headers(&entry.headers).expect("a frame has its headers");
        let id = entry.id.clone().unwrap_or_default();
        let events = frame::decode(header.encoding, &entry.body, source, &id).expect("a frame can be read");
        assert_eq!(events.len(), header.count as usize);
        let before = frames.last().map(|frame| (frame.header.epoch, frame.header.number));
        match before {
            Some((epoch, _)) if header.epoch < epoch => continue,
            Some((_, number)) => assert_eq!(header.number, number + 1, "frame numbers are contiguous"),
            None => {}
        }
        frames.push(Stored { entry, header, events });
    }
    frames
}

/// The ids of the events of a source in a partition, in order.
pub async fn ids(log: &dyn Log, partition: u32, source: &str) -> Vec<String> {
    frames(log, partition, source).await.into_iter().flat_map(|frame| frame.events).map(|event| event.id).collect()
}

/// The ids of [`batch`].
pub fn numbers(numbers: std::ops::Range<u64>) -> Vec<String> {
    numbers.map(|n| format!("e{n}")).collect()
}
