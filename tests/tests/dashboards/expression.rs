//! What stands in an expression of PromQL: metrics, the labels they are chosen by, and the labels of the result. Whether it
//! is PromQL at all is promtool's to say.

use std::collections::BTreeSet;

use regex::Regex;

use super::documented::Documented;

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("it is a regular expression")
}

/// The metrics of an expression, each with the labels it is chosen by.
fn selectors(expression: &str) -> Vec<(String, Vec<String>)> {
    let selector = regex(r"\b(floodmark[_:][a-z0-9_:]+|up)\b(?:\{([^}]*)\})?");
    let label = regex(r#"([a-zA-Z_]+)\s*(?:=~|!~|!=|=)\s*""#);
    let plain = without_texts(expression);
    // Names of metrics are looked for outside of texts; the matchers in braces are then read as they stand.
    let of = |found: regex::Captures| {
        let metric = found.get(1).filter(|metric| !plain[metric.range()].trim().is_empty())?;
        let matchers = found.get(2).map_or("", |matchers| matchers.as_str());
        Some((metric.as_str().to_owned(), label.captures_iter(matchers).map(|l| l[1].to_owned()).collect()))
    };
    selector.captures_iter(expression).filter_map(of).collect()
}

/// The same with every text blanked out, so that places stay where they are.
fn without_texts(expression: &str) -> String {
    regex(r#""[^"]*""#).replace_all(expression, |text: &regex::Captures| " ".repeat(text[0].len())).into_owned()
}

fn listed(expression: &str, words: &str) -> BTreeSet<String> {
    let clause = regex(&format!(r"\b(?:{words})\s*\(([^)]*)\)"));
    let names =
        clause.captures_iter(expression).flat_map(|found| found[1].split(',').map(|name| name.trim().to_owned()).collect::<Vec<_>>());
    names.filter(|name| !name.is_empty()).collect()
}

/// The labels by which anything in the expression is grouped, but for `le`, which a quantile uses up.
pub fn grouped_by(expression: &str) -> BTreeSet<String> {
    let mut labels = listed(expression, "by");
    labels.remove("le");
    labels
}

/// What is asked for and is not there.
pub fn faults(expression: &str, documented: &Documented) -> Vec<String> {
    let mut faults = Vec::new();
    let mut known = BTreeSet::new();
    let selectors = selectors(expression);
    if selectors.is_empty() {
        faults.push(format!("no metric is asked for in {expression:?}"));
    }
    for (metric, labels) in selectors {
        let Some(has) = documented.get(&metric) else {
            faults.push(format!("{metric} is not documented"));
            continue;
        };
        faults.extend(labels.iter().filter(|label| !has.contains(*label)).map(|label| format!("{metric} has no label {label}")));
        known.extend(has.clone());
    }
    let joined = listed(expression, "by|on|without|ignoring|group_left|group_right");
    faults.extend(joined.iter().filter(|label| !known.contains(*label)).map(|label| format!("nothing has the label {label} to group by")));
    faults
}

/// The labels that the result has: what it groups by, or all that its metrics have.
pub fn result_labels(expression: &str, documented: &Documented) -> BTreeSet<String> {
    let grouped = grouped_by(expression);
    if !grouped.is_empty() {
        return grouped;
    }
    selectors(expression).iter().filter_map(|(metric, _)| documented.get(metric)).flatten().cloned().collect()
}

/// Labels that a text for people names: `{{ $labels.x }}` in alerts, `{{x}}` in legends.
pub fn named_in(text: &str) -> BTreeSet<String> {
    let name = regex(r"\{\{\s*(?:\$labels\.)?([a-z_]+)\s*\}\}");
    name.captures_iter(text).map(|found| found[1].to_owned()).collect()
}

#[test]
fn what_is_not_there_is_found() {
    let documented = super::documented::metrics_and_records();
    let cases: [(&str, &[&str]); 12] = [
        (r#"sum by (source) (rate(floodmark_source_events_total{source=~"$source"}[5m]))"#, &[]),
        (r#"up{job="floodmark"} == 0"#, &[]),
        ("floodmark:job_lag_entries > 1000", &[]),
        ("histogram_quantile(0.99, sum by (log, le) (rate(floodmark_log_append_seconds_bucket[5m])))", &[]),
        ("rate(floodmark_source_event_total[5m])", &["floodmark_source_event_total is not documented"]),
        ("floodmark_log_append_seconds", &["floodmark_log_append_seconds is not documented"]),
        ("floodmark_source_events_total_bucket", &["floodmark_source_events_total_bucket is not documented"]),
        ("floodmark:lag", &["floodmark:lag is not documented"]),
        (r#"floodmark_job_commits_total{log="events"}"#, &["floodmark_job_commits_total has no label log"]),
        ("sum by (sink) (floodmark_job_position)", &["nothing has the label sink to group by"]),
        ("floodmark:job_lag_entries - on (sink) floodmark_sink_position", &[]),
        (r#"count({alertname="floodmark_x"})"#, &[r#"no metric is asked for in "count({alertname=\"floodmark_x\"})""#]),
    ];
    for (expression, expected) in cases {
        assert_eq!(faults(expression, &documented), expected, "{expression}");
    }
}

#[test]
fn labels_in_texts_are_found() {
    let names = |text| named_in(text).into_iter().collect::<Vec<_>>();
    assert_eq!(names("{{ $labels.source }} of {{operator}}/{{ partition }}: {{ $value | humanize }}"), ["operator", "partition", "source"]);
}
