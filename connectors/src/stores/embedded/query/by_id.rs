//! One result by its id, found by looking at all of them.
//!
//! There is no index on ids, on purpose. Ids are hashes: the results of one write, which lie together in the order of the
//! tables' keys, would go to as many places of the index as they are. An entry of it repeats the key of its row, because
//! the tables have no row numbers: some 80 bytes, 50 on a page. With more results in the store than fit into memory each
//! result that is written would read and write a page of its own, for a question that a person asks now and then. An index
//! of the first eight digits has smaller entries and the same disorder.
//!
//! Without one the question reads the table once from its beginning, in the order of the file, and compares one column,
//! which stands in front of the values: nothing else of a row is decoded. Nobody waits for it but who asks.

use floodmark_core::{Error, Result};
use floodmark_schemas::Series;
use rusqlite::Transaction;

use super::in_time::Table;
use crate::stores::embedded::error::Doing;

/// The result with this id.
pub(super) fn one<T: Table>(snapshot: &Transaction<'_>, id: &str) -> Result<Option<T::Item>> {
    let (name, columns) = (T::KIND.table(), T::COLUMNS);
    // The cross join keeps the order: a series is looked up for the row that was found, and for no other.
    let sql = format!(
        "SELECT {columns}, s.source AS of_source, s.key AS of_key FROM {name} r CROSS JOIN series s ON s.id = r.series_id \
         WHERE r.id = ?1 LIMIT 1"
    );
    let (asking, reading) = (format!("asking for one of the {}", T::WHAT), format!("reading {}", T::WHAT));
    let mut statement = snapshot.prepare_cached(&sql).doing(&asking)?;
    let mut rows = statement.query([id]).doing(&asking)?;
    let Some(row) = rows.next().doing(&reading)? else { return Ok(None) };
    let texts = || Ok((row.get("of_source")?, row.get("of_key")?));
    let (source, key): (String, String) = texts().doing(&reading)?;
    let series = Series::from_key(&key).map_err(|e| Error::broken(format!("reading series {key} of the store")).because(e))?;
    T::item(row, source, series.into()).map(Some)
}
