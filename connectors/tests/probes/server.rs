//! Servers on free ports of this machine that behave well or badly, as asked.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// A running server; it stops when dropped.
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    /// The heads of all requests, in order.
    pub requests: Arc<Mutex<Vec<String>>>,
    _tasks: JoinSet<()>,
}

impl Server {
    /// A web server without TLS.
    pub async fn http() -> Self {
        Self::listen(web).await
    }

    /// A web server with TLS.
    pub async fn https(config: rustls::ServerConfig) -> Self {
        let acceptor = TlsAcceptor::from(Arc::new(config));
        Self::listen(move |stream, requests| {
            let acceptor = acceptor.clone();
            async move {
                if let Ok(stream) = acceptor.accept(stream).await {
                    web(stream, requests).await;
                }
            }
        })
        .await
    }

    /// A server that does `serve` with each connection.
    pub async fn listen<F: Future<Output = ()> + Send + 'static>(
        mut serve: impl FnMut(TcpStream, Arc<Mutex<Vec<String>>>) -> F + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::<Mutex<Vec<String>>>::default();
        let seen = requests.clone();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                connections.spawn(serve(stream, seen.clone()));
            }
        });
        Self { address, requests, _tasks: tasks }
    }

    /// The URL of `path` here.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

/// An address where nobody listens.
pub fn closed() -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

/// Waits for ever.
pub async fn hang() {
    std::future::pending().await
}

/// Reads to the end of the request's head.
async fn head(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    Some(String::from_utf8(head).unwrap())
}

const OK_BODY: &str = r#"{"status": "ok","n": 3}"#;

fn response(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n{headers}\r\n{body}", body.len())
}

/// The paths are those of the recorded reference targets.
async fn web(mut stream: impl AsyncRead + AsyncWrite + Unpin, requests: Arc<Mutex<Vec<String>>>) {
    let Some(request) = head(&mut stream).await else { return };
    requests.lock().unwrap().push(request.clone());
    let path = request.split(' ').nth(1).unwrap();
    let pause = Duration::from_millis(200);
    let say = match path {
        "/ok" => response("200 OK", "", OK_BODY),
        "/bad" => response("200 OK", "", r#"{"status": "down"}"#),
        "/404" => response("404 Not Found", "", r#"{"error":"nope"}"#),
        "/500" => response("500 Internal Server Error", "", ""),
        "/204" => "HTTP/1.1 204 No Content\r\n\r\n".to_owned(),
        "/chunked" => "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n".to_owned(),
        "/until-close" => format!("HTTP/1.0 200 OK\r\n\r\n{OK_BODY}"),
        "/early-hints" => format!("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n{}", response("200 OK", "", OK_BODY)),
        "/gzip" => response("200 OK", "Content-Encoding: gzip\r\n", "\u{1f}not really gzip"),
        "/large" => response("200 OK", "", &format!("{}needle", "x".repeat(100_000))),
        "/echo" => response("403 Forbidden", "", &request),
        "/loop" => response("302 Found", "Location: /loop\r\n", ""),
        "/to-mail" => response("301 Moved Permanently", "Location: mailto:a@example.org\r\n", ""),
        "/nowhere" => response("301 Moved Permanently", "", ""),
        "/truncated" => "HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\nshort".to_owned(),
        "/truncated-chunk" => "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nabc".to_owned(),
        "/garbage" => "SSH-2.0-OpenSSH_9.2\r\n\r\n".to_owned(),
        "/empty" => String::new(),
        "/hang" => return hang().await,
        "/slow-first-byte" => {
            tokio::time::sleep(pause).await;
            response("200 OK", "", OK_BODY)
        }
        "/slow-body" => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab").await.unwrap();
            tokio::time::sleep(pause).await;
            "cd".to_owned()
        }
        "/hang-body" => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\nabc").await.unwrap();
            return hang().await;
        }
        "/endless" => {
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
            while stream.write_all(b"more and more\n").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            return;
        }
        _ => match path.strip_prefix("/redirect/").map(|n| n.parse::<u32>().unwrap()) {
            Some(n) => {
                let to = if n <= 1 { "/ok".to_owned() } else { format!("/redirect/{}", n - 1) };
                response(if n % 2 == 0 { "302 Found" } else { "301 Moved Permanently" }, &format!("Location: {to}\r\n"), "")
            }
            None => match path.strip_prefix("/away/") {
                Some(location) => response("307 Temporary Redirect", &format!("Location: {location}\r\n"), ""),
                None => response("404 Not Found", "", ""),
            },
        },
    };
    // A probe that has seen enough closes early.
    let _ = stream.write_all(say.as_bytes()).await;
    let _ = stream.shutdown().await;
}
