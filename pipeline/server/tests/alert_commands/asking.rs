//! `alerts ack`, `silence` and `unsilence`: asked for by one process, done by another.

use floodmark_schemas::AlertState;
use serde_json::Value;

use crate::world::{World, after_noon, alert, next};

#[tokio::test]
async fn an_incident_is_acknowledged_by_the_desk_of_another_process() {
    let mut world = World::new().await;
    let disk = world.incident("disk_full on db-1").await;
    let args = ["alerts", "ack", &disk[..6], "--note", "new disk at three", "--useful"];
    let expected = format!("kim looks after incident {disk}: disk_full on db-1\n");
    assert_eq!(world.asked(after_noon(60), &args).await, (0, expected, String::new()));
    let shown = world.stdout(&["alerts", "show", &disk]).await;
    assert!(shown.contains("\nkim looks after it since 2026-01-31T12:01:00Z, says it was useful: new disk at three\n"), "{shown}");
    assert!(shown.contains("  2026-01-31T12:01:00Z  kim looks after it\n"), "{shown}");
    assert!(shown.contains("  2026-01-31T12:01:00Z  mail: acknowledged, waits to be sent, notification "), "{shown}");
}

#[tokio::test]
async fn what_is_over_is_not_acknowledged() {
    let mut world = World::new().await;
    let disk = alert(0xaaaa_0001, "short", "x", 100);
    world.owner.take(100, std::slice::from_ref(&disk)).await;
    world.owner.take(1000, &[next(&disk, AlertState::Resolved, 1000)]).await;
    let id = world.incident("short on x").await;
    let (code, text, said) = world.asked(after_noon(1000), &["alerts", "ack", &id]).await;
    let expected = format!("floodmark: there is no open incident {id}: it is over, or never was\n");
    assert_eq!((code, text, said), (1, String::new(), expected));
    let missing = world.run(&["alerts", "ack", "dddd"]).await;
    let expected = "floodmark: there is no incident dddd\n  Help: `floodmark alerts ls --all` lists those there are\n";
    assert_eq!(missing, (1, String::new(), expected.to_owned()));
}

#[tokio::test]
async fn a_silence_is_made_listed_and_ended() {
    let mut world = World::new().await;
    let at = after_noon(60);
    let args = ["alerts", "silence", "rule=disk_full", "severity>=error", "--until", "2099-01-01T00:00:00Z", "--comment", "known"];
    let (code, made, said) = world.asked(at, &args).await;
    assert_eq!((code, said.as_str()), (0, ""));
    let (id, rest) = made.split_once(' ').unwrap();
    assert_eq!((id.len(), rest), (32, "until 2099-01-01T00:00:00Z; 1 open alert matches\n"));
    let listed = world.stdout(&["alerts", "ls"]).await;
    let muted = format!("1 of 2: silence {} until 2099-01-01T00:00:00Z", &id[..8]);
    assert!(listed.lines().nth(2).unwrap().ends_with(&muted), "{listed}");
    let shown = world.stdout(&["alerts", "show", "d15c0001"]).await;
    assert!(shown.contains(&format!("\nsilent: silence {} until 2099-01-01T00:00:00Z\n", &id[..8])), "{shown}");
    let ended = world.asked(at, &["alerts", "unsilence", &id[..8], "--owner", "ada"]).await;
    let expected = format!("{id} is over; it was for rule=\"disk_full\" severity>=\"error\"\n");
    assert_eq!(ended, (0, expected, String::new()));
    assert!(!world.stdout(&["alerts", "silences"]).await.contains(&id[..8]));
    let all = world.stdout(&["alerts", "silences", "--all", "--format", "json"]).await;
    let ended = all.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()).find(|silence| silence["id"] == id).unwrap();
    assert_eq!((&ended["ended_by"], &ended["state"]), (&Value::from("ada"), &Value::from("over")));
    let incident = world.incident("disk_full on db-1").await;
    let shown = world.stdout(&["alerts", "show", &incident]).await;
    assert!(shown.contains(&format!("silence {} of kim is over: 1 alert that it meant is still open\n", &id[..8])), "{shown}");
}

