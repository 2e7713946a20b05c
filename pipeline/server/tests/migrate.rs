//! `floodmark migrate` from outside: a data directory becomes streams and databases, and the pipeline goes on there.
#![cfg(test)]

mod stack;

use std::fmt::Write;
use std::path::Path;
use std::process::Output;
use std::sync::Arc;
use std::time::Duration;

use floodmark::config::{LogKind, SinkKind};
use floodmark_connectors::clock::SystemClock;
use floodmark_connectors::logs::embedded::{Log as EmbeddedLog, Options};
use floodmark_connectors::logs::jetstream::{Connection, Spec};
use floodmark_connectors::stores::mongodb;
use floodmark_core::ports::log::Retention;
use floodmark_core::ports::{Entry, Expect, Log, NewEntry, Position, Sink, Standing};
use floodmark_schemas::{JobEntry, Timestamp};
use floodmark_tests::support::jetstream;
use floodmark_tests::support::program::{Installation, free_port};
use floodmark_tests::support::rng::Rng;
use floodmark_tests::support::stored;
use serde_json::Value;
use stack::{Contents, Stack, config, entries};

const PROGRAM: &str = env!("CARGO_BIN_EXE_floodmark");
const LINES: u64 = 10_000;
/// 2026-01-01T00:00:00Z.
const START: i64 = 1_767_225_600;
const STEP_MS: i64 = 250;

/// Windows, late events within what is allowed and beyond, state that is saved.
fn pipeline(partitions: u32) -> String {
    let aggregates = r#"["count", "sum", "mean", "min", "max", "stddev", "first", "last"]"#;
    let operator = |id: &str, size: &str, lateness: &str| {
        format!(
            "[operators.{id}]\ntype = \"tumbling\"\nsize = \"{size}\"\nallowed_lateness = \"{lateness}\"\nidle_timeout = \"1h\"\n\
             quantiles = [0.5, 0.99]\naggregates = {aggregates}\n"
        )
    };
    format!(
        "partitions = {partitions}\n[api]\nenabled = false\n[sources.file]\ntype = \"file\"\npath = \"lines.ndjson\"\ndisorder = \"1s\"\n{}{}",
        operator("tens", "10s", "30s"),
        operator("minutes", "1m", "0s"),
    )
}

/// Lines with samples, checks, and some that are neither.
fn lines(numbers: std::ops::Range<u64>) -> String {
    let mut text = String::new();
    for n in numbers {
        let mut rng = Rng::of(n);
        let back_ms = match rng.pick(0..100) {
            0 => rng.pick(20_000..60_000),
            1..5 => rng.pick(1_000..8_000),
            _ => rng.pick(0..900),
        };
        let time = Timestamp::from_micros(START * 1_000_000 + (n as i64 * STEP_MS - back_ms as i64) * 1_000);
        match n % 401 {
            7 => writeln!(text, "line {n} is no event"),
            8..12 => writeln!(
                text,
                r#"{{"id":"c{n}","type":"floodmark.check.v1","time":"{time}","data":{{"target":"https://a.example/","up":{},"duration_us":{}}}}}"#,
                n % 3 != 0,
                rng.pick(1..1_000_000)
            ),
            _ => writeln!(
                text,
                r#"{{"id":"{n}","type":"floodmark.sample.v1","time":"{time}","data":{{"metric":"load","unit":"1","labels":{{"host":"h{} ü"}},"value":{}}}}}"#,
                rng.pick(0..12),
                rng.pick(0..1_000_000) as f64 / 7.0
            ),
        }
        .unwrap();
    }
    text
}

/// An installation whose `floodmark.toml` is embedded and whose `servers.toml` is the same on `stack`.
fn installation(stack: &Stack) -> Installation {
    let installation = Installation::new(PROGRAM);
    installation.write("floodmark.toml", pipeline(3));
    installation.write("servers.toml", format!("{}{}", pipeline(3), stack.config()));
    installation
}

async fn run(installation: &Installation, config: &str) {
    let (code, said) = installation.start(&["run", "-c", config]).ends().await;
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("every source has come to its end"), "{said}");
}

/// Runs `floodmark` with these arguments to its end.
async fn floodmark(installation: &Installation, args: &[&str]) -> Output {
    let mut command = tokio::process::Command::new(PROGRAM);
    command.args(args).current_dir(installation.path()).env_remove("FLOODMARK_CONFIG").env_remove("FLOODMARK_LOG").kill_on_drop(true);
    command.output().await.unwrap()
}

