//! Differences between results as people read them: the counts first, then the first of them.

use std::collections::BTreeSet;

use serde_json::Value;

use super::describe::plain;
use super::table::{Align, Table};
use crate::replay::{Change, Counts, Diff, Difference, Tally, Verdict};

/// What two configurations say otherwise.
pub(super) fn of_diff(diff: &Diff) -> String {
    let mut text = format!("{} -> {}: {}\n", diff.before, diff.after, how_many(&diff.tally));
    if !diff.alike.is_empty() {
        text.push_str(&format!("defined alike in both, not compared: {}\n", diff.alike.join(", ")));
    }
    text.push_str(&counts(&diff.tally));
    text.push_str(&list(&diff.tally, ["before", "after"]));
    text
}

/// What a verification found.
pub(super) fn of_verdict(verdict: &Verdict) -> String {
    let (all, differences) = (verdict.tally.all(), verdict.tally.differences());
    let mut text = match differences {
        0 => format!("{all} stored results compared, every one is what the log gives\n"),
        n => format!("{all} stored results compared, {n} are not what the log gives\n"),
    };
    for (reason, count) in &verdict.left_out {
        text.push_str(&format!("{count} left out: {reason}\n"));
    }
    let (not_due, operators) = (verdict.not_due.values().sum::<u64>(), verdict.not_due.keys().cloned().collect::<Vec<_>>().join(", "));
    if not_due > 0 {
        text.push_str(&format!("{not_due} not due yet: windows of {operators} that have begun and not ended\n"));
    }
    text.push_str(&list(&verdict.tally, ["stored", "replayed"]));
    text
}

fn how_many(tally: &Tally) -> String {
    match tally.differences() {
        0 => format!("no differences among {} results", tally.all()),
        n => format!("{n} differences among {} results", tally.all()),
    }
}

fn counts(tally: &Tally) -> String {
    let numbers = ["SAME", "ADDED", "REMOVED", "CHANGED"].map(|name| (name, Align::Right));
    let mut table = Table::new([("KIND", Align::Left), ("OPERATOR", Align::Left)].into_iter().chain(numbers));
    for (kind, operators) in &tally.counts {
        for (operator, Counts { same, added, removed, changed }) in operators {
            let numbers = [same, added, removed, changed].map(u64::to_string);
            table.row([(*kind).to_owned(), operator.clone()].into_iter().chain(numbers).collect());
        }
    }
    table.render(None)
}

fn list(tally: &Tally, sides: [&str; 2]) -> String {
    let mut text: String = tally.first.iter().map(|difference| one(difference, sides)).collect();
    let more = tally.differences() - tally.first.len() as u64;
    if more > 0 {
        text.push_str(&format!("and {more} more; -n sets how many are listed\n"));
    }
    text
}

fn one(difference: &Difference, [first, second]: [&str; 2]) -> String {
    let Difference { change, about, before, after, .. } = difference;
    let (sign, only) = match change {
        Change::Added => ('+', Some(second)),
        Change::Removed => ('-', Some(first)),
        Change::Changed => ('~', None),
    };
    let text = |name: &str| about[name].as_str().unwrap_or_default().to_owned();
    let series = &about["series"];
    let labels: Vec<String> = series["labels"].as_object().into_iter().flatten().map(|(k, v)| format!("{k}={v}")).collect();
    let window = &about["window"];
    let when = match (window["start"].as_str(), window["end"].as_str()) {
        (Some(start), Some(end)) => format!("{start} .. {end}"),
        _ => text("time"),
    };
    let metric = series["metric"].as_str().unwrap_or_default();
    let mut line = match about["title"].as_str() {
        Some(title) => format!("{sign} to {}: {title}, {when}", text("receiver")),
        None => format!("{sign} {} {} {metric}{{{}}} {when}", text("operator"), text("source"), labels.join(",")),
    };
    match (only, before, after) {
        (None, Some(before), Some(after)) => {
            for (name, old, new) in fields(before, after) {
                line.push_str(&format!("\n    {name}: {first} {old}, {second} {new}"));
            }
        }
        (only, before, after) => {
            let value = before.as_ref().or(after.as_ref()).map(ToString::to_string).unwrap_or_default();
            line.push_str(&format!("\n    only {}: {value}", only.unwrap_or_default()));
        }
    }
    let lines: Vec<String> = line.lines().map(|line| plain(line).into_owned()).collect();
    lines.join("\n") + "\n"
}

/// The fields that differ, with both values.
fn fields(before: &Value, after: &Value) -> Vec<(String, String, String)> {
    let names: BTreeSet<&String> = [before, after].into_iter().filter_map(Value::as_object).flat_map(serde_json::Map::keys).collect();
    let mut found = Vec::new();
    for name in names {
        match (before.get(name), after.get(name)) {
            (old, new) if old == new => {}
            (Some(old), Some(new)) if old.is_object() && new.is_object() => {
                found.extend(fields(old, new).into_iter().map(|(inner, old, new)| (format!("{name}.{inner}"), old, new)));
            }
            (old, new) => {
                let text = |value: Option<&Value>| value.map_or_else(|| "nothing".to_owned(), ToString::to_string);
                found.push((name.clone(), text(old), text(new)));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_change_names_each_field_with_both_values() {
        let about = json!({
            "operator": "hourly", "source": "file", "series": { "metric": "up", "labels": { "target": "a" } },
            "window": { "start": "2026-01-01T00:00:00Z", "end": "2026-01-01T01:00:00Z" },
        });
        let (before, after) =
            (json!({ "count": 2, "quantiles": { "0.5": 1.0 } }), json!({ "count": 3, "quantiles": { "0.5": 2.0 }, "max": 1.0 }));
        let changed = Difference { kind: "rollups", change: Change::Changed, about, before: Some(before), after: Some(after) };
        let head = "hourly file up{target=\"a\"} 2026-01-01T00:00:00Z .. 2026-01-01T01:00:00Z\n";
        let fields = "    count: old 2, new 3\n    max: old nothing, new 1.0\n    quantiles.0.5: old 1.0, new 2.0\n";
        assert_eq!(one(&changed, ["old", "new"]), format!("~ {head}{fields}"));
        let removed = Difference { change: Change::Removed, before: Some(json!({ "count": 2 })), after: None, ..changed };
        assert_eq!(one(&removed, ["old", "new"]), format!("- {head}    only old: {{\"count\":2}}\n"));
    }
}
