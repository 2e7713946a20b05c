//! The report as people read it.

use floodmark_connectors::settings::Span;
use floodmark_schemas::Timestamp;

use crate::backtest::{Label, Ratio, Report, Row, Score};
use crate::cli::table::{Align, Table};
use crate::cli::{describe, output};
use crate::config::name_of;

/// What was found; of lists the first `limit`.
pub(super) fn text(report: &Report, limit: usize) -> String {
    let Report { from, to, clock, labels, rows, .. } = report;
    let by = if *clock == "event" { "as if each had been known when it happened" } else { "when the log knew" };
    let mut text = format!("alerts from {} to {}, told {by}\n", describe::time(*from), describe::time(*to));
    match labels {
        None => text.push_str("nothing is known of what was wrong: --labels FILE tells, or acknowledgements that say what was useful\n"),
        Some(count) => text.push_str(&format!("judged by {count} times at which something was wrong\n")),
    }
    if rows.iter().any(|row| row.too_many) {
        text.push_str("some rules say something all the time: what they said after their limit was left out\n");
    }
    text.push('\n');
    match (&report.key, &rows[..]) {
        (Some(key), rows) => text.push_str(&sweep(key, rows, labels.is_some())),
        (None, [row]) => text.push_str(&one(report, row, limit)),
        (None, _) => {}
    }
    text
}

const RIGHT: Align = Align::Right;

/// The columns of scores.
fn columns(judged: bool) -> Vec<(&'static str, Align)> {
    let mut columns = vec![("ALERTS", RIGHT), ("INCIDENTS", RIGHT), ("TOLD", RIGHT), ("PER WEEK", RIGHT)];
    if judged {
        columns.extend([("PRECISION", RIGHT), ("RECALL", RIGHT), ("F1", RIGHT), ("DETECT", RIGHT), ("P90", RIGHT), ("MAX", RIGHT)]);
    }
    columns
}

fn fields(score: &Score, judged: bool) -> Vec<String> {
    let mut fields = vec![score.alerts.to_string(), score.incidents.to_string(), score.notifications.to_string(), per_week(score.per_week)];
    if judged {
        let part = |ratio: Option<Ratio>| ratio.and_then(|ratio| Some(format!("{:.1} %", ratio.value()? * 100.0))).unwrap_or_else(none);
        fields.extend([part(score.precision), part(score.recall), score.f1.map_or_else(none, |f1| format!("{f1:.3}"))]);
        let times = score.detect.map(|detect| [detect.median_secs, detect.p90_secs, detect.max_secs].map(span));
        fields.extend(times.unwrap_or_else(|| [none(), none(), none()]));
    }
    fields
}

fn none() -> String {
    "-".to_owned()
}

fn per_week(number: f64) -> String {
    format!("{number:.1}")
}

/// A time to the second.
fn span(secs: f64) -> String {
    Span::secs(secs.max(0.0).round() as u64).to_string()
}

fn sweep(key: &str, rows: &[Row], judged: bool) -> String {
    let mut table = Table::new([(key, RIGHT)].into_iter().chain(columns(judged)).chain([("NIGHTS", RIGHT)]));
    for row in rows {
        let value = row.value.clone().unwrap_or_default();
        table.row([value].into_iter().chain(fields(&row.all, judged)).chain([row.nights.len().to_string()]).collect());
    }
    let mut text = table.render(output::width());
    let best =
        rows.iter().filter(|row| row.all.f1.is_some()).max_by(|a, b| a.all.f1.partial_cmp(&b.all.f1).unwrap_or(std::cmp::Ordering::Equal));
    if let Some(Row { value: Some(value), all: Score { f1: Some(f1), .. }, .. }) = best {
        text.push_str(&format!("\nthe best F1 is {f1:.3}, at {key} = {value}\n"));
    }
    text
}

fn one(report: &Report, row: &Row, limit: usize) -> String {
    let judged = report.labels.is_some();
    let mut table = Table::new([("RULE", Align::Left)].into_iter().chain(columns(judged)));
    let lines = row.rules.iter().map(|(rule, score)| (rule.as_str(), score)).chain([("all", &row.all)]);
    lines.for_each(|(name, score)| table.row([name.to_owned()].into_iter().chain(fields(score, judged)).collect()));
    let mut text = table.render(output::width());
    let mut receivers = Table::new([("RECEIVER", Align::Left), ("TOLD", RIGHT), ("PER WEEK", RIGHT)]);
    for (receiver, got) in &row.receivers {
        receivers.row(vec![receiver.clone(), got.notifications.to_string(), per_week(got.per_week)]);
    }
    text.push_str(&format!("\n{}", receivers.render(output::width())));
    let nights: Vec<&str> = row.nights.iter().map(String::as_str).take(limit).collect();
    let more = if row.nights.len() > nights.len() { ", ..." } else { "" };
    let listed = if nights.is_empty() { String::new() } else { format!(": {}{more}", nights.join(", ")) };
    text.push_str(&format!("\n{} nights on which {} or worse woke somebody ({}){listed}\n", row.nights.len(), report.wakes, report.zone));
    text.push_str(&format!("longest time without a notification: {}\n", span(row.longest_silence_secs as f64)));
    for (reason, count) in &row.kept_silent {
        text.push_str(&format!("{count} kept silent: {reason}\n"));
    }
    let told = row.told.iter().map(|told| {
        format!("{}  {} {} to {}: {}", describe::time(told.time), name_of(told.reason), told.severity, told.receiver, told.title)
    });
    text.push_str(&list("notifications", told, row.told.len(), limit));
    text.push_str(&list("missed", row.missed.iter().map(label), row.missed.len(), limit));
    let untrue = row.false_alerts.iter().map(|alert| {
        format!(
            "{}  {} of {}: {} {}, id {}",
            period(alert.from, alert.to),
            alert.rule,
            alert.source,
            alert.severity,
            alert.series,
            alert.id
        )
    });
    text.push_str(&list("false alerts", untrue, row.false_alerts.len(), limit));
    text
}

fn list(name: &str, lines: impl Iterator<Item = String>, count: usize, limit: usize) -> String {
    if count == 0 {
        return String::new();
    }
    let mut text = format!("\n{count} {name}\n");
    lines.take(limit).for_each(|line| text.push_str(&format!("  {}\n", describe::plain(&line))));
    if count > limit {
        text.push_str(&format!("  and {} more; -n sets how many are listed\n", count - limit));
    }
    text
}

fn period(from: Timestamp, to: Option<Timestamp>) -> String {
    format!("{} .. {}", describe::time(from), to.map(describe::time).unwrap_or_default())
}

fn label(label: &Label) -> String {
    let Label { from, to, source, rule, labels } = label;
    let names = [("source", source), ("rule", rule)].into_iter().filter_map(|(name, value)| Some(format!("{name}={}", value.as_ref()?)));
    let all: Vec<String> = names.chain(labels.iter().map(|(name, value)| format!("{name}={value}"))).collect();
    format!("{}  {}", period(*from, Some(*to)), all.join(" "))
}
