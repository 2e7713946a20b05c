//! Clients in other languages than ours: Python with nats-py and pymongo. Servers that are made of Python run in it too.

use std::path::PathBuf;
use std::process::Stdio;

use tokio::process::Command;

use super::find::{cache_folders, named};
use crate::support::eventually::within;

/// Runs a script with the interpreter that has the clients; gives what it wrote to stdout.
///
/// # Panics
/// When there is no such interpreter, or the script fails.
pub async fn python(script: &str, args: &[&str]) -> String {
    let mut command = Command::new(interpreter());
    command.args(["-I", "-c", script]).args(args).stdin(Stdio::null()).kill_on_drop(true);
    let output = within("the end of the Python script", command.output()).await.expect("the interpreter runs");
    assert!(output.status.success(), "{}:\n{}", output.status, String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("scripts write text")
}

/// The interpreter that has the clients, and servers that are made of Python.
pub(super) fn interpreter() -> PathBuf {
    let installed = || cache_folders().into_iter().map(|folder| folder.join("venv/bin/python")).find(|file| file.exists());
    named("FLOODMARK_TEST_PYTHON").or_else(installed).unwrap_or_else(|| {
        panic!("Python with nats-py, pymongo and aiosmtpd is missing: FLOODMARK_TEST_PYTHON is not set; run `make servers`")
    })
}
