//! How many alerts of the past some matchers mean.

use std::collections::BTreeSet;

use floodmark_core::Result;
use floodmark_core::alert::desk::Matchers;
use floodmark_core::ports::{AlertFilter, AlertQuery};
use floodmark_schemas::Timestamp;
use serde::Serialize;

/// How far back a preview looks, in days.
pub const PREVIEW_DAYS: i64 = 7;
const DAY_US: i64 = 86_400_000_000;
/// How much is asked for at once.
const PAGE: usize = 1_000;

/// Alerts that fired and began in the last [`PREVIEW_DAYS`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Past {
    /// How many there were.
    pub alerts: usize,
    /// How many of them the matchers mean.
    pub matched: usize,
    /// Of how many incidents those are.
    pub incidents: usize,
}

/// Counts them. Those that never fired nobody would have been told of.
///
/// # Errors
/// `Unavailable`.
pub async fn past(query: &dyn AlertQuery, matchers: &Matchers, now: Timestamp) -> Result<Past> {
    let filter = AlertFilter { from: Some(now.plus_micros(-PREVIEW_DAYS * DAY_US)), ..AlertFilter::default() };
    let (mut past, mut incidents, mut after) = (Past::default(), BTreeSet::new(), None);
    loop {
        let page = query.alerts(&filter, after.as_deref(), PAGE).await?;
        for record in page.items.into_iter().filter(|record| record.alert.fired.is_some()) {
            past.alerts += 1;
            if matchers.matches(&record.alert) {
                past.matched += 1;
                incidents.extend(record.incident);
            }
        }
        after = page.next;
        if after.is_none() {
            return Ok(Past { incidents: incidents.len(), ..past });
        }
    }
}
