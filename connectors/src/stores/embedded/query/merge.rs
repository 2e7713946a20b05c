//! Few series over time: one reader for each pair of operator and series, merged in the order of the answers.

use floodmark_core::Result;
use floodmark_schemas::Rollup;
use rusqlite::{Rows, Statement, Transaction, params};

use super::filter::SeriesRow;
use super::rollups::{Bounds, COLUMNS, Place, place_of, rollup};
use crate::stores::embedded::error::Doing;

/// The next rollup of one pair.
struct Head {
    place: Place,
    id: i64,
    rollup: Rollup,
}

/// The first `limit` rollups of the pairs.
pub(super) fn read(
    snapshot: &Transaction<'_>,
    bounds: &Bounds,
    operators: &[String],
    series: &[SeriesRow],
    limit: usize,
) -> Result<Vec<(i64, Rollup)>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM rollup r WHERE r.operator = ?1 AND r.series_id = ?2 AND r.window_start_us BETWEEN ?3 AND ?4 \
         ORDER BY r.window_start_us {}, r.window_end_us",
        bounds.direction()
    );
    let pairs: Vec<(&String, &SeriesRow)> = operators.iter().flat_map(|operator| series.iter().map(move |row| (operator, row))).collect();
    let prepared = pairs.iter().map(|_| snapshot.prepare(&sql)).collect::<rusqlite::Result<Vec<Statement<'_>>>>();
    let mut statements = prepared.doing("asking for rollups")?;
    let mut readers = Vec::with_capacity(pairs.len());
    for (statement, (operator, row)) in statements.iter_mut().zip(&pairs) {
        let mut rows = statement.query(params![operator, row.id, bounds.from, bounds.to]).doing("asking for rollups")?;
        let head = next(&mut rows, bounds, row)?;
        readers.push((rows, *row, head));
    }
    let mut found = Vec::new();
    while found.len() < limit {
        let heads = readers.iter_mut().filter(|(_, _, head)| head.is_some());
        let least = heads.min_by(|(_, _, a), (_, _, b)| match (a, b) {
            (Some(a), Some(b)) => a.place.order(&b.place, bounds.newest_first),
            _ => std::cmp::Ordering::Equal,
        });
        let Some((rows, row, head)) = least else { break };
        let following = next(rows, bounds, row)?;
        found.extend(std::mem::replace(head, following).map(|head| (head.id, head.rollup)));
    }
    Ok(found)
}

fn next(rows: &mut Rows<'_>, bounds: &Bounds, series: &SeriesRow) -> Result<Option<Head>> {
    while let Some(row) = rows.next().doing("reading rollups")? {
        let place = place_of(row, series.source.clone(), series.key.clone()).doing("reading rollups")?;
        if bounds.holds(&place) {
            let rollup = rollup(row, series.source.clone(), series.series.clone())?;
            return Ok(Some(Head { place, id: series.id, rollup }));
        }
    }
    Ok(None)
}
