//! A server's process: started, watched until it answers, killed, frozen, started again, and never left behind.

use std::fmt::Write as _;
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::port::Port;
use crate::support::eventually::{eventually, looking};
use crate::support::processes::{family, gone, signal, stop_family};

/// How much of a server's log is shown when it fails.
const LOG_LINES_SHOWN: usize = 60;

/// A server with its own port and folder, which is removed with it.
pub(super) struct Process {
    what: &'static str,
    port: Port,
    folder: PathBuf,
    running: Option<Child>,
    guard: Child,
}

impl Process {
    /// A folder, a port and a guard that ends with the signal `end` whatever is started. Nothing runs yet.
    pub(super) fn new(what: &'static str, end: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("floodmark-test-").tempdir().expect("a temporary directory can be made").keep();
        let mut guard = Command::new("sh");
        guard.args(["-c", include_str!("guard.sh"), "guard", end]).arg(&folder);
        // A group of its own: what ends the test's group must not end the guard.
        guard.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        let guard = guard.spawn().expect("there is a shell");
        Self { what, port: Port::free(), folder, running: None, guard }
    }

    pub(super) fn port(&self) -> u16 {
        self.port.number()
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Everything the server said.
    pub(super) fn log(&self) -> String {
        let log = std::fs::read(self.folder.join("log")).unwrap_or_default();
        String::from_utf8_lossy(&log).into_owned()
    }

    /// Starts the command and waits until the server answers.
    ///
    /// # Panics
    /// When it runs already, ends, or does not answer in time.
    pub(super) async fn start<F: Future<Output = bool>>(&mut self, mut command: Command, mut answers: impl FnMut() -> F) {
        assert!(self.running.is_none(), "{} runs already", self.what);
        let log = std::fs::File::options().create(true).append(true).open(self.folder.join("log"));
        let log = log.expect("the temporary directory takes files");
        command.stdin(Stdio::null()).stdout(log.try_clone().expect("it is open")).stderr(log).process_group(0);
        let child = command.spawn().unwrap_or_else(|e| panic!("{} cannot be started with {command:?}: {e}", self.what));
        let child = self.running.insert(child);
        tell(&mut self.guard, &[child.id()]);
        let outcome = looking(|| {
            let ended = child.try_wait().expect("it is a child of this process");
            let answer = answers();
            async move {
                match ended {
                    Some(status) => Some(Err(status)),
                    None => answer.await.then_some(Ok(())),
                }
            }
        });
        let failed = match outcome.await {
            Some(Ok(())) => return,
            Some(Err(status)) => format!("ended at its start ({status})"),
            None => "does not answer".to_owned(),
        };
        panic!("{} {failed}: {command:?}\n{}", self.what, last_lines(&self.log()));
    }

    /// Kills it and its children with SIGKILL, all at the same moment, and waits until they are gone.
    pub(super) async fn kill(&mut self) {
        let ids = stop_family(self.id()).await;
        tell(&mut self.guard, &ids);
        signal("KILL", &ids);
        self.wait().await;
        gone(&ids).await;
    }

    /// Asks it with a signal to end, and waits until it and its children are gone.
    pub(super) async fn stop(&mut self, name: &str) {
        let ids = family(self.id());
        signal(name, &ids[..1]);
        self.wait().await;
        gone(&ids).await;
    }

    /// Stops it and its children with SIGSTOP: connections stay open, nobody answers.
    pub(super) async fn freeze(&mut self) {
        let ids = stop_family(self.id()).await;
        tell(&mut self.guard, &ids);
    }

    /// Lets it run on after [`freeze`](Self::freeze).
    pub(super) fn thaw(&mut self) {
        let id = self.id();
        signal("CONT", &family(id));
        tell(&mut self.guard, &[id]);
    }

    /// Whether it was started and not ended since.
    pub(super) fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// The ids of its processes.
    pub(super) fn ids(&self) -> Vec<u32> {
        self.running.as_ref().map(|child| family(child.id())).unwrap_or_default()
    }

    fn id(&self) -> u32 {
        self.running.as_ref().unwrap_or_else(|| panic!("{} does not run", self.what)).id()
    }

    async fn wait(&mut self) {
        let child = self.running.as_mut().expect("the caller has asked for its id");
        eventually(self.what, || {
            let ended = child.try_wait().expect("it is a child of this process");
            async move { ended }
        })
        .await;
        self.running = None;
        tell(&mut self.guard, &[]);
    }
}

impl Drop for Process {
    /// The guard ends the server when nobody speaks to it any more.
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        if let Some(mut child) = self.running.take() {
            drop(child.wait());
        }
        drop(self.guard.wait());
    }
}

fn tell(guard: &mut Child, ids: &[u32]) {
    let ids: Vec<String> = ids.iter().map(u32::to_string).collect();
    let stdin = guard.stdin.as_mut().expect("it is closed at the end");
    stdin.write_all(format!("{}\n", ids.join(" ")).as_bytes()).expect("the guard reads as long as this process lives");
}

fn last_lines(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    let shown = &lines[lines.len().saturating_sub(LOG_LINES_SHOWN)..];
    let mut text = format!("its last {} lines:\n", shown.len());
    for line in shown {
        writeln!(text, "    {line}").expect("a string takes everything");
    }
    text
}
