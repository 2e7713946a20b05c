//! kill -9 of the program at random moments while it takes events: what was acknowledged is there once, and every window
//! comes out as if nothing had happened.
#![cfg(test)]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use floodmark_schemas::commit::Output;
use floodmark_schemas::{JobEntry, Payload, Series, Timestamp};
use floodmark_tests::oracle::{self, End, Id, Rollup, Rules, Seen};
use floodmark_tests::support::program::{Installation, Program, client, free_port};
use floodmark_tests::support::rng::Rng;
use floodmark_tests::support::stored::{self, Frame};
use tokio::sync::{Mutex, Notify, watch};
use tokio::time::{Instant, sleep_until};

const KILLS: usize = 50;
const CLIENTS: u64 = 2;
/// The longest from the start of the process, or from its first answer, to the kill.
const UNTIL_KILL: Duration = Duration::from_millis(700);
/// How long a sender waits after a request that was not answered, and for an answer.
const SEND_AGAIN_AFTER: Duration = Duration::from_millis(10);
/// Events of one request.
const EVENTS: std::ops::Range<u64> = 1..12;
/// How far the clock of events moves with each request.
const STEP_US: i64 = 150_000;
/// Long ago, so that no event lies in the future: 2020-01-01T00:00:00Z.
const START_US: i64 = 1_577_836_800_000_000;
const DISORDER_US: i64 = 500_000;
const OPERATORS: [(&str, Rules); 2] = [
    ("seconds", Rules { size_us: 1_000_000, lateness_us: 2_000_000, disorder_us: DISORDER_US }),
    ("tens", Rules { size_us: 10_000_000, lateness_us: 0, disorder_us: DISORDER_US }),
];

fn config(port: u16) -> String {
    let mut text = format!(
        "partitions = 2\n[api]\nlisten = \"127.0.0.1:0\"\n[sources.in]\ntype = \"push\"\nlisten = \"127.0.0.1:{port}\"\ndisorder = \"{}ms\"\n",
        DISORDER_US / 1_000
    );
    for (id, rules) in OPERATORS {
        let aggregates = r#"["count", "sum", "mean", "min", "max", "stddev", "first", "last"]"#;
        let (size, lateness) = (rules.size_us / 1_000, rules.lateness_us / 1_000);
        // Long enough that no start of the program takes so long: silence closes windows, and the oracle knows no log time.
        let part = format!(
            "type = \"tumbling\"\nidle_timeout = \"1h\"\nsize = \"{size}ms\"\nallowed_lateness = \"{lateness}ms\"\naggregates = {aggregates}\n"
        );
        write!(text, "[operators.{id}]\n{part}").unwrap();
    }
    text
}

#[derive(Clone, Debug, PartialEq)]
struct Sent {
    series: Series,
    time_us: i64,
    value: f64,
}

/// What was sent, and what the program said of it.
#[derive(Default)]
struct Ledger {
    sent: Mutex<BTreeMap<String, Sent>>,
    acknowledged: Mutex<BTreeSet<String>>,
    requests: AtomicU64,
    repeated: AtomicU64,
    duplicates: AtomicU64,
    answered: Notify,
}

