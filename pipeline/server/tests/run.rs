//! `floodmark run` from outside: start, signals, restart, new configurations, and what it refuses.
#![cfg(test)]

use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpListener;
use std::time::{Duration, Instant};

use floodmark_schemas::Payload;
use floodmark_tests::support::program::{Api, Installation, free_port};
use floodmark_tests::support::stored;

/// How long draining may take.
const DRAIN: Duration = Duration::from_secs(5);
const API: &str = "[api]\nlisten = \"127.0.0.1:0\"\n";
const HOST: &str = "[sources.machine]\ntype = \"host\"\nevery = \"200ms\"\n";
const SECONDS: &str = "[operators.seconds]\ntype = \"tumbling\"\nsize = \"1s\"\n";

fn installation(config: &str) -> Installation {
    let installation = Installation::new(env!("CARGO_BIN_EXE_floodmark"));
    installation.write("floodmark.toml", config);
    installation
}

async fn first_event(api: &Api, source: &str) {
    api.item(&format!("/api/v1/events?limit=1&source={source}"), |_| true).await;
}

/// What a source is doing.
async fn state(api: &Api, source: &str) -> Option<String> {
    let sources = api.items("/api/v1/sources").await;
    let source = sources.iter().find(|status| status["id"] == source)?;
    source["state"].as_str().map(str::to_owned)
}

/// Runs it and expects that it ends by itself; gives the exit code and what it said.
async fn refused(installation: &Installation) -> (i32, String) {
    installation.run().ends().await
}

#[tokio::test]
async fn after_the_start_events_come_and_ctrl_c_drains_in_time() {
    let installation = installation(&format!("{API}{HOST}{SECONDS}"));
    let started = Instant::now();
    let program = installation.run();
    let api = program.ready(1).await;
    assert_eq!(api.get("/-/ready").await, Some((200, "ready\n".into())));
    first_event(&api, "machine").await;
    println!("first event after {:?}", started.elapsed());
    api.item("/api/v1/rollups?operator=seconds&limit=1", |_| true).await;

    let asked = Instant::now();
    program.signal("INT");
    let (code, said) = program.ends().await;
    println!("drained within {:?}", asked.elapsed());
    assert_eq!(code, 0, "{said}");
    assert!(asked.elapsed() < DRAIN && said.contains("drained"), "{said}");
}

#[tokio::test]
async fn top_shows_once_what_runs() {
    let port = free_port();
    let installation = installation(&format!("[api]\nlisten = \"127.0.0.1:{port}\"\n{HOST}{SECONDS}"));
    let program = installation.run();
    let api = program.ready(1).await;
    api.item("/api/v1/rollups?operator=seconds&limit=1", |_| true).await;
    let mut top = std::process::Command::new(env!("CARGO_BIN_EXE_floodmark"));
    top.args(["-c", "floodmark.toml", "top", "--once", "--every", "300ms"]).current_dir(installation.path());
    let output = tokio::task::spawn_blocking(move || top.output().unwrap()).await.unwrap();
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let names = |heading: &str| -> Vec<String> {
        let rows = shown.lines().skip_while(|line| !line.starts_with(heading)).skip(1).take_while(|line| !line.is_empty());
        rows.filter_map(|row| row.split_whitespace().next().map(str::to_owned)).collect()
    };
    assert_eq!(names("SOURCE"), ["floodmark", "machine"], "{shown}");
    assert_eq!(names("JOB"), ["seconds/0"], "{shown}");
    assert_eq!(names("SINK"), ["catalog", "dead_letters", "rollups", "scores"], "{shown}");
    program.signal("INT");
    assert_eq!(program.ends().await.0, 0);
}

#[tokio::test]
async fn a_restart_goes_on_without_a_gap_or_a_double() {
    let installation = installation(&format!("partitions = 3\n{API}{HOST}{SECONDS}"));
    for end in ["TERM", "KILL", "INT"] {
        let program = installation.run();
        first_event(&program.ready(1).await, "machine").await;
        if end == "KILL" {
            program.kill().await;
        } else {
            program.signal(end);
            assert_eq!(program.ends().await.0, 0);
        }
    }
    let frames = stored::frames(&installation.data("events.db"), "machine").await;
    let (mut last, mut samples) = (BTreeMap::new(), BTreeSet::new());
    for frame in &frames {
        let (number, epoch, starts) = last.get(&frame.partition).copied().unwrap_or((0, 0, 0));
        assert_eq!(frame.header.number, number + 1, "frame numbers of partition {} have no gap", frame.partition);
        // The first frame of each start claims a higher epoch; it is empty.
        let starts = starts + u64::from(frame.events.is_empty());
        assert!(if frame.events.is_empty() { frame.header.epoch > epoch } else { frame.header.epoch == epoch }, "{frame:?} after {epoch}");
        last.insert(frame.partition, (frame.header.number, frame.header.epoch, starts));
        for event in &frame.events {
            if let Payload::Sample(sample) = &event.payload {
                assert!(samples.insert((sample.series.key(), event.time)), "{event:?} is there twice");
            }
        }
    }
    assert!(last.values().all(|(_, _, starts)| *starts == 3) && !samples.is_empty(), "{last:?}");
}

