//! How far each sink has come. A position moves in the transaction of the rows that it stands for.

use floodmark_core::ports::{Entry, Mark, Position, Standing};
use floodmark_core::{Error, Result};
use rusqlite::{OptionalExtension, Transaction, params};

use super::error::Doing;

/// Whether the rows of a write are to be written.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// The position has been moved: write.
    Write,
    /// The same write is already in the store.
    Done,
}

/// The last position of `sink` that is in the store.
pub(super) fn of(transaction: &Transaction<'_>, sink: &str) -> Result<Standing> {
    let sql = "SELECT position, mark FROM sink_position WHERE sink = ?1";
    let mut statement = transaction.prepare_cached(sql).doing("reading a sink's position")?;
    let row = statement.query_row([sink], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, Option<String>>(1)?)));
    let Some((position, mark)) = row.optional().doing("reading a sink's position")? else { return Ok(Standing::default()) };
    Ok(Standing { position: Position(position.cast_unsigned()), mark: mark.as_deref().and_then(Mark::parse) })
}

/// Moves the position of `sink` from `from` to `to`, after `entries`.
///
/// # Errors
/// `Conflict` when it stands neither at `from` nor at `to`; `Broken` when `to` is before `from`.
pub(super) fn advance(transaction: &Transaction<'_>, sink: &str, entries: &[Entry], from: Position, to: Position) -> Result<Turn> {
    if to < from {
        return Err(Error::broken(format!("moving sink {sink} back from {from} to {to}")));
    }
    let stored = of(transaction, sink)?.position;
    if stored != from {
        // A write whose outcome was not known is repeated: all of it is there, because rows and position moved together.
        return if stored == to {
            Ok(Turn::Done)
        } else {
            Err(Error::conflict(format!("sink {sink} stands at {stored}, not at {from}: somebody else has moved it")))
        };
    }
    let sql = "INSERT INTO sink_position (sink, position, mark) VALUES (?1, ?2, ?3) \
         ON CONFLICT (sink) DO UPDATE SET position = excluded.position, mark = ifnull(excluded.mark, mark)";
    let mut statement = transaction.prepare_cached(sql).doing("moving a sink's position")?;
    statement
        .execute(params![sink, to.0.cast_signed(), Mark::of(entries).map(|mark| mark.to_string())])
        .doing("moving a sink's position")?;
    Ok(Turn::Write)
}
