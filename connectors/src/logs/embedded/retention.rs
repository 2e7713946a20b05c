//! Deleting entries.

use floodmark_core::Result;
use floodmark_core::ports::Position;
use rusqlite::{OptionalExtension, Transaction, TransactionBehavior, params};

use super::error;
use super::query::to_sql;
use super::writer::Writer;

/// How much one step of retention deletes, so that appends wait for it only shortly.
const STEP_BYTES: u64 = 16 << 20;
const STEP_ENTRIES: i64 = 2_000;
/// What an entry takes in the file besides its body and headers, roughly.
const OVERHEAD_BYTES: u64 = 200;

impl Writer {
    /// Deletes the entries on a subject before a position.
    pub(super) fn purge(&mut self, subject: &str, before: Position) -> Result<u64> {
        let deleted = self.delete(|transaction| {
            let sql = "SELECT id FROM subject WHERE name = ?1";
            let Some(id) = transaction.query_row(sql, [subject], |row| row.get::<_, i64>(0)).optional()? else { return Ok(0) };
            let sql = "DELETE FROM entry INDEXED BY entry_by_subject WHERE subject_id = ?1 AND seq < ?2";
            transaction.execute(sql, params![id, to_sql(before)])
        });
        self.newest.forget(|entry| entry.position < before && entry.subject == subject);
        self.subjects.remove(subject);
        deleted.map_err(|e| error::of(format!("purging {subject} from the log"), e))
    }

    /// One step of retention; 0 when there is nothing more to delete.
    pub(super) fn retain(&mut self, keep_from: Position) -> Result<u64> {
        self.time_us = self.time_us.max(self.clock.now().micros());
        let retention = self.options.retention;
        let oldest_us = self.time_us.saturating_sub(i64::try_from(retention.age_max.as_micros()).unwrap_or(i64::MAX));
        let mut cut = None;
        let deleted = self.delete(|transaction| {
            let excess = super::query::live_bytes(transaction)?.saturating_sub(retention.bytes_max);
            cut = cut_before(transaction, keep_from, oldest_us, excess)?;
            match cut {
                Some(cut) => transaction.execute("DELETE FROM entry WHERE seq <= ?1", [to_sql(cut)]),
                None => Ok(0),
            }
        });
        if let Some(cut) = cut {
            self.newest.forget(|entry| entry.position <= cut);
            self.subjects.retain(|_, subject| subject.last > cut);
        }
        deleted.map_err(|e| error::of("deleting old entries of the log", e))
    }

    /// Deletes in one transaction, which also notes the tail and the log time: the entries that show them may go.
    fn delete(&mut self, f: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<usize>) -> rusqlite::Result<u64> {
        let (tail, time_us) = (to_sql(self.tail), self.time_us);
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let deleted = f(&transaction)?;
        if deleted > 0 {
            transaction.execute("UPDATE meta SET tail = ?1, time_us = ?2", [tail, time_us])?;
        }
        transaction.commit()?;
        Ok(deleted as u64)
    }
}

/// The last position that goes in this step.
fn cut_before(transaction: &Transaction<'_>, keep_from: Position, oldest_us: i64, excess: u64) -> rusqlite::Result<Option<Position>> {
    let sql = "SELECT seq, time_us, length(headers) + length(body) FROM entry WHERE seq < ?1 ORDER BY seq LIMIT ?2";
    let mut statement = transaction.prepare_cached(sql)?;
    let mut rows = statement.query([to_sql(keep_from), STEP_ENTRIES])?;
    let (mut cut, mut freed) = (None, 0);
    while let Some(row) = rows.next()? {
        let (seq, time_us, bytes): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        if freed >= STEP_BYTES || (time_us >= oldest_us && freed >= excess) {
            break;
        }
        freed += OVERHEAD_BYTES + u64::try_from(bytes).unwrap_or(0);
        cut = Some(super::query::from_sql(seq));
    }
    Ok(cut)
}
