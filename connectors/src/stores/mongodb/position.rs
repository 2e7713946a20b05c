//! How far each sink has come, and which of the results count that it wrote: one document for each in a collection beside the
//! rollups. It moves after what it stands for.

use ::mongodb::Collection;
use ::mongodb::bson::{Bson, Document, doc};
use ::mongodb::options::{Acknowledgment, ReadConcern, WriteConcern};
use floodmark_core::ports::{Entry, Mark, Position, Standing};
use floodmark_core::result_sets::{ResultSet, ResultSets, State};
use floodmark_core::{Error, Result};
use floodmark_schemas::Timestamp;
use futures_util::TryStreamExt;

use super::error::{DUPLICATE_KEY, Doing, code};
use super::{Store, writing};

/// Whether a write is to be done.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// The sink stands where it begins, with these result sets.
    Write(ResultSets),
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
    let (standing, _) = read(store, sink).await?;
    Ok(standing)
}

async fn read(store: &Store, sink: &str) -> Result<(Standing, ResultSets)> {
    let positions = positions(store);
    let found = writing::within(store, async {
        positions.find_one(doc! { "_id": sink }).read_concern(ReadConcern::majority()).await.doing("reading a sink's position")
    });
    let Some(document) = found.await? else { return Ok(<(Standing, ResultSets)>::default()) };
    let position = document
        .get_i64("position")
        .map_err(|e| Error::broken(format!("the position of sink {sink} in {} is not a number", positions.name())).because(e))?;
    let mark = document.get_str("mark").ok().and_then(Mark::parse);
    Ok((Standing { position: Position(position.cast_unsigned()), mark }, sets(&document)?))
}

/// The result sets in `collection`, as the sinks that write there have found.
pub(super) async fn result_sets(store: &Store, collection: &str) -> Result<ResultSets> {
    let doing = "reading which results count";
    let positions = positions(store);
    let found = positions.find(doc! { "collection": collection }).read_concern(ReadConcern::majority());
    let documents: Vec<Document> = writing::within(store, async { found.await.doing(doing)?.try_collect().await.doing(doing) }).await?;
    let mut all = Vec::new();
    for document in &documents {
        all.extend(sets(document)?.iter().cloned());
    }
    Ok(all.into_iter().collect())
}

/// Forgets a result set that has been dropped.
pub(super) async fn forget(store: &Store, collection: &str, operator: &str, version: &str) -> Result<()> {
    let gone = doc! { "$pull": { "sets": { "operator": operator, "version": version, "state": State::Replaced.name() } } };
    let positions = positions(store);
    let update = positions.update_many(doc! { "collection": collection }, gone).write_concern(durable(store));
    writing::within(store, async { update.await.doing("forgetting a result set").map(|_| ()) }).await
}

fn sets(document: &Document) -> Result<ResultSets> {
    let set = |value: &Bson| -> Option<ResultSet> {
        let document = value.as_document()?;
        let text = |name: &str| document.get_str(name).ok().map(str::to_owned);
        let through = document.get_array("through").ok()?.iter().map(|job| job.as_i64().and_then(|job| u32::try_from(job).ok()));
        Some(ResultSet {
            operator: text("operator")?,
            version: text("version")?,
            state: State::named(document.get_str("state").ok()?)?,
            since: Timestamp::from_micros(document.get_i64("since_us").ok()?),
            through: through.collect::<Option<_>>()?,
        })
    };
    let Ok(sets) = document.get_array("sets") else { return Ok(ResultSets::default()) };
    let broken = || {
        Error::broken(format!("the result sets in the document {:?} of positions are not ones that Floodmark wrote", document.get("_id")))
    };
    sets.iter().map(|value| set(value).ok_or_else(broken)).collect()
}

/// What people and [`sets`] read.
fn written(sets: &ResultSets) -> Document {
    let current: Document = sets.current().map(|(operator, version)| (operator.to_owned(), Bson::from(version))).collect();
    let set = |set: &ResultSet| {
        let through: Vec<i64> = set.through.iter().map(|job| i64::from(*job)).collect();
        doc! {
            "operator": &set.operator, "version": &set.version, "state": set.state.name(), "since_us": set.since.micros(), "through": through,
        }
    };
    doc! { "current": current, "sets": sets.iter().map(set).collect::<Vec<_>>() }
}

/// What is to be done with a write from `from` to `to`.
///
/// # Errors
/// `Conflict` when the sink stands neither at `from` nor at `to`; `Broken` when `to` is before `from`.
pub(super) async fn turn(store: &Store, sink: &str, from: Position, to: Position) -> Result<Turn> {
    if to < from {
        return Err(Error::broken(format!("moving sink {sink} back from {from} to {to}")));
    }
    let (standing, sets) = read(store, sink).await?;
    match standing.position {
        stored if stored == from => Ok(Turn::Write(sets)),
        // A write whose outcome was not known is repeated: all of it is there, because the position moves last.
        stored if stored == to => Ok(Turn::Done),
        stored => Err(Error::conflict(format!("sink {sink} stands at {stored}, not at {from}: somebody else has moved it"))),
    }
}

fn durable(store: &Store) -> WriteConcern {
    WriteConcern::builder().w(Acknowledgment::Majority).journal(true).w_timeout(store.inner.config.write_timeout.0).build()
}

/// Moves the position of a sink into `collection` from `from` to `to`, after `entries`; with it `sets`, if they have changed.
///
/// # Errors
/// `Conflict` when it stands at neither.
pub(super) async fn advance(
    store: &Store,
    (sink, collection): (&str, &str),
    entries: &[Entry],
    (from, to): (Position, Position),
    sets: Option<&ResultSets>,
) -> Result<()> {
    let mut moved_to = doc! { "position": to.0.cast_signed(), "collection": collection };
    moved_to.extend(sets.map(written).into_iter().flatten());
    if let Some(mark) = Mark::of(entries) {
        moved_to.insert("mark", mark.to_string());
    }
    let change = doc! { "$set": moved_to };
    let positions = positions(store);
    // The first write makes the document; when another has made it, the key is taken.
    let update = positions
        .update_one(doc! { "_id": sink, "position": from.0.cast_signed() }, change)
        .upsert(from == Position::START)
        .write_concern(durable(store));
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
        Turn::Write(_) => Err(Error::unavailable(format!("moving the position of sink {sink}, which was moved back meanwhile"))),
    }
}
