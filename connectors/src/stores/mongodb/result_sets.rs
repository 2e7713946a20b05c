//! Result sets in MongoDB: what there is, and dropping what was replaced. Which of them count stands with the positions.

use ::mongodb::Collection;
use ::mongodb::bson::{Document, doc};
use async_trait::async_trait;
use floodmark_core::ports::{KnownResultSet, ResultSetQuery};
use floodmark_core::result_sets::ResultSet;
use floodmark_core::{Error, Result};
use floodmark_schemas::Timestamp;

use super::document::plain;
use super::error::Doing;
use super::{Store, position, writing};

impl Store {
    /// The collections of results: what they are called, and the field of their time.
    fn kept(&self) -> [(&'static str, Collection<Document>, &'static str); 2] {
        [("rollups", self.rollups(), "window_start_us"), ("scores", self.scores(), "time_us")]
    }
}

/// Refuses results whose ids lack the definition: those of two definitions could not stand beside each other.
pub(super) async fn check_ids(store: &Store) -> Result<()> {
    for (of, collection, _) in store.kept() {
        let doing = format!("looking at the {of} in MongoDB");
        let one = collection.find_one(doc! { "version": { "$type": "string" } }).projection(doc! { "version": 1 });
        let Some(one) = writing::within(store, async { one.await.doing(&doing) }).await? else { continue };
        let (id, version) = (one.get_str("_id").unwrap_or_default(), one.get_str("version").unwrap_or_default());
        if !id.ends_with(&format!(" {}", plain(version))) {
            let (name, positions) = (collection.name(), position::collection(&store.inner.config.collection));
            return Err(Error::broken(format!(
                "the {of} in {name} were written by an earlier version of Floodmark; drop the collections {name} and {positions}: \
                 everything is written anew, as far as the log goes back"
            )));
        }
    }
    Ok(())
}

#[async_trait]
impl ResultSetQuery for Store {
    async fn result_sets(&self) -> Result<Vec<KnownResultSet>> {
        let mut known = Vec::new();
        for (of, collection, time) in self.kept() {
            for set in position::result_sets(self, collection.name()).await?.iter() {
                known.push(count(of, &collection, time, set).await?);
            }
        }
        Ok(known)
    }

    async fn drop_result_set(&self, operator: &str, version: &str) -> Result<u64> {
        let mut dropped = 0;
        for (_, collection, _) in self.kept() {
            let sets = position::result_sets(self, collection.name()).await?;
            if sets.droppable(operator, version)?.is_some() {
                let all = doc! { "operator": operator, "version": version };
                dropped += collection.delete_many(all).await.doing("dropping results in MongoDB")?.deleted_count;
                position::forget(self, collection.name(), operator, version).await?;
            }
        }
        Ok(dropped)
    }
}

async fn count(of: &'static str, collection: &Collection<Document>, time: &str, set: &ResultSet) -> Result<KnownResultSet> {
    let doing = "counting results in MongoDB";
    let all = doc! { "operator": &set.operator, "version": &set.version };
    let results = collection.count_documents(all.clone()).await.doing(doing)?;
    let end = async |direction: i32| {
        let found = collection.find_one(all.clone()).sort(doc! { time: direction }).projection(doc! { time: 1 }).await.doing(doing)?;
        Ok::<_, floodmark_core::Error>(found.and_then(|document| document.get_i64(time).ok()).map(Timestamp::from_micros))
    };
    let (first, last) = if results == 0 { (None, None) } else { (end(1).await?, end(-1).await?) };
    Ok(KnownResultSet { of, set: set.clone(), results, first, last })
}
