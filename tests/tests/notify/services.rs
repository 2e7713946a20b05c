//! Slack, PagerDuty and Alertmanager: whole bodies, as their documents describe them.

use floodmark_connectors::notify::alertmanager::{self, Alertmanager};
use floodmark_connectors::notify::pagerduty::{self, PagerDuty};
use floodmark_connectors::notify::slack::{self, Slack};
use floodmark_core::Kind;
use floodmark_core::ports::Notifier;
use floodmark_schemas::{Acknowledgement, Alert, AlertState, Notification, NotificationReason, Severity, Timestamp};
use floodmark_tests::servers::Receiver;
use floodmark_tests::servers::receiver::Turn;
use serde_json::{Value, json};

use super::{clock, config, failed, opened};

fn secret(text: &str) -> (tempfile::TempDir, Value) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("secret");
    std::fs::write(&file, text).unwrap();
    (dir, json!({ "file": file }))
}

fn acknowledged() -> Notification {
    let mut notification = Notification { reason: NotificationReason::Acknowledged, ..opened() };
    notification.incident.acknowledged =
        Some(Acknowledgement { owner: "ada".to_owned(), note: "<!channel> & co".to_owned(), time: opened().time, useful: None });
    notification
}

/// More has happened in an incident that somebody looks after.
fn later(reason: NotificationReason) -> Notification {
    Notification { reason, ..acknowledged() }
}

fn resolved() -> Notification {
    let mut notification = Notification { reason: NotificationReason::Resolved, ..opened() };
    notification.incident.resolved = Some(opened().time);
    notification
}

fn slack_section(text: &str) -> Value {
    json!({ "type": "section", "text": { "type": "mrkdwn", "text": text } })
}

#[tokio::test]
async fn slack_gets_blocks_and_a_text_for_notices() {
    let receiver = Receiver::start(None).await;
    let (_dir, url) = secret(&receiver.url("/services/T0/B0/key"));
    let slack = Slack::new(config(json!({ "url": url, "link": "https://status.example.org/{id}" })), clock()).unwrap();
    assert_eq!(slack.deliver(&opened()).await.unwrap().answer, "200 OK: ok");
    let request = receiver.received().remove(0);
    assert_eq!((request.what.as_str(), request.headers["content-type"].as_str()), ("POST /services/T0/B0/key", "application/json"));
    let id = opened().incident.id;
    assert_eq!(
        request.json(),
        json!({
            "text": "[FIRING 2 · critical] The disk of db-1 is nearly full",
            "blocks": [
                { "type": "header", "text": { "type": "plain_text", "emoji": true,
                    "text": ":rotating_light: [FIRING 2 · critical] The disk of db-1 is nearly full" } },
                slack_section("A new incident."),
                slack_section("*The disk of db-1 is 96.4 % full*\ncritical · `disk_used{host=\"db-1\",mount=\"/var/lib/postgresql\"}` · 96.4 % (limit 90 %)\nsince <!date^1769860080^{date_short_pretty} {time_secs}|2026-01-31T11:48:00Z>"),
                slack_section("*The certificate of shop.example.org ends in 6.5 days*\nwarning · `certificate_days_left{target=\"https://shop.example.org\"}` · 6.5 d (limit 14 d)\nsince <!date^1769860380^{date_short_pretty} {time_secs}|2026-01-31T11:53:00Z>"),
                slack_section("*load_high*\nresolved · `load1{host=\"db-1\"}` · 2.25 (limit 8)\nuntil <!date^1769860620^{date_short_pretty} {time_secs}|2026-01-31T11:57:00Z>"),
                { "type": "context", "elements": [{ "type": "mrkdwn",
                    "text": format!("Incident {id} since <!date^1769860080^{{date_short_pretty}} {{time_secs}}|2026-01-31T11:48:00Z> · <https://status.example.org/{id}|open>") }] },
            ],
        })
    );
}

#[test]
fn what_is_monitored_cannot_mention_people_in_slack() {
    let settings: slack::Config = config(json!({ "url": { "env": "X" } }));
    let message = settings.message(&acknowledged());
    assert_eq!(message["blocks"][1], slack_section("ada looks after it: &lt;!channel&gt; &amp; co"));
}

