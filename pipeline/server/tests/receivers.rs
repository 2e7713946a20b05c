//! `floodmark alerts send-test` and `render`, as a person uses them.

#![cfg(test)]

use std::path::Path;
use std::process::Command;

use floodmark_tests::servers::receiver::Turn;
use floodmark_tests::servers::{Receiver, Smtp};

/// The exit code, stdout and stderr.
async fn floodmark(dir: &Path, args: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_floodmark"));
    command.args(args).current_dir(dir).env_remove("FLOODMARK_CONFIG").env("NO_COLOR", "1").env("SECRET", "hunter2");
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

fn installation(text: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("floodmark.toml"), text).unwrap();
    dir
}

#[tokio::test]
async fn a_test_arrives_as_one_and_the_answer_is_shown() {
    let server = Smtp::start().await;
    let hook = Receiver::start(Some("hunter2")).await;
    hook.plan([
        Turn::Take(202, "thank you"),
        Turn::Refuse(503, vec![("retry-after", "60".to_owned())], "later"),
        Turn::Refuse(403, Vec::new(), "no"),
    ]);
    let dir = installation(&format!(
        "[receivers.mail]\ntype = \"email\"\nhost = \"127.0.0.1\"\nport = {}\ntls = \"never\"\nfrom = \"a@example.org\"\nto = [\"b@example.org\"]\n\
         [receivers.hook]\ntype = \"webhook\"\nurl = \"{}\"\nsecret = {{ env = \"SECRET\" }}\n",
        server.port(),
        hook.url("/")
    ));
    let send = async |receiver| floodmark(dir.path(), &["alerts", "send-test", receiver]).await;
    assert_eq!(send("mail").await, (0, "ok: 250 2.0.0 taken\n".to_owned(), String::new()));
    let mail = server.mails().remove(0);
    assert_eq!(mail.header("subject"), Some("[TEST · critical] The disk of db-1 is nearly full"));
    assert!(mail.parts[0].1.contains("Nothing is wrong."));
    assert_eq!(send("hook").await, (0, "ok: 202 Accepted: thank you\n".to_owned(), String::new()));
    assert_eq!(hook.received()[0].json()["reason"], "test");
    let failed = "floodmark: sending to 127.0.0.1: ";
    let later = format!("{failed}503 Service Unavailable: later\n  Help: the receiver asks to wait 60 s\n");
    assert_eq!(send("hook").await, (69, String::new(), later));
    let never = format!("{failed}403 Forbidden: no\n  Help: a running server would not try this again: correct the receiver's settings\n");
    assert_eq!(send("hook").await, (1, String::new(), never));
    let unknown = "floodmark: there is no receiver \"hooks\"\n  Help: there are: hook, mail\n";
    assert_eq!(send("hooks").await, (64, String::new(), unknown.to_owned()));
    assert_eq!(hook.wrong(), Vec::<String>::new());
}

#[tokio::test]
async fn what_would_be_told_is_shown_without_secrets() {
    let dir = installation(
        "[receivers.chat]\ntype = \"slack\"\nurl = { env = \"NOT_SET\" }\n\
         [receivers.bus]\ntype = \"nats\"\nservers = [\"nats://127.0.0.1:1\"]\nprefix = \"plant-2\"\n",
    );
    let at = ["--at", "2026-01-31T12:00:00Z"];
    let render = async |args: &[&str]| floodmark(dir.path(), &[&["alerts", "render"][..], args, &at].concat()).await;
    let (code, text, _) = render(&[]).await;
    assert_eq!(code, 0);
    assert!(text.starts_with("Subject: [FIRING 2 · critical] The disk of db-1 is nearly full\n\nThe disk of db-1"), "{text}");
    let (_, html, _) = render(&["--format", "html", "--reason", "resolved"]).await;
    assert!(html.starts_with("<!DOCTYPE html>") && html.contains("and ended 2026-01-31 12:00:00 UTC, after 12 min."), "{html}");
    let (_, message, _) = render(&["--receiver", "chat", "--reason", "acknowledged"]).await;
    let message: serde_json::Value = serde_json::from_str(&message).unwrap();
    assert_eq!(message["text"], "[ACKNOWLEDGED · critical] The disk of db-1 is nearly full");
    let (_, messages, _) = render(&["--receiver", "bus"]).await;
    let messages: serde_json::Value = serde_json::from_str(&messages).unwrap();
    assert_eq!(messages[0]["subject"], "plant-2.alerts.critical.disk_full");
    let other = "floodmark: receiver chat of type \"slack\" is not told in this form\n  Help: use --format json\n";
    assert_eq!(render(&["--receiver", "chat", "--format", "html"]).await, (64, String::new(), other.to_owned()));
}
