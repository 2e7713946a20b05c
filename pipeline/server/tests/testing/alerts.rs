//! What the guide of alerts shows, and what rules refuse.

use std::path::Path;

use floodmark::config::from_text;

use crate::guide::{blocks, outcomes, shown};

#[tokio::test]
async fn every_rule_of_the_guide_does_what_it_says() {
    let guide = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guides/alerts.md")).unwrap();
    let rules: Vec<&str> = blocks(&guide).into_iter().filter(|block| block.contains("[alerts.") && block.contains("[[tests]]")).collect();
    assert_eq!(rules.len(), 9);
    let mut wrong = String::new();
    for block in rules {
        let config = from_text("floodmark.toml", block).unwrap_or_else(|report| panic!("{report}"));
        let outcomes = outcomes(&config).await;
        if outcomes.is_empty() || outcomes.iter().any(|outcome| !outcome.ok) {
            wrong.push_str(&format!("{block}\n{}", shown(&outcomes)));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// The sources and operators that the broken rules name.
const AROUND: &str =
    "[sources.s]\ntype = \"push\"\n[operators.w]\ntype = \"tumbling\"\nsize = \"1m\"\n[operators.scores]\ntype = \"anomaly\"\n";

/// The place of each problem, what is wrong, and what to do.
fn disagreement(rule: &str, expected: &[(&str, &str, &str)]) -> Option<String> {
    let text = format!("{AROUND}[alerts.rule]\n{rule}\n");
    let report = from_text("f", &text).err().map(|report| report.problems()).unwrap_or_default();
    let found: Vec<(String, &str, &str)> = report
        .iter()
        .map(|problem| {
            let at = problem.at.expect("it has a place");
            let line: Vec<char> = text.lines().nth(at.line - 1).unwrap_or_default().chars().collect();
            (line[at.column - 1..].iter().collect(), problem.message.as_str(), problem.hint.as_deref().unwrap_or_default())
        })
        .collect();
    let found: Vec<_> = found.iter().map(|(at, what, remedy)| (at.as_str(), *what, *remedy)).collect();
    let agree = found.len() == expected.len()
        && found
            .iter()
            .zip(expected)
            .all(|(found, wanted)| found.0.starts_with(wanted.0) && found.1.contains(wanted.1) && found.2.contains(wanted.2));
    (!agree).then(|| format!("{rule}\n{found:#?}\n"))
}

#[test]
fn what_cannot_work_is_told_with_its_place_and_a_remedy() {
    let mut wrong = String::new();
    let mut check = |rule: &str, expected: &[(&str, &str, &str)]| wrong.extend(disagreement(rule, expected));
    let threshold = |rest: &str| format!("type = \"threshold\"\nmetrics = [\"m\"]\n{rest}");
    check(&threshold(""), &[("[alerts.rule]", "there is no limit", "add `above`")]);
    check("type = \"threshold\"\nabove = 1", &[("[alerts.rule]", "all metrics", "name the metrics")]);
    check(&threshold("above = 1\nbelow = 0"), &[("0", "one side", "another rule")]);
    check(&threshold("above = 1\nrecover_at = 2"), &[("2", "while it is beyond", "at most 1")]);
    check(&threshold("above = inf"), &[("inf", "no number", "finite")]);
    check(
        &threshold("levels = { warning = { above = 9 }, critical = { above = 8 } }"),
        &[("{ above = 8", "critical is met as soon as warning", "further out")],
    );
    check(&threshold("levels = { wraning = { above = 9 } }"), &[("wraning", "unknown key", "did you mean `warning`?")]);
    check(&threshold("above = 1\nlevels = {}"), &[("{}", "besides them", "`levels` alone")]);
    check(&threshold("above = 1\nfro = \"5m\""), &[("fro", "unknown key `fro`", "did you mean `from`?")]);
    check(&threshold("above = 1\nof = { n = 5, m = 3 }"), &[("{ n = 5", "5 of the last 3", "n from 1 to m")]);
    check(&threshold("above = 1\nseverity = \"bad\""), &[("\"bad\"", "not a value of `severity`", "")]);
    check(&threshold("above = 1\nlabels = { a = \"{{ value }}\" }"), &[("\"{{ value", "there is no `value` here", "known names: rule")]);
    check(
        &threshold("above = 1\nannotations = { a = \"{{ vlaue }}\" }"),
        &[("\"{{ vlaue", "there is no `vlaue`", "did you mean `value`?")],
    );
    check(&threshold("above = 1\nsources = [\"t\"]"), &[("\"t\"", "there is no source", "")]);
    check(&threshold("above = 1\naggregate = \"max\""), &[("\"max\"", "events have no aggregates", "add `from`")]);
    check("type = \"threshold\"\nfrom = \"x\"\nabove = 1", &[("\"x\"", "there is no operator \"x\"", "")]);
    check("type = \"threshold\"\nfrom = \"scores\"\nabove = 1", &[("\"scores\"", "no windows to look at", "type = \"anomaly\"")]);
    check("type = \"threshold\"\nfrom = \"w\"\naggregate = \"sum\"\nabove = 1", &[("\"sum\"", "have no \"sum\"", "they have count, mean")]);
    let of_results = [("\"value > 1\"", "results are read here", "at the operator"), ("\"5m\"", "silence is told from events", "absence")];
    check("type = \"threshold\"\nfrom = \"w\"\nabove = 1\nwhere = \"value > 1\"\nno_data_for = \"5m\"", &of_results);
    check("type = \"condition\"\nfrom = \"w\"\nwhen = \"max > 2 * men\"", &[("men", "", "mean")]);
    check("type = \"condition\"\nmetrics = [\"m\"]\nwhen = \"value\"", &[("value", "", "")]);
    check("type = \"anomaly\"\nfrom = \"w\"", &[("\"w\"", "gives no scores", "type \"anomaly\"")]);
    check("type = \"anomaly\"\nfrom = \"scores\"\nabove = 3", &[("\"scores\"", "leaves out low scores", "emit = \"all\"")]);
    check("type = \"absence\"", &[("[alerts.rule]", "how long", "no_data_for = \"5m\"")]);
    check("type = \"absence\"\nno_data_for = \"5m\"\nfor = \"1m\"", &[("\"1m\"", "`for` means nothing here", "remove it")]);
    check(
        "type = \"match\"\nfield = \"tag\"\npattern = \"(\"",
        &[("\"tag\"", "events have no \"tag\"", "fact.<name>"), ("\"(\"", "not a pattern", "regex")],
    );
    check("type = \"state\"\nfailures = 0", &[("0", "never changes", "1 or more")]);
    check("type = \"certificate\"\nbelow = 9\nflapping = { changes = 1 }", &[("1", "1 changes are no measure", "2 to 64")]);
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn a_rule_and_an_operator_do_not_share_an_id() {
    let text = format!("{AROUND}[alerts.w]\ntype = \"state\"\n");
    let report = from_text("f", &text).unwrap_err();
    assert!(report.problems()[0].message.contains("used twice"), "{report}");
}
