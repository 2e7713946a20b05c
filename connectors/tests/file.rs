//! The file source on real files.

#![cfg(test)]

#[path = "common/recorder.rs"]
mod recorder;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use floodmark_connectors::clock::TokioClock;
use floodmark_connectors::sources::file::{Config, File};
use floodmark_core::ports::Source;
use floodmark_core::{Kind, Result};
use floodmark_schemas::{Check, Event, Reason, Series, Timestamp};
use recorder::{Given, Recorder, events};
use serde_json::json;
use tempfile::TempDir;

fn config(path: &Path, settings: serde_json::Value) -> Config {
    let mut all = settings;
    all["path"] = json!(path);
    serde_json::from_value(all).unwrap()
}

fn source(path: &Path, settings: serde_json::Value) -> File {
    let clock = Arc::new(TokioClock::starting_at(Timestamp::from_secs(1)));
    File::new("f", config(path, settings), clock).unwrap()
}

/// A file `name` with `content`.
fn written(name: &str, content: impl AsRef<[u8]>) -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(name);
    std::fs::write(&path, content).unwrap();
    (dir, path)
}

async fn read(path: &Path, settings: serde_json::Value) -> (Recorder, Result<()>) {
    read_from(path, settings, None).await
}

async fn read_from(path: &Path, settings: serde_json::Value, cursor: Option<String>) -> (Recorder, Result<()>) {
    let recorder = Recorder::resuming(cursor);
    let result = source(path, settings).run(&recorder).await;
    (recorder, result)
}

/// Origin without its folder, reason and original of each dead letter.
fn letters(recorder: &Recorder) -> Vec<(String, String, String)> {
    let short = |origin: &str| origin.rsplit('/').next().unwrap().to_owned();
    recorder.letters().into_iter().map(|l| (short(&l.origin), l.reason, l.original)).collect()
}

fn sample(time: &str, series: Series, value: f64) -> Event {
    Event::sample("", "", Timestamp::parse(time).unwrap(), series, value)
}

fn native(second: usize, value: usize) -> String {
    format!(
        r#"{{"specversion":"1.0","id":"e{second}","source":"elsewhere","type":"floodmark.sample.v1","time":"{}","data":{{"metric":"m","labels":{{"n":"{}"}},"value":{value}}}}}"#,
        Timestamp::from_secs(second as i64),
        second % 7,
    )
}

#[tokio::test]
async fn native_events_keep_ids_times_and_kinds() {
    let check = r#"{"type":"floodmark.check.v1","id":"c","time":"1970-01-01T00:00:05Z","source":"x","data":{"target":"t","up":true}}"#;
    let record = r#"{"type":"floodmark.record.v1","time":"1970-01-01T00:00:06Z","data":{"name":"n","fact":{"value":"text"}}}"#;
    let (_dir, path) = written("a.ndjson", format!("\u{feff}{}\r\n\n{check}\n{record}", native(3, 9)));
    let (recorder, result) = read(&path, json!({})).await;
    result.unwrap();
    let record = floodmark_schemas::Record { name: "n".into(), fact: json!({"value": "text"}).as_object().unwrap().clone() };
    let expected = [
        Event { id: "e3".into(), ..sample("1970-01-01T00:00:03Z", Series::new("m").label("n", "3"), 9.0) },
        Event::check("", "c", Timestamp::from_secs(5), Check { up: Some(true), ..Check::of("t") }),
        Event::record("", "", Timestamp::from_secs(6), record),
    ];
    assert_eq!(recorder.events(), expected);
    assert_eq!(letters(&recorder), []);
}

#[tokio::test]
async fn batches_are_cut_every_thousand_lines_and_a_restart_cuts_the_same() {
    let text: String = (0..3500).map(|i| native(i, i) + "\n").collect();
    let (_dir, path) = written("a.ndjson", &text);
    let (whole, result) = read(&path, json!({})).await;
    result.unwrap();
    let sizes: Vec<usize> = whole.batches().iter().map(|(batch, _)| batch.len()).collect();
    assert_eq!(sizes, [1000, 1000, 1000, 500]);
    for (i, (_, cursor)) in whole.batches().into_iter().enumerate() {
        let (rest, result) = read_from(&path, json!({}), cursor).await;
        result.unwrap();
        let facts = |batches: &[(floodmark_schemas::EventBatch, Option<String>)]| -> Vec<(Vec<Event>, Option<String>)> {
            batches.iter().map(|(batch, cursor)| (events(batch), cursor.clone())).collect()
        };
        assert_eq!(facts(&rest.batches()), facts(&whole.batches()[i + 1..]));
    }
}

