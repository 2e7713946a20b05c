//! What is to be printed of an entry.

use floodmark_core::ports::Entry;
use floodmark_core::{Error, Result};
use floodmark_schemas::commit::{Late, Output};
use floodmark_schemas::{Alert, DeadLetter, Event, FrameHeader, JobEntry, Payload, Rollup, Score, Series, Timestamp, frame, subject};
use serde_json::json;

use super::super::describe::{self, number, plain};
use super::super::listing::json_line;
use super::super::selection::glob;
use super::{Stage, Wanted};
use crate::config::name_of;

/// One line.
pub(super) struct Item {
    /// When it was so.
    pub(super) time: String,
    /// Whose it is: columns.
    pub(super) names: Vec<String>,
    /// What it says.
    pub(super) text: String,
    /// All of it, with the end of the line.
    pub(super) json: String,
}

/// What is wanted of an entry, in order.
pub(super) fn of(entry: &Entry, wanted: &Wanted) -> Result<Vec<Item>> {
    match wanted.stage {
        Stage::Events => events(entry, wanted),
        Stage::DeadLetters => dead_letter(entry, wanted),
        Stage::Commits => commit(entry, wanted),
        Stage::Rollups | Stage::Scores | Stage::Alerts | Stage::Late => results(entry, wanted),
    }
}

impl Wanted {
    fn takes(&self, name: &str) -> bool {
        self.patterns.is_empty() || self.patterns.iter().any(|pattern| glob(pattern, name))
    }

    fn takes_operator(&self, operator: &str) -> bool {
        self.operator.as_ref().is_none_or(|pattern| glob(pattern, operator))
    }

    fn takes_series(&self, source: &str, series: &Series) -> bool {
        self.takes(source) && self.metric.as_ref().is_none_or(|pattern| glob(pattern, &series.metric))
    }
}

fn events(entry: &Entry, wanted: &Wanted) -> Result<Vec<Item>> {
    let source = subject::parse_events(&entry.subject).map_or("", |(_, source, _)| source);
    if subject::is_ticker(source) || !wanted.takes(source) {
        return Ok(Vec::new());
    }
    let header = FrameHeader::from_headers(&entry.headers)?;
    let frame_id = entry.id.clone().unwrap_or_else(|| entry.position.to_string());
    let events = frame::decode(header.encoding, &entry.body, &header.source, &frame_id)?;
    let of_metric = |event: &&Event| match (&event.payload, &wanted.metric) {
        (_, None) => true,
        (Payload::Sample(sample), Some(pattern)) => glob(pattern, &sample.series.metric),
        (_, Some(_)) => false,
    };
    let item = |event: &Event| Item {
        time: describe::time(event.time),
        names: vec![plain(&event.source).into_owned()],
        text: describe::event(event),
        json: json_line(event),
    };
    Ok(events.iter().filter(of_metric).map(item).collect())
}

fn dead_letter(entry: &Entry, wanted: &Wanted) -> Result<Vec<Item>> {
    let letter: DeadLetter = read(entry)?;
    if !wanted.takes(&letter.component) {
        return Ok(Vec::new());
    }
    let names = vec![plain(&letter.component).into_owned(), plain(&letter.id).into_owned()];
    Ok(vec![Item { time: describe::time(letter.time), names, text: plain(&letter.reason).into_owned(), json: json_line(&letter) }])
}

fn read<T: serde::de::DeserializeOwned>(entry: &Entry) -> Result<T> {
    serde_json::from_slice(&entry.body).map_err(|e| Error::rejected("reading an entry of the output log").because(e))
}

/// The job an entry is of, when it is wanted.
fn job<'a>(entry: &'a Entry, wanted: &Wanted) -> Option<(&'a str, u32)> {
    subject::parse_outputs(&entry.subject).filter(|(operator, _)| wanted.takes_operator(operator))
}

