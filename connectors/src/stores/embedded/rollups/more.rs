//! The column `more`: the aggregates that have no column of their own, as a JSON object.

use floodmark_core::{Error, Result};
use floodmark_schemas::{Aggregates, Availability, Bucket, Ranked};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct More {
    #[serde(skip_serializing_if = "Option::is_none")]
    delta: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    increase: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rate: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    distinct: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    availability: Option<Availability>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    top: Vec<Ranked>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    histogram: Vec<Bucket>,
}

/// The text of the column; null when there are none of them.
pub(super) fn text(aggregates: &Aggregates) -> Option<String> {
    let Aggregates { delta, increase, rate, distinct, availability, top, histogram, .. } = aggregates;
    let numbers = [delta, increase, rate].into_iter().any(Option::is_some);
    if !numbers && distinct.is_none() && availability.is_none() && top.is_empty() && histogram.is_empty() {
        return None;
    }
    let (delta, increase, rate, distinct, availability) = (*delta, *increase, *rate, *distinct, *availability);
    let more = More { delta, increase, rate, distinct, availability, top: top.clone(), histogram: histogram.clone() };
    Some(serde_json::to_string(&more).expect("numbers by name are JSON"))
}

/// Reads the column.
///
/// # Errors
/// `Broken` when it is not one of this store.
pub(in crate::stores::embedded) fn read(text: Option<&str>, into: Aggregates) -> Result<Aggregates> {
    let Some(text) = text else { return Ok(into) };
    let more: More =
        serde_json::from_str(text).map_err(|e| Error::broken(format!("reading aggregates {text:?} of the store")).because(e))?;
    let More { delta, increase, rate, distinct, availability, top, histogram } = more;
    Ok(Aggregates { delta, increase, rate, distinct, availability, top, histogram, ..into })
}
