//! Programs that are run: what they get, and what their exit codes mean.

use floodmark_connectors::notify::command::{Config, Program};
use floodmark_core::Kind;
use floodmark_core::ports::Notifier;
use floodmark_schemas::Notification;
use serde_json::{Value, json};

use super::{config, failed, opened};

fn shell(script: &str, more: Value) -> Program {
    let mut settings = json!({ "argv": ["/bin/sh", "-c", script, "sh", "$HOME; `id`"] });
    settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    Program::new(config(settings)).unwrap()
}

#[tokio::test]
async fn it_gets_the_notification_and_little_else() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    std::fs::write(at("secret"), "hunter2\n").unwrap();
    let script = "cat > \"$TO/stdin\"; env > \"$TO/env\"; printf '%s' \"$1\" > \"$TO/argument\"; echo done with $PASSWORD; echo hm >&2";
    let more = json!({ "env": { "TO": dir.path(), "PASSWORD": { "file": at("secret") } } });
    let receipt = shell(script, more).deliver(&opened()).await.unwrap();
    assert_eq!(receipt.answer, "exit 0: done with ***; hm");
    let read = |name: &str| std::fs::read_to_string(at(name)).unwrap();
    assert_eq!(serde_json::from_str::<Notification>(&read("stdin")).unwrap(), opened());
    assert_eq!(read("argument"), "$HOME; `id`");
    let env = read("env");
    for variable in [
        format!("FLOODMARK_NOTIFICATION_ID={}", opened().id),
        format!("FLOODMARK_INCIDENT_ID={}", opened().incident.id),
        "FLOODMARK_RECEIVER=team".to_owned(),
        "FLOODMARK_SEVERITY=critical".to_owned(),
    ] {
        assert!(env.lines().any(|line| line == variable), "{variable}: {env}");
    }
    assert!(!env.contains("CARGO"), "the environment of this program stays here: {env}");
}

#[tokio::test]
async fn exit_codes_say_what_to_do_next() {
    for (script, kind, said) in [
        ("exit 75", Kind::Unavailable, "exit 75"),
        ("echo no >&2; exit 1", Kind::Rejected, "exit 1: no"),
        ("exit 255", Kind::Rejected, "exit 255"),
        ("kill -9 $$", Kind::Unavailable, "ended by a signal (signal: 9 (SIGKILL))"),
    ] {
        let (found, text, wait) = failed(shell(script, json!({})).deliver(&opened()).await);
        assert_eq!((found, text.as_str(), wait), (kind, &*format!("running \"/bin/sh\": {said}"), None));
    }
    let missing = Program::new(config(json!({ "argv": ["/no/such/program"] }))).unwrap();
    assert_eq!(failed(missing.deliver(&opened()).await).0, Kind::Unavailable);
}

#[tokio::test]
async fn one_that_does_not_end_is_killed() {
    let dir = tempfile::tempdir().unwrap();
    let pid = dir.path().join("pid");
    let more = json!({ "timeout": "1s", "env": { "TO": &pid } });
    let (kind, text, _) = failed(shell("echo $$ > \"$TO\"; exec sleep 600", more).deliver(&opened()).await);
    assert_eq!((kind, text.as_str()), (Kind::Unavailable, "running \"/bin/sh\": it did not end within 1s and was killed"));
    let pid: u32 = std::fs::read_to_string(&pid).unwrap().trim().parse().unwrap();
    floodmark_tests::support::processes::gone(&[pid]).await;
}

#[tokio::test]
async fn much_output_and_children_that_stay_do_not_hold_it_up() {
    let script = "i=0; while [ $i -lt 20000 ]; do echo xxxxxxxxx; i=$((i+1)); done; sleep 300 & exit 0";
    let receipt = shell(script, json!({ "timeout": "60s" })).deliver(&opened()).await.unwrap();
    assert_eq!(receipt.answer.len(), "exit 0: ".len() + 4 * 1024);
}

#[test]
fn what_cannot_work_is_told() {
    let config: Config = config(json!({ "argv": [], "env": { "FLOODMARK_X": "1" } }));
    let faults: Vec<String> = config.validate().iter().map(ToString::to_string).collect();
    assert_eq!(
        faults,
        [
            "`argv`: there is no program to run (write for example argv = [\"/usr/local/bin/notify\", \"team\"])",
            "`env.FLOODMARK_X`: a variable cannot be called \"FLOODMARK_X\" (give it another name)",
        ]
    );
}