fn commit(entry: &Entry, wanted: &Wanted) -> Result<Vec<Item>> {
    let Some((operator, partition)) = job(entry, wanted).filter(|(operator, _)| wanted.takes(operator)) else { return Ok(Vec::new()) };
    let mut line = json!({ "operator": operator, "partition": partition, "position": entry.position.0, "log_time": entry.time });
    let (text, more) = match read::<JobEntry>(entry)? {
        JobEntry::Claim(claim) => {
            (format!("claimed with epoch {}", claim.epoch), json!({ "claim": { "epoch": claim.epoch, "n": claim.n } }))
        }
        JobEntry::Commit(commit) => {
            let watermark = commit.watermark.map(|time| format!(" watermark {}", describe::time(time))).unwrap_or_default();
            let text = format!(
                "commit {} up to {}{watermark} outputs {} late {}",
                commit.n,
                commit.in_position,
                commit.outputs.len(),
                commit.late
            );
            let (n, up_to, outputs) = (commit.n, commit.in_position, commit.outputs.len());
            (
                text,
                json!({ "commit": { "n": n, "in_position": up_to, "watermark": commit.watermark, "watermarks": commit.watermarks, "outputs": outputs, "late": commit.late } }),
            )
        }
    };
    if let (Some(line), Some(more)) = (line.as_object_mut(), more.as_object()) {
        line.extend(more.clone());
    }
    let names = vec![format!("{operator}/{partition}")];
    Ok(vec![Item { time: describe::time(entry.time), names, text, json: json_line(&line) }])
}

fn results(entry: &Entry, wanted: &Wanted) -> Result<Vec<Item>> {
    if job(entry, wanted).is_none() {
        return Ok(Vec::new());
    }
    let JobEntry::Commit(commit) = read(entry)? else { return Ok(Vec::new()) };
    let item = |output: &Output| match (output, wanted.stage) {
        (Output::Rollup(of), Stage::Rollups) => wanted.takes_series(&of.source, &of.series).then(|| rollup(of)),
        (Output::Score(of), Stage::Scores) => wanted.takes_series(&of.source, &of.series).then(|| score(of)),
        (Output::Alert(of), Stage::Alerts) => wanted.takes_series(&of.source, &of.series).then(|| alert(of)),
        (Output::Late(of), Stage::Late) => wanted.takes_series(&of.source, &of.series).then(|| late(of)),
        _ => None,
    };
    Ok(commit.outputs.iter().filter_map(item).collect())
}

fn line(time: Timestamp, operator: &str, source: &str, text: &str, whole: &impl serde::Serialize) -> Item {
    let names = vec![plain(operator).into_owned(), plain(source).into_owned()];
    Item { time: describe::time(time), names, text: plain(text.trim_end()).into_owned(), json: json_line(whole) }
}

fn rollup(of: &Rollup) -> Item {
    let a = &of.aggregates;
    let count = a.count;
    let named =
        [("sum", a.sum), ("mean", a.mean), ("min", a.min), ("max", a.max), ("stddev", a.stddev), ("first", a.first), ("last", a.last)];
    let named = named.into_iter().chain([("delta", a.delta), ("increase", a.increase), ("rate", a.rate)]);
    let named = named.chain([("distinct", a.distinct.map(|n| n as f64)), ("up", a.availability.map(|of| of.up))]);
    let named = named.filter_map(|(name, value)| Some(format!(" {name} {}", number(value?))));
    let quantiles = a.quantiles.iter().map(|(level, value)| format!(" q{level} {}", number(*value)));
    let buckets = a.histogram.iter().map(|bucket| format!(" le{} {}", number(bucket.le), bucket.count));
    let top = a.top.iter().map(|ranked| format!(" {}={}", ranked.name, number(ranked.amount)));
    let values: String = named.chain(quantiles).chain(buckets).chain(top).collect();
    let length = describe::duration(of.window.end.micros().abs_diff(of.window.start.micros()));
    let revision = if of.revision == 0 { String::new() } else { format!(" revision {}", of.revision) };
    let revision = if of.is_retraction() { format!("{revision}, retracted") } else { revision };
    let text = format!("{} over {length}: count {count}{values} {}{revision}", of.series, of.series.unit);
    line(of.window.start, &of.operator, &of.source, &text, of)
}

fn score(of: &Score) -> Item {
    let (head, state) = (name_of(of.head), name_of(of.state));
    let text = format!("{} {} {} score {} by {head}, {state}", of.series, number(of.value), of.series.unit, number(of.score));
    line(of.time, &of.operator, &of.source, &text.replace("  ", " "), of)
}

fn alert(of: &Alert) -> Item {
    line(of.time, &of.rule, &of.source, &describe::alert(of), of)
}

fn late(of: &Late) -> Item {
    let text = format!("{} {} {}", of.series, number(of.value), of.series.unit);
    line(of.time, &of.operator, &of.source, &text, of)
}
