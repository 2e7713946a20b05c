//! Senders of events that write down what they sent and what the program said of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use floodmark_schemas::{Series, Timestamp};
use tokio::sync::{Mutex, Notify, watch};
use tokio::time::{Instant, sleep_until};

use super::program::client;
use super::rng::Rng;

/// How long a sender waits after a request that was not answered.
const SEND_AGAIN_AFTER: Duration = Duration::from_millis(10);
/// Events of one request.
const EVENTS: Range<u64> = 1..12;
/// How far the clock of events moves with each request.
const STEP_US: i64 = 150_000;
/// Long ago, so that no event lies in the future: 2020-01-01T00:00:00Z.
const START_US: i64 = 1_577_836_800_000_000;
/// By how much the times of events go backwards, but for those that are late.
pub const DISORDER_US: i64 = 500_000;

/// An event as it was sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Sent {
    /// What is measured.
    pub series: Series,
    /// When.
    pub time_us: i64,
    /// How much.
    pub value: f64,
}

/// One request: the key it is repeated with, the ids of its events, its lines.
#[derive(Clone, Debug)]
pub struct Request {
    /// What tells a repetition from a new request.
    pub key: String,
    /// Of its events.
    pub ids: Vec<String>,
    /// One event a line.
    pub body: String,
}

/// What was sent, and what the program said of it.
#[derive(Clone, Debug, Default)]
pub struct Account {
    /// Every event that may have been sent, by id.
    pub sent: BTreeMap<String, Sent>,
    /// Which of them were acknowledged.
    pub acknowledged: BTreeSet<String>,
    /// How many requests were sent again.
    pub repeated: u64,
    /// How many of those were stored before.
    pub duplicates: u64,
}

/// Makes requests up, sends them, and keeps the account.
#[derive(Debug)]
pub struct Ledger {
    events: Range<u64>,
    account: Mutex<Account>,
    requests: AtomicU64,
    answered: Notify,
}

impl Default for Ledger {
    fn default() -> Self {
        Self::of(EVENTS)
    }
}

impl Ledger {
    /// Requests of so many events each.
    pub fn of(events: Range<u64>) -> Self {
        Self { events, account: Mutex::default(), requests: AtomicU64::new(0), answered: Notify::new() }
    }

    /// What it says now.
    pub async fn account(&self) -> Account {
        self.account.lock().await.clone()
    }

    /// Waits for the next acknowledgement.
    pub async fn answered(&self) {
        self.answered.notified().await;
    }

    /// Makes up a request: events a little out of order, a few late within what is allowed, a few later than that.
    pub async fn request(&self, rng: &mut Rng) -> Request {
        let n = self.requests.fetch_add(1, Ordering::Relaxed);
        let (mut body, mut ids) = (String::new(), Vec::new());
        let mut account = self.account.lock().await;
        for i in 0..rng.pick(self.events.clone()) {
            let back = match rng.pick(0..200) {
                0 => 4_000_000 + rng.pick(0..12_000_000),
                1..12 => rng.pick(0..3_000_000),
                _ => rng.pick(0..DISORDER_US as u64),
            };
            let time_us = START_US + n as i64 * STEP_US - back as i64;
            let series = Series::new("load").unit("1").label("host", format!("h{}", rng.pick(0..5)));
            let (id, value) = (format!("{n}-{i}"), rng.pick(0..4_000) as f64 / 1_000.0);
            writeln!(body, "{}", line(&id, time_us, &series, value)).expect("a string takes everything");
            account.sent.insert(id.clone(), Sent { series, time_us, value });
            ids.push(id);
        }
        Request { key: format!("request-{n}"), ids, body }
    }

    /// Sends requests one after another, each until it is acknowledged, until `last` says that the next is the last.
    pub async fn client(&self, mut rng: Rng, port: u16, last: watch::Receiver<bool>) {
        let client = client();
        while !*last.borrow() {
            let request = self.request(&mut rng).await;
            self.deliver(&client, port, &request).await;
        }
    }

    /// Sends a request until it is acknowledged.
    ///
    /// # Panics
    /// When the answer is one that must not come.
    pub async fn deliver(&self, client: &reqwest::Client, port: u16, request: &Request) {
        let Request { key, ids, body } = request;
        loop {
            let post = client.post(format!("http://127.0.0.1:{port}/v1/events")).header("Content-Type", "application/x-ndjson");
            let answer = match post.header("Idempotency-Key", key).body(body.clone()).send().await {
                Ok(answer) => Ok((answer.status().as_u16(), answer.text().await)),
                Err(e) => Err(e),
            };
            match answer {
                Ok((200, Ok(text))) => {
                    let answer: serde_json::Value = serde_json::from_str(&text).expect("answers are JSON");
                    assert_eq!((&answer["accepted"], &answer["rejected"]), (&ids.len().into(), &serde_json::json!([])), "{text}");
                    self.account.lock().await.duplicates += u64::from(answer["duplicate"] == true);
                    break;
                }
                // It was killed, or waits for a server: whether the events are stored nobody knows.
                Err(_) | Ok((503, _) | (200, Err(_))) => {
                    self.account.lock().await.repeated += 1;
                    sleep_until(Instant::now() + SEND_AGAIN_AFTER).await;
                }
                Ok((status, text)) => panic!("{status} for {key}: {text:?}"),
            }
        }
        self.acknowledge(request).await;
    }

    /// Takes note that a request was acknowledged.
    pub async fn acknowledge(&self, request: &Request) {
        self.account.lock().await.acknowledged.extend(request.ids.iter().cloned());
        self.answered.notify_waiters();
    }
}

/// A sample as a line of a request.
pub fn line(id: &str, time_us: i64, series: &Series, value: f64) -> String {
    let (time, key) = (Timestamp::from_micros(time_us), series.key());
    let data = key.strip_prefix('{').expect("the key of a series is a JSON object");
    format!(r#"{{"id":"{id}","time":"{time}","type":"floodmark.sample.v1","data":{{"value":{value},{data}}}"#)
}
