//! `alerts route-test`: who would be told.

use serde_json::{Value, json};

use crate::world::{CONFIG, World};

const ROUTES: &str = r#"
[receivers.pager]
type = "command"
argv = ["/bin/true"]

[alerts.disk_full]
type = "threshold"
metrics = ["used"]
above = 95

[alerts.web_down]
type = "state"
depends_on = ["rule=disk_full"]

[route]
receivers = ["mail"]
group_by = ["rule", "team"]
repeat_interval = "1h"

[[route.routes]]
id = "web"
match = ["source=~web-.*"]

[[route.routes]]
id = "db"
match = ["team=db"]
group_wait = "5s"

[[route.routes.routes]]
id = "grave"
match = ["severity>=error"]
receivers = ["pager"]
escalation = [{ after = "15m", receiver = "mail" }]

[[route.routes]]
id = "rest"

[maintenance.nights]
match = ["rule=disk_full"]
begins = "0 2 * * *"
lasts = "2h"
"#;

async fn world() -> World {
    let world = World::new().await;
    std::fs::write(world.directory.path().join("floodmark.toml"), format!("{CONFIG}{ROUTES}")).unwrap();
    world
}

#[tokio::test]
async fn a_made_up_alert_is_routed_and_what_keeps_it_silent_is_said() {
    let world = world().await;
    let labels = ["alerts", "route-test", "--labels", "rule=disk_full,team=db,source=db-9"];
    let expected = "\
Route db/grave tells pager
  one incident:  rule=\"disk_full\" team=\"db\"
  first told:    after 5s
  changes:       5m after the last
  told again:    after 1h
  not answered:  mail after 15m
At 2026-02-01T03:00:00Z it is kept silent: maintenance nights until 2026-02-01T04:00:00Z.
";
    let at = ["--severity", "critical", "--at", "2026-02-01T03:00:00Z"];
    assert_eq!(world.stdout(&[&labels[..], &at].concat()).await, expected);
    let at = ["--at", "2026-02-01T04:00:00Z", "--explain"];
    let expected = "\
(root): goes on below
  web: no: source=~\"web-.*\" does not hold
  db: takes it
    db/grave: no: severity>=\"error\" does not hold
  rest: not asked: route db decides

Route db tells mail
  one incident:  rule=\"disk_full\" team=\"db\"
  first told:    after 5s
  changes:       5m after the last
  told again:    after 1h
At 2026-02-01T04:00:00Z nothing keeps it silent.
";
    assert_eq!(world.stdout(&[&labels[..], &at].concat()).await, expected);
}

#[tokio::test]
async fn silences_and_open_alerts_keep_a_made_up_alert_silent() {
    let world = world().await;
    let args = ["alerts", "route-test", "--labels", "rule=web_down", "--source", "web-9", "--at", "2026-01-31T12:30:00Z"];
    let text = world.stdout(&args).await;
    let silent = "silence d33b2d10 until 2100-01-01T00:00:00Z, depends on alert d15c0001";
    assert!(text.ends_with(&format!("\nAt 2026-01-31T12:30:00Z it is kept silent: {silent}.\n")), "{text}");
    let json: Value = serde_json::from_str(&world.stdout(&[&args[..], &["--format", "json"]].concat()).await).unwrap();
    assert_eq!(json["routes"][0]["group"], json!({ "rule": "web_down", "team": "" }));
    assert_eq!((&json["routes"][0]["route"], &json["muted_by"][1]["by"]), (&json!("web"), &json!("d15c0001000000000000000000000007")));
    std::fs::remove_file(world.directory.path().join("data/store.db")).unwrap();
    let (code, text, said) = world.run(&args).await;
    assert!(code == 0 && text.ends_with("\nAt 2026-01-31T12:30:00Z nothing keeps it silent.\n"), "{text}");
    assert_eq!(said, "floodmark: silences and open alerts are not known: there is no store at data/store.db\n");
}

#[tokio::test]
async fn maintenance_keeps_open_alerts_silent_in_previews() {
    let world = world().await;
    let preview = world.stdout(&["alerts", "mute-preview", "severity=critical", "--at", "2026-02-01T02:00:00Z"]).await;
    assert!(preview.contains("  0f1d633a  maintenance nights until 2026-02-01T04:00:00Z\n"), "{preview}");
    assert!(preview.ends_with("\n2026-02-01T02:00:00Z: 1 of 1 open alert would be silent.\n"), "{preview}");
}

#[tokio::test]
async fn what_no_alert_can_be_is_wrong_usage() {
    let world = world().await;
    for (labels, expected) in [
        ("team=db,team=web", "floodmark: --labels team is given with two values: no alert has both\n"),
        ("severity=fatal", "floodmark: --labels severity=fatal: the severities are info, warning, error and critical\n"),
        ("source=a", "floodmark: severity or source is given twice: among the labels and by its own option\n"),
    ] {
        let answer = world.run(&["alerts", "route-test", "--labels", labels, "--source", "b"]).await;
        assert_eq!(answer, (64, String::new(), expected.to_owned()), "{labels}");
    }
}
