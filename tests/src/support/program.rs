//! The program from outside: started with a configuration, watched by what it writes to stderr and what its API answers,
//! ended by signals.

use std::hash::{BuildHasher, RandomState};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStderr, Command};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::eventually::{DEADLINE, eventually, within};

/// What it says when the pipeline runs.
const RUNNING: &str = "pipeline is running";
/// How long one request may take.
const REQUEST_TIME_MAX: Duration = Duration::from_secs(20);

/// A directory with a configuration and the data that belong to it.
pub struct Installation {
    program: PathBuf,
    dir: TempDir,
}

impl Installation {
    /// An empty directory for the executable at `program`.
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self { program: program.into(), dir: tempfile::tempdir().expect("a temporary directory can be made") }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// A file of the data directory.
    pub fn data(&self, name: &str) -> PathBuf {
        self.path().join("floodmark-data").join(name)
    }

    /// Writes a file; `floodmark.toml` is the configuration.
    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        std::fs::write(&path, text).expect("the temporary directory takes files");
        path
    }

    /// Starts `floodmark run`.
    pub fn run(&self) -> Program {
        self.start(&["run"])
    }

    /// Starts `floodmark` with these arguments.
    pub fn start(&self, args: &[&str]) -> Program {
        let mut command = Command::new(&self.program);
        command.args(args).current_dir(self.path()).env_remove("FLOODMARK_CONFIG").env_remove("FLOODMARK_LOG").env("NO_COLOR", "1");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut process = command.spawn().expect("the program was built with the tests");
        let stderr = process.stderr.take().expect("it is piped");
        let lines = watch::Sender::new(Vec::new());
        let said = lines.subscribe();
        let mut listening = JoinSet::new();
        listening.spawn(listen(stderr, lines));
        Program { process, said, _listening: listening }
    }
}

async fn listen(stderr: ChildStderr, lines: watch::Sender<Vec<String>>) {
    let mut reader = BufReader::new(stderr).lines();
    while let Ok(Some(line)) = reader.next_line().await {
        lines.send_modify(|lines| lines.push(line));
    }
}

/// A running program; killed when dropped.
pub struct Program {
    process: Child,
    said: watch::Receiver<Vec<String>>,
    _listening: JoinSet<()>,
}

impl Program {
    /// Starts `floodmark run`, again and again while a server that it needs at its start is away.
    ///
    /// # Panics
    /// When it does not come to run in time, or ends with another exit code than that for such a server.
    pub async fn started_when_possible(installation: &Installation) -> Self {
        const UNREACHABLE: i32 = 69;
        let starting = async {
            loop {
                let mut program = installation.run();
                match program.comes_to_run().await {
                    Ok(()) => return program,
                    Err(code) => assert_eq!(code, UNREACHABLE, "{}", program.said()),
                }
            }
        };
        within("the start of the pipeline", starting).await
    }

    /// Everything it wrote to stderr so far.
    pub fn said(&self) -> String {
        self.said.borrow().join("\n")
    }

    /// Waits for the line number `n` (from 1) of stderr that holds `part`.
    ///
    /// # Panics
    /// When the program ended without it, or it did not come in time.
    pub async fn says(&self, part: &str, n: usize) -> String {
        let find = |lines: &Vec<String>| lines.iter().filter(|line| line.contains(part)).nth(n - 1).cloned();
        let mut said = self.said.clone();
        let found = within(part, said.wait_for(|lines| find(lines).is_some())).await.map(|lines| find(&lines));
        match found {
            Ok(Some(line)) => line,
            _ => panic!("{part:?} was not said {n} times:\n{}", self.said()),
        }
    }

    /// Waits until the pipeline runs for the `n`th time (from 1) in this process; says where its API listens.
    ///
    /// # Panics
    /// When it does not come to that, or has no API.
    pub async fn ready(&self, n: usize) -> Api {
        let line = self.says(RUNNING, n).await;
        let address = line.rsplit_once("api=").and_then(|(_, address)| address.trim().parse().ok());
        let address: SocketAddr = address.unwrap_or_else(|| panic!("no address of an API in {line:?}"));
        Api { base: format!("http://{address}"), client: client() }
    }

    /// Waits for something that comes only as long as it runs.
    ///
    /// # Panics
    /// When it ends, or nothing comes in time.
    pub async fn while_it_runs<T>(&self, what: &str, coming: impl Future<Output = T>) -> T {
        let mut said = self.said.clone();
        let ended = async { while said.changed().await.is_ok() {} };
        tokio::select! {
            biased;
            come = tokio::time::timeout(DEADLINE, coming) => match come {
                Ok(come) => come,
                Err(_) => panic!("{what} did not come within {DEADLINE:?}:\n{}", self.said()),
            },
            () = ended => panic!("the program ended instead of {what}:\n{}", self.said()),
        }
    }

