//! Series: in order of source and key.

use std::sync::Arc;

use floodmark_core::Result;
use floodmark_core::ports::query::KnownSeries;
use floodmark_core::ports::{Page, SeriesFilter};
use floodmark_schemas::Timestamp;
use rusqlite::{OptionalExtension, Transaction, named_params};

use super::filter::{SeriesRow, Wanted};
use super::token::{self, Tokens};
use crate::stores::embedded::error::Doing;

/// A page of the series that an event has been seen of.
pub(super) fn page(snapshot: &Transaction<'_>, filter: &SeriesFilter, after: Option<&str>, limit: usize) -> Result<Page<KnownSeries>> {
    let tokens = Tokens::of("s1", filter);
    let (source, key) = match after {
        Some(token) => place(snapshot, &tokens, token)?,
        None => Default::default(),
    };
    // The two forms begin at the right place of the index by source and key.
    let place = match filter.source {
        Some(_) => "source = :source AND key > :after_key AND :after_source IS NOT NULL",
        None => ":source IS NULL AND (source, key) > (:after_source, :after_key)",
    };
    let sql = format!(
        "SELECT id, source, key, first_seen_us, last_seen_us FROM series \
         WHERE {place} AND first_seen_us IS NOT NULL AND (:metric IS NULL OR metric = :metric) ORDER BY source, key"
    );
    let mut statement = snapshot.prepare_cached(&sql).doing("asking for series")?;
    let values = named_params! { ":after_source": source, ":after_key": key, ":source": filter.source, ":metric": filter.metric };
    let mut rows = statement.query(values).doing("asking for series")?;
    let wanted = Wanted { source: filter.source.as_deref(), metric: filter.metric.as_deref(), labels: &filter.labels };
    let mut page = Page { items: Vec::new(), next: None };
    let mut last_id = 0;
    while let Some(row) = rows.next().doing("reading series")? {
        let SeriesRow { id, source, series, .. } = SeriesRow::read(row)?;
        if !wanted.labels_match(&series) {
            continue;
        }
        if page.items.len() == limit {
            page.next = Some(tokens.write(&[&last_id]));
            break;
        }
        let time = |column| row.get(column).map(Timestamp::from_micros).doing("reading series");
        page.items.push(KnownSeries { source, series: Arc::unwrap_or_clone(series), first_seen: time(3)?, last_seen: time(4)? });
        last_id = id;
    }
    Ok(page)
}

/// Source and key of the last series on the page before.
fn place(snapshot: &Transaction<'_>, tokens: &Tokens, token: &str) -> Result<(String, String)> {
    let [id] = tokens.read(token)?;
    let place = source_and_key(snapshot, token::number(token, id)?)?;
    place.ok_or_else(|| token::invalid(token))
}

/// Source and key of the series with this id.
pub(super) fn source_and_key(snapshot: &Transaction<'_>, id: i64) -> Result<Option<(String, String)>> {
    let mut statement = snapshot.prepare_cached("SELECT source, key FROM series WHERE id = ?1").doing("finding a series")?;
    statement.query_row([id], |row| Ok((row.get(0)?, row.get(1)?))).optional().doing("finding a series")
}
