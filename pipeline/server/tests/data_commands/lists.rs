//! `events ls`, `query` and `dlq`.

use floodmark_core::ports::query::StoredEvent;
use serde_json::{Value, json};

use crate::world::{World, after_noon, checks, dead_letters, parts, program, release, rollup, samples, score};

#[test]
fn events_are_listed_in_the_order_of_the_log() {
    let expected = r#"TIME                      SOURCE    KIND    EVENT
2026-01-31T12:00:00.000Z  machine   sample  temperature{room="a, \"b\""} 21.1235 Cel
2026-01-31T12:00:01.250Z  machine   sample  load 12
2026-01-31T12:01:00.000Z  machine   sample  temperature{room="a, \"b\""} 0.3 Cel
2026-01-31T12:00:02.000Z  website   check   https://a up 12.345 ms
2026-01-31T12:00:03.000Z  website   check   https://b DOWN tls_expired ended in May
2026-01-31T12:00:04.000Z  releases  record  github.release {"tag":"v1.0"}
"#;
    assert_eq!(World::filled().stdout(&["events", "ls"]), expected);
}

#[test]
fn a_listed_event_as_json_is_the_stored_event() {
    let places = [(1, 0), (1, 1), (1, 2), (2, 0), (2, 1), (3, 0)];
    let events = samples().into_iter().chain(checks()).chain([release()]);
    let stored = places.into_iter().zip(events).map(|((position, index), event)| {
        let line = serde_json::to_string(&StoredEvent { position, index, log_time: after_noon(0), event }).unwrap();
        line + "\n"
    });
    assert_eq!(World::filled().stdout(&["events", "ls", "--format", "json"]), stored.collect::<String>());
}

#[test]
fn events_are_chosen_by_source_metric_label_kind_and_time() {
    let world = World::filled();
    let ids = |args: &[&str]| {
        let text = world.stdout(&[&["events", "ls", "--format", "json"], args].concat());
        let id = |line: &str| serde_json::from_str::<Value>(line).unwrap()["event"]["id"].as_str().unwrap().to_owned();
        text.lines().map(id).collect::<Vec<_>>()
    };
    assert_eq!(ids(&["--source", "machine", "--metric", "temperature"]), ["t1", "t2"]);
    assert_eq!(ids(&["-l", "target=https://b", "-l", "region=eu"]), ["c2"]);
    assert_eq!(ids(&["--type", "record"]), ["r1"]);
    assert_eq!(ids(&["--from", "2026-01-31T12:00:01.25Z", "--to", "2026-01-31T13:00:03+01:00"]), ["l1", "c1"]);
}

#[test]
fn what_is_beyond_the_limit_is_said_on_stderr() {
    let world = World::filled();
    let (code, stdout, stderr) = world.run(&["events", "ls", "-n", "1"]);
    assert_eq!((code, stdout.lines().count()), (0, 2));
    let expected = "floodmark: there are more than 1 event\n  Help: -n sets how many are listed; `floodmark events export` writes all\n";
    assert_eq!(stderr, expected);
    assert_eq!(world.run(&["-q", "events", "ls", "-n", "1"]).2, "");
    assert_eq!(world.run(&["events", "ls", "-n", "6"]).2, "");
    assert_eq!(world.run(&["events", "ls", "-s", "none"]), (0, String::new(), "floodmark: no events found\n".into()));
}

#[test]
fn pages_are_followed_until_the_limit() {
    let world = World::empty();
    let event = |n: i64| crate::world::temperature(&n.to_string(), n, n as f64);
    for n in 0..5 {
        world.frame("machine", floodmark_schemas::Encoding::Json, (n * 500..(n + 1) * 500).map(event).collect());
    }
    let (code, stdout, stderr) = world.run(&["events", "ls", "--format", "json", "-n", "2499"]);
    let ids = stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["event"]["id"].as_str().unwrap().to_owned());
    assert!(ids.eq((0..2499).map(|n| n.to_string())));
    assert_eq!((code, stderr.lines().next()), (0, Some("floodmark: there are more than 2499 events")));
    assert_eq!(world.stdout(&["events", "ls", "--format", "json", "-n", "2500"]).lines().count(), 2500);
}

