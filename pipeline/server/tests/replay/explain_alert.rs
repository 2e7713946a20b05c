//! Why an alert is what it is, and that a replay makes the same one.

use floodmark_core::id::alert_id;
use floodmark_schemas::commit::Output;
use floodmark_schemas::{Alert, JobEntry, Series, Timestamp};
use floodmark_tests::support::program::Installation;
use floodmark_tests::support::stored;
use serde_json::json;

use crate::world::{PROGRAM, command, json, run_to_the_end};

const ROWS: &str = "time,temp\n2026-01-31T12:00:00Z,10\n2026-01-31T12:10:00Z,31\n2026-01-31T12:20:00Z,32\n2026-01-31T12:30:00Z,9\n";

/// All steps of alerts in an output log.
async fn alerts(path: &std::path::Path) -> Vec<Alert> {
    let written = stored::jobs(path).await.into_values().flatten();
    let outputs = written.flat_map(|written| match written.entry {
        JobEntry::Commit(commit) => commit.outputs,
        JobEntry::Claim(_) => Vec::new(),
    });
    outputs.filter_map(|output| if let Output::Alert(alert) = output { Some(alert) } else { None }).collect()
}

#[tokio::test]
async fn the_steps_of_an_alert_are_listed_and_the_named_command_makes_them_again() {
    let installation = Installation::new(PROGRAM);
    let path = installation.write("room.csv", ROWS);
    let config = format!(
        "[api]\nenabled = false\n[sources.file]\ntype = \"file\"\npath = {path:?}\ntime = \"time\"\ndisorder = \"0s\"\n\
         values = [{{ column = \"temp\", metric = \"temperature\", unit = \"Cel\" }}]\n\
         [alerts.hot]\ntype = \"threshold\"\nmetrics = [\"temperature\"]\nabove = 30\nfor = \"15m\"\n\
         annotations = {{ summary = \"it is {{{{ value }}}} degrees\" }}\n"
    );
    installation.write("floodmark.toml", config);
    run_to_the_end(&installation, "floodmark.toml").await;

    let began = Timestamp::parse("2026-01-31T12:10:00Z").unwrap();
    let id = alert_id("hot", "file", &Series::new("temperature").unit("Cel").key(), began.micros());
    let found = json(&installation, 0, &["explain", &id]).await;
    let steps: Vec<_> = found["steps"].as_array().unwrap().iter().map(|step| &step["alert"]).collect();
    let said: Vec<_> = steps.iter().map(|step| (step["state"].as_str().unwrap(), step["time"].as_str().unwrap())).collect();
    let expected = [("pending", "2026-01-31T12:10:00Z"), ("firing", "2026-01-31T12:25:00Z"), ("resolved", "2026-01-31T12:30:00Z")];
    assert_eq!(said, expected);
    assert_eq!(steps[0]["evidence"]["kind"], json!("event"));
    assert_eq!((&steps[1]["value"], &steps[1]["evidence"]["kind"]), (&json!(32.0), &json!("time")));
    let (code, text, _) = command(&installation, &["explain", &id, "--operator", "hot"]).await;
    for part in ["hot of file: temperature", "3 steps", "summary: it is 9.0 degrees", "floodmark replay --from 2026-01-31T12:10:00Z"] {
        assert!(code == 0 && text.contains(part), "{part}: {text}");
    }
    let (code, _, _) = command(&installation, &["explain", &id, "--operator", "other"]).await;
    assert_eq!(code, 1);

    // The command that it names makes the same steps again.
    let words: Vec<&str> = found["command"].as_str().unwrap().split(' ').skip(1).collect();
    let (code, _, stderr) = command(&installation, &words).await;
    assert_eq!(code, 0, "{stderr}");
    let name = words.last().unwrap();
    let again = alerts(&installation.data("replays").join(name).join("outputs.db")).await;
    assert_eq!((again.len(), again), (3, alerts(&installation.data("outputs.db")).await));
}
