//! The program from outside: what it prints where, and its exit codes.

#![cfg(test)]

use std::process::{Command, Output};

fn floodmark(dir: &std::path::Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_floodmark"))
        .args(args)
        .current_dir(dir)
        .env_remove("FLOODMARK_CONFIG")
        .env("NO_COLOR", "1")
        .output()
        .unwrap()
}

/// Runs `floodmark` with a `floodmark.toml` of this text; gives the exit code, stdout and stderr.
fn with_config(text: &str, args: &[&str]) -> (i32, String, String) {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("floodmark.toml"), text).unwrap();
    parts(&floodmark(dir.path(), args))
}

fn parts(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

const GOOD: &str = "[sources.machine]\ntype = \"host\"\n[operators.minutes]\ntype = \"tumbling\"\nsize = \"1m\"\n";

#[test]
fn a_good_configuration_is_counted_on_stdout() {
    assert_eq!(with_config(GOOD, &["check"]), (0, "ok: 1 source, 1 operator, 1 sink\n".into(), String::new()));
    assert_eq!(with_config(GOOD, &["check", "--format", "json"]), (0, "{\"ok\":true,\"problems\":[]}\n".into(), String::new()));
}

#[test]
fn a_bad_configuration_is_explained_on_stderr_and_ends_with_78() {
    let expected = "\
Error: unknown key `intervall`
   ╭─[ floodmark.toml:3:1 ]
   │
 3 │ intervall = \"1s\"
   │ ────┬────
   │     ╰────── here
   │
   │ Help: known keys: every, type, encoding, compression, disorder
───╯

1 problem in the configuration
";
    let (code, stdout, stderr) = with_config("[sources.machine]\ntype = \"host\"\nintervall = \"1s\"\n", &["check"]);
    assert_eq!((code, stdout.as_str()), (78, ""));
    // The keys of `host` are its own business: only the frame is compared.
    let hintless = |text: &str| text.lines().filter(|l| !l.contains("Help:")).collect::<Vec<_>>().join("\n");
    assert_eq!(hintless(&stderr), hintless(expected));
}

#[test]
fn problems_as_json_are_data_on_stdout() {
    let (code, stdout, stderr) = with_config("partitions = 0\n", &["check", "--format", "json"]);
    let report: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    let expected = serde_json::json!({ "ok": false, "problems": [{
        "file": "floodmark.toml", "line": 1, "column": 14,
        "message": "0 partitions are not possible", "hint": "choose 1 to 1024, and 1 if in doubt",
    }]});
    assert_eq!((code, report, stderr.as_str()), (78, expected, ""));
}

#[test]
fn a_missing_configuration_says_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    for args in [&["check"][..], &["run"], &["config", "show"]] {
        let (code, stdout, stderr) = parts(&floodmark(dir.path(), args));
        assert_eq!((code, stdout.as_str()), (78, ""), "{args:?}");
        assert!(stderr.contains("floodmark.toml does not exist"), "{stderr}");
        assert!(stderr.contains("`floodmark demo`") && stderr.contains("examples/quickstart.toml"), "{stderr}");
    }
}

#[test]
fn wrong_usage_ends_with_64() {
    let dir = tempfile::tempdir().unwrap();
    for args in [&["chekc"][..], &[], &["check", "--format", "yaml"], &["-v", "-q", "check"]] {
        let (code, stdout, stderr) = parts(&floodmark(dir.path(), args));
        assert_eq!((code, stdout.as_str()), (64, ""), "{args:?}");
        assert!(!stderr.is_empty());
    }
    assert_eq!(parts(&floodmark(dir.path(), &["--help"])).0, 0);
    assert_eq!(parts(&floodmark(dir.path(), &["--version"])), (0, format!("floodmark {}\n", env!("CARGO_PKG_VERSION")), String::new()));
}

#[test]
fn what_config_show_prints_loads_and_shows_the_same_again() {
    let quickstart = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/quickstart.toml");
    let (code, shown, _) = with_config(&std::fs::read_to_string(quickstart).unwrap(), &["config", "show"]);
    assert_eq!(code, 0);
    assert_eq!(with_config(&shown, &["config", "show"]), (0, shown, String::new()));
}

#[test]
fn secrets_are_neither_shown_nor_repeated_in_errors() {
    let reference = "[sources.push]\ntype = \"push\"\ntoken = { env = \"PUSH_TOKEN\" }\n";
    let (code, shown, _) = with_config(reference, &["config", "show"]);
    assert_eq!(code, 0);
    assert!(shown.contains("token = { env = \"PUSH_TOKEN\" }"), "{shown}");
    for secret in ["token = \"hunter2\"", "token = hunter2", "tken = \"a\" # \npassword = \"hunter2\"", "token = { evn = \"hunter2\" }"] {
        let (code, stdout, stderr) = with_config(&format!("[sources.push]\ntype = \"push\"\n{secret}\n"), &["check"]);
        assert_eq!((code, stdout.as_str()), (78, ""));
        assert!(!stderr.contains("hunter2"), "{stderr}");
    }
}

#[test]
fn the_completion_script_of_each_shell_is_printed() {
    let dir = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish"] {
        let (code, stdout, _) = parts(&floodmark(dir.path(), &["completion", shell]));
        assert!(code == 0 && stdout.contains("floodmark"), "{shell}");
    }
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_floodmark"))
        .args(["schema", "config"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
}
