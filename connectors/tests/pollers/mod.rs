//! What the tests of polling sources share: a server that replays answers in order and notes the requests, and the end of
//! the way of the events.

#![allow(dead_code, reason = "each test program uses its own part of this")]

pub mod recordings;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use floodmark_core::Result;
use floodmark_core::ports::{Ingest, Source};
use floodmark_schemas::batch::Row;
use floodmark_schemas::{Check, DeadLetter, Event, EventBatch, Payload, Record};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// A test that takes longer than this has failed.
const DEADLINE: Duration = Duration::from_secs(40);

/// An answer to replay.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Reply {
    pub fn new(status: u16, body: impl Into<String>) -> Self {
        Self { status, headers: Vec::new(), body: body.into() }
    }

    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }
}

/// A request that was made.
#[derive(Clone, Debug)]
pub struct Request {
    pub at: Instant,
    pub path: String,
    pub headers: Vec<(String, String)>,
    /// How many requests were being answered when this one came, with itself.
    pub together: usize,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// A server that answers with the replies in order, and after the last one not at all.
pub struct Server {
    listener: TcpListener,
    replies: Mutex<VecDeque<Reply>>,
    requests: Mutex<Vec<Request>>,
    answering: Mutex<usize>,
    changed: Notify,
}

impl Server {
    pub async fn new(replies: impl IntoIterator<Item = Reply>) -> Arc<Self> {
        Arc::new(Self {
            listener: TcpListener::bind("127.0.0.1:0").await.unwrap(),
            replies: Mutex::new(replies.into_iter().collect()),
            requests: Mutex::default(),
            answering: Mutex::new(0),
            changed: Notify::new(),
        })
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.listener.local_addr().unwrap())
    }

    pub fn add(&self, reply: Reply) {
        self.replies.lock().unwrap().push_back(reply);
    }

    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    /// Serves until dropped.
    async fn serve(self: Arc<Self>) {
        let mut connections = tokio::task::JoinSet::new();
        loop {
            let (socket, _) = self.listener.accept().await.unwrap();
            connections.spawn(self.clone().connection(socket));
        }
    }

    async fn connection(self: Arc<Self>, mut socket: TcpStream) {
        let mut head = Vec::new();
        loop {
            while !head.ends_with(b"\r\n\r\n") {
                match socket.read_u8().await {
                    Ok(byte) => head.push(byte),
                    Err(_) => return,
                }
            }
            let text = String::from_utf8(std::mem::take(&mut head)).unwrap();
            let mut lines = text.lines();
            let path = lines.next().unwrap().split(' ').nth(1).unwrap().to_owned();
            let headers = lines.filter_map(|line| line.split_once(": ")).map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
            let together = {
                let mut answering = self.answering.lock().unwrap();
                *answering += 1;
                *answering
            };
            self.requests.lock().unwrap().push(Request { at: Instant::now(), path, headers, together });
            self.changed.notify_waiters();
            let reply = self.replies.lock().unwrap().pop_front();
            let Some(reply) = reply else { return std::future::pending().await };
            // The latency of a real server: requests that were sent together would meet here.
            tokio::time::sleep(Duration::from_millis(30)).await;
            *self.answering.lock().unwrap() -= 1;
            let mut out = format!("HTTP/1.1 {} Replayed\r\n", reply.status);
            reply.headers.iter().for_each(|(name, value)| out.push_str(&format!("{name}: {value}\r\n")));
            if reply.status != 304 {
                out.push_str(&format!("Content-Length: {}\r\n", reply.body.len()));
            }
            out.push_str("\r\n");
            out.push_str(&reply.body);
            if socket.write_all(out.as_bytes()).await.is_err() {
                return;
            }
        }
    }
}

/// Keeps what a source hands over.
#[derive(Default)]
pub struct Kept {
    events: Mutex<Vec<Event>>,
    letters: Mutex<Vec<DeadLetter>>,
    cursor: Mutex<Option<String>>,
    changed: Notify,
}

impl Kept {
    pub fn resuming(cursor: Option<String>) -> Self {
        Self { cursor: Mutex::new(cursor), ..Self::default() }
    }

    pub fn events(&self) -> Vec<Event> {
        self.events.lock().unwrap().clone()
    }

    pub fn letters(&self) -> Vec<DeadLetter> {
        self.letters.lock().unwrap().clone()
    }

    pub fn checks(&self) -> Vec<Check> {
        self.events().into_iter().filter_map(|event| if let Payload::Check(check) = event.payload { Some(check) } else { None }).collect()
    }

    pub fn records(&self) -> Vec<(String, Record)> {
        self.events()
            .into_iter()
            .filter_map(|e| if let Payload::Record(record) = e.payload { Some((e.id, record)) } else { None })
            .collect()
    }

    /// Samples as `series unit = value`, without their times.
    pub fn samples(&self) -> Vec<String> {
        let line = |event: Event| match event.payload {
            Payload::Sample(s) => {
                Some(format!("{}{}{} = {}", s.series, if s.series.unit.is_empty() { "" } else { " " }, s.series.unit, s.value))
            }
            _ => None,
        };
        self.events().into_iter().filter_map(line).collect()
    }
}

#[async_trait::async_trait]
impl Ingest for Kept {
    fn cursor(&self) -> Option<String> {
        self.cursor.lock().unwrap().clone()
    }

    async fn send(&self, events: EventBatch, cursor: Option<String>) -> Result<()> {
        let rows = events.rows().map(|row| match row {
            Row::Event(event) => event.clone(),
            Row::Sample { time, id, series, value } => {
                Event::sample("", id, floodmark_schemas::Timestamp::from_micros(time), series.series.clone(), value)
            }
        });
        self.events.lock().unwrap().extend(rows);
        *self.cursor.lock().unwrap() = cursor;
        self.changed.notify_waiters();
        Ok(())
    }

    async fn publish(&self, events: EventBatch, _: &str) -> Result<bool> {
        self.send(events, None).await.map(|()| true)
    }

    async fn flush(&self) -> Result<()> {
        Ok(())
    }

    async fn dead_letter(&self, letter: DeadLetter) -> Result<()> {
        self.letters.lock().unwrap().push(letter);
        Ok(())
    }
}

/// Runs `source` against `servers` until `enough` says so, which is asked after every request and every batch.
pub async fn run_until(source: &mut dyn Source, kept: &Kept, servers: &[&Arc<Server>], enough: impl Fn() -> bool) {
    let mut serving = tokio::task::JoinSet::new();
    for server in servers {
        serving.spawn((*server).clone().serve());
    }
    let seen = async {
        loop {
            let mut changes: Vec<_> = servers.iter().map(|server| Box::pin(server.changed.notified())).collect();
            changes.push(Box::pin(kept.changed.notified()));
            changes.iter_mut().for_each(|change| _ = change.as_mut().enable());
            if enough() {
                return;
            }
            futures_util::future::select_all(changes).await;
        }
    };
    tokio::select! {
        ended = source.run(kept) => panic!("the source has ended: {ended:?}"),
        () = seen => {}
        () = tokio::time::sleep(DEADLINE) => panic!("too late: {:#?} {:#?}", kept.checks(), servers.iter().map(|s| s.requests()).collect::<Vec<_>>()),
    }
}

/// The folder of recordings, or `None` with a word about it.
pub fn inputs() -> Option<std::path::PathBuf> {
    let folder = std::env::var_os("FLOODMARK_INPUTS").map(Into::into);
    if folder.is_none() {
        println!("skipped: FLOODMARK_INPUTS not set");
    }
    folder
}
