//! What is to be sent, and what came of it.

use floodmark_core::Result;
use floodmark_core::ports::alerts::{Attempt, Depth, Outbox, Outcome, Outgoing};
use floodmark_schemas::Timestamp;
use rusqlite::{Transaction, params};

use super::READING;
use super::rows::{limit, read, written};
use crate::stores::embedded::error::Doing;

/// Waiting notifications of a receiver before which none of the same incident waits.
const FIRST: &str = "FROM notification n WHERE receiver = ?1 AND state = 'waiting' AND NOT EXISTS (SELECT 1 FROM notification o \
     WHERE o.incident = n.incident AND o.receiver = n.receiver AND o.reply < n.reply AND o.state = 'waiting')";

pub(super) fn due(snapshot: &Transaction<'_>, receiver: &str, now: Timestamp, most: usize) -> Result<Outbox> {
    let sql = format!("SELECT attempts, data {FIRST} AND next_us <= ?2 ORDER BY number LIMIT ?3");
    let mut statement = snapshot.prepare_cached(&sql).doing(READING)?;
    let rows = statement.query_map(params![receiver, now.micros(), limit(most)], |row| Ok((row.get(0)?, row.get::<_, String>(1)?)));
    let rows = rows.doing(READING)?.map(|row| {
        let (attempts, data) = row.doing(READING)?;
        Ok(Outgoing { notification: read(&data)?, attempts })
    });
    let due: Vec<Outgoing> = rows.collect::<Result<_>>()?;
    if due.len() >= most {
        return Ok(Outbox { due, next: None });
    }
    let sql = format!("SELECT min(next_us) {FIRST} AND next_us > ?2");
    let mut statement = snapshot.prepare_cached(&sql).doing(READING)?;
    let next: Option<i64> = statement.query_row(params![receiver, now.micros()], |row| row.get(0)).doing(READING)?;
    Ok(Outbox { due, next: next.map(Timestamp::from_micros) })
}

pub(super) fn depths(snapshot: &Transaction<'_>) -> Result<Vec<Depth>> {
    let sql = "SELECT receiver, count(*), min(time_us) FROM notification WHERE state = 'waiting' GROUP BY receiver ORDER BY receiver";
    let mut statement = snapshot.prepare_cached(sql).doing(READING)?;
    let depths = statement.query_map([], |row| {
        let (waiting, oldest): (i64, i64) = (row.get(1)?, row.get(2)?);
        Ok(Depth { receiver: row.get(0)?, waiting: waiting.cast_unsigned(), oldest: Timestamp::from_micros(oldest) })
    });
    depths.doing(READING)?.collect::<rusqlite::Result<_>>().doing(READING)
}

pub(super) fn attempted(transaction: &Transaction<'_>, attempts: &[Attempt]) -> Result<()> {
    let doing = "storing what came of sending";
    for Attempt { notification, number, time, outcome, answer } in attempts {
        let sql = "INSERT INTO notification_attempt VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING";
        let mut statement = transaction.prepare_cached(sql).doing(doing)?;
        let new = statement.execute(params![notification, number, time.micros(), written(outcome), answer]).doing(doing)?;
        if new == 0 {
            continue;
        }
        let next = if let Outcome::Again { at } = outcome { *at } else { *time };
        let sql = "UPDATE notification SET state = ?2, attempts = ?3, next_us = ?4 WHERE id = ?1 AND state = 'waiting'";
        let mut statement = transaction.prepare_cached(sql).doing(doing)?;
        statement.execute(params![notification, outcome.state().name(), number, next.micros()]).doing(doing)?;
    }
    Ok(())
}