/// Migrates to its end: exit code, summary (when there is one) and what was said.
async fn migrate(installation: &Installation, more: &[&str]) -> (i32, Value, String) {
    let args = [&["migrate", "--to", "servers.toml", "--format", "json"], more].concat();
    let Output { status, stdout, stderr } = floodmark(installation, &args).await;
    (status.code().unwrap(), serde_json::from_slice(&stdout).unwrap_or_default(), String::from_utf8(stderr).unwrap())
}

fn store<'a>(summary: &'a Value, what: &str) -> &'a Value {
    summary["stores"].as_array().unwrap().iter().find(|store| store["what"] == what).unwrap()
}

/// Deletes from the output log everything that no job needs any more; the sinks have it.
async fn forget_old_outputs(installation: &Installation) -> u64 {
    let needed = |entry: &Entry| match serde_json::from_slice(&entry.body).unwrap() {
        JobEntry::Claim(claim) => claim.commit.max(1),
        JobEntry::Commit(_) => entry.position.0,
    };
    let path = installation.data("outputs.db");
    let snapshots = stored::entries(&path, "floodmark.snapshots.>").await;
    let mut keep = snapshots.iter().map(|entry| entry.position.0).min().unwrap_or(u64::MAX);
    // Nor what a sink has not passed.
    let question = "SELECT position FROM sink_position WHERE sink <> 'catalog' AND ?1 = ''";
    let passed: Vec<i64> = stored::rows(&installation.data("store.db"), question, "", |row| row.get(0));
    keep = keep.min(*passed.iter().min().unwrap() as u64 + 1);
    let options = Options { retention: Retention { age_max: Duration::ZERO, bytes_max: 0 }, ..Options::default() };
    let log = EmbeddedLog::open(&path, options, Arc::new(SystemClock)).unwrap();
    for subject in stored::jobs(&path).await.keys() {
        keep = keep.min(needed(&log.last(subject).await.unwrap().unwrap()));
    }
    log.retain(Position(keep)).await.unwrap()
}

/// Whether the mark of the sink of rollups is an entry of its log.
async fn recognises_its_log(installation: &Installation) -> bool {
    let config = config(installation.path(), "servers.toml");
    let (LogKind::Jetstream(log), SinkKind::Mongodb(store)) = (&config.log, &config.sinks["results"].kind) else {
        panic!("both are there")
    };
    let outputs = Connection::open(log).await.unwrap().outputs();
    let sink = mongodb::Rollups::new(mongodb::Store::open(store).await.unwrap(), "rollups", outputs.clone());
    let Standing { position, mark } = sink.standing().await.unwrap();
    let mark = mark.unwrap();
    position == outputs.continuity().await.unwrap().tail
        && outputs.get(mark.position).await.unwrap().is_some_and(|entry| entry.fingerprint() == mark.fingerprint)
}

/// What must be the same however it came about: not the times at which dead letters were set aside, and not where events
/// stand.
async fn comparable(directory: &Path, name: &str) -> (Contents, Vec<String>) {
    let mut contents = Contents::of(directory, name).await;
    let ids: Vec<String> = contents.events.drain(..).map(|stored| serde_json::to_string(&stored.event).unwrap()).collect();
    contents.dead_letters.iter_mut().for_each(|letter| letter.time = Timestamp::from_micros(0));
    contents.dead_letters.sort_by(|a, b| a.id.cmp(&b.id));
    contents.rollups.sort_by(|a, b| a.id.cmp(&b.id));
    contents.series.iter_mut().for_each(|series| series.last_seen = series.first_seen);
    (contents, ids)
}

