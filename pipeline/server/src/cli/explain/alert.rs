//! Why an alert is what it is: its steps, and what decided each.

use floodmark_schemas::{Alert, Evidence};
use serde_json::json;

use super::{Args, Format, text};
use crate::cli::listing::json_line;
use crate::cli::table::{Align, Table};
use crate::cli::{describe, output};
use crate::config::name_of;
use crate::replay::AlertStep;

/// The steps of one alert, of which there is one at least.
pub(super) fn explained(steps: &[AlertStep], args: &Args) -> String {
    match (args.format, steps.last()) {
        (Format::Text, Some(newest)) => as_text(steps, &newest.alert),
        (Format::Json, Some(newest)) => {
            json_line(&json!({ "alert": newest.alert, "steps": steps, "command": command(steps, &newest.alert) }))
        }
        (_, None) => String::new(),
    }
}

fn command(steps: &[AlertStep], newest: &Alert) -> String {
    let last = steps.iter().map(|step| step.alert.time).max().unwrap_or(newest.time);
    text::replay(&newest.id, &newest.source, (newest.began, last.plus_micros(1)))
}

fn as_text(steps: &[AlertStep], newest: &Alert) -> String {
    let Alert { id, rule, version, source, series, state, severity, began, fired, annotations, labels, .. } = newest;
    let mut text = format!("{rule} of {source}: {series}\n{} {severity}, id {id}, by definition {version} of the rule\n", name_of(state));
    let fired = fired.map_or_else(|| "never fired".to_owned(), |fired| format!("fired {fired}"));
    text.push_str(&format!("began {began}, {fired}\n"));
    let lines = labels
        .iter()
        .map(|(name, value)| format!("{name} = {value}"))
        .chain(annotations.iter().map(|(name, value)| format!("{name}: {value}")));
    lines.for_each(|line| text.push_str(&format!("  {}\n", describe::plain(&line))));
    text.push_str(&format!("\n{}\n", text::count(steps.len() as u64, "step")));
    let head = [("STEP", Align::Right), ("TIME", Align::Left), ("STATE", Align::Left), ("SEVERITY", Align::Left)];
    let more = [("VALUE", Align::Right), ("LIMIT", Align::Right), ("NOTICED", Align::Left), ("DECIDED BY", Align::Left)];
    let mut table = Table::new(head.into_iter().chain(more));
    for AlertStep { alert, .. } in steps {
        let number = |number: Option<f64>| number.map(describe::number).unwrap_or_default();
        let flapping = if alert.flapping { ", flapping" } else { "" };
        table.row(vec![
            alert.step.to_string(),
            describe::time(alert.time),
            format!("{}{flapping}", name_of(alert.state)),
            alert.severity.to_string(),
            number(alert.value),
            number(alert.threshold),
            describe::time(alert.noticed),
            evidence(alert.evidence.as_ref()),
        ]);
    }
    text.push_str(&table.render(output::width()));
    text.push_str(&format!("\nTo make it again\n  {}\n", command(steps, newest)));
    text
}

fn evidence(evidence: Option<&Evidence>) -> String {
    match evidence {
        None => String::new(),
        Some(Evidence::Event { position, index }) => format!("event {position}.{index}"),
        Some(Evidence::Rollup { id, .. }) => format!("rollup {id}"),
        Some(Evidence::Score { id }) => format!("score {id}"),
        Some(Evidence::Time { position }) => format!("time, as of entry {position}"),
    }
}
