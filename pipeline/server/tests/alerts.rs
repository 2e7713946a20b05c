//! From a rule that runs to its receiver, from outside: told once, also after a restart, and not in maintenance.

#![cfg(test)]

use std::sync::Arc;

use floodmark_tests::servers::Receiver;
use floodmark_tests::support::program::{Api, Installation, client, free_port};
use serde_json::{Value, json};

struct Setting {
    installation: Installation,
    push: u16,
    hook: Arc<Receiver>,
}

impl Setting {
    async fn new() -> Self {
        let installation = Installation::new(env!("CARGO_BIN_EXE_floodmark"));
        Self { installation, push: free_port(), hook: Receiver::start(None).await }
    }

    fn write(&self, more: &str) {
        let rule = "[alerts.hot]\ntype = \"threshold\"\nmetrics = [\"cpu_usage\"]\nabove = 90\nseverity = \"critical\"\n";
        self.write_without_rule(&format!("{rule}{more}"));
    }

    fn write_without_rule(&self, more: &str) {
        let (port, url) = (self.push, self.hook.url("/"));
        let text = format!(
            "[api]\nlisten = \"127.0.0.1:0\"\n[sources.in]\ntype = \"push\"\nlisten = \"127.0.0.1:{port}\"\n\
             [receivers.hook]\ntype = \"webhook\"\nurl = \"{url}\"\n\
             [route]\ngroup_by = \"each\"\ngroup_wait = \"0s\"\ngroup_interval = \"1s\"\n{more}"
        );
        self.installation.write("floodmark.toml", text);
    }

    /// Hosts and how busy they are.
    async fn post(&self, busy: &[(&str, f64)]) {
        let event = |(host, value): &(&str, f64)| {
            json!({
                "specversion": "1.0", "type": "floodmark.sample.v1", "source": "sender",
                "data": { "metric": "cpu_usage", "value": value, "labels": { "host": host } },
            })
        };
        let events: Vec<Value> = busy.iter().map(event).collect();
        let request = client().post(format!("http://127.0.0.1:{}/v1/events", self.push)).header("Content-Type", "application/json");
        let answer = request.body(Value::Array(events).to_string()).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());
    }

    /// Waits for so many notifications: of each why it came, and the hosts it is about.
    async fn told(&self, count: usize) -> Vec<(String, String)> {
        self.hook.have_come(count).await;
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let one = |told: Value| (text(&told["reason"]), text(&told["alerts"][0]["labels"]["host"]));
        self.hook.received().iter().map(|received| one(received.json())).collect()
    }
}

async fn metric(api: &Api, line: &str) -> bool {
    api.get("/metrics").await.is_some_and(|(_, text)| text.lines().any(|found| found == line))
}

fn pairs(all: &[(&str, &str)]) -> Vec<(String, String)> {
    all.iter().map(|(reason, host)| ((*reason).to_owned(), (*host).to_owned())).collect()
}

#[tokio::test]
async fn an_alert_is_told_once_and_not_in_maintenance() {
    let setting = Setting::new().await;
    setting.write("[maintenance.always]\nmatch = [\"host=b\"]\nbegins = \"* * * * *\"\nlasts = \"1h\"\n");
    let program = setting.installation.run();
    let api = program.ready(1).await;
    setting.post(&[("a", 95.0)]).await;
    assert_eq!(setting.told(1).await, pairs(&[("opened", "a")]));
    while !metric(&api, "floodmark_notification_attempts_total{outcome=\"delivered\",receiver=\"hook\"} 1").await {
        tokio::task::yield_now().await;
    }
    assert!(metric(&api, "floodmark_incidents_open{severity=\"critical\"} 1").await);
    let alerts = api.item("/api/v1/units", |unit| unit["unit"] == "alerts").await;
    assert!(alerts["position"].as_u64() > Some(0), "{alerts}");
    program.signal("TERM");
    let (code, said) = program.ends().await;
    assert_eq!(code, 0, "{said}");

    // The host that is in maintenance comes before the other one in the log: when that is told, it was looked at.
    let program = setting.installation.run();
    program.ready(1).await;
    setting.post(&[("b", 99.0)]).await;
    setting.post(&[("c", 99.0)]).await;
    assert_eq!(setting.told(2).await, pairs(&[("opened", "a"), ("opened", "c")]));

    // Without maintenance it is told; the desk goes by the new configuration, and tells nothing twice.
    setting.write("");
    program.signal("HUP");
    program.ready(2).await;
    assert_eq!(setting.told(3).await, pairs(&[("opened", "a"), ("opened", "c"), ("opened", "b")]));
    setting.post(&[("a", 10.0)]).await;
    assert_eq!(setting.told(4).await[3], ("resolved".to_owned(), "a".to_owned()));
    program.signal("TERM");
    assert_eq!(program.ends().await.0, 0);
    assert_eq!(setting.hook.wrong(), Vec::<String>::new());
}