#[test]
fn no_text_is_longer_than_slack_takes() {
    let settings: slack::Config = config(json!({ "url": { "env": "X" } }));
    let mut storm = opened();
    storm.alerts = vec![storm.alerts[0].clone(); 100];
    let alert = &mut storm.alerts[0];
    alert.annotations.insert("summary".to_owned(), "&".repeat(10_000));
    alert.series.labels.insert("path".to_owned(), "&".repeat(10_000));
    alert.series.unit = "&".repeat(10_000);
    alert.value = Some(-1.234_56e-300);
    alert.threshold = alert.value;
    storm.left_out = 7;
    storm.incident.title = "&".repeat(100_000);
    storm.incident.acknowledged = acknowledged().incident.acknowledged;
    let by = storm.incident.acknowledged.as_mut().unwrap();
    (by.owner, by.note) = ("&".repeat(10_000), "&".repeat(10_000));
    storm.reason = NotificationReason::Acknowledged;
    assert!(settings.message(&storm)["text"].as_str().unwrap().chars().count() <= 3_000);
    let message = settings.message(&storm);
    let blocks = message["blocks"].as_array().unwrap();
    assert!(blocks.len() <= 50);
    assert!(blocks.iter().all(|block| block["text"]["text"].as_str().is_none_or(|text| text.chars().count() <= 3_000)));
    assert_eq!(blocks[0]["text"]["text"].as_str().unwrap().chars().count(), 150);
    assert_eq!(blocks[22], slack_section("and 87 more"));
}

#[tokio::test]
async fn the_address_of_slack_is_a_secret() {
    let receiver = Receiver::start(None).await;
    receiver.plan([
        Turn::Refuse(404, Vec::new(), "no_service /services/T0/B0/key"),
        Turn::Refuse(429, vec![("retry-after", "30".to_owned())], ""),
    ]);
    let (_dir, url) = secret(&receiver.url("/services/T0/B0/key"));
    let slack = Slack::new(config(json!({ "url": url })), clock()).unwrap();
    assert_eq!(
        failed(slack.deliver(&opened()).await),
        (Kind::Rejected, "sending to 127.0.0.1: 404 Not Found: no_service /***".to_owned(), None)
    );
    assert_eq!(
        failed(slack.deliver(&opened()).await),
        (Kind::Unavailable, "sending to 127.0.0.1: 429 Too Many Requests".to_owned(), Some(30))
    );
}

#[tokio::test]
async fn pagerduty_opens_acknowledges_and_resolves_one_incident() {
    let receiver = Receiver::start(None).await;
    let accepted = r#"{"status":"success","message":"Event processed","dedup_key":"x"}"#;
    receiver.plan([Turn::Take(202, accepted), Turn::Take(202, accepted), Turn::Take(202, accepted)]);
    let (_dir, key) = secret("0123456789abcdef0123456789abcdef");
    let settings = json!({ "routing_key": key, "url": receiver.url("/v2/enqueue"), "link": "https://status.example.org/{id}" });
    let pagerduty_config: pagerduty::Config = config(settings);
    let pagerduty = PagerDuty::new(pagerduty_config.clone(), clock()).unwrap();
    for notification in [opened(), acknowledged(), resolved()] {
        assert_eq!(pagerduty.deliver(&notification).await.unwrap().answer, format!("202 Accepted: {accepted}"));
    }
    let id = opened().incident.id;
    let key = "0123456789abcdef0123456789abcdef";
    let bodies: Vec<Value> = receiver.received().iter().map(|request| request.json()).collect();
    assert_eq!(
        bodies[0],
        json!({
            "routing_key": key, "event_action": "trigger", "dedup_key": id, "client": "Floodmark",
            "client_url": format!("https://status.example.org/{id}"),
            "links": [{ "href": format!("https://status.example.org/{id}"), "text": "The incident" }],
            "payload": {
                "summary": "The disk of db-1 is nearly full", "source": "machines", "severity": "critical",
                "timestamp": "2026-01-31T11:48:00Z", "component": "disk_used", "class": "disk_full", "group": "host=db-1",
                "custom_details": { "why": "A new incident.", "active": "2", "alerts": [
                    { "summary": "The disk of db-1 is 96.4 % full", "rule": "disk_full", "severity": "critical", "state": "firing",
                      "series": "disk_used{host=\"db-1\",mount=\"/var/lib/postgresql\"}", "value": 96.4, "limit": 90.0,
                      "since": "2026-01-31T11:48:00Z" },
                    { "summary": "The certificate of shop.example.org ends in 6.5 days", "rule": "certificate_ends", "severity": "warning",
                      "state": "firing", "series": "certificate_days_left{target=\"https://shop.example.org\"}", "value": 6.5, "limit": 14.0,
                      "since": "2026-01-31T11:53:00Z" },
                    { "summary": "load_high", "rule": "load_high", "severity": "error", "state": "resolved",
                      "series": "load1{host=\"db-1\"}", "value": 2.25, "limit": 8.0, "since": "2026-01-31T11:51:00Z" },
                ] },
            },
        })
    );
    assert_eq!(bodies[1], json!({ "routing_key": key, "event_action": "acknowledge", "dedup_key": id }));
    assert_eq!(bodies[2], json!({ "routing_key": key, "event_action": "resolve", "dedup_key": id }));
    let test = Notification { reason: NotificationReason::Test, ..opened() };
    assert_eq!(pagerduty_config.event(&test)["payload"]["severity"], "info");
}