#[tokio::test]
async fn sighup_takes_over_a_right_configuration_and_keeps_the_old_one_instead_of_a_wrong_one() {
    // A fixed port: it has to be free again for the new configuration.
    let api_line = format!("[api]\nlisten = \"127.0.0.1:{}\"\n", free_port());
    let installation = installation(&format!("{api_line}{HOST}"));
    let program = installation.run();
    let api = program.ready(1).await;
    first_event(&api, "machine").await;

    installation.write("floodmark.toml", format!("{api_line}{HOST}intervall = \"1s\"\n"));
    program.signal("HUP");
    program.says("the new configuration is wrong, the old one stays", 1).await;
    assert!(program.said().contains("unknown key `intervall`"), "{}", program.said());
    assert_eq!(api.get("/-/ready").await, Some((200, "ready\n".into())));

    installation.write("floodmark.toml", format!("{api_line}{HOST}[sources.second]\ntype = \"host\"\nevery = \"200ms\"\n"));
    program.signal("HUP");
    let api = program.ready(2).await;
    first_event(&api, "second").await;
    for source in ["machine", "second"] {
        assert_eq!(state(&api, source).await.as_deref(), Some("running"));
    }

    program.signal("TERM");
    let (code, said) = program.ends().await;
    assert_eq!(code, 0, "{said}");
}

#[tokio::test]
async fn a_right_configuration_that_cannot_start_leaves_the_old_one_running() {
    let installation = installation(&format!("partitions = 2\n{API}{HOST}"));
    let program = installation.run();
    program.ready(1).await;
    installation.write("floodmark.toml", format!("partitions = 3\n{API}{HOST}"));
    program.signal("HUP");
    let api = program.ready(2).await;
    let said = program.said();
    assert!(said.contains("was made with partitions = 2") && said.contains("the old one goes on"), "{said}");
    first_event(&api, "machine").await;
}

#[tokio::test]
async fn a_stop_during_a_reload_stops() {
    let installation = installation(&format!("{API}{HOST}"));
    let program = installation.run();
    program.ready(1).await;
    program.signal("HUP");
    program.says("configuration read again, draining first", 1).await;
    program.signal("TERM");
    let (code, said) = program.ends().await;
    assert_eq!(code, 0, "{said}");
}

#[tokio::test]
async fn a_reload_during_a_stop_starts_nothing_again() {
    let installation = installation(&format!("{API}{HOST}"));
    let program = installation.run();
    program.ready(1).await;
    program.signal("TERM");
    program.signal("HUP");
    let (code, said) = program.ends().await;
    assert_eq!(code, 0, "{said}");
}

#[tokio::test]
async fn a_second_process_on_the_same_data_is_refused_and_the_first_goes_on() {
    let installation = installation(&format!("{API}{HOST}"));
    let program = installation.run();
    let api = program.ready(1).await;
    let (code, said) = refused(&installation).await;
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("another floodmark is using it; stop that one first"), "{said}");
    assert_eq!(api.get("/-/ready").await, Some((200, "ready\n".into())));
}

#[tokio::test]
async fn another_number_of_partitions_is_refused() {
    let installation = installation(&format!("partitions = 2\n{API}{HOST}"));
    let program = installation.run();
    program.ready(1).await;
    program.signal("TERM");
    assert_eq!(program.ends().await.0, 0);
    installation.write("floodmark.toml", format!("partitions = 3\n{API}{HOST}"));
    let (code, said) = refused(&installation).await;
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("was made with partitions = 2, the configuration says 3"), "{said}");
}

#[tokio::test]
async fn a_secret_that_is_not_there_stops_its_source_alone_and_is_named() {
    let push =
        format!("[sources.in]\ntype = \"push\"\nlisten = \"127.0.0.1:{}\"\ntoken = {{ env = \"FLOODMARK_NO_SUCH\" }}\n", free_port());
    let installation = installation(&format!("{API}{HOST}{push}"));
    let program = installation.run();
    let api = program.ready(1).await;
    let failed = api.item("/api/v1/sources", |source| source["id"] == "in" && source["state"] == "failed").await;
    let error = failed["last_error"].as_str().unwrap();
    assert!(error.contains("reading a secret from environment variable FLOODMARK_NO_SUCH"), "{error}");
    first_event(&api, "machine").await;
}