#[tokio::test]
async fn a_migrated_pipeline_goes_on_as_if_it_had_never_moved() {
    let stack = Stack::start().await;
    let (moved, stayed) = (installation(&stack), installation(&stack));
    for installation in [&moved, &stayed] {
        installation.write("lines.ndjson", lines(0..LINES));
        run(installation, "floodmark.toml").await;
    }
    let forgotten = forget_old_outputs(&moved).await;
    println!("{forgotten} entries of the output log are gone");
    assert!(forgotten > 0);

    let (code, summary, said) = migrate(&moved, &[]).await;
    println!("{summary:#}\n{said}");
    assert_eq!(code, 0, "{said}");
    assert_eq!((&summary["ok"], &summary["differences"]["count"]), (&true.into(), &0.into()));
    assert!(store(&summary, "rollups")["older_copied"].as_u64() > Some(0), "{summary}");
    for what in ["rollups", "dead letters", "series", "raw events"] {
        let store = store(&summary, what);
        assert!(store["old"] == store["new"] && store["old"].as_u64() > Some(10), "{store}");
    }

    assert!(recognises_its_log(&moved).await, "what came from the old store has not taken the place of the log's last entry");

    for (installation, name) in [(&moved, "servers.toml"), (&stayed, "floodmark.toml")] {
        installation.write("lines.ndjson", lines(0..2 * LINES));
        run(installation, name).await;
    }
    let (found, found_events) = comparable(moved.path(), "servers.toml").await;
    let (expected, expected_events) = comparable(stayed.path(), "floodmark.toml").await;
    assert_eq!(found_events.len(), expected_events.len());
    let sorted = |mut events: Vec<String>| {
        events.sort();
        events
    };
    assert_eq!(sorted(found_events), sorted(expected_events));
    assert_eq!(found.rollups.len(), expected.rollups.len());
    assert!(found.rollups.iter().any(|rollup| rollup.revision > 0), "late events raised revisions");
    assert_eq!(found, expected);
    assert_eq!(found.dead_letters.len() as u64, (0..2 * LINES).filter(|n| n % 401 == 7).count() as u64);
}

#[tokio::test]
async fn a_migration_that_is_killed_again_and_again_comes_to_the_same_end() {
    let stack = Stack::start().await;
    let installation = installation(&stack);
    installation.write("lines.ndjson", lines(0..LINES));
    run(&installation, "floodmark.toml").await;
    let steps = [
        "copying the log of events",
        "comparing the log of events",
        "copying the log of outputs",
        "filling the new stores",
        "comparing rollups",
        "comparing raw events",
    ];
    let mut resume: &[&str] = &[];
    for step in steps {
        let program = installation.start(&[&["migrate", "--to", "servers.toml"], resume].concat());
        program.says(step, 1).await;
        program.kill_or_end().await;
        resume = &["--resume"];
    }
    let (code, summary, said) = migrate(&installation, &["--resume"]).await;
    assert_eq!(code, 0, "{summary:#} {said}");
    let (found, expected) =
        (Contents::of(installation.path(), "servers.toml").await, Contents::of(installation.path(), "floodmark.toml").await);
    assert_eq!(found.events, expected.events);
    assert_eq!(found.dead_letters, expected.dead_letters);
    assert_eq!(found.rollups.len(), expected.rollups.len());
    let by_id = |mut rollups: Vec<floodmark_schemas::Rollup>| {
        rollups.sort_by(|a, b| a.id.cmp(&b.id));
        rollups
    };
    assert_eq!(by_id(found.rollups), by_id(expected.rollups));
}