#[tokio::test]
async fn what_the_last_rule_had_begun_is_over_when_that_is_removed() {
    let setting = Setting::new().await;
    setting.write("");
    let program = setting.installation.run();
    program.ready(1).await;
    setting.post(&[("a", 95.0)]).await;
    assert_eq!(setting.told(1).await, pairs(&[("opened", "a")]));
    setting.write_without_rule("");
    program.signal("HUP");
    program.ready(2).await;
    assert_eq!(setting.told(2).await, pairs(&[("opened", "a"), ("resolved", "a")]));
    let why = &setting.hook.received()[1].json()["alerts"][0]["annotations"]["reason"];
    assert_eq!(why, "the rule was removed");
    program.signal("TERM");
    assert_eq!(program.ends().await.0, 0);
}

#[tokio::test]
async fn whoever_does_not_listen_does_not_hold_the_end_up() {
    let setting = Setting::new().await;
    setting.write("");
    setting.hook.plan([floodmark_tests::servers::receiver::Turn::TakeAndHang]);
    let program = setting.installation.run();
    program.ready(1).await;
    setting.post(&[("a", 95.0)]).await;
    setting.told(1).await;
    program.signal("TERM");
    let (code, said) = program.ends().await;
    assert_eq!(code, 0, "{said}");
    // Nobody knows whether it was taken: it comes again, as the same notification.
    let program = setting.installation.run();
    program.ready(1).await;
    setting.told(2).await;
    let taken = setting.hook.taken();
    assert_eq!(taken.values().map(|(_, count)| *count).collect::<Vec<_>>(), [2]);
    program.signal("TERM");
    assert_eq!(program.ends().await.0, 0);
}

/// What a command prints, as JSON or as text.
async fn shown(setting: &Setting, args: &[&str]) -> String {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_floodmark"));
    command.args(["-c", "floodmark.toml"]).args(args).current_dir(setting.installation.path()).env("NO_COLOR", "1");
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn explain_says_why_somebody_was_told_or_not_and_what_they_answered() {
    let setting = Setting::new().await;
    setting.write("[maintenance.always]\nmatch = [\"host=b\"]\nbegins = \"* * * * *\"\nlasts = \"1h\"\n");
    setting.hook.plan([floodmark_tests::servers::receiver::Turn::Refuse(503, Vec::new(), "not now")]);
    let program = setting.installation.run();
    program.ready(1).await;
    setting.post(&[("b", 99.0)]).await;
    setting.post(&[("a", 95.0)]).await;
    setting.told(2).await;
    program.signal("TERM");
    assert_eq!(program.ends().await.0, 0);
    let told = setting.hook.received()[1].json();
    let (alert, incident) = (told["alerts"][0]["id"].as_str().unwrap(), told["incident"]["id"].as_str().unwrap());

    let explained: Value = serde_json::from_str(&shown(&setting, &["explain", alert, "--format", "json"]).await).unwrap();
    assert_eq!(explained["told"]["incident"]["id"], incident);
    let decided: Vec<&str> =
        explained["told"]["decisions"].as_array().unwrap().iter().map(|decision| decision["decided"].as_str().unwrap()).collect();
    assert!(decided.contains(&"grouped") && decided.contains(&"told"), "{decided:?}");
    let tries = explained["told"]["notifications"][0]["attempts"].as_array().unwrap();
    let answers: Vec<&str> = tries.iter().map(|of| of["answer"].as_str().unwrap()).collect();
    assert_eq!(answers, ["sending to 127.0.0.1: 503 Service Unavailable: not now", "200 OK: ok"]);

    let text = shown(&setting, &["explain", alert]).await;
    for part in
        ["200 OK: ok", "503 Service Unavailable: not now", "by the root route", "floodmark replay --from", "alerts route-test --labels"]
    {
        assert!(text.contains(part), "{part:?} is not in\n{text}");
    }
    // Of alerts and incidents the beginning of an id will do.
    assert!(shown(&setting, &["explain", &alert[..8]]).await.contains("503 Service Unavailable: not now"));
    let text = shown(&setting, &["explain", &incident[..8]]).await;
    assert!(text.contains("200 OK: ok") && text.contains("floodmark replay --from"), "{text}");

    // The other was told to nobody, and it says why.
    let listed = shown(&setting, &["alerts", "ls", "--alerts", "--all", "--format", "json"]).await;
    let rows = listed.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let silent = rows.into_iter().find(|row| row["alert"]["labels"]["host"] == "b" || row["labels"]["host"] == "b").expect(&listed);
    let id = silent["alert"]["id"].as_str().or(silent["id"].as_str()).unwrap().to_owned();
    let text = shown(&setting, &["explain", &id]).await;
    assert!(text.contains("by maintenance always until") && !text.contains("try 1"), "{text}");
}
