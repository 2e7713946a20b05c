//! Which metrics there are and which labels they have: docs/metrics.md and the recording rules.

use std::collections::{BTreeMap, BTreeSet};

use super::rules::rules;
use crate::files::read;

/// What Prometheus adds to each series that it reads.
const OF_THE_SCRAPE: [&str; 2] = ["instance", "job"];

/// The labels of each name that may stand in an expression.
pub type Documented = BTreeMap<String, BTreeSet<String>>;

/// Metrics of the program, and what Prometheus derives of each histogram.
pub fn metrics() -> Documented {
    let mut all = Documented::new();
    let page = read("docs/metrics.md");
    for row in page.lines().filter(|line| line.starts_with("| `floodmark_")) {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let name = cells[0].trim_matches('`').to_owned();
        let mut labels: BTreeSet<String> = OF_THE_SCRAPE.map(str::to_owned).into();
        labels.extend(cells[2].split('`').skip(1).step_by(2).map(str::to_owned));
        if cells[1] == "histogram" {
            all.insert(format!("{name}_sum"), labels.clone());
            all.insert(format!("{name}_count"), labels.clone());
            labels.insert("le".to_owned());
            all.insert(format!("{name}_bucket"), labels);
        } else {
            all.insert(name, labels);
        }
    }
    assert!(all.len() > 20, "docs/metrics.md was not read: {all:?}");
    all
}

/// The same with what the recording rules make: their labels are those by which they group.
pub fn metrics_and_records() -> Documented {
    let mut all = metrics();
    for rule in rules() {
        if let Some(name) = rule["record"].as_str() {
            let expression = rule["expr"].as_str().expect("a rule has an expression");
            let labels = super::expression::grouped_by(expression);
            assert!(!labels.is_empty(), "{name} says by what it groups");
            all.insert(name.to_owned(), labels);
        }
    }
    all.insert("up".to_owned(), OF_THE_SCRAPE.map(str::to_owned).into());
    all
}

#[test]
fn histograms_have_three_names_and_no_other() {
    let metrics = metrics();
    let names: Vec<&str> = metrics.keys().map(String::as_str).filter(|name| name.starts_with("floodmark_log_append")).collect();
    assert_eq!(names, ["floodmark_log_append_seconds_bucket", "floodmark_log_append_seconds_count", "floodmark_log_append_seconds_sum"]);
    let labels: Vec<&String> = metrics["floodmark_log_append_seconds_bucket"].iter().collect();
    assert_eq!(labels, ["instance", "job", "le", "log"]);
}
