//! Questions to the file.

use bytes::Bytes;
use floodmark_core::ports::{Continuity, Entry, Limit, Position};
use floodmark_schemas::{Headers, Timestamp, subject};
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::super::newest::Page;

const ENTRY: &str = "SELECT seq, entry.time_us, subject.name, entry.id, headers, body FROM entry JOIN subject ON subject.id = subject_id";

/// SQLite counts to `i64::MAX`; positions above it stand for "the end".
pub(super) fn to_sql(position: Position) -> i64 {
    i64::try_from(position.0).unwrap_or(i64::MAX)
}

pub(super) fn from_sql(seq: i64) -> Position {
    Position(u64::try_from(seq).unwrap_or(0))
}

fn entry(row: &Row<'_>) -> rusqlite::Result<Entry> {
    let headers = Headers::from_text(row.get_ref(4)?.as_str()?);
    Ok(Entry {
        position: from_sql(row.get(0)?),
        time: Timestamp::from_micros(row.get(1)?),
        subject: row.get(2)?,
        id: row.get(3)?,
        headers: headers.map_err(|e| rusqlite::Error::FromSqlConversionFailure(4, Type::Text, Box::new(e)))?,
        body: Bytes::from(row.get::<_, Vec<u8>>(5)?),
    })
}

pub(super) fn get(connection: &Connection, position: Position) -> rusqlite::Result<Option<Entry>> {
    connection.prepare_cached(&format!("{ENTRY} WHERE seq = ?1"))?.query_row([to_sql(position)], entry).optional()
}

pub(super) fn last(connection: &Connection, subject: &str) -> rusqlite::Result<Option<Entry>> {
    let sql = format!("{ENTRY} WHERE seq = (SELECT max(seq) FROM entry WHERE subject_id = (SELECT id FROM subject WHERE name = ?1))");
    connection.prepare_cached(&sql)?.query_row([subject], entry).optional()
}

pub(super) fn continuity(connection: &Connection) -> rusqlite::Result<Continuity> {
    let sql = "SELECT created_us, (SELECT min(seq) FROM entry), max(tail, ifnull((SELECT max(seq) FROM entry), 0)) FROM meta";
    connection.prepare_cached(sql)?.query_row([], |row| {
        let tail: i64 = row.get(2)?;
        let first: Option<i64> = row.get(1)?;
        let created = Timestamp::from_micros(row.get(0)?);
        Ok(Continuity { created, first: from_sql(first.unwrap_or(tail + 1)), tail: from_sql(tail) })
    })
}

/// What the file holds without the space that waits to be used again.
pub(super) fn live_bytes(connection: &Connection) -> rusqlite::Result<u64> {
    let pragma = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let pages = pragma("page_count")? - pragma("freelist_count")?;
    Ok(u64::try_from(pages * pragma("page_size")?).unwrap_or(0))
}

pub(super) fn frames_overlapping(
    connection: &Connection,
    source: Option<&str>,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    after: Position,
    limit: usize,
) -> rusqlite::Result<Vec<Position>> {
    let times = "time_max_us >= ?1 AND time_min_us < ?2 AND seq > ?3 ORDER BY seq LIMIT ?4";
    let everything = source.is_none() && from.is_none() && to.is_none();
    let from = from.map_or(i64::MIN, Timestamp::micros);
    let to = to.map_or(i64::MAX, Timestamp::micros);
    let (after, limit) = (to_sql(after), i64::try_from(limit).unwrap_or(i64::MAX));
    let seq = |row: &Row<'_>| row.get(0).map(from_sql);
    match source {
        // By the index, then sorted: the rows of the table hold bodies and are slow to pass.
        Some(source) => {
            let sql = format!("SELECT seq FROM entry INDEXED BY entry_by_source_and_time WHERE source = ?5 AND {times}");
            connection.prepare_cached(&sql)?.query_map(params![from, to, after, limit, source], seq)?.collect()
        }
        None => {
            // Where nearly all rows are wanted, the order of the table ends a page early.
            let by = if everything { "NOT INDEXED" } else { "INDEXED BY entry_by_source_and_time" };
            let sql = format!("SELECT seq FROM entry {by} WHERE {times}");
            connection.prepare_cached(&sql)?.query_map(params![from, to, after, limit], seq)?.collect()
        }
    }
}

