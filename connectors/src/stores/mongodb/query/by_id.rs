//! One result by its id, from the index `by_id`.
//!
//! Ids are hashes, so each result that is written touches a page of its own of that index. Here this is worth it: the
//! server keeps indexes in memory and writes them behind the answer, and without one it would have to decode every
//! document, for longer than a question may take.

use ::mongodb::Collection;
use ::mongodb::bson::Document;
use floodmark_core::Result;

use super::super::error::Doing;
use super::super::{Store, writing};

/// The result of which this holds.
pub(super) async fn one<T>(
    store: &Store,
    collection: &Collection<Document>,
    condition: Document,
    read: fn(&Document) -> Result<T>,
) -> Result<Option<T>> {
    let asking = async { collection.find_one(condition).await.doing(&format!("asking MongoDB for one of {}", collection.name())) };
    let found = writing::within(store, asking).await?;
    found.as_ref().map(read).transpose()
}
