//! Why a rollup is what it is, for people and for programs.

use floodmark_schemas::Rollup;
use serde_json::{Value, json};

use super::{Args, Format, text};
use crate::cli::exit::Failure;
use crate::cli::listing::json_line;
use crate::replay::{Cause, Explainer, Explanation, Step, Without};

/// What would have come out without something.
type Other<'a> = Option<(&'a Without, Explanation)>;

pub(super) async fn explained(explainer: &Explainer<'_>, rollup: &Rollup, args: &Args) -> Result<String, Failure> {
    let explanation = explainer.rollup(rollup, None).await?;
    let other = match &args.without {
        Some(without) => Some((without, explainer.rollup(rollup, Some(&without.of(&explanation.rollups)?)).await?)),
        None => None,
    };
    Ok(match args.format {
        Format::Text => as_text(rollup, &explanation, &other, args.limit),
        Format::Json => json_line(&as_json(rollup, &explanation, &other)),
    })
}

/// The values of the window in the end.
fn outcome(explanation: &Explanation) -> Option<&Step> {
    explanation.life.last()
}

fn reproduced(rollup: &Rollup, explanation: &Explanation) -> bool {
    explanation.life.iter().any(|step| step.id == rollup.id && step.aggregates == rollup.aggregates)
}

fn command(rollup: &Rollup) -> String {
    let Rollup { id, operator, source, series, window, .. } = rollup;
    text::command(id, "rollups", (operator, source, series), (window.start, window.end))
}

fn as_json(rollup: &Rollup, explanation: &Explanation, other: &Other<'_>) -> Value {
    let mut value = json!({ "rollup": rollup, "reproduced": reproduced(rollup, explanation), "command": command(rollup) });
    value["explanation"] = json!(explanation);
    if let Some((without, other)) = other {
        value["without"] = json!(without);
        value["without"]["aggregates"] = json!(outcome(other).map(|step| &step.aggregates));
        value["without"]["count"] = json!(if other.rollups.is_empty() { other.count } else { other.rollups.len() as u64 });
    }
    value
}

fn as_text(rollup: &Rollup, explanation: &Explanation, other: &Other<'_>, limit: usize) -> String {
    let Rollup { id, operator, source, series, window, revision, aggregates, .. } = rollup;
    let Explanation { events, count, rollups, life, late, .. } = explanation;
    let mut text = format!("{operator} of {source}: {series}\nwindow {} .. {}, revision {revision}, id {id}\n", window.start, window.end);
    text.push_str(&format!("values {}\n", text::values(aggregates)));
    if !reproduced(rollup, explanation) {
        text.push_str("the log does not give these values any more: it may have lost entries, or the rollup was changed\n");
    }
    text.push_str("\nLife of the window\n");
    if let Some(first) = events.first() {
        text.push_str(&format!("  opened   {}  by event {}\n", first.log_time, first.place));
    }
    for Step { revision, log_time, cause, aggregates, .. } in life {
        let what = if *revision == 0 { "fired  " } else { "revised" };
        let by = match cause {
            Cause::Watermark(position) => format!("when entry {position} moved event time on"),
            Cause::Event(place) => format!("by event {place}, which came after it had fired"),
            Cause::Commit(position) => format!("by commit {position} of the operator it reads"),
        };
        text.push_str(&format!("  {what}  {log_time}  revision {revision} {by}: {}\n", text::values(aggregates)));
    }
    for late in late {
        text.push_str(&format!("  late     {}  event {}: the window was gone, it is not counted\n", late.log_time, late.place));
    }
    if rollups.is_empty() {
        let listed = &events[..events.len().min(limit)];
        let more = text::more(count - listed.len() as u64);
        text.push_str(&format!("\n{} behind it\n{}{more}", text::count(*count, "event"), text::events(listed)));
    } else {
        let (listed, more) = rollups.split_at(rollups.len().min(limit));
        text.push_str(&format!("\n{} behind it, to be explained by id\n", text::count(rollups.len() as u64, "rollup")));
        text.push_str(&format!("{}{}", text::rollups(listed), text::more(more.len() as u64)));
    }
    if let Some((without, other)) = other {
        let values = outcome(other).map_or_else(|| "no window at all".to_owned(), |step| text::values(&step.aggregates));
        text.push_str(&format!("\nWithout {without}\n  {values}\n"));
    }
    text.push_str(&format!("\nTo make it again\n  {}\n", command(rollup)));
    text
}
