//! The document of a score. Every field is described in `docs/guides/mongodb.md`.

use ::mongodb::bson::{Bson, Document, doc};
use floodmark_core::{Error, Result};
use floodmark_schemas::{Episode, Score, Series, Timestamp, Window};
use serde::de::DeserializeOwned;

use super::document::{date, fixed, labels, plain};
use crate::stores::embedded::scores::name;

/// What a document is found by: readable, different for different values and definitions, and among values of one time in the
/// order of the answers.
pub(super) fn id(score: &Score) -> String {
    let Score { operator, version, source, series, time, .. } = score;
    format!("{} {} {} {} {}", plain(source), series.key(), plain(operator), fixed(*time), plain(version))
}

/// The document of `score`, which stands at `position` of the output log.
pub(super) fn write(score: &Score, position: i64) -> Document {
    let mut document = doc! {
        "_id": id(score),
        "operator": &score.operator,
        "source": &score.source,
        "metric": &score.series.metric,
        "unit": &score.series.unit,
        "labels": labels(&score.series),
        "time": date(score.time),
        "value": score.value,
        "score": score.score,
        "head": name(&score.head),
        "state": name(&score.state),
    };
    for (name, value) in [("baseline", score.baseline), ("lower", score.lower), ("upper", score.upper)] {
        document.extend(value.map(|value| (name.to_owned(), Bson::Double(value))));
    }
    document.extend(doc! { "novelty": score.novelty, "jump": score.jump, "staleness": score.staleness });
    if let Some(Episode { id, opened, peak, closed }) = &score.episode {
        let episode = doc! { "id": id, "opened": date(*opened), "peak": *peak, "closed": *closed, "opened_us": opened.micros() };
        document.insert("episode", episode);
    }
    if let Some(Window { start, end }) = score.window {
        document.extend(doc! { "window_start": date(start), "window_start_us": start.micros(), "window_end_us": end.micros() });
    }
    document.extend(doc! {
        "revision": i64::from(score.revision),
        "series": score.series.key(),
        "time_us": score.time.micros(),
        "score_id": &score.id,
        "version": &score.version,
        "position": position,
    });
    document
}

/// Reads a document.
///
/// # Errors
/// `Broken` when it is not one of this store.
pub(super) fn read(document: &Document) -> Result<Score> {
    let not_ours = || {
        let id = document.get("_id").map(ToString::to_string).unwrap_or_default();
        format!("the document {id} is not a score that Floodmark wrote; delete it, or name another `scores_collection`")
    };
    parts(document).map_err(|e| Error::broken(not_ours()).because(e))
}

type Parts<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

fn parts(document: &Document) -> Parts<Score> {
    let text = |name: &str| document.get_str(name).map(str::to_owned);
    let number = |name: &str| document.get_f64(name);
    let maybe = |name: &str| document.get(name).map(|_| document.get_f64(name)).transpose();
    let time = |name: &str| document.get_i64(name).map(Timestamp::from_micros);
    let window = match document.get("window_start_us") {
        None => None,
        Some(_) => Some(Window { start: time("window_start_us")?, end: time("window_end_us")? }),
    };
    let episode = document.get("episode").map(|_| document.get_document("episode")).transpose()?;
    Ok(Score {
        id: text("score_id")?,
        operator: text("operator")?,
        version: text("version")?,
        source: text("source")?,
        series: Series::from_key(document.get_str("series")?)?.into(),
        time: time("time_us")?,
        window,
        revision: u32::try_from(document.get_i64("revision")?)?,
        value: number("value")?,
        score: number("score")?,
        novelty: number("novelty")?,
        jump: number("jump")?,
        staleness: number("staleness")?,
        head: named(document.get_str("head")?)?,
        baseline: maybe("baseline")?,
        lower: maybe("lower")?,
        upper: maybe("upper")?,
        state: named(document.get_str("state")?)?,
        episode: episode.map(of_episode).transpose()?,
    })
}

fn of_episode(document: &Document) -> Parts<Episode> {
    Ok(Episode {
        id: document.get_str("id")?.to_owned(),
        opened: Timestamp::from_micros(document.get_i64("opened_us")?),
        peak: document.get_f64("peak")?,
        closed: document.get_bool("closed")?,
    })
}

/// Reads the name of a head or a state as it stands in JSON.
fn named<T: DeserializeOwned>(name: &str) -> Parts<T> {
    Ok(serde_json::from_value(serde_json::Value::String(name.to_owned()))?)
}
