//! A way to a server that can be narrowed and cut.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// What passes at once through a narrow way.
const STEP_BYTES: usize = 1_024;

/// How wide the way is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// As wide as the network.
    Open,
    /// So many bytes a second, each connection and direction.
    Narrow(u32),
    /// Connections end, new ones too.
    Cut,
}

/// Listens on a free port until it is dropped.
pub struct Proxy {
    address: SocketAddr,
    way: watch::Sender<Way>,
    _accepting: JoinSet<()>,
}

impl Proxy {
    /// A way to the port of this machine, which is open.
    ///
    /// # Panics
    /// When there is no free port.
    pub async fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("there is a free port");
        let (address, way) = (listener.local_addr().expect("it is bound"), watch::Sender::new(Way::Open));
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener, port, way.subscribe()));
        Self { address, way, _accepting: accepting }
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Makes the way wide, narrow, or cuts it.
    pub fn set(&self, way: Way) {
        self.way.send_replace(way);
    }
}

async fn accept(listener: TcpListener, port: u16, way: watch::Receiver<Way>) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        connections.spawn(connect(client, port, way.clone()));
        while connections.try_join_next().is_some() {}
    }
}

async fn connect(client: TcpStream, port: u16, mut way: watch::Receiver<Way>) {
    if *way.borrow() == Way::Cut {
        return;
    }
    let Ok(server) = TcpStream::connect(("127.0.0.1", port)).await else { return };
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let way_of = Arc::new(way.clone());
    tokio::select! {
        () = pass(from_client, to_server, &way_of) => {}
        () = pass(from_server, to_client, &way_of) => {}
        _ = way.wait_for(|way| *way == Way::Cut) => {}
    }
}

async fn pass(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, way: &watch::Receiver<Way>) {
    let mut bytes = vec![0; 64 * STEP_BYTES];
    loop {
        let now = *way.borrow();
        let at_once = if now == Way::Open { bytes.len() } else { STEP_BYTES };
        let Ok(count @ 1..) = from.read(&mut bytes[..at_once]).await else { return };
        if let Way::Narrow(bytes_per_sec) = now {
            tokio::time::sleep(Duration::from_secs(1) * count as u32 / bytes_per_sec).await;
        }
        if to.write_all(&bytes[..count]).await.is_err() {
            return;
        }
    }
}