impl Ledger {
    /// Makes up a request: events a little out of order, a few late within what is allowed, a few later than that.
    async fn request(&self, rng: &mut Rng) -> (String, Vec<String>, String) {
        let n = self.requests.fetch_add(1, Ordering::Relaxed);
        let (mut body, mut ids) = (String::new(), Vec::new());
        let mut sent = self.sent.lock().await;
        for i in 0..rng.pick(EVENTS) {
            let back = match rng.pick(0..200) {
                0 => 4_000_000 + rng.pick(0..12_000_000),
                1..12 => rng.pick(0..3_000_000),
                _ => rng.pick(0..DISORDER_US as u64),
            };
            let time_us = START_US + n as i64 * STEP_US - back as i64;
            let series = Series::new("load").unit("1").label("host", format!("h{}", rng.pick(0..5)));
            let (id, value) = (format!("{n}-{i}"), rng.pick(0..4_000) as f64 / 1_000.0);
            let (time, data) = (Timestamp::from_micros(time_us), series.key());
            let data = data.strip_prefix('{').unwrap();
            writeln!(body, r#"{{"id":"{id}","time":"{time}","type":"floodmark.sample.v1","data":{{"value":{value},{data}}}"#).unwrap();
            sent.insert(id.clone(), Sent { series, time_us, value });
            ids.push(id);
        }
        (format!("request-{n}"), ids, body)
    }

    /// Sends requests one after another, each until it is acknowledged, until `last` says that the next is the last.
    async fn client(&self, mut rng: Rng, port: u16, last: watch::Receiver<bool>) {
        let client = client();
        while !*last.borrow() {
            let (key, ids, body) = self.request(&mut rng).await;
            loop {
                let request = client.post(format!("http://127.0.0.1:{port}/v1/events")).header("Content-Type", "application/x-ndjson");
                let answer = request.header("Idempotency-Key", &key).body(body.clone()).send().await;
                let answer = match answer {
                    Ok(answer) => Ok((answer.status().as_u16(), answer.text().await)),
                    Err(e) => Err(e),
                };
                match answer {
                    Ok((200, Ok(text))) => {
                        let answer: serde_json::Value = serde_json::from_str(&text).unwrap();
                        assert_eq!((&answer["accepted"], &answer["rejected"]), (&ids.len().into(), &serde_json::json!([])), "{text}");
                        self.duplicates.fetch_add(u64::from(answer["duplicate"] == true), Ordering::Relaxed);
                        break;
                    }
                    // It was killed: whether the events are stored nobody knows.
                    Err(_) | Ok((503, _) | (200, Err(_))) => {
                        self.repeated.fetch_add(1, Ordering::Relaxed);
                        sleep_until(Instant::now() + SEND_AGAIN_AFTER).await;
                    }
                    Ok((status, text)) => panic!("{status} for {key}: {text:?}"),
                }
            }
            self.acknowledged.lock().await.extend(ids);
            self.answered.notify_waiters();
        }
    }
}

/// Lets the program live for a while and kills it: at its start, at work, or while it drains.
async fn live_and_die(program: Program, ledger: &Ledger, rng: &mut Rng) {
    let moment = |rng: &mut Rng, at_most: Duration| Duration::from_micros(rng.pick(0..at_most.as_micros() as u64));
    match rng.pick(0..5) {
        0 => sleep_until(Instant::now() + moment(rng, UNTIL_KILL)).await,
        1 => {
            ledger.answered.notified().await;
            sleep_until(Instant::now() + moment(rng, UNTIL_KILL)).await;
            program.signal("TERM");
            sleep_until(Instant::now() + moment(rng, UNTIL_KILL / 20)).await;
            return program.kill_or_end().await;
        }
        _ => {
            ledger.answered.notified().await;
            sleep_until(Instant::now() + moment(rng, UNTIL_KILL)).await;
        }
    }
    program.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_kills_lose_nothing_double_nothing_and_change_no_window() {
    let (mut rng, seed) = Rng::from_env();
    println!("FLOODMARK_SEED={seed}");
    let installation = Installation::new(env!("CARGO_BIN_EXE_floodmark"));
    let (port, ledger, last) = (free_port(), Ledger::default(), watch::Sender::new(false));
    installation.write("floodmark.toml", config(port));

    let clients = (0..CLIENTS).map(|n| ledger.client(Rng::of(seed.wrapping_add(n)), port, last.subscribe()));
    let killing = async {
        for _ in 0..KILLS {
            live_and_die(installation.run(), &ledger, &mut rng).await;
        }
        let program = installation.run();
        ledger.answered.notified().await;
        last.send_replace(true);
        program
    };
    let (program, _) = tokio::join!(killing, futures_util::future::join_all(clients));
    program.signal("TERM");
    let (code, said) = program.ends().await;
    assert_eq!(code, 0, "{said}");

    let violations = violations(&installation, &ledger).await;
    let (sent, acknowledged) = (ledger.sent.lock().await.len(), ledger.acknowledged.lock().await.len());
    let (repeated, duplicates) = (ledger.repeated.load(Ordering::Relaxed), ledger.duplicates.load(Ordering::Relaxed));
    println!(
        "{KILLS} kills, {sent} events sent, {acknowledged} acknowledged, {repeated} requests repeated, {duplicates} of them were stored before"
    );
    println!("{} violations", violations.len());
    oracle::none(&violations);
}

async fn violations(installation: &Installation, ledger: &Ledger) -> Vec<String> {
    let frames = stored::frames(&installation.data("events.db"), "in").await;
    let mut violations = raw(&frames, ledger).await;
    let jobs = stored::jobs(&installation.data("outputs.db")).await;
    for (job, chain) in &jobs {
        violations.extend(oracle::gaps_in(job, chain));
    }
    let written: Vec<&stored::Written> = jobs.values().flatten().collect();
    for (operator, rules) in OPERATORS {
        violations.extend(of_operator(operator, rules, &frames, &written, &installation.data("store.db")));
    }
    violations
}

/// Every acknowledged event once, every event as it was sent, frames without a gap.
async fn raw(frames: &[Frame], ledger: &Ledger) -> Vec<String> {
    let (sent, acknowledged) = (ledger.sent.lock().await, ledger.acknowledged.lock().await);
    let (mut violations, mut found, mut numbers) = (Vec::new(), BTreeSet::new(), BTreeMap::new());
    for frame in frames {
        let (number, epoch) = numbers.entry(frame.partition).or_insert((0, 0));
        if (frame.header.number, frame.header.epoch >= *epoch) != (*number + 1, true) {
            violations.push(format!("frame {:?} follows number {number} of epoch {epoch}", frame.header));
        }
        (*number, *epoch) = (frame.header.number, frame.header.epoch);
        for event in &frame.events {
            let Payload::Sample(sample) = &event.payload else { panic!("only samples were sent") };
            let found_event = Sent { series: sample.series.clone(), time_us: event.time.micros(), value: sample.value };
            if sent.get(&event.id) != Some(&found_event) {
                violations.push(format!("{} was not sent like this: {found_event:?}", event.id));
            }
            if !found.insert(event.id.clone()) {
                violations.push(format!("{} is there more than once", event.id));
            }
        }
    }
    violations.extend(acknowledged.difference(&found).map(|id| format!("{id} was acknowledged and is not there")));
    violations
}

/// The rollups of an operator in the output log and in the store, and its late events, against the oracle.
fn of_operator(operator: &str, rules: Rules, frames: &[Frame], written: &[&stored::Written], store: &Path) -> Vec<String> {
    let (mut expected, mut late) = (BTreeMap::<Id, Rollup>::new(), BTreeSet::new());
    for partition in 0..2 {
        let (mut seen, mut places) = (Vec::new(), Vec::new());
        for frame in frames.iter().filter(|frame| frame.partition == partition) {
            for (index, event) in (0..).zip(&frame.events) {
                let Payload::Sample(sample) = &event.payload else { panic!("only samples were sent") };
                seen.push(Seen { source: "in".into(), series: sample.series.key(), time_us: event.time.micros(), value: sample.value });
                places.push((frame.position as i64, index, sample.series.key()));
            }
        }
        let of_partition = oracle::windows(rules, &seen, End::Open);
        late.extend(of_partition.late.iter().map(|place| places[*place].clone()));
        let before = expected.len() + of_partition.rollups.len();
        expected.extend(of_partition.rollups);
        assert_eq!(expected.len(), before, "a series is in one partition");
    }
    let (mut logged, mut logged_late) = (BTreeMap::new(), BTreeSet::new());
    for output in written.iter().flat_map(|written| match &written.entry {
        JobEntry::Commit(commit) => commit.outputs.as_slice(),
        JobEntry::Claim(_) => &[],
    }) {
        match output {
            Output::Rollup(rollup) if rollup.operator == operator => {
                let id = Id { source: rollup.source.clone(), series: rollup.series.key(), start_us: rollup.window.start.micros() };
                logged.insert(id, stored::rollup(rollup.revision, &rollup.aggregates));
            }
            Output::Late(event) if event.operator == operator => {
                logged_late.insert((event.position as i64, i64::from(event.index), event.series.key()));
            }
            Output::Rollup(_) | Output::Late(_) => {}
        }
    }
    let stored_late: BTreeSet<_> = stored::late(store, operator).into_iter().collect();
    let revised = expected.values().filter(|rollup| rollup.revision > 0).count();
    println!("{operator}: {} windows, {revised} of them revised, {} late events", expected.len(), late.len());
    assert!(!expected.is_empty() && !late.is_empty(), "there is something to compare");

    let mut violations = oracle::differences(&logged, &expected);
    violations.extend(oracle::differences(&stored::rollups(store, operator), &expected));
    violations.extend(late.symmetric_difference(&logged_late).map(|place| format!("{operator}: late in one of oracle and log: {place:?}")));
    violations
        .extend(late.symmetric_difference(&stored_late).map(|place| format!("{operator}: late in one of oracle and store: {place:?}")));
    violations
}
