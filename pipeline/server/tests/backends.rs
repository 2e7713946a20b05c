//! The same recorded input through the embedded default and through real servers: everything that can be asked for is the
//! same, document by document. And what the guides say to clients in other languages is true of a real pipeline.
#![cfg(test)]

mod stack;

use std::collections::BTreeMap;

use floodmark_core::ports::query::StoredEvent;
use floodmark_schemas::{Event, Payload, Timestamp};
use floodmark_tests::servers::python;
use floodmark_tests::support::program::Installation;
use floodmark_tests::support::recorded::input;
use stack::{Contents, Stack};

const PROGRAM: &str = env!("CARGO_BIN_EXE_floodmark");
const GUIDE: &str = include_str!("../../../docs/guides/jetstream.md");

/// Windows of two sizes with everything that can be computed.
fn pipeline(source: &str, sizes: [&str; 2]) -> String {
    let operator = |id: &str, size: &str, lateness: &str| {
        format!(
            "[operators.{id}]\ntype = \"tumbling\"\nsize = \"{size}\"\nallowed_lateness = \"{lateness}\"\nidle_timeout = \"1h\"\n\
             quantiles = [0.0, 0.5, 0.99]\naggregates = [\"count\", \"sum\", \"mean\", \"min\", \"max\", \"stddev\", \"first\", \"last\"]\n"
        )
    };
    let operators = [operator("short", sizes[0], "2h"), operator("long", sizes[1], "0s")].concat();
    format!("partitions = 3\n[api]\nenabled = false\n{source}\n{operators}")
}

/// Runs the pipeline to the end of its file; gives what is in its stores.
async fn run(installation: &Installation, name: &str, text: String) -> Contents {
    installation.write(name, text);
    // Without a deadline: a server of one thread takes its time for thousands of documents.
    let mut command = tokio::process::Command::new(PROGRAM);
    command.args(["run", "-c", name]).current_dir(installation.path()).env_remove("FLOODMARK_CONFIG").env_remove("FLOODMARK_LOG");
    let output = command.kill_on_drop(true).output().await.unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && said.contains("every source has come to its end"), "{said}");
    Contents::of(installation.path(), name).await
}

/// The same on both.
async fn compare(source: &str, sizes: [&str; 2]) -> (Contents, Installation, Stack) {
    let stack = Stack::start().await;
    let installation = Installation::new(PROGRAM);
    let servers = format!("data_dir = \"elsewhere\"\n{}{}", pipeline(source, sizes), stack.config());
    let mut embedded = run(&installation, "embedded.toml", format!("{}[log]\nretention_age = \"90d\"\n", pipeline(source, sizes))).await;
    let real = run(&installation, "servers.toml", servers).await;
    assert_eq!(real.rollups.len(), embedded.rollups.len());
    for (real, embedded) in real.rollups.iter().zip(&embedded.rollups) {
        assert_eq!(real, embedded);
    }
    // What a run writes at its own time: when a letter was set aside, and when and where the log stored an event.
    assert_eq!(real.dead_letters.len(), embedded.dead_letters.len());
    let letters = |contents: &Contents| {
        let mut letters = contents.dead_letters.clone();
        letters.iter_mut().for_each(|letter| letter.time = Timestamp::from_micros(0));
        letters.sort_by(|a, b| (&a.component, &a.id).cmp(&(&b.component, &b.id)));
        letters
    };
    assert_eq!(letters(&real), letters(&embedded));
    let series = |contents: &Contents| {
        contents.series.iter().map(|known| (known.source.clone(), known.series.clone(), known.first_seen)).collect::<Vec<_>>()
    };
    assert_eq!(series(&real), series(&embedded));
    let events = |contents: &Contents| {
        // Neither file gives ids: those that events have say how their frames were cut, which is a matter of time.
        let of = |stored: &StoredEvent| {
            assert!(stored.event.id.starts_with("file."));
            serde_json::to_string(&Event { id: String::new(), ..stored.event.clone() }).unwrap()
        };
        let mut events: Vec<String> = contents.events.iter().map(of).collect();
        events.sort();
        events
    };
    assert!(events(&real) == events(&embedded), "raw events are the same");
    println!(
        "{} rollups, {} dead letters, {} series and {} raw events are the same",
        real.rollups.len(),
        real.dead_letters.len(),
        real.series.len(),
        real.events.len()
    );
    embedded.events = real.events;
    (embedded, installation, stack)
}