#[tokio::test]
async fn progress_ends_at_the_size_of_the_file() {
    let text: String = (0..1500).map(|i| native(i, i) + "\n").collect();
    let (_dir, path) = written("a.ndjson", &text);
    let mut file = source(&path, json!({}));
    let progress = file.progress();
    assert_eq!((progress.bytes_read(), progress.bytes_total()), (0, 0));
    file.run(&Recorder::new()).await.unwrap();
    assert_eq!((progress.bytes_read(), progress.bytes_total()), (text.len() as u64, text.len() as u64));
}

#[tokio::test]
async fn bad_lines_are_set_aside_before_the_cursor_passes_them() {
    let long = "x".repeat((1 << 20) + 1);
    let mut text = Vec::new();
    for line in
        [&native(1, 1), "{\"half\":", &native(2, 2), "not json", r#"{"type":"floodmark.sample.v1","data":{"metric":"m","value":1}}"#, &long]
    {
        text.extend_from_slice(line.as_bytes());
        text.push(b'\n');
    }
    text.extend_from_slice(b"\xff\xfe\n");
    text.extend_from_slice((native(3, 3) + " trailing\n" + &native(4, 4)).as_bytes());
    let (_dir, path) = written("a.ndjson", &text);
    let (recorder, result) = read(&path, json!({})).await;
    result.unwrap();
    let values: Vec<Event> = recorder.events();
    assert_eq!(values.iter().map(|e| e.id.as_str()).collect::<Vec<_>>(), ["e1", "e2", "e4"]);
    let kept = "x".repeat(65_536);
    let trailing = format!("not an event: trailing characters at line 1 column {}", native(3, 3).len() + 2);
    let expected = [
        ("a.ndjson:2", "not an event: EOF while parsing a value at line 1 column 8", "{\"half\":"),
        ("a.ndjson:4", "not an event: expected ident at line 1 column 2", "not json"),
        ("a.ndjson:5", "not an event: missing field `time`", r#"{"type":"floodmark.sample.v1","data":{"metric":"m","value":1}}"#),
        ("a.ndjson:6", "the line has 1048577 bytes and 1048576 are read at most (first 65536 kept)", &kept),
        ("a.ndjson:7", "not UTF-8: invalid utf-8 sequence of 1 bytes from index 0", "\u{fffd}\u{fffd}"),
        ("a.ndjson:8", &trailing, &(native(3, 3) + " trailing")),
    ];
    assert_eq!(letters(&recorder), expected.map(|(a, b, c)| (a.to_owned(), b.to_owned(), c.to_owned())));
    assert!(matches!(recorder.given().last(), Some(Given::Batch(..))));
    let ids = |r: &Recorder| r.letters().into_iter().map(|letter| letter.id).collect::<Vec<_>>();
    let (again, _) = read(&path, json!({})).await;
    assert_eq!(ids(&again), ids(&recorder));
}

#[tokio::test]
async fn a_mapped_object_becomes_samples() {
    let text = r#"{"ts":1700000000,"site":"a\u0062","temp":12.5,"hum":null,"more":{"temp":1}}
{"hum":"40","temp":"","site":null,"ts":1700000001.5}
{"ts":1700000002,"temp":"NaN","hum":1}
{"ts":1700000003}
{"temp":1}
{"ts":1700000004,"temp":[1]}
{"ts":1700000005,"temp":3,"hum":4,"site":"x"}
"#;
    let settings = json!({
        "time": "ts", "time_format": "unix_s", "labels": ["site"],
        "values": [{"column": "temp", "metric": "temperature", "unit": "Cel"}, "hum"],
    });
    let (_dir, path) = written("a.jsonl", text);
    let (recorder, result) = read(&path, settings).await;
    result.unwrap();
    let temperature = || Series::new("temperature").unit("Cel");
    let expected = [
        sample("2023-11-14T22:13:20Z", temperature().label("site", "ab"), 12.5),
        sample("2023-11-14T22:13:21.5Z", Series::new("hum"), 40.0),
        sample("2023-11-14T22:13:25Z", temperature().label("site", "x"), 3.0),
        sample("2023-11-14T22:13:25Z", Series::new("hum").label("site", "x"), 4.0),
    ];
    assert_eq!(recorder.events(), expected);
    let reasons: Vec<_> = letters(&recorder).into_iter().map(|(origin, reason, _)| format!("{origin} {reason}")).collect();
    let expected = [
        r#"a.jsonl:3 "temp" is "NaN", which is not a finite number"#,
        r#"a.jsonl:4 "temp" is missing"#,
        r#"a.jsonl:5 "ts" is missing"#,
        r#"a.jsonl:6 "temp" is an object or array where a text or number is expected"#,
    ];
    assert_eq!(reasons, expected);
}

#[tokio::test]
async fn csv_cells_may_be_quoted_and_rows_may_be_wrong() {
    let text = "\u{feff}time, name ,value,note\r\n2024-01-01T00:00:00Z,\"a, \"\"b\"\"\",1,\"two\nlines\"\r\n\r\n\
        2024-01-01T00:00:01Z,a,,\n2024-01-01T00:00:02Z,a,inf,\n2024-01-01T00:00:03Z,a,3\n2024-01-01T00:00:04Z,a,4,4\" pipe\n2024-01-01T00:00:05Z,a,5,\"open\n2024-01-01T00:00:06Z,a,6,";
    let (_dir, path) = written("a.csv", text);
    let settings = json!({ "time": "time", "values": ["value"], "metric": "name", "labels": ["note"], "id": "time" });
    let (recorder, result) = read(&path, settings).await;
    result.unwrap();
    let event = |time: &str, series: Series, value| Event { id: time.to_owned(), ..sample(time, series, value) };
    let expected = [
        event("2024-01-01T00:00:00Z", Series::new("a, \"b\"").label("note", "two\nlines"), 1.0),
        event("2024-01-01T00:00:04Z", Series::new("a").label("note", "4\" pipe"), 4.0),
        event("2024-01-01T00:00:06Z", Series::new("a"), 6.0),
    ];
    assert_eq!(recorder.events(), expected);
    let expected = [
        ("a.csv:6", r#""value" is "inf", which is not a finite number"#, "2024-01-01T00:00:02Z,a,inf,"),
        ("a.csv:7", "3 cells where the first line of the file has 4", "2024-01-01T00:00:03Z,a,3"),
        ("a.csv:9", "a quoted cell has no end", "2024-01-01T00:00:05Z,a,5,\"open"),
    ];
    assert_eq!(letters(&recorder), expected.map(|(a, b, c)| (a.to_owned(), b.to_owned(), c.to_owned())));
}

#[tokio::test]
async fn a_file_of_checks_gives_durations_only_where_there_was_an_answer() {
    let text = "at,site,state,code,ms\n2024-01-01T00:00:00Z,s,UP,200,83.5\n2024-01-01T00:00:01Z,s,down,0,0\n2024-01-01T00:00:02Z,s,down,502,120\n2024-01-01T00:00:03Z,s,,200,1\n";
    let (_dir, path) = written("a.csv", text);
    let settings = json!({ "time": "at", "check": { "target": "site", "up": "state", "status": "code", "latency_ms": "ms" } });
    let (recorder, result) = read(&path, settings).await;
    result.unwrap();
    let at = |secs: i64| Timestamp::from_micros(Timestamp::parse("2024-01-01T00:00:00Z").unwrap().micros() + secs * 1_000_000);
    let down = || Check { up: Some(false), detail: Some("state is \"down\"".into()), ..Check::of("s") };
    let expected = [
        Event::check("", "", at(0), Check { up: Some(true), status: Some(200), duration_us: Some(83_500), ..Check::of("s") }),
        Event::check("", "", at(1), down()),
        Event::check("", "", at(2), Check { status: Some(502), reason: Some(Reason::Status), duration_us: Some(120_000), ..down() }),
    ];
    assert_eq!(recorder.events(), expected);
    assert_eq!(letters(&recorder)[0].1, "\"state\" is empty");
}

#[tokio::test(start_paused = true)]
async fn a_followed_file_is_read_as_it_grows_and_refused_when_it_is_replaced() {
    let (dir, path) = written("a.ndjson", native(1, 1) + "\n" + &native(2, 2)[..50]);
    let recorder = Recorder::new();
    let mut file = source(&path, json!({ "follow": true }));
    let append = |text: &str| std::fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(text.as_bytes()).unwrap();
    let steps = async {
        recorder.wait(|r| r.events().len() == 1).await;
        append(&(native(2, 2)[50..].to_owned() + "\n"));
        recorder.wait(|r| r.events().len() == 2).await;
        std::fs::write(dir.path().join("new"), native(3, 3)).unwrap();
        std::fs::rename(dir.path().join("new"), &path).unwrap();
        std::future::pending::<()>().await
    };
    let error = tokio::select! { result = file.run(&recorder) => result.unwrap_err(), () = steps => unreachable!() };
    assert_eq!(error.kind(), Kind::Broken);
    assert!(error.chain().contains("was cut or replaced"), "{}", error.chain());
    assert_eq!(recorder.events().iter().map(|e| e.id.as_str()).collect::<Vec<_>>(), ["e1", "e2"]);
    assert_eq!(letters(&recorder), []);
}

#[tokio::test]
async fn a_changed_file_is_refused_and_a_grown_one_goes_on() {
    let (_dir, path) = written("a.ndjson", native(1, 1));
    let (first, _) = read(&path, json!({})).await;
    let cursor = first.batches()[0].1.clone();
    std::fs::write(&path, native(1, 1) + "\n" + &native(2, 2) + "\n").unwrap();
    let (second, result) = read_from(&path, json!({}), cursor.clone()).await;
    result.unwrap();
    assert_eq!(second.events().iter().map(|e| e.id.as_str()).collect::<Vec<_>>(), ["e2"]);
    std::fs::write(&path, native(1, 1) + "more\n" + &native(2, 2) + "\n").unwrap();
    let (torn, result) = read_from(&path, json!({}), cursor.clone()).await;
    result.unwrap();
    assert_eq!(torn.events().len(), 1);
    let reason = "the line was read before it had an end, and this was appended to it";
    assert_eq!(letters(&torn), [("a.ndjson:1".to_owned(), reason.to_owned(), "more".to_owned())]);
    for (content, part) in [(native(1, 8) + "\n", "begins differently"), ("short".to_owned(), "it has 5 bytes")] {
        std::fs::write(&path, content).unwrap();
        let error = read_from(&path, json!({}), cursor.clone()).await.1.unwrap_err();
        assert_eq!(error.kind(), Kind::Broken);
        assert!(error.chain().contains(part), "{}", error.chain());
    }
    let error = read_from(&path, json!({}), Some("page 3".into())).await.1.unwrap_err();
    assert_eq!(error.kind(), Kind::Broken);
}

#[tokio::test]
async fn dropping_a_run_ends_its_thread_and_a_new_run_goes_on() {
    let text: String = (0..50_000).map(|i| native(i, i) + "\n").collect();
    let (_dir, path) = written("a.ndjson", &text);
    let recorder = Recorder::new();
    let mut file = source(&path, json!({}));
    let ids = |r: &Recorder| r.events().into_iter().map(|e| e.id).collect::<Vec<_>>();
    tokio::select! {
        biased;
        () = recorder.wait(|r| r.events().len() >= 3000) => {}
        _ = file.run(&recorder) => {}
    }
    file.run(&recorder).await.unwrap();
    assert_eq!(ids(&recorder), (0..50_000).map(|i| format!("e{i}")).collect::<Vec<_>>());
}

#[tokio::test]
async fn mistakes_in_the_configuration_say_what_to_change() {
    let clock = Arc::new(TokioClock::starting_at(Timestamp::from_secs(1)));
    let cases = [
        ("a.txt", json!({}), "set format = \"csv\" or format = \"ndjson\""),
        ("a.csv", json!({}), "the key `time` is missing"),
        ("a.csv", json!({"time": "t"}), "the key `values` is missing"),
        ("a.csv", json!({"time": "t", "values": ["a", "b"], "metric": "m"}), "name one column"),
        ("a.csv", json!({"time": "t", "values": ["a"], "check": {"target": "t", "up": "u"}}), "keep one"),
        ("a.csv", json!({"time": "t", "values": ["a"], "delimiter": "é"}), "delimiter"),
        ("a.csv", json!({"time": "t", "values": ["a"], "timezone": "Mars"}), "Europe/Berlin"),
        ("a.ndjson", json!({"values": ["a"]}), "the key `time` is missing"),
    ];
    for (name, settings, part) in cases {
        let error = File::new("f", config(Path::new(name), settings), clock.clone()).err().unwrap();
        assert_eq!(error.kind(), Kind::Broken);
        assert!(error.chain().contains(part), "{}", error.chain());
    }
    for (settings, part) in [
        (json!({"path": "a", "pth": 1}), "unknown field `pth`"),
        (json!({"path": "a", "values": [{"colum": "a"}]}), "unknown field `colum`"),
        (json!({"path": "a", "values": [1]}), "the name of a column"),
        (json!({"path": "a", "time_format": "iso"}), "rfc3339"),
    ] {
        let error = serde_json::from_value::<Config>(settings).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
    let (dir, path) = written("a.csv", "when,temp\n1,2\n");
    let error = read(&path, json!({"time": "when", "values": ["tmp"]})).await.1.unwrap_err();
    assert!(error.chain().contains("has no column \"tmp\"; it has when, temp"), "{}", error.chain());
    assert_eq!(read(&dir.path().join("none.csv"), json!({"time": "t", "values": ["v"]})).await.1.unwrap_err().kind(), Kind::Unavailable);
    let error = read(dir.path(), json!({"format": "csv", "time": "t", "values": ["v"]})).await.1.unwrap_err();
    assert_eq!(error.kind(), Kind::Broken);
}

#[tokio::test]
async fn lines_of_changing_shapes_are_read_as_if_each_stood_alone() {
    let shapes = [
        r#"{"id":"ID","time":"TIME","type":"floodmark.sample.v1","data":{"metric":"m","labels":{"n":"LABEL"},"value":VALUE}}"#,
        r#"{"type":"floodmark.sample.v1","time":"TIME","id":"ID","data":{"value":VALUE,"metric":"m","labels":{"n":"LABEL"}}}"#,
        r#"{ "time": "TIME", "id": "ID", "type": "floodmark.sample.v1", "data": { "metric": "m", "value": VALUE, "labels": {"n": "LABEL"} } }"#,
        r#"{"id":"ID","time":"TIME","type":"floodmark.sample.v1","data":{"metric":"m","labels":{"n":"LABEL"},"value":VALUE},"x":{"y":0,"value":9}}"#,
    ];
    let (mut text, mut expected) = (String::new(), Vec::new());
    for i in 0..3000usize {
        let label = ["a", "}", "b\\\"", "\u{e4}", "\\u0061"][i % 5];
        let read = ["a", "}", "b\"", "\u{e4}", "a"][i % 5];
        let time = Timestamp::from_micros(i as i64 * 7_654_321);
        let (id, value) = (format!("i{i}"), format!("{}.{}", i % 11, i % 7));
        // Long runs of one shape, then one after the other.
        let shape = shapes[if i < 2000 { i / 500 } else { i % 4 }];
        let line = shape.replace("ID", &id).replace("TIME", &time.to_string()).replace("LABEL", label).replace("VALUE", &value);
        text.push_str(&(line + "\n"));
        expected.push(Event::sample("", id, time, Series::new("m").label("n", read), value.parse().unwrap()));
    }
    let (_dir, path) = written("a.ndjson", text);
    let (recorder, result) = read(&path, json!({})).await;
    result.unwrap();
    assert_eq!(recorder.events(), expected);
    assert_eq!(letters(&recorder), []);
}
