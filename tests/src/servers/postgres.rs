//! PostgreSQL, one server for many tests with a database for each, or one of a test's own to kill.

use std::os::unix::fs::{MetadataExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tokio::sync::OnceCell;
use tokio_postgres::NoTls;

use super::find::{named, program, search_path};
use super::last_words::last_words;
use super::process::Process;
use super::uri::{unique_name, with_database};
use crate::support::eventually::within;

/// The variable that names a server of one's own.
pub const URI: &str = "FLOODMARK_TEST_POSTGRES_URI";

/// For a server that need not survive a power cut: much faster where many databases are made.
pub const WITHOUT_FSYNC: (&str, &str) = ("fsync", "off");

/// What every server gets. Shared memory lies in the server's folder, where a server that was killed leaves no trace.
const SETTINGS: [(&str, &str); 4] = [
    ("listen_addresses", "127.0.0.1"),
    ("unix_socket_directories", ""),
    ("max_connections", "200"),
    ("dynamic_shared_memory_type", "mmap"),
];

static SHARED: OnceCell<Postgres> = OnceCell::const_new();

/// A running server; it ends when dropped, unless it is somebody else's.
pub struct Postgres {
    uri: String,
    own: Option<Own>,
}

struct Own {
    process: Process,
    programs: PathBuf,
    account: Option<Account>,
    settings: Vec<(String, String)>,
}

impl Postgres {
    /// The server of all tests: the one that `FLOODMARK_TEST_POSTGRES_URI` names (`make test` sets it), or else one of
    /// this process, which lives as long as that.
    ///
    /// # Panics
    /// When it is not installed or does not start.
    pub async fn shared() -> &'static Self {
        let shared = SHARED.get_or_init(|| async {
            match std::env::var(URI) {
                Ok(uri) if !uri.is_empty() => Self { uri, own: None },
                _ => Self::with_settings(&[WITHOUT_FSYNC]).await,
            }
        });
        shared.await
    }

    /// A server of this test, which it may kill.
    ///
    /// # Panics
    /// When it is not installed or does not start.
    pub async fn start() -> Self {
        Self::with_settings(&[]).await
    }

    /// A server of this test with settings of `postgresql.conf`.
    ///
    /// # Panics
    /// When it is not installed or does not start.
    pub async fn with_settings(settings: &[(&str, &str)]) -> Self {
        // SIGQUIT and not SIGKILL: so it removes its shared memory.
        let process = Process::new("PostgreSQL", "QUIT");
        let uri = format!("postgres://postgres@127.0.0.1:{}/postgres", process.port());
        let settings = SETTINGS.iter().chain(settings).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let own = Own { programs: programs(), account: Account::for_server(process.folder()), process, settings };
        own.make_cluster().await;
        let mut postgres = Self { uri, own: Some(own) };
        postgres.restart().await;
        postgres
    }

    /// Where clients connect to, as an administrator.
    pub fn uri(&self) -> &str {
        &self.uri
    }

    /// An empty database of this test.
    ///
    /// # Panics
    /// When the server does not make one.
    pub async fn database(&self) -> Database {
        let name = unique_name();
        let made = within("a database", execute(&self.uri, &format!("CREATE DATABASE {name}"))).await;
        made.unwrap_or_else(|e| panic!("PostgreSQL makes no database: {e:?}"));
        Database { server: self.uri.clone(), uri: with_database(&self.uri, &name), name }
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.own().process.port()
    }

    /// What the server has said.
    pub fn log(&self) -> String {
        self.own().process.log()
    }

    /// The ids of its processes; none when it is down.
    pub fn process_ids(&self) -> Vec<u32> {
        self.own().process.ids()
    }

    /// SIGKILL of all its processes at the same moment; returns when they are gone.
    pub async fn kill(&mut self) {
        self.own_mut().process.kill().await;
    }

    /// A shutdown in order that does not wait for clients ("fast"); returns when it is gone.
    pub async fn stop(&mut self) {
        self.own_mut().process.stop("INT").await;
    }

    /// SIGSTOP of all its processes: connections stay open, nobody answers.
    pub async fn freeze(&mut self) {
        self.own_mut().process.freeze().await;
    }

    /// SIGCONT after [`freeze`](Self::freeze).
    pub fn thaw(&mut self) {
        self.own_mut().process.thaw();
    }

    /// Starts it again on the same port with what it has stored; one that still runs is killed before.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn restart(&mut self) {
        let uri = self.uri.clone();
        let own = self.own_mut();
        if own.process.is_running() {
            own.process.kill().await;
        }
        let mut command = own.command("postgres");
        command.arg("-D").arg(own.data()).args(["-p", &own.process.port().to_string()]);
        command.args(own.settings.iter().flat_map(|(name, value)| ["-c".to_owned(), format!("{name}={value}")]));
        own.process.start(command, || answers(uri.clone())).await;
    }

    fn own(&self) -> &Own {
        self.own.as_ref().unwrap_or_else(|| panic!("the server of {URI} belongs to somebody else; Postgres::start gives one of this test"))
    }

    fn own_mut(&mut self) -> &mut Own {
        self.own.as_mut().unwrap_or_else(|| panic!("the server of {URI} belongs to somebody else; Postgres::start gives one of this test"))
    }
}