#[tokio::test]
async fn half_a_year_of_a_status_page_is_the_same_on_embedded_and_real_stores() {
    let Some(path) = input("uptime/FoodCoopX__upptime.csv") else { return };
    let damaged = tempfile::tempdir().unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    // Some rows cannot be read.
    let text: Vec<String> =
        text.lines().zip(0..).map(|(line, n)| if n % 997 == 996 { line.replace("20", "xx") } else { line.to_owned() }).collect();
    let path = damaged.path().join("checks.csv");
    std::fs::write(&path, text.join("\n")).unwrap();
    let source = format!(
        "[sources.file]\ntype = \"file\"\npath = {path:?}\ntime = \"last_updated\"\nlabels = [\"slug\"]\ndisorder = \"2s\"\n\
         check = {{ target = \"url\", up = \"status\", up_values = [\"up\"], status = \"code\", latency_ms = \"response_ms\" }}"
    );
    let (contents, _installation, stack) = compare(&source, ["7d", "28d"]).await;
    views(&stack, &contents).await;
    assert!(contents.rollups.len() > 1_000 && contents.dead_letters.len() > 1 && contents.series.len() > 10);
}

#[tokio::test]
async fn a_year_of_temperatures_is_the_same_and_other_clients_read_it() {
    let Some(path) = input("weather/history/seattle-temps.csv") else { return };
    // Ten days are missing.
    let cut = tempfile::tempdir().unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    let text: Vec<&str> = text.lines().filter(|line| !line.starts_with("2010/06/1")).collect();
    let path = cut.path().join("temps.csv");
    std::fs::write(&path, text.join("\n")).unwrap();
    let source = format!(
        "[sources.file]\ntype = \"file\"\npath = {path:?}\ntime = \"date\"\ntime_format = \"%Y/%m/%d %H:%M\"\n\
         timezone = \"America/Los_Angeles\"\nvalues = [{{ column = \"temp\", metric = \"temperature\", unit = \"[degF]\" }}]"
    );
    let (contents, _installation, stack) = compare(&source, ["12h", "7d"]).await;

    let gaps = stack.sql("SELECT metric, begins, ends, seconds, usual_seconds, missing FROM gaps").await;
    assert_eq!(gaps, [["temperature", "2010-06-10 06:00:00+00", "2010-06-20 07:00:00+00", "867600", "3600", "240"]]);

    // The script of the guide, as it stands there.
    let [script] = blocks(GUIDE, "python")[..] else { panic!("the guide has one script") };
    let server = "nats://127.0.0.1:4222";
    assert!(script.contains(server));
    let said = python(&script.replace(server, stack.nats.url()), &[]).await;
    let values: Vec<f64> = contents
        .events
        .iter()
        .filter_map(|stored| match &stored.event.payload {
            Payload::Sample(sample) => Some(sample.value),
            Payload::Check(_) | Payload::Record(_) => None,
        })
        .collect();
    let lines: Vec<&str> = said.lines().collect();
    let [line] = lines[..] else { panic!("one series: {said}") };
    let (series, count, sum) = match line.split('\t').collect::<Vec<_>>()[..] {
        [series, count, sum] => (series, count.parse::<usize>().unwrap(), sum.parse::<f64>().unwrap()),
        _ => panic!("{line}"),
    };
    assert_eq!((series, count), ("file temperature {}", values.len()));
    assert_eq!(sum, values.iter().sum::<f64>(), "in the order of the log, to the last bit");
}

/// The views of PostgreSQL on the real thing: the latest value of each series, the checks of each target and day.
async fn views(stack: &Stack, contents: &Contents) {
    let (mut latest, mut days) = (BTreeMap::new(), BTreeMap::<(String, String), [u64; 3]>::new());
    for stored in &contents.events {
        let Payload::Check(check) = &stored.event.payload else { panic!("the file has checks") };
        // Of one time, the one that came last.
        let newest = latest.entry(check.series("up", "").key()).or_insert((stored.event.time, check.up));
        if stored.event.time >= newest.0 {
            *newest = (stored.event.time, check.up);
        }
        let day = days.entry((check.target.clone(), stored.event.time.to_string()[..10].to_owned())).or_default();
        day[0] += 1;
        day[1] += u64::from(check.up == Some(true));
        day[2] += u64::from(check.up == Some(false));
    }
    let found = stack.sql("SELECT count(*), count(*) FILTER (WHERE value = 1) FROM latest WHERE metric = 'up'").await;
    let up = latest.values().filter(|(_, up)| *up == Some(true)).count();
    assert_eq!(found, [[latest.len().to_string(), up.to_string()]]);
    let found = stack.sql("SELECT target, day, checks, up, down FROM availability ORDER BY target COLLATE \"C\", day").await;
    let expected: Vec<Vec<String>> =
        days.into_iter().map(|((target, day), [n, up, down])| vec![target, day, n.to_string(), up.to_string(), down.to_string()]).collect();
    assert_eq!(found, expected);
    println!("{} days of {} targets", found.len(), latest.len());
}

/// The code blocks of a language.
fn blocks<'a>(text: &'a str, language: &str) -> Vec<&'a str> {
    text.split(&format!("```{language}\n")).skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}
