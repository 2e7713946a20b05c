//! Tests that cannot be right: each mistake is told at its place, with a remedy.

use floodmark::config::from_text;

const CONFIG: &str = "\
[sources.api]
type = \"push\"
[operators.minute]
type = \"tumbling\"
size = \"1m\"
";

/// Checks the problems of a configuration with this test, as `line:column message | hint`; the test begins at line 6.
fn check(test: &str, expected: &[&str]) {
    let Err(report) = from_text("t.toml", &format!("{CONFIG}{test}\n")) else { panic!("no problem: {test}") };
    let found: Vec<String> = report
        .problems()
        .into_iter()
        .map(|p| {
            let (at, hint) = (p.at.unwrap(), p.hint.unwrap_or_default());
            format!("{}:{} {} | {hint}", at.line, at.column, p.message)
        })
        .collect();
    assert_eq!(found, expected, "{test}");
}

const NAME: &str = "[[tests]]\nname = \"n\"\n";

#[test]
fn keys_and_names_that_do_not_exist_are_told_with_the_nearest() {
    check(
        &format!(
            "{NAME}operator = \"minutes\"\ninput = [{{ at = \"0s\", source = \"apy\", metrik = \"m\", value = 1 }}]\nexpect_none = true"
        ),
        &["9:39 unknown key `metrik` | did you mean `metric`?"],
    );
    check(
        &format!(
            "{NAME}operator = \"minutes\"\ninput = [{{ at = \"0s\", source = \"apy\", metric = \"m\", value = 1 }}]\nexpect_none = true"
        ),
        &["8:12 there is no operator \"minutes\" | did you mean `minute`?", "9:32 there is no source \"apy\" | did you mean `api`?"],
    );
    check("[[test]]\nname = \"n\"", &["6:3 unknown key `test` | did you mean `tests`?"]);
    check("[tests]\nname = \"n\"", &["6:1 expected a list, found a table | begin each test with [[tests]]"]);
}

#[test]
fn input_that_is_no_event_is_told() {
    let input = |entry: &str, expected: &[&str]| check(&format!("{NAME}input = [{entry}]\nexpect_none = true"), expected);
    input(
        "{ source = \"api\", metric = \"m\", value = 1 }",
        &["8:10 the key `at` is missing here | add for example at = \"10s\", or at = \"0s..1m every 10s\""],
    );
    input(
        "{ at = \"0s\", metric = \"m\", value = 1 }",
        &["8:10 the source is missing here | add `source`; the entries after it need not repeat it"],
    );
    input(
        "{ at = \"0s\", source = \"api\", value = 1 }",
        &["8:10 the metric is missing here | add `metric`; the entries after it need not repeat it"],
    );
    input(
        "{ at = \"0s\", source = \"api\", metric = \"m\" }",
        &["8:10 this is no event | add `value` of a sample, `up` of a check, or `record`"],
    );
    input(
        "{ at = \"0s\", source = \"api\", metric = \"m\", value = 1, up = true }",
        &["8:10 this is more than one event | write a sample (`value`), a check (`up`, `reason`), a record (`record`) or an `end` alone"],
    );
    input(
        "{ at = \"0s..1h\", source = \"api\", metric = \"m\", value = 1 }",
        &["8:17 \"0s..1h\" does not say how often | write for example \"0s..1h every 10s\""],
    );
    input(
        "{ at = \"0s..365d every 1s\", source = \"api\", metric = \"m\", value = 1 }",
        &["8:9 these are 31536000 events | a test takes at most 1000000"],
    );
}

#[test]
fn expectations_that_cannot_be_met_are_told() {
    check(NAME, &["6:1 this test expects nothing | add expect = [{ .. }], or expect_none = true"]);
    check(
        &format!("{NAME}expect_none = true\nexpect = [{{ count = 1 }}]"),
        &["8:15 results are expected, and none | remove `expect` or `expect_none`"],
    );
    check(
        &format!("{NAME}expect = [{{ score = \">= 1\", mean = \"many\" }}]"),
        &["8:36 \"many\" is not a number to expect | write for example 5, \">= 5\", \"< 5\" or \"4.5..5.5\""],
    );
    check(
        &format!("{NAME}expect = [{{ score = \">= 1\" }}, {{ kind = \"late\", window = \"0s..1m\" }}]"),
        &[
            "8:21 a rollup has no `score` | add kind = \"score\", or remove `score`",
            "8:57 a late event has no `window` | add kind = \"rollup\", or remove `window`",
        ],
    );
    check(
        "[[tests]]\nname = \"n\"\nexpect_none = true\n[[tests]]\nname = \"n\"\nexpect_none = true",
        &["10:8 two tests are called \"n\" | give each its own name"],
    );
}