#[tokio::test]
async fn only_an_empty_target_and_a_source_at_rest_are_taken() {
    let stack = Stack::start().await;
    let installation = installation(&stack);
    let (code, _, said) = migrate(&installation, &[]).await;
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("there is nothing to migrate"), "{said}");

    installation.write("lines.ndjson", lines(0..500));
    run(&installation, "floodmark.toml").await;
    let stopped = format!("{}[sources.machine]\ntype = \"host\"\nevery = \"1s\"\n", pipeline(3));
    installation.write("floodmark.toml", &stopped);
    let program = installation.run();
    program.says("pipeline is running", 1).await;
    let (code, _, said) = migrate(&installation, &[]).await;
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("another floodmark is using it; stop that one first"), "{said}");
    program.signal("TERM");
    assert_eq!(program.ends().await.0, 0);

    installation.write("servers.toml", format!("{}{}", pipeline(2), stack.config()));
    let (code, _, said) = migrate(&installation, &[]).await;
    assert_eq!(code, 78, "{said}");
    assert!(said.contains("partitions = 3, the configuration of the target says 2"), "{said}");

    // All that cannot be reached is said at once.
    let (a, b) = (free_port(), free_port());
    let nobody =
        format!("[log]\ntype = \"jetstream\"\nservers = [\"nats://127.0.0.1:{a}\"]\n[sinks.raw]\ntype = \"postgres\"\nport = {b}\n");
    installation.write("servers.toml", format!("{}{nobody}", pipeline(3)));
    let (code, _, said) = migrate(&installation, &[]).await;
    assert_eq!(code, 69, "{said}");
    assert!(said.contains("log: reachable") && said.contains("sinks.raw: ") && said.contains("nothing was changed"), "{said}");

    installation.write("servers.toml", format!("{}{}", pipeline(3), stack.config()));
    let (code, summary, said) = migrate(&installation, &[]).await;
    assert_eq!(code, 0, "{summary} {said}");
    assert!(said.contains("source machine is not in the target's configuration"), "{said}");
    let (code, _, said) = migrate(&installation, &[]).await;
    assert_eq!(code, 1, "{said}");
    assert!(
        said.contains("the target is not empty, nothing was changed: it has stream FLOODMARK_EVENTS and stream FLOODMARK_OUTPUTS"),
        "{said}"
    );
    // Once more compared.
    let (code, summary, _) = migrate(&installation, &["--resume"]).await;
    assert_eq!((code, &summary["logs"][0]["copied"]), (0, &0.into()));
}

#[tokio::test]
async fn an_entry_that_was_changed_on_the_way_is_found() {
    let stack = Stack::start().await;
    let installation = installation(&stack);
    installation.write("lines.ndjson", lines(0..3_000));
    run(&installation, "floodmark.toml").await;

    // Somebody copies the log, and gets the body of one entry and the log time of another wrong.
    let LogKind::Jetstream(settings) = config(installation.path(), "servers.toml").log else { panic!("it is on NATS") };
    let connection = Connection::open(&settings).await.unwrap();
    let (changed, moved) = {
        let log = EmbeddedLog::open_read_only(&installation.data("events.db")).unwrap();
        let (held, mut all) = (log.continuity().await.unwrap(), entries(&log).await);
        let full: Vec<usize> = (0..all.len()).filter(|n| !all[*n].body.is_empty()).collect();
        let (one, other) = (full[1], full[2]);
        let places = (all[one].position, all[other].position);
        let mut body = all[one].body.to_vec();
        let digit = body.iter().rposition(u8::is_ascii_digit).unwrap();
        body[digit] ^= 1;
        all[one].body = body.into();
        all[other].time = all[other].time.plus_micros(1);
        let mut copy = connection.create_at(&Spec::events(), 3, held.first, held.created).await.unwrap();
        for entry in all {
            copy.put(entry).await.unwrap();
        }
        copy.finish(held.tail).await.unwrap();
        places
    };
    let (code, summary, said) = migrate(&installation, &["--resume"]).await;
    assert_eq!((code, &summary["differences"]["count"]), (2, &2.into()), "{summary:#} {said}");
    let first = summary["differences"]["first"].to_string();
    assert!(first.contains(&format!("the entry at {changed} has a body of")), "{first}");
    assert!(first.contains(&format!("the entry at {moved} has log time")), "{first}");
    assert_eq!(summary["stores"], Value::Array(Vec::new()), "nothing is filled from a wrong log");
}

#[tokio::test]
async fn an_entry_that_was_deleted_at_the_target_is_found() {
    let stack = Stack::start().await;
    let installation = installation(&stack);
    installation.write("lines.ndjson", lines(0..3_000));
    run(&installation, "floodmark.toml").await;
    assert_eq!(migrate(&installation, &[]).await.0, 0);

    let LogKind::Jetstream(settings) = config(installation.path(), "servers.toml").log else { panic!("it is on NATS") };
    let events = Connection::open(&settings).await.unwrap().events();
    let Entry { subject, id, headers, body, .. } = events.get(Position(4)).await.unwrap().unwrap();
    jetstream::stream(stack.nats.url(), events.stream()).await.delete_message(4).await.unwrap();
    events.append(vec![NewEntry { subject, id, headers, body }], Expect::Anything).await.unwrap();

    let output = floodmark(&installation, &["migrate", "--to", "servers.toml", "--resume"]).await;
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("the entry at 4 on floodmark.events.") && text.contains("was not copied"), "{text}");
    assert!(text.contains("is not in the old log"), "{text}");
}
