//! Why a number is what it is: the very events, and what came of them.

use floodmark_tests::support::program::Installation;
use serde_json::{Value, json};

use crate::world::{PROGRAM, command, json, operator, rollups, run_to_the_end};

/// Two rooms, in two orders: 12:00 is late for a window that has fired, 11:00 for one that is gone.
const ROWS: &str = "time,room,temp\n\
    2026-01-31T10:00:00Z,a,1\n2026-01-31T12:10:00Z,a,10\n2026-01-31T12:20:00Z,b,70\n2026-01-31T12:30:00Z,a,30\n\
    2026-01-31T13:30:00Z,a,5\n2026-01-31T12:00:00Z,a,20\n2026-01-31T14:30:00Z,a,6\n2026-01-31T12:40:00Z,a,99\n2026-01-31T14:45:00Z,b,7\n";

async fn installed() -> Installation {
    let installation = Installation::new(PROGRAM);
    let path = installation.write("rooms.csv", ROWS);
    let source = format!(
        "[api]\nenabled = false\n[sources.file]\ntype = \"file\"\npath = {path:?}\ntime = \"time\"\ndisorder = \"0s\"\nlabels = [\"room\"]\n\
         values = [{{ column = \"temp\", metric = \"temperature\", unit = \"Cel\" }}]\n"
    );
    installation.write("floodmark.toml", format!("{source}{}", operator("hourly", "1h", "allowed_lateness = \"1h\"")));
    run_to_the_end(&installation, "floodmark.toml").await;
    installation
}

async fn noon(installation: &Installation) -> Value {
    let found = rollups(installation, &["--from", "2026-01-31T12:00:00Z", "--to", "2026-01-31T13:00:00Z", "--label", "room=a"]).await;
    assert_eq!(found.len(), 1);
    found[0].clone()
}

#[tokio::test]
async fn the_events_behind_a_rollup_and_the_life_of_its_window_are_listed() {
    let installation = installed().await;
    let noon = noon(&installation).await;
    let id = noon["id"].as_str().unwrap();
    let found = json(&installation, 0, &["explain", id]).await;
    assert_eq!((&found["rollup"], &found["reproduced"]), (&noon, &json!(true)));
    let explanation = &found["explanation"];
    let events: Vec<(u64, &str, f64)> = explanation["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| (event["index"].as_u64().unwrap(), event["time"].as_str().unwrap(), event["value"].as_f64().unwrap()))
        .collect();
    assert_eq!(events, [(1, "2026-01-31T12:10:00Z", 10.0), (3, "2026-01-31T12:30:00Z", 30.0), (5, "2026-01-31T12:00:00Z", 20.0)]);
    assert_eq!(noon["aggregates"]["count"], 3);
    let position = explanation["events"][0]["position"].as_u64().unwrap();
    let life = explanation["life"].as_array().unwrap();
    let steps: Vec<(&Value, &Value, &Value)> =
        life.iter().map(|step| (&step["revision"], &step["cause"], &step["aggregates"]["sum"])).collect();
    let late = json!({ "event": { "position": position, "index": 5 } });
    assert_eq!(steps, [(&json!(0), &json!({ "watermark": position }), &json!(40.0)), (&json!(1), &late, &json!(60.0))]);
    assert_eq!(life[1]["id"], id);
    assert_eq!(explanation["late"].as_array().unwrap().len(), 1);
    assert_eq!((&explanation["late"][0]["index"], &explanation["late"][0]["value"]), (&json!(7), &json!(99.0)));

    // An earlier revision is explained by its id, too; and a window without any id.
    let earlier = json(&installation, 0, &["explain", life[0]["id"].as_str().unwrap()]).await;
    assert_eq!(earlier["explanation"], *explanation);
    let question = ["explain", "--operator", "hourly", "--label", "room=a", "--from", "2026-01-31T12:00:00Z"];
    assert_eq!(json(&installation, 0, &question).await, found);
    let (code, text, _) = command(&installation, &["explain", id]).await;
    for part in ["opened", "fired", "by event", "the window was gone", "3 events behind it", "floodmark replay --from 2026-01-31T12:00:00Z"]
    {
        assert!(code == 0 && text.contains(part), "{part}: {text}");
    }
    let (code, _, stderr) = command(&installation, &["explain", "00000000000000000000000000000000"]).await;
    assert!(code == 1 && stderr.contains("there is no such result"), "{stderr}");

    // The command that it names makes the same rollup again.
    let shell = found["command"].as_str().unwrap().replace("floodmark ", &format!("{PROGRAM} ")).replace("--oldest-first", "");
    let output = std::process::Command::new("sh")
        .args(["-c", &format!("{shell} --format json")])
        .current_dir(installation.path())
        .env_remove("FLOODMARK_CONFIG")
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let again: Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
    assert_eq!(again, noon);
}

#[tokio::test]
async fn each_listed_event_changes_the_number_and_no_other_does() {
    let installation = installed().await;
    let noon = noon(&installation).await;
    let id = noon["id"].as_str().unwrap();
    let explained = json(&installation, 0, &["explain", id]).await;
    let events = explained["explanation"]["events"].as_array().unwrap();
    let position = events[0]["position"].as_u64().unwrap();
    for index in 0..9_u64 {
        let listed = events.iter().find(|event| event["index"] == index);
        let place = format!("{position}.{index}");
        let without = json(&installation, 0, &["explain", id, "--without", &place]).await["without"].clone();
        let Some(event) = listed else {
            // Those that keep time decide how late the others are, but not what is in the window.
            if index != 4 && index != 6 {
                assert_eq!(without["aggregates"], noon["aggregates"], "{place}");
            }
            continue;
        };
        let sum = noon["aggregates"]["sum"].as_f64().unwrap() - event["value"].as_f64().unwrap();
        assert_eq!((&without["aggregates"]["sum"], &without["count"]), (&json!(sum), &json!(2)), "{place}");
    }
}
