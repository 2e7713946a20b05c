//! `alerts ls`, `show` and `silences`.

use floodmark_schemas::AlertState;
use serde_json::{Value, json};

use crate::world::{World, after_noon, alert, next};

const HEAD: &str = "ID        SEVERITY  SINCE                 ";

#[tokio::test]
async fn open_incidents_are_listed_newest_first_with_what_keeps_them_silent() {
    let world = World::new().await;
    let web = "60ba428f  warning   2026-01-31T12:00:12Z";
    let disk = "0f1d633a  critical  2026-01-31T12:00:00Z";
    let mute = "silence d33b2d10 until 2100-01-01T00:00:00Z";
    let expected =
        format!("{HEAD}OPEN  TITLE              MUTED\n{web}     1  web_down on web-1  {mute}\n{disk}     2  disk_full on db-1\n");
    assert_eq!(world.stdout(&["alerts", "ls"]).await, expected);
    let gap = " ".repeat(20);
    let all = format!(
        "{HEAD}UNTIL                 OPEN  TITLE                MUTED\n{web}  {gap}     1  web_down on web-1    {mute}\n\
         {disk}  {gap}     2  disk_full on db-1\n\
         552d3670  warning   2026-01-31T11:00:00Z  2026-01-31T11:30:00Z     0  certificate on shop\n"
    );
    assert_eq!(world.stdout(&["alerts", "ls", "--all"]).await, all);
}

#[tokio::test]
async fn incidents_are_chosen_by_severity_and_time_and_come_in_pages() {
    let world = World::new().await;
    let titles = async |args: &[&str]| {
        let text = world.run(&[&["alerts", "ls", "--format", "json"], args].concat()).await.1;
        let title = |line: &str| serde_json::from_str::<Value>(line).unwrap()["title"].as_str().unwrap().to_owned();
        text.lines().map(title).collect::<Vec<_>>()
    };
    assert_eq!(titles(&["--severity", "error"]).await, ["disk_full on db-1"]);
    assert_eq!(titles(&["--since", "2026-01-31T12:00:01Z"]).await, ["web_down on web-1"]);
    assert_eq!(titles(&["--all", "--to", "2026-01-31T12:00:00Z"]).await, ["certificate on shop"]);
    let (code, text, notice) = world.run(&["alerts", "ls", "-n", "1"]).await;
    assert_eq!((code, text.lines().count()), (0, 2));
    assert!(notice.starts_with("floodmark: there are more than 1 open incident\n"), "{notice}");
    let nothing = world.run(&["alerts", "ls", "--from", "1h"]).await;
    assert_eq!(nothing, (0, String::new(), "floodmark: no open incidents found\n".to_owned()));
    assert_eq!(world.run(&["alerts", "ls", "--rule", "disk_full"]).await.0, 64);
    assert_eq!(world.run(&["alerts", "ls", "--severity", "fatal"]).await.0, 64);
}

#[tokio::test]
async fn an_incident_as_json_says_who_looks_after_it_and_what_keeps_it_silent() {
    let mut world = World::new().await;
    let web = world.incident("web_down on web-1").await;
    world.asked(after_noon(60), &["alerts", "ack", &web, "--owner", "ada", "--note", "later", "--noise"]).await;
    let line = world.stdout(&["alerts", "ls", "--format", "json", "-n", "100"]).await;
    let first: Value = serde_json::from_str(line.lines().next().unwrap()).unwrap();
    let expected = json!({
        "id": web, "group": { "rule": "web_down" }, "title": "web_down on web-1", "severity": "warning",
        "opened": "2026-01-31T12:00:12Z", "alerts": 1, "muted": 1,
        "acknowledged": { "owner": "ada", "note": "later", "time": "2026-01-31T12:01:00Z", "useful": false },
        "muted_by": [{ "decided": "silenced", "silence": "d33b2d109abfb3fb3a1b1a7d15560bf2", "until": "2100-01-01T00:00:00Z" }],
    });
    assert_eq!(first, expected);
    let table = world.stdout(&["alerts", "ls"]).await;
    assert!(table.lines().nth(1).unwrap().contains("web_down on web-1  ada: later    silence d33b2d10"), "{table}");
}

