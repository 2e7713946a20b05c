//! Which rows of the table `series` a question is about.

use std::collections::BTreeMap;
use std::sync::Arc;

use floodmark_core::{Error, Result};
use floodmark_schemas::Series;
use rusqlite::{Row, Transaction};

use crate::stores::embedded::error::Doing;

/// A row of the table `series`.
pub(super) struct SeriesRow {
    pub(super) id: i64,
    pub(super) source: String,
    pub(super) key: String,
    pub(super) series: Arc<Series>,
}

/// What a question asks of the series.
pub(super) struct Wanted<'a> {
    pub(super) source: Option<&'a str>,
    pub(super) metric: Option<&'a str>,
    pub(super) labels: &'a BTreeMap<String, String>,
}

impl Wanted<'_> {
    /// Whether every series is wanted.
    pub(super) fn everything(&self) -> bool {
        self.source.is_none() && self.metric.is_none() && self.labels.is_empty()
    }

    /// Whether `series` has the labels. They are compared here and not in SQL, because a JSON path cannot name every
    /// label.
    pub(super) fn labels_match(&self, series: &Series) -> bool {
        self.labels.iter().all(|(name, value)| series.labels.get(name) == Some(value))
    }

    /// The wanted series in order of source and key.
    pub(super) fn resolve(&self, snapshot: &Transaction<'_>) -> Result<Vec<SeriesRow>> {
        let sql = match (self.source, self.metric) {
            (None, None) => "SELECT id, source, key FROM series WHERE ?1 IS NULL AND ?2 IS NULL",
            (Some(_), None) => "SELECT id, source, key FROM series WHERE source = ?1 AND ?2 IS NULL",
            (None, Some(_)) => "SELECT id, source, key FROM series WHERE ?1 IS NULL AND metric = ?2",
            (Some(_), Some(_)) => "SELECT id, source, key FROM series WHERE source = ?1 AND metric = ?2",
        };
        let mut statement = snapshot.prepare_cached(sql).doing("finding series")?;
        let mut rows = statement.query([self.source, self.metric]).doing("finding series")?;
        let mut wanted = Vec::new();
        while let Some(row) = rows.next().doing("finding series")? {
            let row = SeriesRow::read(row)?;
            if self.labels_match(&row.series) {
                wanted.push(row);
            }
        }
        wanted.sort_by(|a, b| (&a.source, &a.key).cmp(&(&b.source, &b.key)));
        Ok(wanted)
    }
}

impl SeriesRow {
    /// Reads a row that begins with `id, source, key`.
    pub(super) fn read(row: &Row<'_>) -> Result<Self> {
        let texts = || Ok((row.get(0)?, row.get(1)?, row.get(2)?));
        let (id, source, key): (i64, String, String) = texts().doing("reading a series")?;
        let series = Series::from_key(&key).map_err(|e| Error::broken(format!("reading series {id} of the store")).because(e))?;
        Ok(Self { id, source, key, series: series.into() })
    }
}
