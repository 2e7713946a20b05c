//! `command`: a program of one's own, run once for each notification.
//!
//! It gets the notification as JSON on stdin and its id in the environment. No shell stands between, and of this program's
//! environment it gets only what it needs to find itself: secrets stay here. Exit code 0 means taken, 75 (`EX_TEMPFAIL` of
//! sysexits.h) to try again, every other one that it never will be taken.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use async_trait::async_trait;
use floodmark_core::ports::{Notifier, Receipt, Refusal};
use floodmark_core::{Error, Kind, Result};
use floodmark_schemas::Notification;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};

use super::check::Look;
use super::http::fault_of_timeout;
use super::scrub::Secrets;
use super::words::one_line;
use crate::settings::{Fault, Span};
use crate::sources::http_probe::values::HeaderText;

/// What is kept of stdout and of stderr.
const OUTPUT_BYTES_MAX: usize = 4 * 1024;
/// How long output is waited for when the program has ended, but something it started holds the other end.
const OUTPUT_TIMEOUT: Duration = Duration::from_millis(500);
/// What a program gets of this one's environment.
const INHERITED: [&str; 5] = ["PATH", "HOME", "LANG", "TZ", "TMPDIR"];
/// `EX_TEMPFAIL`.
const TRY_AGAIN: i32 = 75;

/// Runs a program for each notification.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "CommandConfig")]
pub struct Config {
    /// The program and its arguments; no shell reads them.
    pub argv: Vec<String>,
    /// More variables of its environment: texts, or secrets as `{ env = ".." }` or `{ file = ".." }`. Besides these it has `PATH`,
    /// `HOME`, `LANG`, `TZ`, `TMPDIR` and the `FLOODMARK_` variables of the notification.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, HeaderText>,
    /// How long it may take, 60 s at most; then it is killed.
    #[serde(default = "timeout")]
    pub timeout: Span,
}

fn timeout() -> Span {
    Span::secs(30)
}

impl Config {
    /// What cannot work. Reads no secret and starts nothing.
    pub fn validate(&self) -> Vec<Fault> {
        let mut faults: Vec<Fault> = fault_of_timeout(self.timeout).into_iter().collect();
        if self.argv.first().is_none_or(String::is_empty) {
            faults.push(Fault::of("argv", "there is no program to run", "write for example argv = [\"/usr/local/bin/notify\", \"team\"]"));
        }
        for (i, argument) in self.argv.iter().enumerate().filter(|(_, argument)| argument.contains('\0')) {
            faults.push(Fault::of("argv", format!("{argument:?} has a zero byte"), "remove it").entry(i));
        }
        for name in self.env.keys() {
            if name.is_empty() || name.contains(['=', '\0']) || name.starts_with("FLOODMARK_") {
                faults.push(Fault::of("env", format!("a variable cannot be called {name:?}"), "give it another name").key(name));
            }
        }
        faults
    }
}

/// One receiver of the kind `command`.
pub struct Program {
    config: Config,
    env: Vec<(String, String)>,
    secrets: Secrets,
}

impl Program {
    /// Prepares a receiver. Reads secrets, starts nothing.
    ///
    /// # Errors
    /// `Broken` when a secret cannot be read.
    pub fn new(config: Config) -> Result<Self> {
        if let Some(fault) = config.validate().into_iter().next() {
            return Err(fault.into());
        }
        let mut secrets = Secrets::default();
        let mut env = Vec::new();
        for (name, text) in &config.env {
            let value = match text {
                HeaderText::Text(text) => text.clone(),
                HeaderText::Secret(secret) => secrets.read(secret)?,
            };
            env.push((name.clone(), value));
        }
        Ok(Self { config, env, secrets })
    }

    fn start(&self, notification: &Notification) -> Result<Child> {
        let (program, arguments) = self.config.argv.split_first().expect("the configuration was checked");
        let mut command = Command::new(program);
        command.args(arguments).env_clear();
        command.envs(INHERITED.iter().filter_map(|name| Some((name, std::env::var_os(name)?)))).envs(self.env.iter().cloned());
        command.env("FLOODMARK_NOTIFICATION_ID", &notification.id);
        command.env("FLOODMARK_INCIDENT_ID", &notification.incident.id);
        command.env("FLOODMARK_RECEIVER", &notification.receiver);
        command.env("FLOODMARK_SEVERITY", notification.incident.severity.name());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        // Somebody can install it, or make it executable: then it is taken.
        command.spawn().map_err(|e| Error::unavailable(format!("starting {program:?}")).because(e))
    }
}