#[test]
fn rollups_are_a_table_with_the_columns_that_have_values() {
    let world = World::filled();
    let expected = r#"START                 LENGTH  OPERATOR  SOURCE   SERIES                 UNIT  REV  COUNT  SUM       MEAN  MAX  Q0.5
2026-01-31T12:01:00Z  1m      minutes   machine  temperature{room="a"}  Cel     0     60  0.3  1.23457e6   99  0.25
2026-01-31T12:00:00Z  1m      minutes   machine  temperature{room="a"}  Cel     0     60  0.3  1.23457e6   99
"#;
    assert_eq!(world.stdout(&["query", "rollups"]), expected);
    let oldest = world.stdout(&["query", "rollups", "--oldest-first", "--to", "2026-01-31T12:01:00Z", "--operator", "minutes"]);
    assert_eq!(
        oldest.lines().nth(1),
        Some(r#"2026-01-31T12:00:00Z  1m      minutes   machine  temperature{room="a"}  Cel     0     60  0.3  1.23457e6   99"#)
    );
}

#[test]
fn rollups_for_programs_keep_every_digit() {
    let world = World::filled();
    let json: String = [rollup(60, Some(0.25)), rollup(0, None)].iter().map(|r| serde_json::to_string(r).unwrap() + "\n").collect();
    assert_eq!(world.stdout(&["query", "rollups", "--format", "json"]), json);
    let expected = "\
id,operator,source,metric,unit,labels,window_start,window_end,revision,count,sum,mean,min,max,stddev,first,last,quantiles,version,\
delta,increase,rate,distinct,up,observed,top,histogram
00000000000000000000000000000000,minutes,machine,temperature,Cel,\"{\"\"room\"\":\"\"a\"\"}\",2026-01-31T12:00:00Z,2026-01-31T12:01:00Z,\
0,60,0.30000000000000004,1234567.891,,99.0,,,,{},00000001,,,,,,,[],[]
0000000000000000000000000000003c,minutes,machine,temperature,Cel,\"{\"\"room\"\":\"\"a\"\"}\",2026-01-31T12:01:00Z,2026-01-31T12:02:00Z,\
0,60,0.30000000000000004,1234567.891,,99.0,,,,\"{\"\"0.5\"\":0.25}\",00000001,,,,,,,[],[]
";
    assert_eq!(world.stdout(&["query", "rollups", "--format", "csv", "--oldest-first"]), expected);
}

#[test]
fn scores_are_listed_by_what_is_asked() {
    let world = World::filled();
    let head = "TIME                      OPERATOR  SOURCE   SERIES                 UNIT  VALUE  LOWER  UPPER  SCORE  HEAD     STATE      EPISODE SINCE\n";
    let usual = "2026-01-31T12:00:00.000Z  unusual   machine  temperature{room=\"a\"}  Cel    21.5                 0.25  novelty  normal\n";
    let unusual = "2026-01-31T12:01:00.000Z  unusual   machine  temperature{room=\"a\"}  Cel    99.5     20     23    2.5  jump     anomalous  2026-01-31T12:01:00.000Z\n";
    assert_eq!(world.stdout(&["query", "scores"]), format!("{head}{unusual}{usual}"));
    assert_eq!(world.stdout(&["query", "scores", "--oldest-first"]).lines().nth(1), Some(usual.trim_end()));
    for chosen in [&["--score-min", "1"][..], &["--only-episodes"], &["--from", "2026-01-31T12:00:01Z"]] {
        let found = world.stdout(&[&["query", "scores", "--format", "json"], chosen].concat());
        assert_eq!(found, serde_json::to_string(&score(60, 2.5)).unwrap() + "\n", "{chosen:?}");
    }
    let csv = "\
id,operator,source,metric,unit,labels,time,window_start,window_end,revision,value,score,novelty,jump,staleness,head,baseline,lower,upper,\
state,episode,episode_opened,episode_peak,episode_closed,version
00000000000000000000000000000000,unusual,machine,temperature,Cel,\"{\"\"room\"\":\"\"a\"\"}\",2026-01-31T12:00:00Z,,,0,\
21.5,0.25,0.25,0.0,0.0,novelty,,,,normal,,,,,00000001
";
    assert_eq!(world.stdout(&["query", "scores", "--format", "csv", "--to", "2026-01-31T12:00:01Z"]), csv);
    assert_eq!(world.run(&["query", "scores", "--score-min", "NaN"]).0, 64);
}

#[test]
fn series_are_listed_with_when_they_were_seen() {
    let world = World::filled();
    let expected = r#"SOURCE   SERIES                        UNIT  FIRST SEEN                LAST SEEN
machine  load                                2026-01-31T12:00:01.250Z  2026-01-31T12:00:01.250Z
machine  temperature{room="a, \"b\""}  Cel   2026-01-31T12:00:00.000Z  2026-01-31T12:01:00.000Z
outside  temperature{room="a, \"b\""}  Cel   2026-01-31T12:00:03.000Z  2026-01-31T12:00:03.000Z
"#;
    assert_eq!(world.stdout(&["query", "series"]), expected);
    let load = json!({ "source": "machine", "metric": "load", "first_seen": "2026-01-31T12:00:01.250000Z", "last_seen": "2026-01-31T12:00:01.250000Z" });
    let found = world.stdout(&["query", "series", "--metric", "load", "--format", "json"]);
    assert_eq!(serde_json::from_str::<Value>(&found).unwrap(), load);
    let csv = "source,metric,unit,labels,first_seen,last_seen\n\
               machine,load,,{},2026-01-31T12:00:01.250000Z,2026-01-31T12:00:01.250000Z\n";
    assert_eq!(world.stdout(&["query", "series", "--metric", "load", "--format", "csv"]), csv);
}

#[test]
fn dead_letters_are_listed_newest_first_and_shown_whole() {
    let world = World::filled();
    let expected = "\
TIME                      COMPONENT  ID        ORIGIN     REASON
2026-01-31T12:00:06.000Z  webhook    b1        127.0.0.1  not JSON
2026-01-31T12:00:05.000Z  history    t.csv:17  t.csv:17   no number:\\n\"x\"
";
    assert_eq!(world.stdout(&["dlq", "ls"]), expected);
    let [first, _] = dead_letters();
    let line = serde_json::to_string(&first).unwrap() + "\n";
    assert_eq!(world.stdout(&["dlq", "ls", "history", "--format", "json"]), line);
    assert_eq!(world.stdout(&["dlq", "show", "history", "t.csv:17", "--format", "json"]), line);
    let expected = "\
component  history
id         t.csv:17
origin     t.csv:17
time       2026-01-31T12:00:05Z
reason     no number:\\n\"x\"

2026,x
";
    assert_eq!(world.stdout(&["dlq", "show", "history", "t.csv:17"]), expected);
    let expected = "floodmark: history has no dead letter \"x\"\n  Help: `floodmark dlq ls history` lists those there are\n";
    assert_eq!(world.run(&["dlq", "show", "history", "x"]), (1, String::new(), expected.into()));
}

#[test]
fn without_data_each_command_says_what_makes_it() {
    let directory = tempfile::tempdir().unwrap();
    let expected = "floodmark: there is no data directory at data\n  Help: `floodmark run` writes the data that is read here, and so does \
                    `floodmark demo --data-dir data`; --data-dir DIR reads another directory\n";
    for args in [
        &["tap"][..],
        &["events", "ls"],
        &["events", "export", "-o", "x"],
        &["query", "rollups"],
        &["query", "series"],
        &["dlq", "ls"],
        &["dlq", "show", "a", "b"],
    ] {
        let output = program(directory.path(), args).args(["--data-dir", "data"]).output().unwrap();
        assert_eq!(parts(&output), (1, String::new(), expected.into()), "{args:?}");
        let unconfigured = program(directory.path(), args).output().unwrap();
        assert_eq!(unconfigured.status.code(), Some(78), "{args:?}");
    }
    std::fs::write(directory.path().join("floodmark.toml"), "data_dir = \"data\"\n[sources.machine]\ntype = \"host\"\n").unwrap();
    assert_eq!(parts(&program(directory.path(), &["query", "series"]).output().unwrap()), (1, String::new(), expected.into()));
    std::fs::create_dir(directory.path().join("data")).unwrap();
    let (code, _, stderr) = parts(&program(directory.path(), &["query", "series"]).output().unwrap());
    assert_eq!((code, stderr.lines().next()), (1, Some("floodmark: there is no store at data/store.db")));
}

#[test]
fn what_cannot_be_is_wrong_usage() {
    let world = World::filled();
    let (code, _, stderr) = world.run(&["events", "ls", "--from", "1h", "--to", "2h"]);
    assert!(code == 64 && stderr.contains("lies before --from"), "{code} {stderr}");
    let (code, _, stderr) = world.run(&["query", "series", "-l", "a=1", "-l", "a=2"]);
    assert_eq!((code, stderr.as_str()), (64, "floodmark: --label a is given with two values: no series has both\n"));
}
