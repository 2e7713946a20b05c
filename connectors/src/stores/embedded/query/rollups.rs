//! Rollups: in order of window start, source, series key, operator and window end.

use std::sync::Arc;

use floodmark_core::ports::{Page, RollupFilter};
use floodmark_core::{Error, Result};
use floodmark_schemas::{Aggregates, Rollup, Series, Timestamp, Window};
use rusqlite::{Row, Transaction};

use super::filter::Wanted;
use super::in_time::{self, Bounds, Question, Table};
use super::token::Tokens;
use crate::stores::embedded::error::Doing;
use crate::stores::embedded::result_sets::Kind;
use crate::stores::embedded::rollups::more;

/// The columns of a rollup, without its series.
const COLUMNS: &str = "r.operator, r.series_id, r.window_start_us, r.window_end_us, r.revision, r.id, \
     r.count, r.sum, r.mean, r.min, r.max, r.stddev, r.first, r.last, r.quantiles, r.version, r.more";

/// The table `rollup`.
pub(super) struct Rollups;

impl Table for Rollups {
    type Item = Rollup;
    const KIND: Kind = Kind::Rollup;
    const WHAT: &'static str = "rollups";
    const TIME: &'static str = "window_start_us";
    const COLUMNS: &'static str = COLUMNS;

    fn item(row: &Row<'_>, source: String, series: Arc<Series>) -> Result<Rollup> {
        rollup(row, source, series)
    }
}

/// A page of rollups, each window at its highest revision, without those that were retracted.
pub(super) fn page(snapshot: &Transaction<'_>, filter: &RollupFilter, after: Option<&str>, limit: usize) -> Result<Page<Rollup>> {
    let question = Question {
        operator: filter.operator.as_deref(),
        version: filter.version.as_deref(),
        wanted: Wanted { source: filter.source.as_deref(), metric: filter.metric.as_deref(), labels: &filter.labels },
        bounds: Bounds::of(filter.from, filter.to, filter.newest_first),
        condition: "r.count <> 0".to_owned(),
        values: Vec::new(),
        index: "rollup_by_time",
    };
    in_time::page::<Rollups>(snapshot, &Tokens::of("r1", filter), question, after, limit)
}

/// Reads a row with [`COLUMNS`].
fn rollup(row: &Row<'_>, source: String, series: Arc<Series>) -> Result<Rollup> {
    let quantiles: Option<String> = row.get(14).doing("reading a rollup")?;
    let quantiles = match quantiles {
        None => Default::default(),
        Some(text) => {
            serde_json::from_str(&text).map_err(|e| Error::broken(format!("reading quantiles {text:?} of the store")).because(e))?
        }
    };
    let more: Option<String> = row.get(16).doing("reading a rollup")?;
    let read = || {
        Ok(Rollup {
            id: row.get(5)?,
            operator: row.get(0)?,
            version: row.get(15)?,
            source,
            series,
            window: Window { start: Timestamp::from_micros(row.get(2)?), end: Timestamp::from_micros(row.get(3)?) },
            revision: row.get(4)?,
            aggregates: Aggregates {
                count: row.get::<_, i64>(6)?.cast_unsigned(),
                sum: row.get(7)?,
                mean: row.get(8)?,
                min: row.get(9)?,
                max: row.get(10)?,
                stddev: row.get(11)?,
                first: row.get(12)?,
                last: row.get(13)?,
                quantiles,
                ..Aggregates::default()
            },
        })
    };
    let rollup: Rollup = read().doing("reading a rollup")?;
    Ok(Rollup { aggregates: more::read(more.as_deref(), rollup.aggregates)?, ..rollup })
}