#[test]
fn what_is_new_in_an_acknowledged_incident_is_told_as_news() {
    let pagerduty: pagerduty::Config = config(json!({ "routing_key": { "env": "X" } }));
    let slack: slack::Config = config(json!({ "url": { "env": "X" } }));
    for (reason, why) in [
        (NotificationReason::Opened, "A new incident. ada looks after it."),
        (NotificationReason::Changed, "Alerts have come or gone, or are graver. ada looks after it."),
        (NotificationReason::Repeated, "It goes on. ada looks after it."),
        (NotificationReason::Escalated, "It goes on. ada looks after it."),
    ] {
        let event = pagerduty.event(&later(reason));
        assert_eq!((&event["event_action"], &event["payload"]["custom_details"]["why"]), (&json!("trigger"), &json!(why)));
        let message = slack.message(&later(reason));
        assert_eq!(message["text"], "[FIRING 2 · critical] The disk of db-1 is nearly full");
        assert_eq!(message["blocks"][1], slack_section(why));
    }
    let over = Notification { incident: acknowledged().incident, ..resolved() };
    assert_eq!(pagerduty.event(&over)["event_action"], "resolve");
    assert_eq!(slack.message(&over)["text"], "[RESOLVED] The disk of db-1 is nearly full");
}

#[test]
fn an_incident_without_a_title_is_called_by_its_first_alert() {
    let mut notification = opened();
    notification.incident.title = " \n".to_owned();
    notification.alerts[0].annotations.insert("summary".to_owned(), String::new());
    let name = r#"disk_full: disk_used{host="db-1",mount="/var/lib/postgresql"}"#;
    let pagerduty: pagerduty::Config = config(json!({ "routing_key": { "env": "X" } }));
    assert_eq!(pagerduty.event(&notification)["payload"]["summary"], name);
    let slack: slack::Config = config(json!({ "url": { "env": "X" } }));
    assert_eq!(slack.message(&notification)["text"], format!("[FIRING 2 · critical] {name}"));
    let alertmanager: alertmanager::Config = config(json!({}));
    assert_eq!(alertmanager.alerts(&notification, notification.time)[0]["annotations"]["summary"], name);
    notification.alerts.clear();
    assert_eq!(pagerduty.event(&notification)["payload"]["summary"], format!("Incident {}", notification.incident.id));
}

#[test]
fn alertmanager_gets_alerts_that_last_or_have_ended() {
    let now = Timestamp::parse("2026-01-31T12:00:05Z").unwrap();
    let settings = json!({ "url": "http://127.0.0.1:1/am/", "resolve_after": "4h", "link": "https://status.example.org/{id}" });
    let settings: alertmanager::Config = config(settings);
    let mut notification = opened();
    let pending = Alert { state: AlertState::Pending, fired: None, ..notification.alerts[0].clone() };
    let over_before_it_fired = Alert { state: AlertState::Inactive, fired: None, ..notification.alerts[0].clone() };
    notification.alerts.extend([pending, over_before_it_fired]);
    notification.alerts[1].labels.extend([("team-name".to_owned(), "web".to_owned()), ("empty".to_owned(), String::new())]);
    let id = opened().incident.id;
    let link = format!("https://status.example.org/{id}");
    let tag = &id[16..];
    assert_eq!(
        Value::from(settings.alerts(&notification, now)),
        json!([
            {
                "labels": { "alertname": "disk_full", "severity": "critical", "source": "machines", "metric": "disk_used",
                    "host": "db-1", "mount": "/var/lib/postgresql" },
                "annotations": { "summary": "The disk of db-1 is 96.4 % full", "runbook": "https://wiki.example.org/disk", "value": "96.4",
                    "floodmark_alert": format!("a1e7000000000001{tag}"), "floodmark_incident": id },
                "startsAt": "2026-01-31T11:48:00Z", "endsAt": "2026-01-31T16:00:05Z", "generatorURL": link,
            },
            {
                "labels": { "alertname": "certificate_ends", "severity": "warning", "source": "machines", "metric": "certificate_days_left",
                    "target": "https://shop.example.org", "team_name": "web" },
                "annotations": { "summary": "The certificate of shop.example.org ends in 6.5 days", "value": "6.5",
                    "floodmark_alert": format!("a1e7000000000002{tag}"), "floodmark_incident": id },
                "startsAt": "2026-01-31T11:53:00Z", "endsAt": "2026-01-31T16:00:05Z", "generatorURL": link,
            },
            {
                "labels": { "alertname": "load_high", "severity": "error", "source": "machines", "metric": "load1", "host": "db-1" },
                "annotations": { "summary": "load_high: load1{host=\"db-1\"}", "value": "2.25",
                    "floodmark_alert": format!("a1e7000000000003{tag}"), "floodmark_incident": id },
                "startsAt": "2026-01-31T11:51:00Z", "endsAt": "2026-01-31T11:57:00Z", "generatorURL": link,
            },
        ])
    );
}

