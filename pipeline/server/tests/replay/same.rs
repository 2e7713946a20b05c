//! One digest: replayed twice, on the embedded log and on JetStream, and through kill -9 every second.

use std::collections::BTreeMap;
use std::time::Duration;

use floodmark_tests::support::jetstream;
use floodmark_tests::support::program::Installation;
use serde_json::Value;
use tokio::time::sleep;

use crate::stack::Stack;
use crate::world::{PROGRAM, command, json, live, operator, rollups, run_to_the_end, status_page, temperatures};

/// A speed at which a replay of all that the installation has in its log takes at least 4 s.
fn slow(installation: &Installation) -> String {
    let log = rusqlite::Connection::open_with_flags(installation.data("events.db"), rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let span: i64 = log.query_row("SELECT max(time_us) - min(time_us) FROM entry WHERE events > 0", [], |row| row.get(0)).unwrap();
    format!("{}x", span as f64 / 1e6 / 4.0)
}

#[tokio::test]
async fn a_replay_is_what_is_stored_and_touches_nothing_live() {
    let Some(source) = temperatures() else { return };
    let installation = Installation::new(PROGRAM);
    installation.write("floodmark.toml", format!("{source}{}{}", operator("hourly", "1h", ""), operator("daily", "1d", "")));
    run_to_the_end(&installation, "floodmark.toml").await;
    let (before, stored) = (live(&installation.data("")), rollups(&installation, &[]).await);
    assert!(before.len() >= 3 && stored.len() > 9_000);

    let first = json(&installation, 0, &["replay", "--name", "first"]).await;
    let second = json(&installation, 0, &["replay", "--name", "second"]).await;
    assert_eq!(first["done"]["digest"], second["done"]["digest"]);
    assert_eq!(first["done"]["results"], serde_json::json!({ "rollups": stored.len(), "scores": 0 }));
    assert_eq!(rollups(&installation, &["--result-set", "first"]).await, stored);

    // A part of it: whole windows, although the first of them begin in the middle of frames.
    let period = ["--from", "2010-03-01T00:00:00Z", "--to", "2010-03-08T00:00:00Z"];
    let part = json(&installation, 0, &[&["replay", "--name", "part"], &period[..]].concat()).await;
    let expected: Vec<Value> = rollups(&installation, &period).await;
    assert_eq!(rollups(&installation, &["--result-set", "part"]).await, expected);
    assert_eq!(part["done"]["results"]["rollups"], 7 * 24 + 7);
    assert_eq!(expected.len(), 7 * 24 + 7);

    // The same question again is answered from what is there; another one under its name is refused.
    let again = json(&installation, 0, &["replay", "--name", "first"]).await;
    assert_eq!(again, first);
    let (code, _, stderr) = command(&installation, &["replay", "--name", "first", "--from", "2010-03-01T00:00:00Z"]).await;
    assert!(code == 1 && stderr.contains("--again"), "{stderr}");

    let (code, listed, _) = command(&installation, &["replay", "ls"]).await;
    assert!(code == 0 && ["first", "second", "part"].iter().all(|name| listed.contains(name)), "{listed}");
    assert_eq!(command(&installation, &["replay", "rm", "first", "second", "part"]).await.0, 0);
    assert_eq!(command(&installation, &["replay", "ls"]).await.1, "");
    assert_eq!(command(&installation, &["replay", "rm", "first"]).await.0, 1);
    assert_eq!(live(&installation.data("")), before, "the live data is as it was");
}

#[tokio::test]
async fn embedded_and_jetstream_and_kills_every_second_give_one_digest() {
    let Some(source) = status_page() else { return };
    let operators = [operator("short", "2h", "allowed_lateness = \"1h\""), operator("long", "2d", "")].concat();
    let installation = Installation::new(PROGRAM);
    let stack = Stack::start().await;
    installation.write("floodmark.toml", format!("{source}{operators}"));
    installation.write("servers.toml", format!("data_dir = \"elsewhere\"\n{source}{operators}{}", stack.log()));
    run_to_the_end(&installation, "floodmark.toml").await;
    run_to_the_end(&installation, "servers.toml").await;
    for (real, embedded) in rollups(&installation, &["-c", "servers.toml"]).await.iter().zip(&rollups(&installation, &[]).await) {
        assert_eq!(real, embedded, "what was taken in is the same");
    }

    let embedded = json(&installation, 0, &["replay", "--name", "once"]).await;
    let digest = &embedded["done"]["digest"];

    let tails = async || {
        [jetstream::tail(stack.nats.url(), "FLOODMARK_EVENTS").await, jetstream::tail(stack.nats.url(), "FLOODMARK_OUTPUTS").await]
    };
    let before = tails().await;
    let real = json(&installation, 0, &["replay", "-c", "servers.toml", "--name", "once"]).await;
    assert_eq!(real["done"]["digest"], *digest, "embedded and JetStream");
    assert_eq!(tails().await, before, "nothing was written to the streams");

    let live_before = live(&installation.data(""));
    let (slow, mut kills) = (slow(&installation), 0);
    loop {
        let program = installation.start(&["replay", "--name", "killed", "--speed", &slow]);
        // What was read since the last saved state is computed again: a busy machine gets longer lives in the end.
        sleep(Duration::from_secs(1) + Duration::from_secs(1) * (kills / 5)).await;
        let done = std::fs::read(installation.data("replays/killed/replay.json"))
            .is_ok_and(|text| serde_json::from_slice::<BTreeMap<String, Value>>(&text).unwrap().contains_key("done"));
        program.kill_or_end().await;
        if done {
            break;
        }
        kills += 1;
        assert!(kills < 60, "it comes forward");
    }
    let killed = json(&installation, 0, &["replay", "--name", "killed", "--speed", &slow]).await;
    println!("{kills} kills, {} results, digest {digest}", embedded["done"]["results"]);
    assert!(kills >= 2, "{kills}");
    assert_eq!(killed["done"]["digest"], *digest, "through kill -9");
    assert_eq!(live(&installation.data("")), live_before, "the live data is as it was");
}
