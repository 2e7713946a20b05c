//! What a slot that several series share keeps of the labels of each.

use std::sync::Arc;

use floodmark_schemas::Series;

use super::distinct::hash_of_text;
use super::set::By;

/// The labels of one series that aggregates ask for. Made once for a series and used for each of its events.
#[derive(Clone, Debug, Default)]
pub(in crate::window) struct Labels {
    /// The hash of the label whose different values are counted; a series without it is not counted.
    pub(super) distinct: Option<u64>,
    /// The label whose values are ranked; a series without it has the empty text.
    pub(super) top: Option<super::top::Name>,
}

impl Labels {
    pub(in crate::window) fn of(series: &Series, distinct: Option<&By>, top: Option<&By>) -> Self {
        let label = |by: Option<&By>| match by {
            Some(By::Label(name)) => Some(series.labels.get(name).map(String::as_str)),
            _ => None,
        };
        Self {
            distinct: label(distinct).flatten().map(hash_of_text),
            top: label(top).map(|value| super::top::Name::Text(Arc::from(value.unwrap_or_default()))),
        }
    }
}
