//! Few series over time: one reader for each pair of operator and series, merged in the order of the answers.

use floodmark_core::Result;
use rusqlite::{Rows, Statement, Transaction};

use super::filter::SeriesRow;
use super::in_time::{Bounds, Found, Named, Place, Question, Table};
use crate::stores::embedded::error::Doing;

/// The first `limit` results of the pairs.
pub(super) fn read<T: Table>(
    snapshot: &Transaction<'_>,
    question: &Question<'_>,
    definitions: &[(String, String)],
    series: &[SeriesRow],
    limit: usize,
) -> Result<Vec<Found<T::Item>>> {
    let Question { bounds, condition, values, .. } = question;
    let (name, columns, time, direction) = (T::KIND.table(), T::COLUMNS, T::TIME, bounds.direction());
    let end = columns.split(", ").nth(3).unwrap_or(time);
    let sql = format!(
        "SELECT {columns} FROM {name} r WHERE r.operator = :operator AND r.version = :version AND r.series_id = :series \
         AND r.{time} BETWEEN :from AND :to AND {condition} ORDER BY r.{time} {direction}, {end}"
    );
    let asking = format!("asking for {}", T::WHAT);
    let pairs: Vec<(&(String, String), &SeriesRow)> = definitions.iter().flat_map(|of| series.iter().map(move |row| (of, row))).collect();
    let prepared = pairs.iter().map(|_| snapshot.prepare(&sql)).collect::<rusqlite::Result<Vec<Statement<'_>>>>();
    let mut statements = prepared.doing(&asking)?;
    let mut readers = Vec::with_capacity(pairs.len());
    for (statement, ((operator, version), row)) in statements.iter_mut().zip(&pairs) {
        let mut named: Vec<Named<'_>> =
            vec![(":operator", operator), (":version", version), (":series", &row.id), (":from", &bounds.from), (":to", &bounds.to)];
        named.extend(values.iter().copied());
        let mut rows = statement.query(named.as_slice()).doing(&asking)?;
        let head = next::<T>(&mut rows, bounds, row)?;
        readers.push((rows, *row, head));
    }
    let mut found = Vec::new();
    while found.len() < limit {
        let heads = readers.iter_mut().filter(|(_, _, head)| head.is_some());
        let least = heads.min_by(|(_, _, a), (_, _, b)| match (a, b) {
            (Some((_, a, _)), Some((_, b, _))) => a.order(b, bounds.newest_first),
            _ => std::cmp::Ordering::Equal,
        });
        let Some((rows, row, head)) = least else { break };
        let following = next::<T>(rows, bounds, row)?;
        found.extend(std::mem::replace(head, following));
    }
    Ok(found)
}

fn next<T: Table>(rows: &mut Rows<'_>, bounds: &Bounds, series: &SeriesRow) -> Result<Option<Found<T::Item>>> {
    let reading = || format!("reading {}", T::WHAT);
    while let Some(row) = rows.next().doing(&reading())? {
        let place = Place::of(row, series.source.clone(), series.key.clone()).doing(&reading())?;
        if bounds.holds(&place) {
            let item = T::item(row, series.source.clone(), series.series.clone())?;
            return Ok(Some((series.id, place, item)));
        }
    }
    Ok(None)
}
