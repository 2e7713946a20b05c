//! The ids of series: looked up once, then remembered.

use floodmark_core::Result;
use floodmark_schemas::Series;
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use rusqlite::{OptionalExtension, Transaction, params};
use twox_hash::XxHash3_128;

use super::error::Doing;

/// How many ids are remembered before all are forgotten: about 40 bytes each.
const REMEMBERED_MAX: usize = 2_000_000;

/// What stands for source and key in memory. 128 bits: two of a billion series share one with a chance of 1 in 10^21.
pub(super) fn identity(source: &str, key: &str) -> u128 {
    let mut hasher = XxHash3_128::new();
    hasher.write(source.as_bytes());
    hasher.write(&[0]);
    hasher.write(key.as_bytes());
    hasher.finish_128()
}

/// The ids of the series that this process has written about.
#[derive(Default)]
pub(super) struct SeriesIds {
    known: HashMap<u128, i64, FixedState>,
}

impl SeriesIds {
    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.known = HashMap::default();
    }

    /// The id of a series; a new one gets its row, without times: those are the catalog's.
    pub(super) fn id(&mut self, transaction: &Transaction<'_>, source: &str, series: &Series) -> Result<i64> {
        let key = series.key();
        let identity = identity(source, &key);
        if let Some(id) = self.known.get(&identity) {
            return Ok(*id);
        }
        let id = match find(transaction, source, &key)? {
            Some(id) => id,
            None => insert(transaction, source, &key, series)?,
        };
        if self.known.len() >= REMEMBERED_MAX {
            self.clear();
        }
        self.known.insert(identity, id);
        Ok(id)
    }
}

fn find(transaction: &Transaction<'_>, source: &str, key: &str) -> Result<Option<i64>> {
    let mut statement = transaction.prepare_cached("SELECT id FROM series WHERE source = ?1 AND key = ?2").doing("finding a series")?;
    statement.query_row([source, key], |row| row.get(0)).optional().doing("finding a series")
}

fn insert(transaction: &Transaction<'_>, source: &str, key: &str, series: &Series) -> Result<i64> {
    let sql = "INSERT INTO series (source, key, metric, unit, labels) VALUES (?1, ?2, ?3, ?4, ?5)";
    let mut statement = transaction.prepare_cached(sql).doing("adding a series")?;
    statement.insert(params![source, key, series.metric, series.unit, labels(series)]).doing("adding a series")
}

/// The labels as a JSON object.
pub(super) fn labels(series: &Series) -> String {
    serde_json::to_string(&series.labels).expect("texts by name are JSON")
}
