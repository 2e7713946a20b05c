//! A pipeline in layers: windows, windows of windows, scores of events and scores of windows.

use std::fmt::Write;

use floodmark_schemas::Timestamp;
use floodmark_tests::support::program::Installation;
use serde_json::Value;

use crate::world::{PROGRAM, command, operator, run_to_the_end};

/// How many values each host has.
pub const STEPS: i64 = 4 * 144;

/// The value of a host at a step: a wave of a day with some noise, whole numbers, and now and then one that is far off.
pub fn value(host: i64, step: i64) -> i64 {
    let wave = (step % 144 - 72).abs() * 2;
    let noise = (step * 7_919 + host * 104_729) % 23;
    match (host, step) {
        (1, 400) => 5_000,
        (1, 470) => -3_000,
        (0, 340) => 280,
        (0, 390) => 310,
        (0, 440) => 60,
        (0, 490) => 370,
        // Unusual enough for one of the sensitivities.
        (0, 540) => 420,
        _ => 100 + wave + noise,
    }
}

/// When a step is, in a notation that every output has.
pub fn time(step: i64) -> Timestamp {
    Timestamp::parse("2026-03-27T00:00:00Z").unwrap().plus_micros(step * 600_000_000)
}

/// The source of two hosts over four days, every ten minutes, and the operators of every layer.
pub fn config(installation: &Installation, sensitivity: &str) -> String {
    let mut rows = "time,host,load\n".to_owned();
    for step in 0..STEPS {
        (0..2).for_each(|host| writeln!(rows, "{},h{host},{}", time(step), value(host, step)).unwrap());
    }
    let path = installation.write("values.csv", rows);
    let source = format!(
        "partitions = 2\n[api]\nenabled = false\n[sources.file]\ntype = \"file\"\npath = {path:?}\ntime = \"time\"\nlabels = [\"host\"]\n\
         values = [{{ column = \"load\", metric = \"load\" }}]\n"
    );
    let scores = |id: &str, more: &str| format!("[operators.{id}]\ntype = \"anomaly\"\n{more}\n");
    [
        source,
        operator("short", "30m", ""),
        operator("daily", "1d", "").replace("idle_timeout = \"1h\"", "from = \"short\""),
        scores("unusual", &format!("emit = \"all\"\nsensitivity = {sensitivity:?}")),
        scores("notable", &format!("sensitivity = {sensitivity:?}")),
        scores("unusual_short", "from = \"short\"\nemit = \"all\"\nsensitivity = \"normal\""),
    ]
    .concat()
}

/// The pipeline, run to the end of its file.
pub async fn installed() -> Installation {
    let installation = Installation::new(PROGRAM);
    installation.write("floodmark.toml", config(&installation, "normal"));
    run_to_the_end(&installation, "floodmark.toml").await;
    installation
}

/// The scores that a query gives, as they were written.
pub async fn scores(installation: &Installation, args: &[&str]) -> Vec<Value> {
    let query = ["query", "scores", "--oldest-first", "-n", "1000000", "--format", "json"];
    let args: Vec<&str> = query.into_iter().chain(args.iter().copied()).collect();
    let (code, stdout, stderr) = command(installation, &args).await;
    assert_eq!(code, 0, "{stderr}");
    stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Runs the command that an explanation names, and gives what it shows.
pub fn made_again(installation: &Installation, explained: &Value) -> Vec<Value> {
    let shell = explained["command"].as_str().unwrap().replace("floodmark ", &format!("{PROGRAM} "));
    let output = std::process::Command::new("sh")
        .args(["-c", &format!("{shell} --format json")])
        .current_dir(installation.path())
        .env_remove("FLOODMARK_CONFIG")
        .output()
        .unwrap();
    let (said, wrong) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(output.status.success(), "{said}{wrong}");
    // The replay before it writes what it has done.
    said.lines().filter(|line| line.starts_with("{\"id\"")).map(|line| serde_json::from_str(line).unwrap()).collect()
}
