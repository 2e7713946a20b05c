//! A server that speaks MongoDB's protocol.

use std::process::Command;
use std::time::Duration;

use mongodb::Client;
use mongodb::bson::doc;
use mongodb::options::ClientOptions;
use tokio::sync::OnceCell;

use super::find::program;
use super::last_words::last_words;
use super::process::Process;
use super::uri::unique_name;

/// The variable that names a server of one's own.
pub const URI: &str = "FLOODMARK_TEST_MONGODB_URI";

/// How long one look for the server takes.
const LOOK_TIME_MAX: Duration = Duration::from_secs(2);

static SHARED: OnceCell<Mongo> = OnceCell::const_new();

/// A running server; it ends when dropped, unless it is somebody else's.
pub struct Mongo {
    uri: String,
    own: Option<Process>,
}

impl Mongo {
    /// The server of all tests: the one that `FLOODMARK_TEST_MONGODB_URI` names (`make test` sets it), or else one of
    /// this process, which lives as long as that.
    ///
    /// # Panics
    /// When it is not installed or does not start.
    pub async fn shared() -> &'static Self {
        let shared = SHARED.get_or_init(|| async {
            match std::env::var(URI) {
                Ok(uri) if !uri.is_empty() => Self { uri, own: None },
                _ => Self::start().await,
            }
        });
        shared.await
    }

    /// A server of this test, which it may kill.
    ///
    /// # Panics
    /// When it is not installed or does not start.
    pub async fn start() -> Self {
        let process = Process::new("the MongoDB server", "KILL");
        let uri = format!("mongodb://127.0.0.1:{}/?directConnection=true", process.port());
        let mut mongo = Self { uri, own: Some(process) };
        mongo.restart().await;
        mongo
    }

    /// Where clients connect to.
    pub fn uri(&self) -> &str {
        &self.uri
    }

    /// An empty database of this test.
    pub fn database(&self) -> Database {
        Database { uri: self.uri.clone(), name: unique_name() }
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
        let uri = self.uri.clone();
        let process = self.own_mut();
        if process.is_running() {
            process.kill().await;
        }
        let mut command = Command::new(program("the MongoDB server", "FLOODMARK_TEST_MONGODB_SERVER", "secantusd-py", &[]));
        // In its folder, where it looks for a configuration first.
        command.current_dir(process.folder()).args(["--host", "127.0.0.1", "--port", &process.port().to_string()]);
        command.arg("--storage-path").arg(process.folder().join("data")).args(["--log-level", "WARNING"]);
        process.start(command, || answers(uri.clone())).await;
    }

    fn own(&self) -> &Process {
        self.own.as_ref().unwrap_or_else(|| panic!("the server of {URI} belongs to somebody else; Mongo::start gives one of this test"))
    }

    fn own_mut(&mut self) -> &mut Process {
        self.own.as_mut().unwrap_or_else(|| panic!("the server of {URI} belongs to somebody else; Mongo::start gives one of this test"))
    }
}

/// A database that no other test uses; it is removed when dropped, as far as its server still answers.
pub struct Database {
    uri: String,
    name: String,
}

impl Database {
    /// Where clients connect to; the name of the database is not part of it.
    pub fn uri(&self) -> &str {
        &self.uri
    }

    /// What the database is called.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        last_words(async { client(&self.uri).await?.database(&self.name).drop().await });
    }
}

async fn answers(uri: String) -> bool {
    let ping = async { client(&uri).await?.database("admin").run_command(doc! { "ping": 1 }).await };
    ping.await.is_ok()
}

async fn client(uri: &str) -> mongodb::error::Result<Client> {
    let mut options = ClientOptions::parse(uri).await?;
    options.server_selection_timeout = Some(LOOK_TIME_MAX);
    Client::with_options(options)
}