#[tokio::test]
async fn what_cannot_be_silenced_is_wrong_usage() {
    let world = World::new().await;
    let silence = async |args: &[&str]| world.run(&[&["alerts", "silence", "--comment", "x"], args].concat()).await;
    let (code, _, said) = silence(&["rule=a", "--until", "2026-01-31T12:00:00Z"]).await;
    let over = "floodmark: the silence would end at 2026-01-31T12:00:00Z: that is over already, or before it begins\n";
    assert_eq!((code, said.as_str()), (64, over));
    for args in [&["rule=a"][..], &["--for", "2h"], &["rule", "--for", "2h"], &["rule=a", "--for", "2h", "--until", "2099-01-01T00:00:00Z"]]
    {
        assert_eq!(silence(args).await.0, 64, "{args:?}");
    }
}

#[tokio::test]
async fn what_nobody_does_stays_asked_for() {
    let mut world = World::new().await;
    let disk = world.incident("disk_full on db-1").await;
    let expected = "floodmark: asked for as request 1; nobody has done it yet: is `floodmark run` running?\n  \
                    Help: it stays asked for, and is done as soon as `floodmark run` is there: do not ask again\n";
    assert_eq!(world.run(&["alerts", "ack", &disk, "--wait", "0s"]).await, (69, String::new(), expected.to_owned()));
    world.owner.serve(after_noon(60), tokio::task::yield_now()).await;
    world.asked(after_noon(60), &["alerts", "ls"]).await;
    let listed = world.stdout(&["alerts", "ls"]).await;
    assert!(listed.contains("disk_full on db-1  kim"), "{listed}");
}

#[tokio::test]
async fn programs_are_told_as_by_the_api() {
    let mut world = World::new().await;
    let disk = world.incident("disk_full on db-1").await;
    let at = after_noon(60);
    let silence = ["alerts", "silence", "rule=disk_full", "--until", "2099-01-01T00:00:00Z", "--comment", "known"];
    for args in [&["alerts", "ack", &disk[..6]][..], &silence] {
        let (code, line, said) = world.asked(at, &[args, &["--format", "json"]].concat()).await;
        assert_eq!((code, said.as_str(), line.matches('\n').count()), (0, "", 1), "{line}");
        let answer: Value = serde_json::from_str(&line).unwrap();
        let id = answer["id"].as_str().unwrap();
        assert_eq!(line, format!("{{\"request\":{},\"done\":true,\"id\":\"{id}\"}}\n", answer["request"]));
        if args[1] == "ack" {
            assert_eq!(id, disk);
            continue;
        }
        let (code, line, _) = world.asked(at, &["alerts", "unsilence", id, "--format", "json"]).await;
        let answer: Value = serde_json::from_str(&line).unwrap();
        assert_eq!((code, &answer["done"], &answer["id"]), (0, &Value::Bool(true), &Value::from(id)));
    }
    // What nobody does in time has a number and no id.
    let waiting = world.run(&["alerts", "ack", &disk, "--wait", "0s", "--format", "json"]).await;
    assert_eq!((waiting.0, waiting.1.as_str()), (69, "{\"request\":4,\"done\":false}\n"), "{}", waiting.2);

    let (code, line, said) = world.run(&["alerts", "send-test", "mail", "--format", "json"]).await;
    let sent: Value = serde_json::from_str(&line).unwrap();
    assert_eq!((code, said.as_str(), &sent["receiver"], &sent["done"]), (0, "", &Value::from("mail"), &Value::Bool(true)));
    assert!(sent["answer"].as_str().unwrap().contains("exit 0") && !sent["id"].as_str().unwrap().is_empty(), "{line}");
}

#[tokio::test]
async fn what_is_said_has_an_end() {
    let world = World::new().await;
    let disk = world.incident("disk_full on db-1").await;
    let (text, name) = ("x".repeat(4097), "x".repeat(257));
    let (text, name) = (text.as_str(), name.as_str());
    let silence = ["alerts", "silence", "rule=disk_full", "--for", "2h"];
    for (args, refused) in [
        ([&["alerts", "ack", &disk, "--note"][..], &[text]].concat(), "note has 4097 bytes: it may have at most 4096"),
        ([&["alerts", "ack", &disk, "--owner"][..], &[name]].concat(), "owner has 257 bytes: it may have at most 256"),
        ([&silence[..], &["--comment", text]].concat(), "comment has 4097 bytes: it may have at most 4096"),
        (vec!["alerts", "unsilence", "ab", "--owner", name], "owner has 257 bytes: it may have at most 256"),
        (vec!["alerts", "unsilence", "ab", "--owner", " "], "owner is empty: say who asks"),
    ] {
        assert_eq!(world.run(&args).await, (64, String::new(), format!("floodmark: {refused}\n")));
    }
    assert_eq!(world.owner.store.requests(10).await.unwrap(), []);
}
