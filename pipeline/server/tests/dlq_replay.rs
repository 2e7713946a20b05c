//! Dead letters go back: as they were, when the settings have changed; corrected by hand; never twice.

#![cfg(test)]

use std::process::Output;

use floodmark_tests::support::program::Installation;
use floodmark_tests::support::stored;

const HEADER: &str = "date,temp";

fn config(time_format: &str) -> String {
    format!(
        "[api]\nenabled = false\n[sources.history]\ntype = \"file\"\npath = \"history.csv\"\ntime = \"date\"\ntime_format = \"{time_format}\"\n\
         values = [{{ column = \"temp\", metric = \"temperature\", unit = \"Cel\" }}]\n"
    )
}

fn floodmark(installation: &Installation, args: &[&str]) -> Output {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_floodmark"));
    command.args(args).current_dir(installation.path()).env_remove("FLOODMARK_CONFIG").output().unwrap()
}

fn said(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

/// The ids of the dead letters, oldest first.
fn ids(installation: &Installation) -> Vec<String> {
    let question = "SELECT component, id FROM dead_letter WHERE component = ?1 ORDER BY number";
    stored::rows(&installation.data("store.db"), question, "history", |row| row.get::<_, String>(1))
}

async fn values(installation: &Installation) -> Vec<String> {
    let frames = stored::frames(&installation.data("events.db"), "history").await;
    let events = frames.iter().flat_map(|frame| &frame.events);
    events.map(|event| serde_json::to_value(event).unwrap()["data"]["value"].to_string()).collect()
}

#[tokio::test]
async fn lines_that_are_corrected_or_can_be_read_now_are_stored_once() {
    let installation = Installation::new(env!("CARGO_BIN_EXE_floodmark"));
    installation.write("floodmark.toml", config("%Y-%m-%d"));
    installation.write("history.csv", format!("{HEADER}\n2026-01-01,1\n02.01.2026,2\n2026-01-03,warm\n"));
    let (code, log) = installation.run().ends().await;
    assert_eq!(code, 0, "{log}");
    let letters = ids(&installation);
    assert_eq!(letters.len(), 2);

    let (code, out, err) = said(&floodmark(&installation, &["dlq", "replay", "history"]));
    assert_eq!((code, out.as_str()), (1, ""), "nothing has changed: {err}");
    assert_eq!(err.matches("cannot be read still").count(), 2, "{err}");

    installation.write("line.csv", "2026-01-03,3\n");
    let corrected = ["dlq", "replay", "history", &letters[1], "--with", "line.csv"];
    for what in ["stored", "stored before"] {
        let (code, out, err) = said(&floodmark(&installation, &corrected));
        assert_eq!((code, out), (0, format!("{}  1 event {what}\n", letters[1])), "{err}");
    }

    installation.write("floodmark.toml", config("%d.%m.%Y"));
    let first = ["dlq", "replay", "history", &letters[0]];
    let (code, out, _) = said(&floodmark(&installation, &[&first[..], &["--dry-run"]].concat()));
    assert_eq!((code, out), (0, format!("{}  1 event would be stored\n", letters[0])));
    assert_eq!(values(&installation).await, ["1.0", "3.0"]);
    let (code, _, err) = said(&floodmark(&installation, &first));
    assert_eq!(code, 0, "{err}");
    assert_eq!(values(&installation).await, ["1.0", "3.0", "2.0"]);

    // The source goes on where it stood.
    let path = installation.path().join("history.csv");
    let grown = std::fs::read_to_string(&path).unwrap() + "04.01.2026,4\n";
    std::fs::write(&path, grown).unwrap();
    let (code, log) = installation.run().ends().await;
    assert_eq!(code, 0, "{log}");
    assert_eq!(values(&installation).await, ["1.0", "3.0", "2.0", "4.0"]);
}

#[tokio::test]
async fn what_is_no_source_or_no_letter_is_said() {
    let installation = Installation::new(env!("CARGO_BIN_EXE_floodmark"));
    installation.write("floodmark.toml", config("%Y-%m-%d"));
    installation.write("history.csv", format!("{HEADER}\n2026-01-01,1\n"));
    let (code, log) = installation.run().ends().await;
    assert_eq!(code, 0, "{log}");
    let (code, _, err) = said(&floodmark(&installation, &["dlq", "replay", "histori"]));
    assert!(code == 64 && err.contains("there is no source \"histori\"") && err.contains("the sources are history"), "{err}");
    let (code, _, err) = said(&floodmark(&installation, &["dlq", "replay", "history", "1-0"]));
    assert!(code == 1 && err.contains("history has no dead letter \"1-0\""), "{err}");
}
