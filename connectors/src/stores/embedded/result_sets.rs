//! Which results count while a definition changes: the table `result_set`, and dropping what was replaced.

use async_trait::async_trait;
use floodmark_core::Result;
use floodmark_core::ports::{Entry, KnownResultSet, ResultSetQuery};
use floodmark_core::result_sets::{ResultSet, ResultSets, State};
use floodmark_schemas::Timestamp;
use rusqlite::types::Type;
use rusqlite::{Row, Transaction, params};

use super::Store;
use super::error::Doing;

/// How many results are deleted in one transaction: others who write wait that long.
const DELETED_AT_ONCE: usize = 10_000;

/// A table of results, as in `result_set.kind`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Rollup,
    Score,
}

impl Kind {
    /// The name of the table.
    pub(super) fn table(self) -> &'static str {
        match self {
            Self::Rollup => "rollup",
            Self::Score => "score",
        }
    }

    fn plural(self) -> &'static str {
        match self {
            Self::Rollup => "rollups",
            Self::Score => "scores",
        }
    }

    /// The columns of the time, and of what makes a row one of its set.
    fn columns(self) -> (&'static str, &'static str) {
        match self {
            Self::Rollup => ("window_start_us", "series_id, window_start_us, window_end_us"),
            Self::Score => ("time_us", "series_id, time_us"),
        }
    }
}

/// Takes note of what entries say.
pub(super) fn follow(transaction: &Transaction<'_>, kind: Kind, entries: &[Entry]) -> Result<()> {
    let mut sets = read(transaction, kind)?;
    let mut changed = false;
    for entry in entries {
        changed |= sets.note(entry);
    }
    if changed { sets.iter().try_for_each(|set| write(transaction, kind, set)) } else { Ok(()) }
}

/// The sets of a kind.
pub(super) fn read(transaction: &Transaction<'_>, kind: Kind) -> Result<ResultSets> {
    let sql = "SELECT operator, version, state, since_us, through FROM result_set WHERE kind = ?1";
    let mut statement = transaction.prepare_cached(sql).doing("reading result sets")?;
    let sets = statement.query_map([kind.table()], set).doing("reading result sets")?;
    sets.collect::<rusqlite::Result<ResultSets>>().doing("reading result sets")
}

fn set(row: &Row<'_>) -> rusqlite::Result<ResultSet> {
    let (state, through): (String, String) = (row.get(2)?, row.get(4)?);
    let state = State::named(&state).ok_or_else(|| rusqlite::Error::InvalidColumnType(2, state, Type::Text))?;
    let through = serde_json::from_str(&through).map_err(|e| rusqlite::Error::FromSqlConversionFailure(4, Type::Text, e.into()))?;
    Ok(ResultSet { operator: row.get(0)?, version: row.get(1)?, state, since: Timestamp::from_micros(row.get(3)?), through })
}

fn write(transaction: &Transaction<'_>, kind: Kind, set: &ResultSet) -> Result<()> {
    let ResultSet { operator, version, state, since, through } = set;
    let through = serde_json::to_string(through).expect("numbers are JSON");
    let sql = "INSERT OR REPLACE INTO result_set (kind, operator, version, state, since_us, through) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    let mut statement = transaction.prepare_cached(sql).doing("writing result sets")?;
    statement.execute(params![kind.table(), operator, version, state.name(), since.micros(), through]).doing("writing result sets")?;
    Ok(())
}

#[async_trait]
impl ResultSetQuery for Store {
    async fn result_sets(&self) -> Result<Vec<KnownResultSet>> {
        self.read(|snapshot| {
            let mut known = Vec::new();
            for kind in [Kind::Rollup, Kind::Score] {
                for set in read(snapshot, kind)?.iter() {
                    known.push(count(snapshot, kind, set)?);
                }
            }
            Ok(known)
        })
        .await
    }

    async fn drop_result_set(&self, operator: &str, version: &str) -> Result<u64> {
        let (operator, version) = (operator.to_owned(), version.to_owned());
        self.blocking(move |inner| {
            let mut dropped = 0;
            for kind in [Kind::Rollup, Kind::Score] {
                loop {
                    let some = inner.transaction(|transaction, _| drop_some(transaction, kind, &operator, &version))?;
                    dropped += some as u64;
                    if some < DELETED_AT_ONCE {
                        break;
                    }
                }
            }
            Ok(dropped)
        })
        .await
    }
}

fn count(snapshot: &Transaction<'_>, kind: Kind, set: &ResultSet) -> Result<KnownResultSet> {
    let (table, (time, _)) = (kind.table(), kind.columns());
    let sql = format!("SELECT count(*), min({time}), max({time}) FROM {table} WHERE operator = ?1 AND version = ?2");
    let mut statement = snapshot.prepare_cached(&sql).doing("counting results")?;
    let time = |micros: Option<i64>| micros.map(Timestamp::from_micros);
    let counted = statement.query_row([&set.operator, &set.version], |row| {
        Ok(KnownResultSet {
            of: kind.plural(),
            set: set.clone(),
            results: row.get::<_, i64>(0)?.cast_unsigned(),
            first: time(row.get(1)?),
            last: time(row.get(2)?),
        })
    });
    counted.doing("counting results")
}

/// Deletes the first results of a set, and the set with the last of them. One that counts, or will, is refused.
fn drop_some(transaction: &Transaction<'_>, kind: Kind, operator: &str, version: &str) -> Result<usize> {
    let sets = read(transaction, kind)?;
    if sets.droppable(operator, version)?.is_none() {
        return Ok(0);
    }
    let (table, (_, key)) = (kind.table(), kind.columns());
    let sql = format!(
        "DELETE FROM {table} WHERE operator = ?1 AND version = ?2 AND ({key}) IN \
         (SELECT {key} FROM {table} WHERE operator = ?1 AND version = ?2 LIMIT {DELETED_AT_ONCE})"
    );
    let deleted = transaction.execute(&sql, [operator, version]).doing("dropping results")?;
    if deleted < DELETED_AT_ONCE {
        let forget = |sql| transaction.execute(sql, [operator, version]).doing("dropping results");
        if kind == Kind::Rollup {
            forget("DELETE FROM late WHERE operator = ?1 AND version = ?2")?;
        }
        forget(&format!("DELETE FROM result_set WHERE kind = '{table}' AND operator = ?1 AND version = ?2"))?;
    }
    Ok(deleted)
}