#[tokio::test]
async fn single_alerts_are_chosen_by_rule_source_and_label() {
    let world = World::new().await;
    let head = "ID        STATE     SEVERITY  BEGAN                 RULE         SOURCE  SERIES           VALUE  LIMIT  INCIDENT  MUTED";
    let all = world.stdout(&["alerts", "ls", "--alerts", "--all"]).await;
    assert_eq!(all.lines().next(), Some(head));
    let last = "ccaa0001  resolved  warning   2026-01-31T11:00:00Z  certificate  shop    used{mount=\"/\"}  97.25     95  552d3670";
    assert_eq!(all.lines().nth(4), Some(last));
    let ids = async |args: &[&str]| {
        let text = world.run(&[&["alerts", "ls", "--alerts", "--format", "json"], args].concat()).await.1;
        let id = |line: &str| serde_json::from_str::<Value>(line).unwrap()["id"].as_str().unwrap()[..8].to_owned();
        text.lines().map(id).collect::<Vec<_>>()
    };
    assert_eq!(ids(&[]).await, ["3eb00001", "d15c0001", "d15c0002"]);
    assert_eq!(ids(&["--rule", "disk_full", "--source", "db-2"]).await, ["d15c0002"]);
    assert_eq!(ids(&["-l", "team=db", "--severity", "critical"]).await, ["d15c0001"]);
    assert_eq!(ids(&["-l", "team=web"]).await, Vec::<String>::new());
    assert_eq!(ids(&["--all", "--to", "2026-01-31T12:00:00Z"]).await, ["ccaa0001"]);
}