    /// Whether it comes to run: the pipeline, or else its exit code.
    ///
    /// # Panics
    /// When it does neither in time, or was killed.
    pub async fn comes_to_run(&mut self) -> Result<(), i32> {
        let mut said = self.said.clone();
        let running = said.wait_for(|lines| lines.iter().any(|line| line.contains(RUNNING)));
        let running = within("the start of the pipeline, or its end", running).await.is_ok();
        if running {
            return Ok(());
        }
        let status = within("the end of the program", self.process.wait()).await.expect("it is a child of this process");
        Err(status.code().unwrap_or_else(|| panic!("{status}:\n{}", self.said())))
    }

    /// The id of the process.
    ///
    /// # Panics
    /// When somebody has waited for its end.
    pub fn id(&self) -> u32 {
        self.process.id().expect("nobody has waited for its end yet")
    }

    /// The most memory it ever had, in KiB; `None` where the system does not say, or when it has ended.
    pub fn memory_peak_kib(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()?)).ok()?;
        status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.split_whitespace().next()?.parse().ok()
    }

    /// Sends a signal, such as `TERM`.
    ///
    /// # Panics
    /// When it has ended already.
    pub fn signal(&self, name: &str) {
        let id = self.process.id().expect("nobody has waited for its end yet");
        let sent = std::process::Command::new("sh").args(["-c", "kill -s \"$0\" \"$1\"", name, &id.to_string()]).status();
        assert!(sent.expect("there is a shell").success(), "{name} reaches process {id}");
    }

    /// Kills it with SIGKILL and waits until it is gone.
    ///
    /// # Panics
    /// When it has ended by itself before.
    pub async fn kill(mut self) {
        let before = self.process.try_wait().expect("it is a child of this process");
        assert!(before.is_none(), "it ended before it was killed ({before:?}):\n{}", self.said());
        self.process.kill().await.expect("it is there to be killed");
    }

    /// Kills it with SIGKILL unless it has ended by itself, which must have been without an error.
    ///
    /// # Panics
    /// When it has failed.
    pub async fn kill_or_end(mut self) {
        match self.process.try_wait().expect("it is a child of this process") {
            Some(status) => assert!(status.success(), "{status}:\n{}", self.said()),
            None => self.process.kill().await.expect("it is there to be killed"),
        }
    }

    /// Waits for its end: the exit code and everything it said.
    ///
    /// # Panics
    /// When it does not end in time, or was killed.
    pub async fn ends(mut self) -> (i32, String) {
        let status: ExitStatus = within("the end of the program", self.process.wait()).await.expect("it is a child of this process");
        // What it said last may still be in the pipe.
        within("the end of stderr", async { while self.said.changed().await.is_ok() {} }).await;
        let said = self.said();
        (status.code().unwrap_or_else(|| panic!("{status}:\n{said}")), said)
    }
}

/// A client with a time limit, for requests to the program.
pub fn client() -> reqwest::Client {
    reqwest::Client::builder().timeout(REQUEST_TIME_MAX).no_proxy().build().expect("a plain client can be built")
}

/// The API of a running program.
#[derive(Clone)]
pub struct Api {
    base: String,
    client: reqwest::Client,
}

impl Api {
    /// The address of a path.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// The answer to a GET: status and text; `None` when nobody answers.
    pub async fn get(&self, path: &str) -> Option<(u16, String)> {
        let answer = self.client.get(self.url(path)).send().await.ok()?;
        Some((answer.status().as_u16(), answer.text().await.ok()?))
    }

    /// The items of a list.
    ///
    /// # Panics
    /// When the answer is not one.
    pub async fn items(&self, path: &str) -> Vec<Value> {
        let (status, text) = self.get(path).await.unwrap_or_else(|| panic!("{path} is answered"));
        assert_eq!(status, 200, "{path}: {text}");
        let mut answer: Value = serde_json::from_str(&text).expect("lists are JSON");
        match answer["items"].take() {
            Value::Array(items) => items,
            _ => panic!("{path} has no items: {text}"),
        }
    }

    /// Waits until a list has an item that fits; gives it.
    ///
    /// # Panics
    /// When there is none in time.
    pub async fn item(&self, path: &str, fits: impl Fn(&Value) -> bool) -> Value {
        eventually(&format!("an item of {path}"), || async { self.items(path).await.into_iter().find(&fits) }).await
    }
}

/// A port of this machine that nobody listened on a moment ago. It is none of those that the system gives to whoever asks for any:
/// a program that is killed and started again finds it free, however many others ask meanwhile.
pub fn free_port() -> u16 {
    let begin = RandomState::new().hash_one(std::process::id());
    let ports = (0..FIXED_PORTS.len() as u64).map(|n| FIXED_PORTS.start + (begin.wrapping_add(n) % FIXED_PORTS.len() as u64) as u16);
    let is_free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    ports.into_iter().find(is_free).expect("there is a free port")
}

/// Below what Linux hands out by itself unless it is told otherwise.
const FIXED_PORTS: Range<u16> = 12_000..32_000;
