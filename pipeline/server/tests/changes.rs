//! An operator that has changed, in the whole program: old results until the new ones are complete, then the new ones alone,
//! whenever the program is killed.
#![cfg(test)]

use std::fmt::Write;

use floodmark_schemas::Timestamp;
use floodmark_tests::support::eventually::eventually;
use floodmark_tests::support::program::Installation;
use serde_json::Value;
use tokio::process::Command;

const KILLS: usize = 3;

/// Four days of two hosts, every ten seconds.
fn values() -> String {
    let start = Timestamp::parse("2026-03-27T00:00:00Z").unwrap();
    let mut text = "time,host,load\n".to_owned();
    for step in 0..4 * 8_640_i64 {
        for host in 0..2 {
            let time = start.plus_micros(step * 10_000_000);
            writeln!(text, "{time},h{host},{}", (step * 7 + host * 13) % 101).unwrap();
        }
    }
    text
}

/// An installation that reads the values into windows of this size, windows of those, and scores of them.
fn installation(size: &str) -> Installation {
    let installation = Installation::new(env!("CARGO_BIN_EXE_floodmark"));
    installation.write("values.csv", values());
    configure(&installation, size);
    installation
}

fn configure(installation: &Installation, size: &str) {
    let path = installation.path().join("values.csv");
    let config = format!(
        "partitions = 2\n[api]\nenabled = false\n[sources.file]\ntype = \"file\"\npath = {path:?}\ntime = \"time\"\nlabels = [\"host\"]\n\
         values = [{{ column = \"load\", metric = \"load\" }}]\n\
         [operators.minutes]\ntype = \"tumbling\"\nsize = \"{size}\"\naggregates = [\"count\", \"sum\", \"mean\"]\n\
         [operators.hours]\ntype = \"tumbling\"\nsize = \"1h\"\nfrom = \"minutes\"\naggregates = [\"count\", \"sum\", \"mean\"]\n\
         [operators.unusual]\ntype = \"anomaly\"\nfrom = \"minutes\"\nemit = \"all\"\n"
    );
    installation.write("floodmark.toml", config);
}

/// The exit code of a command, and what it answers.
async fn command(installation: &Installation, args: &[&str]) -> (i32, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_floodmark")).args(args).current_dir(installation.path()).output().await.unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
}

/// What a command answers, line by line.
async fn lines(installation: &Installation, args: &[&str]) -> Vec<Value> {
    let (code, answer) = command(installation, args).await;
    assert_eq!(code, 0, "{args:?}");
    answer.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// All results that count.
async fn results(installation: &Installation) -> Vec<Value> {
    let mut all = Vec::new();
    for what in ["rollups", "scores"] {
        all.extend(lines(installation, &["query", what, "--format", "json", "-n", "1000000", "--oldest-first"]).await);
    }
    all
}

/// `operator state` of each result set.
async fn states(installation: &Installation) -> Vec<String> {
    let sets = lines(installation, &["results", "ls", "--format", "json"]).await;
    sets.iter().map(|set| format!("{} {}", set["operator"].as_str().unwrap(), set["state"].as_str().unwrap())).collect()
}

#[tokio::test]
async fn results_of_a_changed_operator_take_over_when_they_are_complete() {
    let installation = installation("1m");
    assert_eq!(installation.run().ends().await.0, 0);
    let old = results(&installation).await;

    configure(&installation, "2m");
    for _ in 0..KILLS {
        let program = installation.run();
        let rebuilding = || async { states(&installation).await.contains(&"minutes rebuilding".to_owned()).then_some(()) };
        eventually("a rebuild", rebuilding).await;
        program.kill().await;
        if states(&installation).await.iter().any(|state| state == "minutes rebuilding") {
            let seen: Vec<Value> = results(&installation).await.into_iter().filter(|result| result["operator"] == "minutes").collect();
            let before: Vec<&Value> = old.iter().filter(|result| result["operator"] == "minutes").collect();
            assert_eq!(seen.iter().collect::<Vec<_>>(), before);
        }
    }
    assert_eq!(installation.run().ends().await.0, 0);
    let other = self::installation("2m");
    assert_eq!(other.run().ends().await.0, 0);
    assert_eq!(results(&installation).await, results(&other).await);
    let operators = ["hours", "minutes", "unusual"];
    let expected: Vec<String> =
        operators.iter().flat_map(|operator| ["current", "replaced"].map(|state| format!("{operator} {state}"))).collect();
    let mut found = states(&installation).await;
    found.sort();
    assert_eq!(found, expected);

    // What was replaced can be dropped, and nothing else.
    for operator in operators {
        assert_eq!(command(&installation, &["results", "drop", operator]).await.0, 64, "without --yes");
        assert_eq!(command(&installation, &["results", "drop", operator, "--yes"]).await.0, 0);
        assert_eq!(command(&installation, &["results", "drop", operator, "--yes"]).await.0, 1);
    }
    assert_eq!(results(&installation).await, results(&other).await);
    assert_eq!(states(&installation).await, states(&other).await);
}
