//! `floodmark test` and `floodmark check` from outside.

use std::path::Path;
use std::process::Command;

const CONFIG: &str = "[sources.api]\ntype = \"push\"\n[operators.minute]\ntype = \"tumbling\"\nsize = \"1m\"\n";

fn test(name: &str, count: u32) -> String {
    format!(
        "[[tests]]\nname = \"{name}\"\ninput = [{{ at = \"0s\", source = \"api\", metric = \"m\", value = 1 }}]\nadvance = \"2m\"\n\
         expect = [{{ window = \"0s..1m\", count = {count} }}]\n"
    )
}

/// Runs the program in a directory with these files: its exit code, stdout and stderr.
fn run(files: &[(&str, &str)], args: &[&str]) -> (i32, String, String) {
    let directory = tempfile::tempdir().unwrap();
    files.iter().for_each(|(name, text)| std::fs::write(directory.path().join(name), text).unwrap());
    in_directory(directory.path(), args)
}

fn in_directory(directory: &Path, args: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_floodmark"));
    command.args(args).current_dir(directory).env_remove("FLOODMARK_CONFIG").env_remove("FLOODMARK_LOG").env("NO_COLOR", "1");
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

fn none() -> String {
    String::new()
}

#[test]
fn tests_beside_the_configuration_are_run_but_those_of_another_are_not() {
    let (own, shared, others) = (test("own", 1), test("shared", 1), test("other", 2));
    let inside = format!("{CONFIG}{}", test("inside", 1));
    let files = [
        ("floodmark.toml", inside.as_str()),
        ("floodmark_test.toml", own.as_str()),
        ("minutes_test.toml", shared.as_str()),
        ("other.toml", CONFIG),
        ("other_test.toml", others.as_str()),
    ];
    assert_eq!(run(&files, &["test"]), (0, "ok    inside\nok    own\nok    shared\n3 tests, all as expected\n".to_owned(), none()));
    assert_eq!(run(&files, &["test", "--filter", "own"]), (0, "ok    own\n1 test, all as expected\n".to_owned(), none()));
    assert_eq!(run(&files, &["check"]), (0, "ok: 1 source, 1 operator, 1 sink, 3 tests\n".to_owned(), none()));
    let (code, stdout, _) = run(&files, &["-c", "other.toml", "test"]);
    assert_eq!((code, stdout.lines().last().unwrap()), (1, "2 tests, 1 failed"));
}

#[test]
fn the_json_document_has_every_difference() {
    let (code, stdout, stderr) = run(&[("floodmark.toml", &format!("{CONFIG}{}", test("n", 2)))], &["test", "--format", "json"]);
    let expected = serde_json::json!({
        "ok": false,
        "failed": 1,
        "tests": [{
            "name": "n", "file": "floodmark.toml", "line": 6, "column": 1, "ok": false,
            "problems": [{
                "problem": "differs", "file": "floodmark.toml", "line": 10, "column": 11,
                "expected": "rollup window=0s..1m count=2",
                "differences": [{ "field": "count", "expected": "2", "found": "1" }],
            }],
            "event_time": [["minute", "api", "1m"]],
        }],
    });
    assert_eq!((code, serde_json::from_str::<serde_json::Value>(&stdout).unwrap(), stderr), (1, expected, none()));
}

#[test]
fn mistakes_in_a_file_of_tests_have_their_place() {
    let files =
        [("floodmark.toml", CONFIG), ("floodmark_test.toml", "[sources.b]\ntype = \"host\"\n[[tests]]\nnam = \"n\"\nexpect_none = true\n")];
    for command in ["check", "test"] {
        let (code, stdout, stderr) = run(&files, &[command]);
        assert_eq!((code, stdout.as_str()), (78, ""));
        for expected in
            ["`sources` is no test", "floodmark_test.toml:1:", "unknown key `nam`", "floodmark_test.toml:4:1", "did you mean `name`?"]
        {
            assert!(stderr.contains(expected), "{expected}: {stderr}");
        }
    }
    // What only tests get wrong does not keep the configuration from being used.
    assert_eq!(run(&files, &["graph"]).0, 0);
}

#[test]
fn no_test_at_all_is_a_failure() {
    let (code, stdout, stderr) = run(&[("floodmark.toml", CONFIG)], &["test"]);
    assert_eq!((code, stdout.as_str()), (1, ""));
    assert!(stderr.starts_with("floodmark: there are no tests in floodmark.toml\n  Help: write [[tests]] there"), "{stderr}");
    let some = format!("{CONFIG}{}", test("a", 1));
    assert_eq!(run(&[("floodmark.toml", &some)], &["test", "--filter", "b"]).0, 1);
}
