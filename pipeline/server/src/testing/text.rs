//! Outcomes as people read them.

use std::fmt::Write;

use super::judge::{Difference, Problem};
use super::outcome::Outcome;

/// One line for a test that went well; for another what was expected and what came out instead.
pub fn render(outcome: &Outcome) -> String {
    let Outcome { name, place, problems, .. } = outcome;
    if outcome.ok {
        return format!("ok    {name}\n");
    }
    let mut out = format!("FAIL  {name}\n      {place}\n");
    for problem in problems {
        write(&mut out, problem).expect("writing to a string does not fail");
    }
    if problems.iter().any(|problem| matches!(problem, Problem::Missing { .. })) {
        out.push_str(&event_time(outcome));
    }
    out.push('\n');
    out
}

fn write(out: &mut String, problem: &Problem) -> std::fmt::Result {
    match problem {
        Problem::Differs { place, expected, differences } => {
            writeln!(out, "\n    {place}: what came out differs")?;
            writeln!(out, "      {expected}")?;
            table(out, differences)
        }
        Problem::Missing { place, expected, found, more } => {
            writeln!(out, "\n    {place}: nothing like this came out")?;
            writeln!(out, "      {expected}")?;
            writeln!(out, "    {}", if found.is_empty() { "nothing else came out either" } else { "but this did" })?;
            found.iter().try_for_each(|found| writeln!(out, "      {found}"))?;
            if *more > 0 { writeln!(out, "      and {more} more") } else { Ok(()) }
        }
        Problem::Unexpected { found } => writeln!(out, "\n    this came out and is not expected\n      {found}"),
        Problem::Unreadable { reason } => writeln!(out, "\n    an input could not be read\n      {reason}"),
    }
}

fn table(out: &mut String, differences: &[Difference]) -> std::fmt::Result {
    let absent = "(absent)".to_owned();
    let rows: Vec<[&str; 3]> = std::iter::once(["FIELD", "EXPECTED", "FOUND"])
        .chain(
            differences
                .iter()
                .map(|Difference { field, expected, found }| [field, expected, found.as_ref().unwrap_or(&absent)].map(String::as_str)),
        )
        .collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let (first, second) = (width(0), width(1));
    rows.iter().try_for_each(|[field, expected, found]| writeln!(out, "        {field:first$}  {expected:second$}  {found}"))
}

/// How far event time has come: it moves with events and, for live sources, with ticks; `advance` lets it go on.
fn event_time(outcome: &Outcome) -> String {
    if outcome.event_time.is_empty() {
        return "    no operator has taken an event\n".to_owned();
    }
    let come = outcome.event_time.iter().map(|(operator, source, time)| format!("{source} {time} ({operator})"));
    format!("    event time has come to: {}\n", come.collect::<Vec<_>>().join(", "))
}