#[tokio::test]
async fn an_incident_is_shown_with_its_decisions_and_every_try_to_tell_it() {
    let world = World::new().await;
    let disk = world.incident("disk_full on db-1").await;
    let expected = format!(
        "disk_full on db-1
critical, open since 2026-01-31T12:00:00Z, incident {disk}
  rule = disk_full

Alerts
ID        STATE   SEVERITY  BEGAN                 RULE       SOURCE  SERIES           VALUE  LIMIT
d15c0001  firing  critical  2026-01-31T12:00:00Z  disk_full  db-1    used{{mount=\"/\"}}  97.25     95
d15c0002  firing  warning   2026-01-31T12:00:00Z  disk_full  db-2    used{{mount=\"/\"}}  97.25     95

Began at about the same time (no more than that is known)
  12 s later: web_down on web-1, source web-1, incident 60ba428f

Receivers
RECEIVER  ROUTE   TOLD  LAST TOLD             NEXT LOOK             ESCALATES
mail      (root)     1  2026-01-31T12:00:00Z  2026-01-31T16:00:00Z

Decisions
  2026-01-31T12:00:00Z  alert d15c0001 opened the incident, by the root route
  2026-01-31T12:00:00Z  alert d15c0002 came to the incident, by the root route
  2026-01-31T12:00:00Z  mail was written to: opened, notification f0ec15f6

Notifications
  2026-01-31T12:00:00Z  mail: opened, delivered, notification f0ec15f6
    try 1, 2026-01-31T12:00:01Z: not taken, next try not before 2026-01-31T12:00:03Z: 421 too busy
    try 2, 2026-01-31T12:00:03Z: delivered: 250 OK
"
    );
    assert_eq!(world.stdout(&["alerts", "show", &disk[..8]]).await, expected);
    let json: Value = serde_json::from_str(&world.stdout(&["alerts", "show", &disk, "--format", "json"]).await).unwrap();
    let tries = &json["notifications"][0]["attempts"];
    assert_eq!(
        tries[0],
        json!({ "number": 1, "time": "2026-01-31T12:00:01Z", "outcome": "again", "at": "2026-01-31T12:00:03Z", "answer": "421 too busy" })
    );
    assert_eq!((tries.as_array().unwrap().len(), &json["receivers"]["mail"]["told"]), (2, &json!(1)));
    assert_eq!(json["members"].as_array().unwrap().len(), 2);
    let fewer = world.stdout(&["alerts", "show", &disk, "-n", "1"]).await;
    assert!(fewer.contains("and more; -n sets how many are shown\n") && !fewer.contains("came to the incident"), "{fewer}");
}

#[tokio::test]
async fn an_alert_is_shown_with_its_steps() {
    let world = World::new().await;
    let certificate = world.incident("certificate on shop").await;
    let expected = format!(
        "certificate of shop: used{{mount=\"/\"}}
resolved warning, alert ccaa0001000000000000000000000007, by definition 0000000a of the rule
began 2026-01-31T11:00:00Z, fired 2026-01-31T11:00:00Z, of incident {certificate}
  team = db
  summary: certificate on shop

Steps
STEP  TIME                      STATE     SEVERITY  VALUE  LIMIT  NOTICED                   DECIDED BY
   0  2026-01-31T11:00:00.000Z  firing    warning   97.25     95  2026-01-31T11:00:00.250Z  event 17.3
   1  2026-01-31T11:30:00.000Z  resolved  warning   97.25     95  2026-01-31T11:30:00.000Z  event 17.3

Decisions
  2026-01-31T11:00:00Z  alert ccaa0001 opened the incident, by the root route
"
    );
    assert_eq!(world.stdout(&["alerts", "show", "CCAA"]).await, expected);
    let json: Value = serde_json::from_str(&world.stdout(&["alerts", "show", "ccaa", "--format", "json"]).await).unwrap();
    assert_eq!((json["steps"].as_array().unwrap().len(), &json["incident"]), (2, &json!(certificate)));
}

#[tokio::test]
async fn a_beginning_that_several_have_lists_them() {
    let world = World::new().await;
    let expected = "floodmark: several begin with d15c000:\n  alert d15c0001000000000000000000000007 disk_full of db-1: used{mount=\"/\"}\n  \
                    alert d15c0002000000000000000000000007 disk_full of db-2: used{mount=\"/\"}\n  Help: give more of the id\n";
    assert_eq!(world.run(&["alerts", "show", "d15c000"]).await, (64, String::new(), expected.to_owned()));
    let missing = "floodmark: there is no incident and no alert dddd\n  Help: `floodmark alerts ls --all` and \
                   `floodmark alerts ls --alerts --all` list those there are\n";
    assert_eq!(world.run(&["alerts", "show", "dddd"]).await, (1, String::new(), missing.to_owned()));
    assert_eq!(world.run(&["alerts", "show", "disk"]).await.0, 64);
    // An incident whose id begins like that of an alert.
    let mut world = world;
    let web = world.incident("web_down on web-1").await;
    let number = u32::from_str_radix(&web[..8], 16).unwrap();
    world.owner.take(100, &[alert(number, "other", "x", 100)]).await;
    let (code, _, said) = world.run(&["alerts", "show", &web[..8]]).await;
    let expected = [
        format!("  incident {web} web_down on web-1"),
        format!("  alert {:.8}000000000000000000000007 other of x: used{{mount=\"/\"}}", web),
    ];
    assert_eq!((code, said.lines().skip(1).take(2).collect::<Vec<_>>()), (64, expected.iter().map(String::as_str).collect()));
}

#[tokio::test]
async fn an_alert_that_flaps_is_open_while_it_is_held() {
    let mut world = World::new().await;
    let flapping = floodmark_schemas::Alert { flapping: true, ..alert(0xf1a9_0001, "flap", "web-2", 100) };
    world.owner.take(100, std::slice::from_ref(&flapping)).await;
    world.owner.take(110, &[next(&flapping, AlertState::Resolved, 110)]).await;
    let line = world.stdout(&["alerts", "ls"]).await;
    assert!(line.lines().nth(1).unwrap().contains("     1  flap on web-2      silence d33b2d10"), "{line}");
}

#[tokio::test]
async fn silences_are_listed_by_their_end() {
    let world = World::new().await;
    let expected = "\
ID        STATE   FROM                  UNTIL                 ALERTS  MATCHERS          OWNER  COMMENT
d33b2d10  active  2026-01-31T11:59:00Z  2100-01-01T00:00:00Z       1  source=~\"web-.*\"  ada    the move
";
    assert_eq!(world.stdout(&["alerts", "silences"]).await, expected);
    let json: Value = serde_json::from_str(&world.stdout(&["alerts", "silences", "--format", "json"]).await).unwrap();
    assert_eq!((&json["state"], &json["alerts"], &json["comment"]), (&json!("active"), &json!(1), &json!("the move")));
}

#[tokio::test]
async fn without_a_store_each_command_says_what_makes_it() {
    let world = World::new().await;
    std::fs::remove_file(world.directory.path().join("data/store.db")).unwrap();
    for args in [&["alerts", "ls"][..], &["alerts", "show", "a"], &["alerts", "ack", "a"], &["alerts", "silences"]] {
        let (code, _, said) = world.run(args).await;
        assert_eq!((code, said.lines().next()), (1, Some("floodmark: there is no store at data/store.db")), "{args:?}");
    }
}