/// Labels `alertname` and `severity`, and the end of each.
fn ends(settings: &alertmanager::Config, notification: &Notification, now: &str) -> Vec<[String; 3]> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let posted = settings.alerts(notification, Timestamp::parse(now).unwrap());
    posted.iter().map(|alert| [&alert["labels"]["alertname"], &alert["labels"]["severity"], &alert["endsAt"]].map(text)).collect()
}

#[test]
fn alertmanager_is_told_that_an_alert_of_another_severity_is_over() {
    let settings: alertmanager::Config = config(json!({}));
    let mut graver = opened();
    graver.reason = NotificationReason::Changed;
    graver.severity_before = [(graver.alerts[0].id.clone(), Severity::Warning), (graver.alerts[2].id.clone(), Severity::Info)].into();
    let now = "2026-01-31T12:00:05Z";
    let [tomorrow, over] = ["2026-02-01T12:00:05Z", "2026-01-31T11:57:00Z"];
    let row = |rule: &str, severity: &str, end: &str| [rule, severity, end].map(str::to_owned);
    assert_eq!(
        ends(&settings, &graver, now),
        [
            row("disk_full", "critical", tomorrow),
            row("disk_full", "warning", now),
            row("certificate_ends", "warning", tomorrow),
            // Only what it knows ends there.
            row("load_high", "info", over),
        ]
    );
    let posted = settings.alerts(&graver, Timestamp::parse("2026-01-31T11:00:00Z").unwrap());
    assert_eq!(posted[1]["endsAt"], posted[1]["startsAt"], "Alertmanager refuses an end before the beginning");
}

#[test]
fn alerts_of_an_acknowledged_incident_last_in_alertmanager() {
    let settings: alertmanager::Config = config(json!({ "resolve_after": "4h" }));
    let now = "2026-01-31T12:00:05Z";
    let first = |settings, notification: &Notification| ends(settings, notification, now)[0][2].clone();
    assert_eq!(first(&settings, &opened()), "2026-01-31T16:00:05Z");
    assert_eq!(first(&settings, &acknowledged()), "2026-03-02T12:00:05Z");
    let longer: alertmanager::Config = config(json!({ "resolve_after": "40d" }));
    assert_eq!(first(&longer, &acknowledged()), "2026-03-12T12:00:05Z");
}

#[tokio::test]
async fn alertmanager_is_asked_at_its_path_and_only_for_what_has_fired() {
    let receiver = Receiver::start(None).await;
    let (_dir, token) = secret("a-token");
    let alertmanager = Alertmanager::new(config(json!({ "url": receiver.url("/am/"), "bearer_token": token })), clock()).unwrap();
    alertmanager.deliver(&opened()).await.unwrap();
    let request = receiver.received().remove(0);
    assert_eq!((request.what.as_str(), request.headers["authorization"].as_str()), ("POST /am/api/v2/alerts", "Bearer a-token"));
    assert_eq!(request.json().as_array().unwrap().len(), 3);
    let nothing = Notification { alerts: Vec::new(), ..opened() };
    assert_eq!(alertmanager.deliver(&nothing).await.unwrap().answer, "none of its alerts has fired: there is nothing to send");
    assert_eq!(receiver.received().len(), 1);
}
