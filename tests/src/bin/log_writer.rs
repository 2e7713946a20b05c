//! Appends what it reads from standard input to a log and says what was stored: the process that `log_crash` kills.
//!
//! A line `<request> <bytes> <bytes> ..` asks for one append of entries with these body sizes and the ids
//! `<request>.<index>`. The answer, in any order and after the append has returned, is `<request> <position> ..`.

use std::io::{BufRead, Write};
use std::path::Path;
use std::sync::Arc;

use floodmark_connectors::clock::SystemClock;
use floodmark_connectors::logs::embedded::{Log, Options};
use floodmark_core::ports::{Expect, Log as _, NewEntry};
use floodmark_schemas::Headers;
use floodmark_tests::support::log_request;
use tokio::task::JoinSet;

#[tokio::main]
async fn main() {
    let path = std::env::args().nth(1).expect("the path of the log is the first argument");
    let log = Arc::new(Log::open(Path::new(&path), Options::default(), Arc::new(SystemClock)).expect("the log opens"));
    let (lines, mut requests) = tokio::sync::mpsc::channel(1);
    let input = std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            let line = line.expect("standard input is text");
            lines.blocking_send(line).expect("the requests are taken until there are no more");
        }
    });
    let mut appending = JoinSet::new();
    while let Some(line) = requests.recv().await {
        appending.spawn(answer(log.clone(), line));
    }
    appending.join_all().await;
    input.join().expect("no panic");
}

async fn answer(log: Arc<Log>, line: String) {
    let request = log_request::Request::parse(&line).expect("a request");
    let entries = request.entries().map(|(id, body)| NewEntry {
        subject: format!("crash.{}", request.number % 3),
        id: Some(id),
        headers: Headers::default(),
        body: body.into(),
    });
    let appended = log.append(entries.collect(), Expect::Anything).await.expect("the log takes entries");
    let mut text = request.number.to_string();
    for entry in appended {
        text.push_str(&format!(" {}", entry.position));
    }
    text.push('\n');
    std::io::stdout().lock().write_all(text.as_bytes()).expect("somebody listens");
}
