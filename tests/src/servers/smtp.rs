//! A mail server (aiosmtpd, <https://aiosmtpd.aio-libs.org>) that keeps what it takes, and refuses, hangs and drops as told.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::process::Process;
use super::python::interpreter;

/// A running server; it ends when dropped.
pub struct Smtp {
    process: Process,
    more: Vec<String>,
}

/// A mail that was taken, as another program reads it.
#[derive(Clone, Debug, PartialEq)]
pub struct Mail {
    /// The sender of the envelope.
    pub from: String,
    /// The recipients of the envelope.
    pub to: Vec<String>,
    /// Who was logged in.
    pub user: Option<String>,
    /// Whether the connection was encrypted.
    pub encrypted: bool,
    /// What the client called itself.
    pub hello: String,
    /// Names and values, decoded, in their order.
    pub headers: Vec<(String, String)>,
    /// Content types and texts, decoded.
    pub parts: Vec<(String, String)>,
    /// All of it as it came.
    pub raw: String,
}

impl Mail {
    /// The value of a header; `None` when it is not there.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

impl Smtp {
    /// A server without encryption that knows nobody and takes everything.
    ///
    /// # Panics
    /// When it is not installed or does not start.
    pub async fn start() -> Self {
        Self::with(&[]).await
    }

    /// A server with a certificate and its key, both PEM files. Who sends must be `floodmark` with this password.
    /// `implicit`: TLS from the first byte instead of STARTTLS.
    ///
    /// # Panics
    /// When it is not installed or does not start.
    pub async fn encrypted(certificate: &Path, key: &Path, password: &str, implicit: bool) -> Self {
        let file = |path: &Path| path.to_str().expect("temporary paths are text").to_owned();
        let (certificate, key) = (file(certificate), file(key));
        let mut more = vec!["--certificate", &certificate, "--key", &key, "--password", password];
        if implicit {
            more.push("--implicit");
        }
        Self::with(&more).await
    }

    async fn with(more: &[&str]) -> Self {
        let process = Process::new("the mail server", "TERM");
        let mut smtp = Self { process, more: more.iter().map(|text| (*text).to_owned()).collect() };
        smtp.restart().await;
        smtp
    }

    /// Starts it on the same port with what it has; one that still runs is killed before.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn restart(&mut self) {
        if self.process.is_running() {
            self.process.kill().await;
        }
        let ready = self.process.folder().join("ready");
        drop(std::fs::remove_file(&ready));
        let mut command = Command::new(interpreter());
        command.args(["-I", "-c", include_str!("smtp.py"), &self.process.port().to_string()]);
        command.arg(self.process.folder()).args(&self.more);
        self.process.start(command, || std::future::ready(ready.exists())).await;
    }

    /// SIGKILL; returns when it is gone.
    pub async fn kill(&mut self) {
        self.process.kill().await;
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.process.port()
    }

    /// What it does with the next connections; see `smtp.py`. Afterwards it accepts.
    pub fn plan(&self, turns: &[&str]) {
        std::fs::write(self.process.folder().join("plan"), turns.join("\n")).expect("the temporary directory takes files");
    }

    /// The mails that it has, in the order in which they came.
    ///
    /// # Panics
    /// When one cannot be read.
    pub fn mails(&self) -> Vec<Mail> {
        let Ok(entries) = std::fs::read_dir(self.process.folder().join("mails")) else { return Vec::new() };
        let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("the folder can be read").path()).collect();
        files.retain(|file| file.extension().is_some_and(|extension| extension == "json"));
        files.sort();
        files.iter().map(|file| read(file)).collect()
    }
}

fn read(file: &Path) -> Mail {
    let kept: Value = serde_json::from_slice(&std::fs::read(file).expect("it was just listed")).expect("the server writes JSON");
    let text = |value: &Value| value.as_str().expect("it is a text").to_owned();
    let pairs = |key: &str| kept[key].as_array().expect("it is a list").iter().map(|pair| (text(&pair[0]), text(&pair[1]))).collect();
    Mail {
        from: text(&kept["from"]),
        to: kept["to"].as_array().expect("it is a list").iter().map(text).collect(),
        user: kept["user"].as_str().map(str::to_owned),
        encrypted: kept["encrypted"] == true,
        hello: text(&kept["hello"]),
        headers: pairs("headers"),
        parts: pairs("parts"),
        raw: text(&kept["raw"]),
    }
}
