//! A pipeline that has run a recorded file to its end, and commands on what it left.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use floodmark_tests::support::program::Installation;
use floodmark_tests::support::recorded::input;
use serde_json::Value;

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_floodmark");

/// An operator with everything that can be computed.
pub fn operator(id: &str, size: &str, more: &str) -> String {
    format!(
        "[operators.{id}]\ntype = \"tumbling\"\nsize = {size:?}\nidle_timeout = \"1h\"\n{more}\n\
         aggregates = [\"count\", \"sum\", \"mean\", \"min\", \"max\", \"stddev\", \"first\", \"last\"]\n"
    )
}

/// A pipeline without its operators: a year of temperatures.
pub fn temperatures() -> Option<String> {
    let path = input("weather/history/seattle-temps.csv")?;
    Some(format!(
        "partitions = 3\n[api]\nenabled = false\n[sources.file]\ntype = \"file\"\npath = {path:?}\ntime = \"date\"\n\
         time_format = \"%Y/%m/%d %H:%M\"\ntimezone = \"America/Los_Angeles\"\n\
         values = [{{ column = \"temp\", metric = \"temperature\", unit = \"[degF]\" }}]\n"
    ))
}

/// The same of half a year of a status page.
pub fn status_page() -> Option<String> {
    let path = input("uptime/FoodCoopX__upptime.csv")?;
    Some(format!(
        "partitions = 3\n[api]\nenabled = false\n[sources.file]\ntype = \"file\"\npath = {path:?}\ntime = \"last_updated\"\n\
         labels = [\"slug\"]\ndisorder = \"2s\"\n\
         check = {{ target = \"url\", up = \"status\", up_values = [\"up\"], status = \"code\", latency_ms = \"response_ms\" }}\n"
    ))
}

/// Runs a configuration to the end of its file.
pub async fn run_to_the_end(installation: &Installation, name: &str) {
    let (code, said) = installation.start(&["run", "-c", name]).ends().await;
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("every source has come to its end"), "{said}");
}

/// Runs a command: its exit code and what it wrote to stdout and stderr.
pub async fn command(installation: &Installation, args: &[&str]) -> (i32, String, String) {
    let mut command = tokio::process::Command::new(PROGRAM);
    command.args(args).current_dir(installation.path()).env_remove("FLOODMARK_CONFIG").env_remove("FLOODMARK_LOG");
    let output = command.env("NO_COLOR", "1").kill_on_drop(true).output().await.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// What a command that ends with `code` says as one JSON object.
pub async fn json(installation: &Installation, code: i32, args: &[&str]) -> Value {
    let args: Vec<&str> = args.iter().copied().chain(["--format", "json"]).collect();
    let (ended, stdout, stderr) = command(installation, &args).await;
    assert_eq!(ended, code, "{stdout}{stderr}");
    serde_json::from_str(&stdout).unwrap_or_else(|e| panic!("{e}: {stdout}"))
}

/// The rollups that a query gives, as they were written.
pub async fn rollups(installation: &Installation, args: &[&str]) -> Vec<Value> {
    let query = ["query", "rollups", "--oldest-first", "-n", "1000000", "--format", "json"];
    let args: Vec<&str> = query.into_iter().chain(args.iter().copied()).collect();
    let (code, stdout, stderr) = command(installation, &args).await;
    assert_eq!(code, 0, "{stderr}");
    stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Every byte of the live data: all files of the data directory but the result sets. What SQLite keeps beside a database
/// that is only read, and has nothing in it, is left out.
pub fn live(data: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let entries = std::fs::read_dir(data).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    let beside = |path: &Path| path.extension().is_some_and(|e| e == "db-shm" || e == "db-wal");
    let read = entries.map(|path| (std::fs::read(&path).unwrap(), path));
    read.filter(|(bytes, path)| !(beside(path) && (bytes.is_empty() || path.extension().is_some_and(|e| e == "db-shm"))))
        .map(|(bytes, path)| (path, bytes))
        .collect()
}
