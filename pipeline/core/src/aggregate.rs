//! Single numbers of a rollup, by their names.

use floodmark_schemas::Aggregates;

/// An aggregate by its name, or a quantile by its level. `None` when it was not computed, or of no events.
pub fn pick(aggregates: &Aggregates, name: &str) -> Option<f64> {
    let empty = aggregates.count == 0;
    match name {
        _ if empty => None,
        "count" => Some(aggregates.count as f64),
        "sum" => aggregates.sum,
        "mean" => aggregates.mean,
        "min" => aggregates.min,
        "max" => aggregates.max,
        "stddev" => aggregates.stddev,
        "first" => aggregates.first,
        "last" => aggregates.last,
        // Of the availability the share that was up, and how much of the time that is known of.
        "availability" => aggregates.availability.map(|availability| availability.up),
        "observed" => aggregates.availability.map(|availability| availability.observed),
        // By the name it has in JSON, so that an aggregate is known here as soon as it is there.
        _ => aggregates.quantiles.get(name).copied().or_else(|| serde_json::to_value(aggregates).ok()?.get(name)?.as_f64()),
    }
}
