//! Storing requests inside a transaction: expectation, deduplication, insertion.

use std::collections::HashMap;

use floodmark_core::ports::{Appended, Entry, Expect, NewEntry, Position};
use floodmark_core::{Error, Result};
use floodmark_schemas::Timestamp;
use rusqlite::{OptionalExtension, Transaction, params};

use super::query::{from_sql, to_sql};
use super::writer::Subject;

/// What one transaction stores.
pub(super) struct Stored<'a> {
    transaction: &'a Transaction<'a>,
    subjects: &'a mut HashMap<String, Subject>,
    tail: Position,
    window_us: i64,
    time_us: i64,
    entries: Vec<Entry>,
}

impl<'a> Stored<'a> {
    pub(super) fn new(
        transaction: &'a Transaction<'a>,
        subjects: &'a mut HashMap<String, Subject>,
        tail: Position,
        window_us: i64,
    ) -> Self {
        Self { transaction, subjects, tail, window_us, time_us: 0, entries: Vec::new() }
    }

    /// Stores the entries of one request at `time_us`, all or none. The outer error fails the whole transaction.
    pub(super) fn request(&mut self, entries: Vec<NewEntry>, expect: &Expect, time_us: i64) -> rusqlite::Result<Result<Vec<Appended>>> {
        self.time_us = time_us;
        // A repetition fails its expectation because it has come true: the id says so first.
        for (first, expected) in expect.checks(&entries, |entry| self.duplicate_of(entry))? {
            let found = self.last(&first.subject)?;
            if found != expected {
                let text = format!("appending to {} after {expected}: its last entry is {found}", first.subject);
                return Ok(Err(Error::conflict(text)));
            }
        }
        let appended: rusqlite::Result<Vec<Appended>> = entries.into_iter().map(|entry| self.entry(entry)).collect();
        appended.map(Ok)
    }

    /// The new tail and the new entries.
    pub(super) fn finish(self) -> rusqlite::Result<(Position, Vec<Entry>)> {
        self.forget_ids()?;
        Ok((self.tail, self.entries))
    }

    fn entry(&mut self, new: NewEntry) -> rusqlite::Result<Appended> {
        if let Some(position) = self.duplicate_of(&new)? {
            return Ok(Appended { position, duplicate: true });
        }
        let position = Position(self.tail.0 + 1);
        let subject_id = self.subject(&new.subject, position)?;
        let header = |name: &str| new.headers.get(name);
        let number = |name: &str| header(name).and_then(|text| text.parse::<i64>().ok());
        self.transaction
            .prepare_cached(
                "INSERT INTO entry (seq, time_us, subject_id, id, source, events, time_min_us, time_max_us, headers, body)
                VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            )?
            .execute(params![
                to_sql(position),
                self.time_us,
                subject_id,
                new.id,
                header("Floodmark-Source"),
                number("Floodmark-Count"),
                number("Floodmark-Time-Min"),
                number("Floodmark-Time-Max"),
                new.headers.to_text(),
                &new.body[..],
            ])?;
        if let Some(id) = &new.id {
            // REPLACE: the same id from before the window may still be there.
            let mut remember = self.transaction.prepare_cached("INSERT OR REPLACE INTO recent (seq, id, time_us) VALUES (?1, ?2, ?3)")?;
            remember.execute(params![to_sql(position), id, self.time_us])?;
        }
        self.tail = position;
        let NewEntry { subject, id, headers, body } = new;
        let time = Timestamp::from_micros(self.time_us);
        self.entries.push(Entry { position, time, subject, id, headers, body });
        Ok(Appended { position, duplicate: false })
    }

    fn duplicate_of(&self, entry: &NewEntry) -> rusqlite::Result<Option<Position>> {
        let Some(id) = &entry.id else { return Ok(None) };
        let mut statement = self.transaction.prepare_cached("SELECT seq FROM recent WHERE id = ?1 AND time_us >= ?2")?;
        statement.query_row(params![id, self.oldest_us()], |row| row.get(0).map(from_sql)).optional()
    }

    fn oldest_us(&self) -> i64 {
        self.time_us.saturating_sub(self.window_us)
    }

    /// The position of the last entry on the subject.
    fn last(&mut self, name: &str) -> rusqlite::Result<Position> {
        if let Some(subject) = self.subjects.get(name) {
            return Ok(subject.last);
        }
        let sql = "SELECT id, ifnull((SELECT max(seq) FROM entry WHERE subject_id = subject.id), 0) FROM subject WHERE name = ?1";
        let mut statement = self.transaction.prepare_cached(sql)?;
        let found = statement.query_row([name], |row| Ok(Subject { id: row.get(0)?, last: from_sql(row.get(1)?) })).optional()?;
        if let Some(subject) = found {
            self.subjects.insert(name.to_owned(), subject);
        }
        Ok(found.map_or(Position::START, |subject| subject.last))
    }

    /// The id of the subject, whose last entry is now at `position`.
    fn subject(&mut self, name: &str, position: Position) -> rusqlite::Result<i64> {
        self.last(name)?;
        if let Some(subject) = self.subjects.get_mut(name) {
            subject.last = position;
            return Ok(subject.id);
        }
        self.transaction.prepare_cached("INSERT INTO subject (name) VALUES (?1)")?.execute([name])?;
        let id = self.transaction.last_insert_rowid();
        self.subjects.insert(name.to_owned(), Subject { id, last: position });
        Ok(id)
    }

    /// Deletes ids from before the window: more than came in, so that the table shrinks with the rate.
    fn forget_ids(&self) -> rusqlite::Result<()> {
        let most = 2 * self.entries.len() + 1;
        let sql = "SELECT seq, time_us FROM recent ORDER BY seq LIMIT ?1";
        let mut oldest = self.transaction.prepare_cached(sql)?;
        let mut rows = oldest.query([most as i64])?;
        let mut upto: Option<i64> = None;
        while let Some(row) = rows.next()? {
            if row.get::<_, i64>(1)? >= self.oldest_us() {
                break;
            }
            upto = Some(row.get(0)?);
        }
        if let Some(upto) = upto {
            self.transaction.prepare_cached("DELETE FROM recent WHERE seq <= ?1")?.execute([upto])?;
        }
        Ok(())
    }
}
