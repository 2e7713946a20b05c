//! A receiver of HTTP requests as a careful person would write one: it checks the signature of what comes, does each thing
//! once, however often it is sent, and behaves badly when it is told to. It lives in the test's process: senders may be
//! killed as often as a test likes, and what was done stays known.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;
use floodmark_connectors::clock::SystemClock;
use floodmark_connectors::notify::signature;
use floodmark_core::ports::Clock;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// How old a signature may be.
const AGE_MAX: Duration = Duration::from_secs(300);

/// What it does with one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Takes it and answers this status and body.
    Take(u16, &'static str),
    /// Does not take it and answers this status, headers and body.
    Refuse(u16, Vec<(&'static str, String)>, &'static str),
    /// Takes it, and the connection ends without an answer.
    TakeAndDrop,
    /// Takes it, and never answers.
    TakeAndHang,
}

/// A request as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// `POST /path`
    pub what: String,
    /// The headers, with names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: String,
}

impl Received {
    /// The body as JSON.
    ///
    /// # Panics
    /// When it is not.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).expect("the body is JSON")
    }
}

#[derive(Default)]
struct State {
    turns: VecDeque<Turn>,
    received: Vec<Received>,
    /// By `Idempotency-Key`: the first body and how often it came.
    taken: BTreeMap<String, (String, usize)>,
    wrong: Vec<String>,
}

/// A running receiver; it stops when dropped.
pub struct Receiver {
    address: SocketAddr,
    secret: Option<String>,
    state: Mutex<State>,
    count: watch::Sender<usize>,
    tasks: Mutex<JoinSet<()>>,
}

impl Receiver {
    /// One that takes everything whose signature, made with `secret`, is right.
    pub async fn start(secret: Option<&str>) -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("there is a free port");
        let address = listener.local_addr().expect("it listens");
        let secret = secret.map(str::to_owned);
        let receiver = Arc::new(Self { address, secret, state: Mutex::default(), count: watch::Sender::new(0), tasks: Mutex::default() });
        // The task holds the receiver weakly, so that dropping the test's end stops it.
        let serving = serve(listener, Arc::downgrade(&receiver));
        receiver.tasks.lock().unwrap_or_else(PoisonError::into_inner).spawn(serving);
        receiver
    }

    /// The address of `path` here.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// What it does with the next requests; after them it takes everything with status 200.
    pub fn plan(&self, turns: impl IntoIterator<Item = Turn>) {
        self.state().turns.extend(turns);
    }

    /// All requests so far.
    pub fn received(&self) -> Vec<Received> {
        self.state().received.clone()
    }

    /// The requests after the first `count`.
    pub fn received_after(&self, count: usize) -> Vec<Received> {
        self.state().received.iter().skip(count).cloned().collect()
    }

    /// The newest request.
    pub fn newest(&self) -> Option<Received> {
        self.state().received.last().cloned()
    }

    /// The bodies that were taken, each once, by `Idempotency-Key`, and how often each came.
    pub fn taken(&self) -> BTreeMap<String, (String, usize)> {
        self.state().taken.clone()
    }

    /// What was wrong with requests: bad signatures, one key for two bodies.
    pub fn wrong(&self) -> Vec<String> {
        self.state().wrong.clone()
    }

    /// Waits until `count` requests have come.
    pub async fn have_come(&self, count: usize) {
        let mut seen = self.count.subscribe();
        crate::support::eventually::within("a request", seen.wait_for(|seen| *seen >= count)).await.expect("the sender lives");
    }

    /// Waits until it has done all that was planned.
    pub async fn has_done_its_turns(&self) {
        let mut seen = self.count.subscribe();
        let done = seen.wait_for(|_| self.state().turns.is_empty());
        crate::support::eventually::within("a request", done).await.expect("the sender lives");
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn answer(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, &'static str> {
        let what = format!("{} {}", request.method(), request.uri());
        let text = |value: &hyper::header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers = request.headers().iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
        let body = request.into_body().collect().await.map_err(|_| "the request broke off")?.to_bytes();
        let body = String::from_utf8(body.to_vec()).map_err(|_| "the body is not text")?;
        let received = Received { what, headers, body };
        let turn = self.take(received);
        self.count.send_modify(|count| *count += 1);
        match turn {
            Turn::Take(status, body) => Ok(response(status, &[], body)),
            Turn::Refuse(status, headers, body) => Ok(response(status, &headers, body)),
            Turn::TakeAndDrop => Err("told to drop the connection"),
            Turn::TakeAndHang => std::future::pending().await,
        }
    }

    /// Checks a request and takes it, if it is new; what to do then.
    fn take(&self, received: Received) -> Turn {
        let mut state = self.state();
        let turn = state.turns.pop_front().unwrap_or(Turn::Take(200, "ok"));
        let key = received.headers.get("idempotency-key").cloned();
        let fault = self.fault(&received);
        state.received.push(received.clone());
        if let Some(fault) = fault {
            state.wrong.push(fault);
            return Turn::Refuse(401, Vec::new(), "the signature is wrong");
        }
        if matches!(turn, Turn::Refuse(..)) {
            return turn;
        }
        let Some(key) = key else { return turn };
        let (first, count) = state.taken.entry(key.clone()).or_insert_with(|| (received.body.clone(), 0));
        *count += 1;
        if *first != received.body {
            state.wrong.push(format!("{key} came with two bodies"));
        }
        turn
    }

    fn fault(&self, received: &Received) -> Option<String> {
        let secret = self.secret.as_ref()?;
        let Some(header) = received.headers.get("floodmark-signature") else { return Some("there is no signature".to_owned()) };
        signature::verify(secret, header, received.body.as_bytes(), SystemClock.now(), AGE_MAX).err().map(str::to_owned)
    }
}

async fn serve(listener: TcpListener, receiver: Weak<Receiver>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let receiver = receiver.clone();
        connections.spawn(async move {
            let service = service_fn(move |request| {
                let receiver = receiver.upgrade();
                async move { receiver.ok_or("the receiver is gone")?.answer(request).await }
            });
            drop(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
        });
        while connections.try_join_next().is_some() {}
    }
}

fn response(status: u16, headers: &[(&'static str, String)], body: &'static str) -> Response<Full<Bytes>> {
    let mut builder = Response::builder().status(status);
    for (name, value) in headers {
        builder = builder.header(*name, value);
    }
    builder.body(Full::from(body)).expect("tests write good headers")
}