/// Which subjects a reader wants. Subjects are never deleted, so it looks at each once.
#[derive(Clone, Debug, Default)]
pub(super) struct Wanted {
    ids: Vec<i64>,
    newest_id: i64,
    all: usize,
}

impl Wanted {
    fn refresh(&mut self, connection: &Connection, patterns: &[String]) -> rusqlite::Result<()> {
        let mut statement = connection.prepare_cached("SELECT id, name FROM subject WHERE id > ?1 ORDER BY id")?;
        let mut rows = statement.query([self.newest_id])?;
        while let Some(row) = rows.next()? {
            self.newest_id = row.get(0)?;
            self.all += 1;
            let name = row.get_ref(1)?.as_str()?;
            if patterns.iter().any(|pattern| subject::matches(pattern, name)) {
                self.ids.push(self.newest_id);
            }
        }
        Ok(())
    }
}

/// What a reader got from the file: entries, and how far they reach.
pub(super) struct Scan {
    pub(super) wanted: Wanted,
    pub(super) entries: Vec<Entry>,
    pub(super) upto: Position,
}

/// The wanted entries after `after` up to `upto`, or up to the tail of the file.
pub(super) fn scan(
    connection: &Connection,
    mut wanted: Wanted,
    patterns: &[String],
    after: Position,
    upto: Option<Position>,
    limit: Limit,
) -> rusqlite::Result<Scan> {
    let upto = match upto {
        Some(upto) => upto,
        None => continuity(connection)?.tail.max(after),
    };
    if upto <= after {
        return Ok(Scan { wanted, entries: Vec::new(), upto });
    }
    wanted.refresh(connection, patterns)?;
    let mut page = Page::new(limit);
    let full = match wanted.ids.len() == wanted.all {
        true => scan_all(connection, after, upto, &mut page)?,
        false => scan_some(connection, &wanted.ids, after, upto, limit, &mut page)?,
    };
    let upto = full.unwrap_or(upto);
    Ok(Scan { wanted, entries: page.entries, upto })
}

/// Takes entries until the page is full, and says where that was.
fn scan_all(connection: &Connection, after: Position, upto: Position, page: &mut Page) -> rusqlite::Result<Option<Position>> {
    let mut statement = connection.prepare_cached(&format!("{ENTRY} WHERE seq > ?1 AND seq <= ?2 ORDER BY seq"))?;
    let mut rows = statement.query([to_sql(after), to_sql(upto)])?;
    while let Some(row) = rows.next()? {
        let entry = entry(row)?;
        let position = entry.position;
        if page.push(entry) {
            return Ok(Some(position));
        }
    }
    Ok(None)
}

/// As [`scan_all`], by the index of subjects: what is not wanted costs nothing.
fn scan_some(
    connection: &Connection,
    subjects: &[i64],
    after: Position,
    upto: Position,
    limit: Limit,
    page: &mut Page,
) -> rusqlite::Result<Option<Position>> {
    let most = i64::try_from(limit.entries.max(1)).unwrap_or(i64::MAX);
    let sql = "SELECT seq FROM entry INDEXED BY entry_by_subject WHERE subject_id = ?1 AND seq > ?2 AND seq <= ?3 ORDER BY seq LIMIT ?4";
    let mut statement = connection.prepare_cached(sql)?;
    let mut found: Vec<i64> = Vec::new();
    for subject in subjects {
        let rows = statement.query_map(params![subject, to_sql(after), to_sql(upto), most], |row| row.get(0))?;
        for seq in rows {
            found.push(seq?);
        }
    }
    found.sort_unstable();
    for seq in found {
        // It may have been deleted in between.
        let Some(entry) = get(connection, from_sql(seq))? else { continue };
        if page.push(entry) {
            return Ok(Some(from_sql(seq)));
        }
    }
    Ok(None)
}
