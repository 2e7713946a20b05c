//! How far each sink has come. A position moves in the transaction of the rows that it stands for.

use deadpool_postgres::{GenericClient, Transaction};
use floodmark_core::ports::{Entry, Mark, Position, Standing};
use floodmark_core::{Error, Result};

use super::Store;
use super::error::Doing;

/// Whether the rows of a write are to be written.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// The position has been moved: write.
    Write,
    /// The same write is already in the store.
    Done,
}

/// The last position of `sink`, on a connection of its own.
pub(super) async fn read(store: &Store, sink: &str) -> Result<Standing> {
    of(&store.client().await?, sink).await
}

/// The last position of `sink` that is in the store.
pub(super) async fn of(client: &impl GenericClient, sink: &str) -> Result<Standing> {
    let sql = "SELECT position, mark FROM sink_position WHERE sink = $1";
    let statement = client.prepare_cached(sql).await.doing("reading a sink's position")?;
    let row = client.query_opt(&statement, &[&sink]).await.doing("reading a sink's position")?;
    Ok(row.map_or_else(Standing::default, |row| Standing {
        position: Position(row.get::<_, i64>(0).cast_unsigned()),
        mark: row.get::<_, Option<&str>>(1).and_then(Mark::parse),
    }))
}

/// Moves the position of `sink` from `from` to `to`, after `entries`. The row stays locked until the transaction ends: of two that want to
/// move it, the second waits and then finds it moved.
///
/// # Errors
/// `Conflict` when it stands neither at `from` nor at `to`; `Broken` when `to` is before `from`.
pub(super) async fn advance(transaction: &Transaction<'_>, sink: &str, entries: &[Entry], from: Position, to: Position) -> Result<Turn> {
    if to < from {
        return Err(Error::broken(format!("moving sink {sink} back from {from} to {to}")));
    }
    let doing = "moving a sink's position";
    let (old, new) = (from.0.cast_signed(), to.0.cast_signed());
    let mark = Mark::of(entries).map(|mark| mark.to_string());
    let sql = "UPDATE sink_position SET position = $3, mark = coalesce($4, mark) WHERE sink = $1 AND position = $2";
    let statement = transaction.prepare_cached(sql).await.doing(doing)?;
    let mut moved = transaction.execute(&statement, &[&sink, &old, &new, &mark]).await.doing(doing)?;
    if moved == 0 && from == Position::START {
        let sql = "INSERT INTO sink_position (sink, position, mark) VALUES ($1, $2, $3) ON CONFLICT (sink) DO NOTHING";
        let statement = transaction.prepare_cached(sql).await.doing(doing)?;
        moved = transaction.execute(&statement, &[&sink, &new, &mark]).await.doing(doing)?;
    }
    if moved == 1 {
        return Ok(Turn::Write);
    }
    // A write whose outcome was not known is repeated: all of it is there, because rows and position moved together.
    match of(transaction, sink).await?.position {
        stored if stored == to => Ok(Turn::Done),
        stored => Err(Error::conflict(format!("sink {sink} stands at {stored}, not at {from}: somebody else has moved it"))),
    }
}
