//! kill -9 of the process that writes the log, at random moments: what was acknowledged is there, once, in its place.
#![cfg(test)]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use floodmark_connectors::logs::embedded::Log;
use floodmark_core::ports::{Limit, Log as _, Position};
use floodmark_tests::support::log_request::Request;
use floodmark_tests::support::rng::Rng;

const KILLS: usize = 25;
const OPEN_REQUESTS: usize = 48;

/// What was asked, and what was promised.
#[derive(Default)]
struct Ledger {
    next: u64,
    asked: BTreeMap<u64, Request>,
    unanswered: BTreeMap<u64, Request>,
    promised: BTreeMap<u64, Vec<u64>>,
}

impl Ledger {
    fn ask(&mut self, rng: &mut Rng) -> Request {
        let size = |rng: &mut Rng| if rng.pick(0..8) == 0 { rng.pick(0..100_000) as usize } else { rng.pick(0..600) as usize };
        let request = Request { number: self.next, bytes: (0..rng.pick(1..4)).map(|_| size(rng)).collect() };
        self.next += 1;
        self.asked.insert(request.number, request.clone());
        self.unanswered.insert(request.number, request.clone());
        request
    }

    fn answered(&mut self, line: &str) {
        let numbers: Vec<u64> = line.split_whitespace().map(|n| n.parse().unwrap()).collect();
        let request = self.unanswered.remove(&numbers[0]).expect("each request is answered once");
        assert_eq!(numbers.len() - 1, request.bytes.len());
        assert!(self.promised.insert(request.number, numbers[1..].to_vec()).is_none());
    }
}

struct Writer {
    process: Child,
    requests: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Writer {
    fn start(path: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_log_writer"));
        let mut process = command.arg(path).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (requests, answers) = (process.stdin.take(), BufReader::new(process.stdout.take().unwrap()));
        Self { process, requests, answers }
    }

    /// A process that was killed does not read.
    fn send(&mut self, request: &Request) {
        drop(self.requests.as_mut().unwrap().write_all(request.line().as_bytes()));
    }

    /// The next answer, also of what it said before it was killed; a line that was cut off is none.
    fn answer(&mut self) -> Option<String> {
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        line.ends_with('\n').then_some(line)
    }
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_or_doubled_by_kill_9() {
    let (mut rng, seed) = Rng::from_env();
    println!("FLOODMARK_SEED={seed}");
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log.db");
    let mut ledger = Ledger::default();

    for _ in 0..KILLS {
        let mut writer = Writer::start(&path);
        // Whether these were stored nobody knows: the process was killed before it said so.
        ledger.unanswered.values().for_each(|request| writer.send(request));
        while ledger.unanswered.len() < OPEN_REQUESTS {
            writer.send(&ledger.ask(&mut rng));
        }
        let mut until_kill = Some(rng.pick(1..200));
        while let Some(line) = writer.answer() {
            ledger.answered(&line);
            match &mut until_kill {
                Some(0) => {
                    #[expect(clippy::disallowed_methods, reason = "the kill falls anywhere between two answers, not at one")]
                    std::thread::sleep(Duration::from_micros(rng.pick(0..5_000)));
                    writer.process.kill().unwrap();
                    until_kill = None;
                }
                Some(n) => {
                    *n -= 1;
                    writer.send(&ledger.ask(&mut rng));
                }
                None => {}
            }
        }
        assert!(!writer.process.wait().unwrap().success(), "it was killed");
    }

    let mut writer = Writer::start(&path);
    ledger.unanswered.values().for_each(|request| writer.send(request));
    writer.requests = None;
    while let Some(line) = writer.answer() {
        ledger.answered(&line);
    }
    assert!(writer.process.wait().unwrap().success());
    assert!(ledger.unanswered.is_empty());
    check(&path, &ledger).await;
}

async fn check(path: &Path, ledger: &Ledger) {
    let log = Log::open_read_only(path).unwrap();
    let continuity = log.continuity().await.unwrap();
    let mut reader = log.reader(vec![">".into()], Position::START).await.unwrap();
    let mut entries = Vec::new();
    while entries.len() < continuity.tail.0 as usize {
        entries.extend(reader.next(Limit::default()).await.unwrap());
    }
    let positions: Vec<u64> = entries.iter().map(|e| e.position.0).collect();
    assert_eq!(positions, (1..=continuity.tail.0).collect::<Vec<_>>(), "positions are contiguous");
    assert!(entries.is_sorted_by_key(|e| e.time), "log time does not go back");

    let expected = ledger.asked.values().map(|request| request.bytes.len()).sum::<usize>();
    assert_eq!(entries.len(), expected, "each entry once");
    for (number, promised) in &ledger.promised {
        assert!(promised.windows(2).all(|pair| pair[1] == pair[0] + 1), "an append is stored whole: {promised:?}");
        for ((id, body), position) in ledger.asked[number].entries().zip(promised) {
            let entry = &entries[*position as usize - 1];
            assert_eq!(entry.id.as_deref(), Some(id.as_str()));
            assert!(entry.body == body, "the body of {id}");
        }
    }
    println!("{} entries of {} appends after {KILLS} kills", entries.len(), ledger.asked.len());
}
