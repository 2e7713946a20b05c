//! NATS with JetStream, one server for each test: it starts in tens of milliseconds.

use std::path::PathBuf;
use std::process::Command;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::TcpStream;

use super::find::program;
use super::process::Process;

/// The variable that names a server of one's own.
const URI: &str = "FLOODMARK_TEST_NATS_URI";

/// A running server; it ends when dropped.
pub struct Nats {
    url: String,
    own: Option<Process>,
}

impl Nats {
    /// A server of this test. What its streams may set aside does not depend on the space that the machine has free.
    ///
    /// # Panics
    /// When it is not installed or does not start.
    pub async fn start() -> Self {
        Self::with_config("jetstream { max_file_store: 64GB }").await
    }

    /// A server of this test with a configuration, such as limits, users, TLS. Where it listens and stores is given
    /// besides and wins.
    ///
    /// # Panics
    /// When it is not installed or does not start.
    pub async fn with_config(config: &str) -> Self {
        let process = Process::new("nats-server", "KILL");
        std::fs::write(process.folder().join("nats.conf"), config).expect("the temporary directory takes files");
        let mut nats = Self { url: format!("nats://127.0.0.1:{}", process.port()), own: Some(process) };
        nats.restart().await;
        nats
    }

    /// The server that `FLOODMARK_TEST_NATS_URI` names, or else one of this test: for tests that do nothing to the server
    /// itself and use names of their own.
    ///
    /// # Panics
    /// When it is not installed or does not start.
    pub async fn shared_or_start() -> Self {
        match std::env::var(URI) {
            Ok(url) if !url.is_empty() => Self { url, own: None },
            _ => Self::start().await,
        }
    }

    /// Where clients connect to.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.own().port()
    }

    /// Where JetStream keeps its streams.
    pub fn store_dir(&self) -> PathBuf {
        self.own().folder().join("jetstream")
    }

    /// What the server has said.
    pub fn log(&self) -> String {
        self.own().log()
    }

    /// The ids of its processes; none when it is down.
    pub fn process_ids(&self) -> Vec<u32> {
        self.own().ids()
    }

    /// SIGKILL; returns when it is gone.
    pub async fn kill(&mut self) {
        self.own_mut().kill().await;
    }

    /// A shutdown in order; returns when it is gone.
    pub async fn stop(&mut self) {
        self.own_mut().stop("TERM").await;
    }

    /// SIGSTOP: connections stay open, nobody answers.
    pub async fn freeze(&mut self) {
        self.own_mut().freeze().await;
    }

    /// SIGCONT after [`freeze`](Self::freeze).
    pub fn thaw(&mut self) {
        self.own_mut().thaw();
    }

    /// Starts it again on the same port with what it has stored; one that still runs is killed before.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn restart(&mut self) {
        let process = self.own_mut();
        if process.is_running() {
            process.kill().await;
        }
        let port = process.port();
        let mut command = Command::new(program("nats-server", "FLOODMARK_TEST_NATS_SERVER", "nats-server", &[]));
        command.args(["--addr", "127.0.0.1", "--port", &port.to_string(), "--jetstream", "--store_dir"]);
        command.arg(process.folder().join("jetstream")).arg("--config").arg(process.folder().join("nats.conf"));
        process.start(command, || greets(port)).await;
    }

    fn own(&self) -> &Process {
        self.own.as_ref().unwrap_or_else(|| panic!("the server of {URI} belongs to somebody else; Nats::start gives one of this test"))
    }

    fn own_mut(&mut self) -> &mut Process {
        self.own.as_mut().unwrap_or_else(|| panic!("the server of {URI} belongs to somebody else; Nats::start gives one of this test"))
    }
}

/// A NATS server speaks first, also where clients need TLS or a password; it listens when its streams are recovered.
async fn greets(port: u16) -> bool {
    let Ok(connection) = TcpStream::connect(("127.0.0.1", port)).await else { return false };
    let mut greeting = String::new();
    let read = BufReader::new(connection).read_line(&mut greeting).await;
    read.is_ok() && greeting.starts_with("INFO ")
}
