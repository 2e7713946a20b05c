//! Rules tried out on the past: what fires, who is told and when, and how good that is; many values at once, and nothing live is touched.
#![cfg(test)]

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use floodmark_tests::support::program::Installation;
use floodmark_tests::support::recorded::input;
use serde_json::{Value, json};

const PROGRAM: &str = env!("CARGO_BIN_EXE_floodmark");

/// Runs a command: its exit code and what it wrote to stdout and stderr.
async fn command(installation: &Installation, args: &[&str]) -> (i32, String, String) {
    let mut command = tokio::process::Command::new(PROGRAM);
    command.args(args).current_dir(installation.path()).env_remove("FLOODMARK_CONFIG").env_remove("FLOODMARK_LOG");
    let output = command.env("NO_COLOR", "1").kill_on_drop(true).output().await.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

async fn json(installation: &Installation, args: &[&str]) -> Value {
    let (code, stdout, stderr) = command(installation, &[args, &["--format", "json"]].concat()).await;
    assert_eq!(code, 0, "{stdout}{stderr}");
    serde_json::from_str(&stdout).unwrap_or_else(|e| panic!("{e}: {stdout}"))
}

async fn run_to_the_end(installation: &Installation) {
    let (code, said) = installation.start(&["run", "-c", "floodmark.toml"]).ends().await;
    assert_eq!(code, 0, "{said}");
}

/// What a backtest must not change: the logs. What SQLite keeps beside a database is left out.
fn logs(data: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let all = std::fs::read_dir(data).unwrap().map(|entry| entry.unwrap().path());
    all.filter(|path| path.extension().is_some_and(|e| e == "db")).map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
}

/// Two rooms every ten minutes for a week from 2026-01-05, a Monday: 20 degrees, but 30 for an hour of room a at Monday 12:00, of b on Tuesday at
/// 23:00, of a on Thursday at 3:00 and of b on Friday at 12:00.
fn rooms() -> String {
    let hot = |room: &str, step: i64| match room {
        "a" => (72..78).contains(&step) || (450..456).contains(&step),
        _ => (282..288).contains(&step) || (648..654).contains(&step),
    };
    let mut rows = "time,room,temp\n".to_owned();
    for step in 0..7 * 144 {
        let time = floodmark_schemas::Timestamp::parse("2026-01-05T00:00:00Z").unwrap().plus_micros(step * 600_000_000);
        for room in ["a", "b"] {
            let value = if hot(room, step) { 30 } else { 20 + step % 3 };
            writeln!(rows, "{time},{room},{value}").unwrap();
        }
    }
    rows
}

const RULES: &str = "[alerts.hot]\ntype = \"threshold\"\nmetrics = [\"temperature\"]\nabove = 25\nfor = \"20m\"\nseverity = \"error\"\n";

async fn installed() -> Installation {
    let installation = Installation::new(PROGRAM);
    let path = installation.write("rooms.csv", rooms());
    let config = format!(
        "partitions = 2\n[api]\nenabled = false\n[sources.file]\ntype = \"file\"\npath = {path:?}\ntime = \"time\"\nlabels = [\"room\"]\n\
         disorder = \"0s\"\nvalues = [{{ column = \"temp\", metric = \"temperature\", unit = \"Cel\" }}]\n"
    );
    // What runs has no rules: they are tried out before anybody is told.
    installation.write("floodmark.toml", &config);
    let told = "[receivers.day]\ntype = \"command\"\nargv = [\"true\"]\n[receivers.night]\ntype = \"command\"\nargv = [\"true\"]\n\
                [route]\nreceivers = [\"day\"]\ngroup_by = [\"room\"]\ngroup_wait = \"0s\"\n\
                [[route.routes]]\nid = \"b\"\nmatch = [\"room=b\"]\nreceivers = [\"night\"]\n";
    installation.write("new.toml", format!("{RULES}{told}"));
    run_to_the_end(&installation).await;
    installation
}

#[tokio::test]
async fn alerts_and_notifications_of_a_week_are_those_that_plain_reading_gives() {
    let installation = installed().await;
    let before = logs(&installation.data(""));
    // Room a on Monday was too hot, b on Friday too; that nobody told of Sunday is a miss, and that b was hot on Tuesday was all right.
    let labels = "from,to,source,rule,room\n2026-01-05T12:00:00Z,2026-01-05T12:50:00Z,file,,a\n2026-01-09T11:00:00Z,2026-01-09T13:00:00Z,,hot,b\n\
                  2026-01-11T00:00:00Z,2026-01-11T01:00:00Z,,,\n";
    installation.write("labels.csv", labels);
    let args = ["backtest", "--rules", "new.toml", "--labels", "labels.csv", "--zone", "Europe/Berlin"];
    let report = json(&installation, &args).await;
    assert_eq!((&report["clock"], &report["labels"]), (&json!("event"), &json!(3)));
    let row = &report["rows"][0];
    let score = &row["all"];
    assert_eq!((&score["alerts"], &score["incidents"], &score["notifications"]), (&json!(4), &json!(4), &json!(8)));
    assert_eq!((&score["precision"], &score["recall"]), (&json!({ "of": 2, "all": 4 }), &json!({ "of": 2, "all": 3 })));
    assert_eq!(score["f1"], json!(2.0 * 0.5 * (2.0 / 3.0) / (0.5 + 2.0 / 3.0)));
    // A rule of 20 minutes; what was wrong on Friday had begun an hour earlier.
    assert_eq!(score["detect"], json!({ "median_secs": 1200.0, "p90_secs": 4800.0, "max_secs": 4800.0 }));
    assert_eq!(row["rules"]["hot"], *score);
    let told: Vec<String> = row["told"]
        .as_array()
        .unwrap()
        .iter()
        .map(|told| ["time", "receiver", "reason"].map(|name| told[name].as_str().unwrap().to_owned()).join(" "))
        .collect();
    let expected = [
        "2026-01-05T12:20:00Z day opened",
        "2026-01-05T13:00:00Z day resolved",
        "2026-01-06T23:20:00Z night opened",
        "2026-01-07T00:00:00Z night resolved",
        "2026-01-08T03:20:00Z day opened",
        "2026-01-08T04:00:00Z day resolved",
        "2026-01-09T12:20:00Z night opened",
        "2026-01-09T13:00:00Z night resolved",
    ];
    assert_eq!(told, expected);
    // In Berlin it is past midnight on the 7th, the night of the 6th; and the 8th at 4:20, the night of the 7th.
    assert_eq!(row["nights"], json!(["2026-01-06", "2026-01-07"]));
    assert_eq!(row["missed"].as_array().unwrap().len(), 1);
    assert_eq!(row["missed"][0]["from"], "2026-01-11T00:00:00Z");
    let untrue: Vec<&Value> = row["false_alerts"].as_array().unwrap().iter().map(|alert| &alert["from"]).collect();
    assert_eq!(untrue, ["2026-01-06T23:20:00Z", "2026-01-08T03:20:00Z"]);
    assert_eq!(row["receivers"]["night"]["notifications"], 4);

    // A part of the week.
    let part = json(&installation, &[&args[..], &["--from", "2026-01-08T00:00:00Z", "--to", "2026-01-10T00:00:00Z"]].concat()).await;
    assert_eq!((&part["rows"][0]["all"]["alerts"], &part["rows"][0]["all"]["recall"]), (&json!(2), &json!({ "of": 1, "all": 1 })));
    assert_eq!(part["rows"][0]["nights"], json!(["2026-01-07"]));
    // Who sleeps through errors.
    let deaf = json(&installation, &[&args[..], &["--wakes", "critical"]].concat()).await;
    assert_eq!(deaf["rows"][0]["nights"], json!([]));

    let (code, text, _) = command(&installation, &args).await;
    for part in [
        "judged by 3 times",
        "2 nights on which error or worse woke somebody (Europe/Berlin): 2026-01-06, 2026-01-07",
        "1 missed",
        "2 false alerts",
    ] {
        assert!(code == 0 && text.contains(part), "{part}: {text}");
    }
    assert_eq!(logs(&installation.data("")), before, "nothing live was touched");
    assert!(std::fs::read_dir(installation.data("replays")).map_or(true, |mut all| all.next().is_none()), "nothing is left behind");
}

#[tokio::test]
async fn each_row_of_a_sweep_is_what_its_value_alone_gives() {
    let installation = installed().await;
    installation.write("labels.csv", "from,to,room\n2026-01-05T12:00:00Z,2026-01-05T12:50:00Z,a\n");
    for (key, values, tried) in
        [("above", "20..32/7", &["20", "22", "24", "26", "28", "30", "32"][..]), ("for", "0s..1h/3", &["0s", "30m", "1h"])]
    {
        let sweep = format!("alerts.hot.{key}={values}");
        let common = ["backtest", "--rules", "new.toml", "--labels", "labels.csv"];
        let report = json(&installation, &[&common[..], &["--sweep", &sweep]].concat()).await;
        let rows = report["rows"].as_array().unwrap();
        assert_eq!(rows.iter().map(|row| row["value"].as_str().unwrap()).collect::<Vec<_>>(), tried);
        for (row, value) in rows.iter().zip(tried) {
            let written = if key == "above" { (*value).to_owned() } else { format!("{value:?}") };
            let all = std::fs::read_to_string(installation.path().join("new.toml")).unwrap();
            let line = |line: &str| if line.starts_with(&format!("{key} =")) { format!("{key} = {written}") } else { line.to_owned() };
            installation.write("one.toml", all.lines().map(line).collect::<Vec<_>>().join("\n"));
            let alone = json(&installation, &["backtest", "--rules", "one.toml", "--labels", "labels.csv"]).await;
            let mut row = row.clone();
            row.as_object_mut().unwrap().remove("value");
            assert_eq!(row, alone["rows"][0], "{key} = {value}");
        }
        let alerts: Vec<u64> = rows.iter().map(|row| row["all"]["alerts"].as_u64().unwrap()).collect();
        assert!(alerts[0] > alerts[alerts.len() - 1], "the values matter: {alerts:?}");
    }
    let (code, text, _) =
        command(&installation, &["backtest", "--rules", "new.toml", "--labels", "labels.csv", "--sweep", "alerts.hot.above=23,31"]).await;
    assert!(code == 0 && text.contains("the best F1 is 0.400, at alerts.hot.above = 23"), "{text}");
    for (sweep, part) in [
        ("alerts.cold.above=1..2", "there is no \"cold\" in `alerts`"),
        ("alerts.hot.abov=1..2", "did you mean `above`"),
        ("alerts.hot.for=1..2", "alerts.hot"),
    ] {
        let (code, _, stderr) = command(&installation, &["backtest", "--rules", "new.toml", "--sweep", sweep]).await;
        assert!(code == 78 && stderr.contains(part), "{code} {stderr}");
    }
}

#[tokio::test]
async fn rules_on_windows_tell_of_recorded_days_what_a_replay_makes_of_them() {
    let Some(path) = input("weather/history/seattle-temps.csv") else { return };
    let installation = Installation::new(PROGRAM);
    let rule = |id: &str, keys: &str| format!("[alerts.{id}]\ntype = \"threshold\"\n{keys}\n");
    let config = format!(
        "partitions = 3\n[api]\nenabled = false\n[sources.file]\ntype = \"file\"\npath = {path:?}\ntime = \"date\"\n\
         time_format = \"%Y/%m/%d %H:%M\"\ntimezone = \"America/Los_Angeles\"\n\
         values = [{{ column = \"temp\", metric = \"temperature\", unit = \"[degF]\" }}]\n\
         [operators.daily]\ntype = \"tumbling\"\nsize = \"1d\"\naggregates = [\"mean\", \"max\"]\n\
         [operators.weekly]\ntype = \"tumbling\"\nfrom = \"daily\"\nsize = \"7d\"\naggregates = [\"mean\"]\n{}{}{}",
        rule("hour", "metrics = [\"temperature\"]\nabove = 70\nfor = \"2h\""),
        rule("day", "from = \"daily\"\naggregate = \"mean\"\nabove = 64"),
        rule("week", "from = \"weekly\"\naggregate = \"mean\"\nabove = 64"),
    );
    installation.write("floodmark.toml", config);
    run_to_the_end(&installation).await;
    let diff_of = "floodmark.toml";
    let none = installation
        .write("none.toml", std::fs::read_to_string(installation.path().join(diff_of)).unwrap().split("[alerts.hour]").next().unwrap());
    let (_, stdout, stderr) =
        command(&installation, &["replay", "--diff", none.to_str().unwrap(), diff_of, "-n", "100000", "--format", "json"]).await;
    let diff: Value = serde_json::from_str(&stdout).unwrap_or_else(|e| panic!("{e} {stderr}"));
    // By rule, when alerts became active.
    let mut expected: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for alert in diff["first"].as_array().unwrap().iter().filter(|difference| difference["kind"] == "alerts") {
        let steps: BTreeMap<u32, &Value> = alert["after"].as_object().unwrap().iter().map(|(n, step)| (n.parse().unwrap(), step)).collect();
        if let Some(first) = steps.values().find(|step| step["state"] == "firing") {
            expected.entry(alert["about"]["operator"].as_str().unwrap().to_owned()).or_default().push(first["time"].clone());
        }
    }
    // Without labels that concern it, each alert is a false one: so all are listed.
    installation.write("labels.csv", "from,to,rule\n2000-01-01T00:00:00Z,2030-01-01T00:00:00Z,none\n");
    let report = json(&installation, &["backtest", "--labels", "labels.csv"]).await;
    let mut found: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for alert in report["rows"][0]["false_alerts"].as_array().unwrap() {
        found.entry(alert["rule"].as_str().unwrap().to_owned()).or_default().push(alert["from"].clone());
    }
    [&mut expected, &mut found].into_iter().flat_map(BTreeMap::values_mut).for_each(|times| times.sort_by_key(ToString::to_string));
    assert_eq!(expected.keys().collect::<Vec<_>>(), ["day", "hour", "week"]);
    assert_eq!(found, expected);
    assert_eq!(report["rows"][0]["kept_silent"], json!({ "no route leads to anybody": expected.values().map(Vec::len).sum::<usize>() }));
}

/// A room every ten minutes: 20 degrees, but 30 in these steps.
fn room(room: &str, steps: std::ops::Range<i64>, hot: std::ops::Range<i64>) -> String {
    let begin = floodmark_schemas::Timestamp::parse("2026-01-05T00:00:00Z").unwrap();
    let row = |step: i64| format!("{},{room},{}\n", begin.plus_micros(step * 600_000_000), if hot.contains(&step) { 30 } else { 20 });
    steps.map(row).collect()
}

#[tokio::test]
async fn without_a_file_alerts_are_judged_by_what_people_said_when_they_acknowledged_them() {
    let installation = installed().await;
    // One is over before anybody looks at it, two go on.
    let began = room("c", 0..36, 6..12) + &room("a", 0..36, 24..99) + &room("b", 0..36, 24..99);
    let path = installation.write("rooms.csv", format!("time,room,temp\n{began}"));
    std::fs::remove_dir_all(installation.data("")).unwrap();
    let sources = std::fs::read_to_string(installation.path().join("floodmark.toml")).unwrap();
    // Nobody is told: what is over is done. It was over long ago, but is kept.
    let rules = format!("{RULES}[route]\ngroup_by = [\"room\"]\n[incidents]\nretention = \"36500d\"\n");
    installation.write("floodmark.toml", format!("{sources}{rules}"));
    run_to_the_end(&installation).await;
    assert_eq!(json(&installation, &["backtest"]).await["labels"], Value::Null);

    let (_, listed, _) = command(&installation, &["alerts", "ls", "--format", "json"]).await;
    let open: Vec<Value> = listed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(open.len(), 2, "{listed}");
    for (incident, request) in open.iter().zip(1..) {
        let said = if incident["group"]["room"] == "a" { "--useful" } else { "--noise" };
        let ack = ["alerts", "ack", incident["id"].as_str().unwrap(), said, "--owner", "kim", "--wait", "0s", "--format", "json"];
        let (code, answer, stderr) = command(&installation, &ack).await;
        assert_eq!((code, answer), (69, format!("{{\"request\":{request},\"done\":false}}\n")), "{stderr}");
    }
    // Whoever runs next does it.
    run_to_the_end(&installation).await;
    let judged = async || {
        let report = json(&installation, &["backtest"]).await;
        let (row, all) = (&report["rows"][0], &report["rows"][0]["all"]);
        assert_eq!((&report["labels"], &all["alerts"]), (&json!(1), &json!(3)));
        assert_eq!((&all["precision"], &all["recall"]), (&json!({ "of": 1, "all": 2 }), &json!({ "of": 1, "all": 1 })));
        let untrue: Vec<&Value> = row["false_alerts"].as_array().unwrap().iter().map(|alert| &alert["series"]).collect();
        assert_eq!(untrue, ["temperature{room=\"b\"}"]);
    };
    judged().await;

    // They stay when all is over, and when the rule is computed anew.
    let over = room("a", 36..48, 0..0) + &room("b", 36..48, 0..0);
    std::fs::write(&path, format!("time,room,temp\n{began}{over}")).unwrap();
    run_to_the_end(&installation).await;
    judged().await;
    installation.write("floodmark.toml", format!("{sources}{}", rules.replace("for = \"20m\"", "for = \"30m\"")));
    run_to_the_end(&installation).await;
    judged().await;
}

#[tokio::test]
async fn what_cannot_be_is_said_before_anything_is_read_and_a_store_that_does_not_answer_is_no_empty_one() {
    let installation = installed().await;
    let (code, _, stderr) = command(&installation, &["backtest", "--rules", "new.toml", "--zone", "Berlin"]).await;
    assert!(code == 64 && stderr.contains("such as Europe/Berlin"), "{code} {stderr}");
    let config = std::fs::read_to_string(installation.path().join("floodmark.toml")).unwrap();
    let port = floodmark_tests::support::program::free_port();
    let away = format!("{config}[sinks.warehouse]\ntype = \"postgres\"\nhost = \"127.0.0.1\"\nport = {port}\nconnect_timeout = \"1s\"\n");
    installation.write("floodmark.toml", away);
    let (code, stdout, stderr) = command(&installation, &["backtest", "--rules", "new.toml"]).await;
    assert_eq!((code, stdout.as_str()), (69, ""), "{stderr}");
    assert!(stderr.contains("--labels FILE judges by a file instead"), "{stderr}");
    installation.write("labels.csv", "from,to\n");
    let (code, ..) = command(&installation, &["backtest", "--rules", "new.toml", "--labels", "labels.csv"]).await;
    assert_eq!(code, 0);
}
