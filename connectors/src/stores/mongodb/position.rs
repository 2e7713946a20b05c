//! How far each sink has come: one document for each in a collection beside the rollups. It moves after what it stands for.

use ::mongodb::Collection;
use ::mongodb::bson::{Document, doc};
use ::mongodb::options::{Acknowledgment, ReadConcern, WriteConcern};
use floodmark_core::ports::{Entry, Mark, Position, Standing};
use floodmark_core::{Error, Result};

use super::error::{DUPLICATE_KEY, Doing, code};
use super::{Store, writing};

/// Whether a write is to be done.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// The sink stands where it begins.
    Write,
    /// All of it is in the store.
    Done,
}

fn positions(store: &Store) -> Collection<Document> {
    store.inner.database.collection(&collection(&store.inner.config.collection))
}

/// The name of the collection of positions.
pub(super) fn collection(rollups: &str) -> String {
    format!("{rollups}_position")
}

/// The last position of `sink` that a majority of the servers has.
pub(super) async fn of(store: &Store, sink: &str) -> Result<Standing> {
    let positions = positions(store);
    let found = writing::within(store, async {
        positions.find_one(doc! { "_id": sink }).read_concern(ReadConcern::majority()).await.doing("reading a sink's position")
    });
    match found.await? {
        None => Ok(Standing::default()),
        Some(document) => match document.get_i64("position") {
            Ok(position) => {
                let mark = document.get_str("mark").ok().and_then(Mark::parse);
                Ok(Standing { position: Position(position.cast_unsigned()), mark })
            }
            Err(e) => Err(Error::broken(format!("the position of sink {sink} in {} is not a number", positions.name())).because(e)),
        },
    }
}

/// What is to be done with a write from `from` to `to`.
///
/// # Errors
/// `Conflict` when the sink stands neither at `from` nor at `to`; `Broken` when `to` is before `from`.
pub(super) async fn turn(store: &Store, sink: &str, from: Position, to: Position) -> Result<Turn> {
    if to < from {
        return Err(Error::broken(format!("moving sink {sink} back from {from} to {to}")));
    }
    match of(store, sink).await?.position {
        stored if stored == from => Ok(Turn::Write),
        // A write whose outcome was not known is repeated: all of it is there, because the position moves last.
        stored if stored == to => Ok(Turn::Done),
        stored => Err(Error::conflict(format!("sink {sink} stands at {stored}, not at {from}: somebody else has moved it"))),
    }
}

/// Moves the position of `sink` from `from` to `to`, after `entries`.
///
/// # Errors
/// `Conflict` when it stands at neither.
pub(super) async fn advance(store: &Store, sink: &str, entries: &[Entry], from: Position, to: Position) -> Result<()> {
    let durable = WriteConcern::builder().w(Acknowledgment::Majority).journal(true).w_timeout(store.inner.config.write_timeout.0).build();
    let mut moved_to = doc! { "position": to.0.cast_signed() };
    if let Some(mark) = Mark::of(entries) {
        moved_to.insert("mark", mark.to_string());
    }
    let change = doc! { "$set": moved_to };
    let positions = positions(store);
    // The first write makes the document; when another has made it, the key is taken.
    let update = positions
        .update_one(doc! { "_id": sink, "position": from.0.cast_signed() }, change)
        .upsert(from == Position::START)
        .write_concern(durable);
    let moved = writing::within(store, async {
        match update.await {
            Err(e) if code(&e) == Some(DUPLICATE_KEY) => Ok(false),
            done => done.doing("moving a sink's position").map(|done| done.matched_count == 1 || done.upserted_id.is_some()),
        }
    });
    // The same write by somebody else is as good.
    if moved.await? { Ok(()) } else { turn(store, sink, from, to).await.and_then(|turn| settled(sink, &turn)) }
}

fn settled(sink: &str, turn: &Turn) -> Result<()> {
    match turn {
        Turn::Done => Ok(()),
        Turn::Write => Err(Error::unavailable(format!("moving the position of sink {sink}, which was moved back meanwhile"))),
    }
}
