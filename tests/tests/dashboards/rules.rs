//! The rules of dashboards/prometheus/rules and their tests.

use std::collections::BTreeSet;

use serde_json::Value;

use super::documented::metrics_and_records;
use super::expression::{faults, named_in, result_labels};
use crate::files::{folder, read, texts, yaml};

/// All rules of all files.
pub fn rules() -> Vec<Value> {
    let documents = folder("dashboards/prometheus/rules", "yml").into_iter().map(|path| yaml(&path, &read(&path)));
    let groups = documents.flat_map(|document| document["groups"].as_array().expect("rules come in groups").clone());
    groups.flat_map(|group| group["rules"].as_array().expect("a group has rules").clone()).collect()
}

fn alerts() -> Vec<Value> {
    rules().into_iter().filter(|rule| rule["alert"].is_string()).collect()
}

fn text<'a>(rule: &'a Value, path: &str) -> &'a str {
    rule.pointer(path).and_then(Value::as_str).unwrap_or_else(|| panic!("{path} is missing in {rule}"))
}

#[test]
fn rules_ask_for_what_is_there() {
    let documented = metrics_and_records();
    let found: Vec<_> = rules().iter().flat_map(|rule| faults(text(rule, "/expr"), &documented)).collect();
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn alerts_name_labels_that_they_have() {
    let documented = metrics_and_records();
    for alert in alerts() {
        let labels = result_labels(text(&alert, "/expr"), &documented);
        for part in ["/annotations/summary", "/annotations/description"] {
            let named = named_in(text(&alert, part));
            assert!(named.is_subset(&labels), "{}: {part} names {named:?}, the alert has {labels:?}", alert["alert"]);
        }
    }
}

#[test]
fn every_alert_is_explained() {
    let guide = read("docs/guides/dashboards.md");
    let headings: Vec<&str> = guide.lines().filter_map(|line| line.strip_prefix("### ")).collect();
    for alert in alerts() {
        let name = text(&alert, "/alert");
        assert!(["warning", "critical"].contains(&text(&alert, "/labels/severity")), "{name}");
        assert!(text(&alert, "/annotations/summary").len() < 100 && text(&alert, "/annotations/description").ends_with('.'), "{name}");
        let (file, anchor) = text(&alert, "/annotations/runbook_url").split_once('#').expect("it leads to a section");
        assert_eq!((file, anchor), ("docs/guides/dashboards.md", name.to_lowercase().as_str()));
        assert!(headings.contains(&name), "docs/guides/dashboards.md has no section {name}");
    }
    let alerts: BTreeSet<String> = alerts().iter().map(|alert| text(alert, "/alert").to_owned()).collect();
    let gone: Vec<&&str> = headings.iter().filter(|heading| heading.starts_with("Floodmark") && !alerts.contains(**heading)).collect();
    assert_eq!(gone, Vec::<&&str>::new(), "explained, but no alert");
}

#[test]
fn every_alert_is_tested_firing_and_not_firing() {
    let mut fires = BTreeSet::new();
    let mut is_quiet = BTreeSet::new();
    for path in folder("dashboards/prometheus/tests", "yml") {
        let document = yaml(&path, &read(&path));
        assert_eq!(texts(&document["rule_files"]).collect::<Vec<_>>(), ["../rules/floodmark.yml"], "{}", path.display());
        let tests = document["tests"].as_array().unwrap().iter();
        for case in tests.flat_map(|test| test["alert_rule_test"].as_array().unwrap()) {
            let expected = case["exp_alerts"].as_array().unwrap();
            let seen = if expected.is_empty() { &mut is_quiet } else { &mut fires };
            seen.insert(text(case, "/alertname").to_owned());
        }
    }
    let all: BTreeSet<String> = alerts().iter().map(|alert| text(alert, "/alert").to_owned()).collect();
    assert!(all.len() > 10);
    assert_eq!(fires, all, "firing");
    assert_eq!(is_quiet, all, "not firing");
}