impl Own {
    fn data(&self) -> PathBuf {
        self.process.folder().join("data")
    }

    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(self.programs.join(name));
        command.current_dir(self.process.folder());
        if let Some(account) = self.account {
            command.uid(account.user).gid(account.group);
        }
        command
    }

    async fn make_cluster(&self) {
        let mut command = self.command("initdb");
        command.arg("-D").arg(self.data()).args(["--no-sync", "--auth=trust", "--username=postgres", "--locale=C", "--encoding=UTF8"]);
        let mut command = tokio::process::Command::from(command);
        let made = within("a database cluster", command.stdin(Stdio::null()).kill_on_drop(true).output()).await;
        let made = made.unwrap_or_else(|e| panic!("{command:?} cannot be started: {e}"));
        assert!(made.status.success(), "initdb: {}\n{}", made.status, String::from_utf8_lossy(&made.stderr));
    }
}

/// Whom the server runs as where the tests run as root, which PostgreSQL refuses.
#[derive(Clone, Copy)]
struct Account {
    user: u32,
    group: u32,
}

impl Account {
    /// The account of a server that stores in this folder, which is given to it; `None` is our own.
    fn for_server(folder: &Path) -> Option<Self> {
        let ours = std::fs::metadata(folder).expect("it was made just now").uid();
        if ours != 0 {
            return None;
        }
        let account = ["postgres", "nobody"].into_iter().find_map(Self::named).expect("every system has an account nobody");
        chown(folder, Some(account.user), Some(account.group)).expect("root gives its folders away");
        Some(account)
    }

    fn named(name: &str) -> Option<Self> {
        let id = |which: &str| {
            let output = Command::new("id").args([which, name]).stderr(Stdio::null()).output().ok()?;
            String::from_utf8(output.stdout).ok()?.trim().parse().ok()
        };
        Some(Self { user: id("-u")?, group: id("-g")? })
    }
}

/// A database that no other test uses; it is removed when dropped, as far as its server still answers.
pub struct Database {
    server: String,
    uri: String,
    name: String,
}

impl Database {
    /// Where clients connect to.
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
        last_words(execute(&self.server, &format!("DROP DATABASE {} WITH (FORCE)", self.name)));
    }
}

/// The folder with `postgres` and `initdb`. Debian puts it outside the search path, but links to `postgres` may lie there.
fn programs() -> PathBuf {
    let variable = "FLOODMARK_TEST_POSTGRES_BIN";
    let both = |folder: &PathBuf| folder.join("postgres").is_file() && folder.join("initdb").is_file();
    let mut debian: Vec<PathBuf> =
        std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().map(|e| e.path().join("bin")).collect();
    debian.sort_by_key(|folder| folder.parent().and_then(|version| version.file_name()?.to_str()?.parse::<u32>().ok()));
    let here = search_path().into_iter().chain(debian.into_iter().rev());
    let folder = named(variable).or_else(|| here.into_iter().find(both));
    let folder = folder.unwrap_or_else(|| program("PostgreSQL", variable, "initdb", &[]).with_file_name(""));
    assert!(both(&folder), "PostgreSQL is missing: {variable} has no postgres and initdb in {}; run `make servers`", folder.display());
    folder
}

async fn answers(uri: String) -> bool {
    execute(&uri, "SELECT 1").await.is_ok()
}

async fn execute(uri: &str, sql: &str) -> Result<(), tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(uri, NoTls).await?;
    // The connection ends only when the client is dropped, or with an error that the client gets as well.
    let work = client.batch_execute(sql);
    tokio::select! {
        done = work => done,
        ended = connection => ended,
    }
}
