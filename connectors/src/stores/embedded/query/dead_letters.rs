//! Dead letters: newest first, then in order of component and id.

use floodmark_core::Result;
use floodmark_core::ports::Page;
use floodmark_schemas::{DeadLetter, Timestamp};
use rusqlite::{OptionalExtension, Row, Transaction, named_params};

use super::token::{self, Tokens};
use crate::stores::embedded::error::Doing;

const COLUMNS: &str = "number, component, id, origin, reason, time_us, original";

/// A page of dead letters of one component or all.
pub(super) fn page(snapshot: &Transaction<'_>, component: Option<&str>, after: Option<&str>, limit: usize) -> Result<Page<DeadLetter>> {
    let tokens = Tokens::of("d1", &component);
    let after = after.map(|token| place(snapshot, &tokens, token)).transpose()?;
    let (time, from_component, id) = after.unwrap_or_else(|| (i64::MAX, String::new(), String::new()));
    // `time_us <= :time` lets the index by time begin at the page; the rest leaves out what stands before it.
    let sql = format!(
        "SELECT {COLUMNS} FROM dead_letter \
         WHERE time_us <= :time AND (time_us < :time OR (component, id) > (:from_component, :id)) \
         AND (:component IS NULL OR component = :component) \
         ORDER BY time_us DESC, component, id LIMIT :limit"
    );
    let mut statement = snapshot.prepare_cached(&sql).doing("asking for dead letters")?;
    let values = named_params! {
        ":time": time, ":from_component": from_component, ":id": id, ":component": component, ":limit": limit as i64 + 1,
    };
    let rows = statement.query_map(values, |row| Ok((row.get::<_, i64>(0)?, letter(row)?))).doing("asking for dead letters")?;
    let mut rows = rows.collect::<rusqlite::Result<Vec<_>>>().doing("reading dead letters")?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| more).map(|(number, _)| tokens.write(&[number]));
    Ok(Page { items: rows.into_iter().map(|(_, letter)| letter).collect(), next })
}

/// One dead letter.
pub(super) fn one(snapshot: &Transaction<'_>, component: &str, id: &str) -> Result<Option<DeadLetter>> {
    let sql = format!("SELECT {COLUMNS} FROM dead_letter WHERE component = ?1 AND id = ?2");
    let mut statement = snapshot.prepare_cached(&sql).doing("asking for a dead letter")?;
    statement.query_row([component, id], letter).optional().doing("reading a dead letter")
}

/// Where the last letter of the page before stands in the order.
fn place(snapshot: &Transaction<'_>, tokens: &Tokens, token: &str) -> Result<(i64, String, String)> {
    let [number] = tokens.read(token)?;
    let sql = "SELECT time_us, component, id FROM dead_letter WHERE number = ?1";
    let mut statement = snapshot.prepare_cached(sql).doing("finding a page of dead letters")?;
    let place = statement.query_row([token::number(token, number)?], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
    place.optional().doing("finding a page of dead letters")?.ok_or_else(|| token::invalid(token))
}

fn letter(row: &Row<'_>) -> rusqlite::Result<DeadLetter> {
    Ok(DeadLetter {
        component: row.get("component")?,
        id: row.get("id")?,
        origin: row.get("origin")?,
        reason: row.get("reason")?,
        time: Timestamp::from_micros(row.get("time_us")?),
        original: row.get("original")?,
    })
}
