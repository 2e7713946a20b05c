//! Why a score is what it is, for people and for programs.

use floodmark_schemas::Score;
use serde_json::{Value, json};

use super::{Args, Format, text};
use crate::cli::describe;
use crate::cli::exit::Failure;
use crate::cli::listing::json_line;
use crate::replay::{Explainer, ScoreExplanation, Without};

/// What would have come out without something.
type Other<'a> = Option<(&'a Without, ScoreExplanation)>;

pub(super) async fn explained(explainer: &Explainer<'_>, score: &Score, args: &Args) -> Result<String, Failure> {
    let explanation = explainer.score(score, None, args.limit).await?;
    let other = match &args.without {
        Some(without) => Some((without, explainer.score(score, Some(&without.of(&explanation.rollups)?), 0).await?)),
        None => None,
    };
    Ok(match args.format {
        Format::Text => as_text(score, &explanation, &other, args.limit),
        Format::Json => json_line(&as_json(score, &explanation, &other)),
    })
}

fn reproduced(score: &Score, explanation: &ScoreExplanation) -> bool {
    explanation.again.as_ref() == Some(score)
}

fn command(score: &Score) -> String {
    let Score { id, operator, source, series, time, .. } = score;
    text::command(id, "scores", (operator, source, series), (*time, time.plus_micros(1)))
}

fn as_json(score: &Score, explanation: &ScoreExplanation, other: &Other<'_>) -> Value {
    let mut value = json!({ "score": score, "reproduced": reproduced(score, explanation), "command": command(score) });
    value["explanation"] = json!(explanation);
    if let Some((without, other)) = other {
        value["without"] = json!(without);
        value["without"]["score"] = json!(other.again);
    }
    value
}

fn as_text(score: &Score, explanation: &ScoreExplanation, other: &Other<'_>, limit: usize) -> String {
    let Score { id, operator, source, series, time, window, revision, .. } = score;
    let ScoreExplanation { position, log_time, judged, events, rollups, .. } = explanation;
    let mut text = format!("{operator} of {source}: {series}\nat {time}, revision {revision}, id {id}\n");
    if let Some(window) = window {
        text.push_str(&format!("of the window {} .. {}\n", window.start, window.end));
    }
    if let Some((position, log_time)) = position.zip(*log_time) {
        text.push_str(&format!("made by entry {position} of what it reads, stored {log_time}\n"));
    }
    if !reproduced(score, explanation) {
        text.push_str("the log does not give this score any more: it may have lost entries, or the score was changed\n");
    }
    text.push_str(&format!("\n{}", parts(score)));
    if rollups.is_empty() {
        let more = judged.saturating_sub(events.len() as u64);
        let judged = text::count(*judged, "value");
        text.push_str(&format!("\n{judged} of its series judged up to it; the newest events behind it\n"));
        text.push_str(&format!("{}{}", text::events(events), text::more(more)));
    } else {
        let listed = &rollups[rollups.len().saturating_sub(limit)..];
        let more = (rollups.len() - listed.len()) as u64;
        let count = text::count(rollups.len() as u64, "rollup");
        text.push_str(&format!("\n{count} behind it, the newest last, to be explained by id\n"));
        text.push_str(&format!("{}{}", text::rollups(listed), text::more(more)));
    }
    if let Some((without, other)) = other {
        text.push_str(&format!("\nWithout {without}\n"));
        match &other.again {
            Some(again) => text.push_str(&parts(again).lines().map(|line| format!("  {line}\n")).collect::<String>()),
            None => text.push_str("  no score at all\n"),
        }
    }
    text.push_str(&format!("\nTo make it again\n  {}\n", command(score)));
    text
}

/// What a score says, part by part.
fn parts(score: &Score) -> String {
    let Score { value, score: total, novelty, jump, staleness, head, baseline, lower, upper, state, episode, .. } = score;
    let number = describe::number;
    let known = |value: &Option<f64>| value.map_or_else(|| "not known yet".to_owned(), number);
    let word = |value: Value| value.as_str().unwrap_or_default().to_owned();
    let mut text = format!("value        {}\nscore        {}   1 and more is unusual\n", number(*value), number(*total));
    for (name, part) in [("novelty", novelty), ("jump", jump), ("staleness", staleness)] {
        text.push_str(&format!("  {name:<11}{}\n", number(*part)));
    }
    text.push_str(&format!("greatest     {}\n", word(json!(head))));
    text.push_str(&format!("expected     {} (from {} to {})\n", known(baseline), known(lower), known(upper)));
    text.push_str(&format!("state        {}\n", word(json!(state))));
    if let Some(episode) = episode {
        text.push_str(&format!("episode      {}, opened {}, peak {}\n", episode.id, episode.opened, number(episode.peak)));
    }
    text
}
