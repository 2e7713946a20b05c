//! A server on a free port, and the least HTTP client that shows every byte of an answer.

use std::net::SocketAddr;

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

use super::{super::memory::Memory, state};
use crate::api::{router, serve};

/// A running API.
pub struct Server {
    pub address: SocketAddr,
    pub ready: watch::Sender<bool>,
    pub shutdown: CancellationToken,
    pub tasks: JoinSet<anyhow::Result<()>>,
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Server {
    pub async fn start(memory: Memory) -> Self {
        let (ready, receiver) = watch::channel(true);
        Self::start_router(router(state(memory, receiver)), ready).await
    }

    pub async fn start_router(router: axum::Router, ready: watch::Sender<bool>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let mut tasks = JoinSet::new();
        tasks.spawn(serve(listener, router, shutdown.clone()));
        Self { address, ready, shutdown, tasks }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(&format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")).await
    }

    /// Sends a body, with what else is in the head.
    pub async fn put(&self, method: &str, path: &str, head: &str, body: &str) -> Answer {
        let length = body.len();
        self.send(&format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:1\r\n{head}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        ))
        .await
    }

    pub async fn send(&self, request: &str) -> Answer {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        read(&mut stream).await
    }
}

pub async fn read(stream: &mut TcpStream) -> Answer {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").expect("an answer has a head");
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers = lines.map(|line| line.split_once(": ").unwrap()).map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
    Answer { status, headers, body: body.to_owned() }
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    pub fn json(&self) -> Value {
        assert_eq!(self.header("content-type"), Some("application/json"), "{}", self.body);
        serde_json::from_str(&self.body).unwrap()
    }
}