#[tokio::test]
async fn a_port_of_the_api_that_is_taken_ends_the_start_with_advice() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let installation = installation(&format!("[api]\nlisten = \"{address}\"\n{HOST}"));
    let (code, said) = refused(&installation).await;
    assert_eq!(code, 1, "{said}");
    assert!(said.contains(&format!("listening on {address} for the API")) && said.contains("set another `listen` under [api]"), "{said}");
}

#[tokio::test]
async fn a_source_whose_port_is_taken_waits_for_it_while_the_others_go_on() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let installation = installation(&format!("{API}{HOST}[sources.in]\ntype = \"push\"\nlisten = \"{address}\"\n"));
    let program = installation.run();
    let api = program.ready(1).await;
    let state = |state: &'static str| move |source: &serde_json::Value| source["id"] == "in" && source["state"] == state;
    let waiting = api.item("/api/v1/sources", state("backing_off")).await;
    assert!(waiting["last_error"].as_str().unwrap().contains(&format!("listening on {address}")), "{waiting}");
    first_event(&api, "machine").await;
    drop(taken);
    // "running" is also said of a try that fails at once: only an event shows that it listens.
    let body = r#"{"type":"floodmark.sample.v1","data":{"metric":"m","value":1}}"#;
    let client = floodmark_tests::support::program::client();
    floodmark_tests::support::eventually::eventually("an answer of the source", || async {
        let request = client.post(format!("http://{address}/v1/events")).header("Content-Type", "application/json").body(body);
        request.send().await.ok().filter(|answer| answer.status() == 200)
    })
    .await;
    first_event(&api, "in").await;
}

#[tokio::test]
async fn a_target_that_is_not_there_leaves_failed_checks_and_disturbs_nobody() {
    let target = format!("http://127.0.0.1:{}/", free_port());
    let probe = format!(
        "[sources.web]\ntype = \"http_probe\"\ntargets = [{target:?}, \"http://no-such-host.invalid/\"]\nevery = \"1s\"\ntimeout = \"900ms\"\n"
    );
    let installation = installation(&format!("{API}{HOST}{probe}"));
    let program = installation.run();
    let api = program.ready(1).await;
    let refused = api.item("/api/v1/events?source=web", |stored| stored["event"]["data"]["target"] == target.as_str()).await;
    let data = &refused["event"]["data"];
    assert_eq!((&data["up"], &data["reason"]), (&false.into(), &"connect_refused".into()), "{refused}");
    let unknown = api.item("/api/v1/events?source=web", |stored| stored["event"]["data"]["target"] == "http://no-such-host.invalid/").await;
    assert_eq!(unknown["event"]["data"]["up"], false, "{unknown}");
    first_event(&api, "machine").await;
    assert_eq!(state(&api, "web").await.as_deref(), Some("running"), "a check that failed is no failure of the source");
}

#[tokio::test]
async fn lines_that_are_no_events_are_dead_letters_with_their_place() {
    let lines = [
        r#"{"type":"floodmark.sample.v1","time":"2026-01-01T00:00:00Z","data":{"metric":"m","value":1}}"#,
        "not JSON",
        r#"{"type":"floodmark.sample.v1","data":{"metric":"m","value":1}}"#,
        r#"{"type":"floodmark.sample.v1","time":"2026-01-01T00:00:01Z","data":{"metric":"m","value":2}}"#,
        r#"{"type":"floodmark.sample.v1","time":"2026-01-01T00:00:02Z","data":{"metric":"m","value":NaN}}"#,
    ];
    let installation = installation(&format!("{API}[sources.file]\ntype = \"file\"\npath = \"lines.ndjson\"\n{SECONDS}"));
    installation.write("lines.ndjson", lines.join("\n"));
    // The second run reads nothing again.
    for _ in 0..2 {
        let (code, said) = installation.run().ends().await;
        assert_eq!(code, 0, "{said}");
    }
    let question = "SELECT component, origin, reason, original FROM dead_letter WHERE component = ?1 ORDER BY number";
    let letters = stored::rows(&installation.data("store.db"), question, "file", |row| {
        Ok((row.get::<_, String>(1)?, row.get::<_, String>(2)?, row.get::<_, String>(3)?))
    });
    let found: Vec<(&str, &str)> = letters.iter().map(|(origin, _, original)| (origin.as_str(), original.as_str())).collect();
    assert_eq!(found, [("lines.ndjson:2", lines[1]), ("lines.ndjson:3", lines[2]), ("lines.ndjson:5", lines[4])]);
    for ((_, reason, _), part) in letters.iter().zip(["not an event", "missing field `time`", "not an event"]) {
        assert!(reason.contains(part), "{reason}");
    }
    let frames = stored::frames(&installation.data("events.db"), "file").await;
    assert_eq!(frames.iter().map(|frame| frame.events.len()).sum::<usize>(), 2, "the good lines are events, once");
}
