//! What a program that has ended left behind: events in the event log, entries of jobs in the output log, rows in the store.

use std::collections::BTreeMap;
use std::path::Path;

use floodmark_connectors::logs::embedded::Log;
use floodmark_core::ports::{Entry, Limit, Log as _, Position};
use floodmark_schemas::{Aggregates, Definition, Event, FrameHeader, JobEntry, frame, subject};
use rusqlite::{Connection, OpenFlags, Row};

use crate::oracle::{Id, Rollup};

/// All entries of the log at `path` whose subject matches `pattern`, in order.
///
/// # Panics
/// When the log cannot be read.
pub async fn entries(path: &Path, pattern: &str) -> Vec<Entry> {
    let log = Log::open_read_only(path).expect("the log opens");
    let tail = log.continuity().await.expect("the log answers").tail;
    let mut reader = log.reader(vec![pattern.to_owned()], Position::START).await.expect("the log is read");
    let (mut entries, limit) = (Vec::new(), Limit { until: Some(tail), ..Limit::default() });
    loop {
        match reader.next(limit).await.expect("the log is read") {
            more if more.is_empty() => return entries,
            more => entries.extend(more),
        }
    }
}

/// A frame with its events.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Its place in the log.
    pub position: u64,
    /// Its partition.
    pub partition: u32,
    /// What it says of itself.
    pub header: FrameHeader,
    /// Its events.
    pub events: Vec<Event>,
}

/// The frames of a source in the event log at `path`, in order.
///
/// # Panics
/// When the log or a frame cannot be read.
pub async fn frames(path: &Path, source: &str) -> Vec<Frame> {
    frames_of(entries(path, &format!("floodmark.events.*.{source}")).await, source)
}

/// The frames of a source among the entries of an event log, in order.
///
/// # Panics
/// When one cannot be read.
pub fn frames_of(entries: Vec<Entry>, source: &str) -> Vec<Frame> {
    let read = |entry: Entry| {
        let (partition, of, _) = subject::parse_events(&entry.subject).expect("it is the subject of a frame");
        if of != source {
            return None;
        }
        let header = FrameHeader::from_headers(&entry.headers).expect("it has the headers of a frame");
        let id = entry.id.as_deref().unwrap_or_default();
        let events = frame::decode(header.encoding, &entry.body, &header.source, id).expect("it has the body of a frame");
        assert_eq!(events.len(), header.count as usize, "frame {} says how many events it has", entry.position);
        Some(Frame { position: entry.position.0, partition, header, events })
    };
    entries.into_iter().filter_map(read).collect()
}

/// An entry of a job.
#[derive(Clone, Debug)]
pub struct Written {
    /// Its place in the log.
    pub position: u64,
    /// The epoch of who wrote it.
    pub epoch: u64,
    /// Whether it is part of a rebuild.
    pub rebuilding: bool,
    /// What it says.
    pub entry: JobEntry,
}

/// The entries of every job in the output log at `path`, in order, by subject.
///
/// # Panics
/// When the log or an entry cannot be read.
pub async fn jobs(path: &Path) -> BTreeMap<String, Vec<Written>> {
    jobs_of(entries(path, subject::OUTPUTS).await)
}

/// The entries of every job among those of an output log, in order, by subject.
///
/// # Panics
/// When one cannot be read.
pub fn jobs_of(entries: Vec<Entry>) -> BTreeMap<String, Vec<Written>> {
    let mut jobs: BTreeMap<String, Vec<Written>> = BTreeMap::new();
    for entry in entries.into_iter().filter(|entry| subject::matches(subject::OUTPUTS, &entry.subject)) {
        let epoch = entry.headers.parse("Floodmark-Epoch").expect("it says who wrote it");
        let rebuilding = Definition::of(&entry.headers).is_some_and(|definition| definition.rebuilding);
        let (position, said) = (entry.position.0, serde_json::from_slice(&entry.body).expect("it is JSON"));
        let written = Written { position, epoch, rebuilding, entry: said };
        jobs.entry(entry.subject).or_default().push(written);
    }
    jobs
}

/// The aggregates of a rollup of which all were asked for.
///
/// # Panics
/// When one is missing.
pub fn rollup(revision: u32, given: &Aggregates) -> Rollup {
    let there = |value: Option<f64>| value.expect("all aggregates were asked for");
    Rollup {
        revision,
        count: i64::try_from(given.count).expect("a count is small"),
        sum: there(given.sum),
        mean: there(given.mean),
        min: there(given.min),
        max: there(given.max),
        stddev: there(given.stddev),
        first: there(given.first),
        last: there(given.last),
    }
}

/// The rollups of one operator in the store at `path`.
///
/// # Panics
/// When the store cannot be read or has a row without all aggregates.
pub fn rollups(path: &Path, operator: &str) -> BTreeMap<Id, Rollup> {
    let columns = "s.source, s.key, r.window_start_us, r.revision, r.count, r.sum, r.mean, r.min, r.max, r.stddev, r.first, r.last";
    let question = format!("SELECT {columns} FROM rollup r JOIN series s ON s.id = r.series_id WHERE r.operator = ?1");
    let rows = rows(path, &question, operator, |row| {
        let rollup = Rollup {
            revision: row.get(3)?,
            count: row.get(4)?,
            sum: row.get(5)?,
            mean: row.get(6)?,
            min: row.get(7)?,
            max: row.get(8)?,
            stddev: row.get(9)?,
            first: row.get(10)?,
            last: row.get(11)?,
        };
        Ok((Id { source: row.get(0)?, series: row.get(1)?, start_us: row.get(2)? }, rollup))
    });
    let count = rows.len();
    let rollups: BTreeMap<Id, Rollup> = rows.into_iter().collect();
    assert_eq!(rollups.len(), count, "the store has each window once");
    rollups
}

/// The late events of one operator in the store at `path`: where they stand in the event log, and their series.
///
/// # Panics
/// When the store cannot be read.
pub fn late(path: &Path, operator: &str) -> Vec<(i64, i64, String)> {
    let question = "SELECT l.position, l.event_index, s.key FROM late l JOIN series s ON s.id = l.series_id WHERE l.operator = ?1 \
                    ORDER BY 1, 2, 3";
    rows(path, question, operator, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
}

/// Rows of the store at `path`.
///
/// # Panics
/// When it cannot be read, or a row is of another shape.
pub fn rows<T>(path: &Path, question: &str, about: &str, read: impl Fn(&Row<'_>) -> rusqlite::Result<T>) -> Vec<T> {
    let store = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).expect("the store opens");
    let mut statement = store.prepare(question).expect("the store has these tables");
    let rows = statement.query_map([about], |row| read(row)).expect("the store answers");
    rows.collect::<Result<_, _>>().expect("the rows have this shape")
}
