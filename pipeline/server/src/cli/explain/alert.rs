//! Why an alert is what it is: its steps, what decided each, and what became of it.

use floodmark_schemas::Alert;
use serde_json::json;

use super::told::Told;
use super::{Args, Format, text};
use crate::cli::listing::json_line;
use crate::cli::{alert_steps, describe, output};
use crate::config::name_of;
use crate::replay::AlertStep;

/// The steps of one alert, of which there is one at least, and what the desk did with it.
pub(super) fn explained(steps: &[AlertStep], told: Option<&Told>, args: &Args) -> String {
    match (args.format, steps.last()) {
        (Format::Text, Some(newest)) => {
            let told = told.map(|told| told.as_text(&newest.alert)).unwrap_or_default();
            format!("{}{told}", as_text(steps, &newest.alert))
        }
        (Format::Json, Some(newest)) => {
            let (told, command) = (told.map(Told::as_json), command(steps, &newest.alert));
            json_line(&json!({ "alert": newest.alert, "steps": steps, "told": told, "command": command }))
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
    let table = alert_steps::table(steps.iter().map(|step| &step.alert));
    text.push_str(&table.render(output::width()));
    text.push_str(&format!("\nTo make it again\n  {}\n", command(steps, newest)));
    text
}