#[async_trait]
impl Look for Program {
    async fn look(&self) -> Result<String> {
        let name = &self.config.argv[0];
        let path = std::env::var_os("PATH").unwrap_or_default();
        // As the system looks for it: a name with a slash is a path.
        let candidates: Vec<PathBuf> =
            if name.contains('/') { vec![name.into()] } else { std::env::split_paths(&path).map(|folder| folder.join(name)).collect() };
        let is_there = |path: &&PathBuf| path.metadata().is_ok_and(|of| of.is_file());
        let found = candidates.iter().find(is_there).ok_or_else(|| Error::unavailable(format!("there is no program {name:?}")))?;
        let mode = found.metadata().map(|of| of.permissions().mode()).unwrap_or_default();
        if mode & 0o111 == 0 {
            return Err(Error::unavailable(format!("{} is not executable", found.display())));
        }
        Ok(format!("{} is there; it was not started", found.display()))
    }
}

#[async_trait]
impl Notifier for Program {
    async fn deliver(&self, notification: &Notification) -> Result<Receipt, Refusal> {
        let child = self.start(notification)?;
        let input = serde_json::to_vec(notification).expect("a notification is always JSON");
        let name = &self.config.argv[0];
        let (status, output) = match tokio::time::timeout(self.config.timeout.0, run(child, input)).await {
            Ok(done) => done.map_err(|e| Error::unavailable(format!("running {name:?}")).because(e))?,
            Err(_) => {
                let text = format!("running {name:?}: it did not end within {} and was killed", self.config.timeout);
                return Err(Error::unavailable(text).into());
            }
        };
        let ended = match (status.code(), output.is_empty()) {
            (Some(code), true) => format!("exit {code}"),
            (Some(code), false) => format!("exit {code}: {output}"),
            (None, _) => format!("ended by a signal ({status})"),
        };
        let ended = self.secrets.scrub(&ended);
        match status.code() {
            Some(0) => Ok(Receipt { answer: ended }),
            Some(TRY_AGAIN) | None => Err(Error::new(Kind::Unavailable, format!("running {name:?}: {ended}")).into()),
            Some(_) => Err(Error::new(Kind::Rejected, format!("running {name:?}: {ended}")).into()),
        }
    }
}

/// Feeds a program and waits for its end; what it wrote to stdout and stderr, in one line.
async fn run(mut child: Child, input: Vec<u8>) -> std::io::Result<(ExitStatus, String)> {
    let mut stdin = child.stdin.take().expect("it is piped");
    let (mut stdout, mut stderr) = (child.stdout.take().expect("it is piped"), child.stderr.take().expect("it is piped"));
    let (mut said, mut complained) = (Vec::new(), Vec::new());
    let feeding = async {
        // A program may end without reading.
        drop(stdin.write_all(&input).await);
        drop(stdin);
    };
    let status = {
        let mut talking = std::pin::pin!(async { tokio::join!(feeding, keep(&mut stdout, &mut said), keep(&mut stderr, &mut complained)) });
        let mut waiting = std::pin::pin!(child.wait());
        let (status, talks) = tokio::select! {
            status = &mut waiting => (status?, true),
            _ = &mut talking => (waiting.await?, false),
        };
        if talks {
            drop(tokio::time::timeout(OUTPUT_TIMEOUT, talking).await);
        }
        status
    };
    let texts = [said, complained].map(|bytes| one_line(&String::from_utf8_lossy(&bytes)));
    Ok((status, texts.iter().filter(|text| !text.is_empty()).cloned().collect::<Vec<_>>().join("; ")))
}

/// Reads to the end and keeps the beginning.
async fn keep(from: &mut (impl AsyncRead + Unpin), kept: &mut Vec<u8>) {
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        let room = OUTPUT_BYTES_MAX - kept.len();
        kept.extend_from_slice(&buffer[..count.min(room)]);
    }
}
