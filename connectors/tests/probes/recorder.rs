//! An ingest that keeps what it is given and hands it to the test.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use floodmark_connectors::clock::SystemClock;
use floodmark_connectors::sources::{http_probe, tcp_probe};
use floodmark_core::Result;
use floodmark_core::ports::{Ingest, Source};
use floodmark_schemas::{Check, DeadLetter, Event, EventBatch, Payload, Row, Timestamp};
use tokio::sync::Mutex;
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// How many events wait for the test at the most.
const EVENTS_MAX: usize = 1_000;

/// Keeps events in memory. Each `send` takes as long as the test says.
pub struct Recorder {
    events: Sender<Event>,
    delays: Mutex<Vec<Duration>>,
}

impl Recorder {
    /// A recorder, and where its events come out.
    pub fn new() -> (Self, Receiver<Event>) {
        Self::slow(&[])
    }

    /// A recorder whose first calls take as long as `delays` say, as a busy log would.
    pub fn slow(delays: &[Duration]) -> (Self, Receiver<Event>) {
        let (events, received) = channel(EVENTS_MAX);
        (Self { events, delays: Mutex::new(delays.iter().rev().copied().collect()) }, received)
    }
}

#[async_trait]
impl Ingest for Recorder {
    fn cursor(&self) -> Option<String> {
        None
    }

    async fn send(&self, events: EventBatch, cursor: Option<String>) -> Result<()> {
        assert_eq!(cursor, None, "what is polled cannot be resumed");
        let delay = self.delays.lock().await.pop();
        if let Some(delay) = delay {
            tokio::time::sleep(delay).await;
        }
        for row in events.rows() {
            let event = match row {
                Row::Event(event) => event.clone(),
                Row::Sample { time, id, series, value } => {
                    Event::sample("machine", id, Timestamp::from_micros(time), series.series.clone(), value)
                }
            };
            // Nobody listens any more once the test has seen enough.
            let _ = self.events.send(event).await;
        }
        Ok(())
    }

    async fn publish(&self, events: EventBatch, _: &str) -> Result<bool> {
        self.send(events, None).await.map(|()| true)
    }

    async fn flush(&self) -> Result<()> {
        Ok(())
    }

    async fn dead_letter(&self, letter: DeadLetter) -> Result<()> {
        panic!("a probe sets nothing aside: {letter:?}")
    }
}

/// Runs `source` until it has given `count` events.
pub async fn events(source: impl Source, recorder: (Recorder, Receiver<Event>), count: usize) -> Vec<Event> {
    events_while(source, recorder, |events| events.len() < count).await
}

/// Runs `source` for as long as `more` wants more events.
pub async fn events_while(
    mut source: impl Source,
    (recorder, mut received): (Recorder, Receiver<Event>),
    more: impl Fn(&[Event]) -> bool,
) -> Vec<Event> {
    let mut events = Vec::new();
    let collect = async {
        while more(&events) {
            events.push(received.recv().await.unwrap());
        }
    };
    tokio::select! {
        ended = source.run(&recorder) => panic!("what is polled never ends: {ended:?}"),
        () = collect => {}
    }
    events
}

/// The check in `event`.
pub fn check_of(event: &Event) -> Check {
    let Payload::Check(check) = &event.payload else { panic!("not a check: {event:?}") };
    check.clone()
}

/// The first check that `http_probe` gives with this configuration.
pub async fn http_check(config: serde_json::Value) -> Check {
    let config = serde_json::from_value(config).unwrap();
    let source = http_probe::HttpProbes::new("web", config, Arc::new(SystemClock)).unwrap();
    check_of(&events(source, Recorder::new(), 1).await[0])
}

/// The first check that `tcp_probe` gives with this configuration.
pub async fn tcp_check(config: serde_json::Value) -> Check {
    let config = serde_json::from_value(config).unwrap();
    let source = tcp_probe::TcpProbes::new("ports", config, Arc::new(SystemClock)).unwrap();
    check_of(&events(source, Recorder::new(), 1).await[0])
}

/// The names of the phases that happened.
pub fn phases(check: &Check) -> String {
    check.phases.iter().map(|(name, _)| name).collect::<Vec<_>>().join(" ")
}
