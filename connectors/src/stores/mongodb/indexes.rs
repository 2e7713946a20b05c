//! The indexes of the collections: made when they are missing, reported when they differ.

use ::mongodb::bson::{Bson, Document, doc};
use ::mongodb::{Database, IndexModel};
use floodmark_core::{Error, Result};
use futures_util::TryStreamExt;

use super::config::Config;
use super::error::{Doing, code};

/// The index that lets the server delete old results.
const EXPIRY: &str = "expiry";
/// The collection is not there.
const NAMESPACE_NOT_FOUND: i32 = 26;

/// An index as it has to be.
#[derive(Debug, PartialEq)]
struct Wanted {
    name: &'static str,
    keys: Document,
    expires_secs: Option<i64>,
    /// Only documents of which this holds are in it.
    partial: Option<Document>,
}

/// What an index is, compared with what it has to be.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Difference {
    /// It is not there.
    Missing(String),
    /// It has other keys or options.
    Other(String),
    /// It deletes after another time, or though nothing is to be deleted.
    Expiry,
}

/// A collection with the indexes it has to have.
struct Indexed {
    collection: String,
    wanted: Vec<Wanted>,
}

fn collections(config: &Config) -> [Indexed; 2] {
    let of = |name, keys| Wanted { name, keys, expires_secs: None, partial: None };
    let expiry = |field: &str| {
        let expires_secs = config.ttl.and_then(|ttl| i64::try_from(ttl.0.as_secs()).ok());
        expires_secs.map(|secs| Wanted { name: EXPIRY, keys: doc! { field: 1 }, expires_secs: Some(secs), partial: None })
    };
    let mut rollups = vec![
        // The order of the answers: all series at one time, a page like any other.
        of("by_time", doc! { "window_start": 1, "window_start_us": 1, "_id": 1 }),
        // One series over time, and the latest of each.
        of("by_series", doc! { "operator": 1, "source": 1, "series": 1, "window_start": -1 }),
        of("by_label", doc! { "labels.k": 1, "labels.v": 1, "window_start": 1, "window_start_us": 1, "_id": 1 }),
        // What `floodmark explain` asks for.
        of("by_id", doc! { "rollup_id": 1 }),
    ];
    rollups.extend(expiry("window_end"));
    let by_time = || doc! { "time": 1, "time_us": 1, "_id": 1 };
    let mut scores = vec![
        of("by_time", by_time()),
        of("by_series", doc! { "operator": 1, "source": 1, "series": 1, "time": -1 }),
        of("by_label", doc! { "labels.k": 1, "labels.v": 1, "time": 1, "time_us": 1, "_id": 1 }),
        of("by_id", doc! { "score_id": 1 }),
        // Few of many scores are unusual: what people ask for first is found without passing the others.
        Wanted { partial: Some(doc! { "score": { "$gte": 1.0 } }), ..of("unusual", by_time()) },
        Wanted { partial: Some(doc! { "episode": { "$exists": true } }), ..of("of_episodes", by_time()) },
    ];
    scores.extend(expiry("time"));
    [Indexed { collection: config.collection.clone(), wanted: rollups }, Indexed { collection: config.scores(), wanted: scores }]
}

/// Makes the indexes that are missing, and the deletion of old results what the configuration says.
///
/// # Errors
/// `Broken` when an index of the same name is another one.
pub(super) async fn make(database: &Database, config: &Config) -> Result<()> {
    for indexed in collections(config) {
        let name = &indexed.collection;
        let collection = database.collection::<Document>(name);
        for difference in of_collection(database, config, &indexed).await? {
            match difference {
                Difference::Missing(index) => {
                    let one = indexed.wanted.iter().find(|wanted| wanted.name == index).expect("only wanted ones are missing");
                    let expires = one.expires_secs.map(|secs| std::time::Duration::from_secs(secs.cast_unsigned()));
                    let options = ::mongodb::options::IndexOptions::builder().name(index.clone()).expire_after(expires);
                    let options = options.partial_filter_expression(one.partial.clone()).build();
                    let model = IndexModel::builder().keys(one.keys.clone()).options(options).build();
                    collection.create_index(model).await.doing(&format!("making the index {index} of {name} in MongoDB"))?;
                }
                Difference::Expiry => match config.ttl {
                    None => collection.drop_index(EXPIRY).await.doing("ending the deletion of old results in MongoDB")?,
                    Some(ttl) => {
                        let secs = i64::try_from(ttl.0.as_secs()).expect("it was validated");
                        let index = doc! { "name": EXPIRY, "expireAfterSeconds": secs };
                        let change = doc! { "collMod": name, "index": index };
                        database.run_command(change).await.doing("changing when MongoDB deletes old results")?;
                    }
                },
                Difference::Other(found) => return Err(Error::broken(remedy(&found, name))),
            }
        }
    }
    Ok(())
}

/// What to do about an index that is another one.
fn remedy(found: &str, collection: &str) -> String {
    let name = found.split(' ').next().unwrap_or_default();
    format!("the index {found} of {collection} is not the one Floodmark needs; run db.{collection}.dropIndex({name:?}) and start again")
}

/// How the indexes differ from what they have to be, by collection.
///
/// # Errors
/// `Unavailable`, or `Broken` when they may not be listed.
pub(super) async fn differences(database: &Database, config: &Config) -> Result<Vec<(String, Vec<Difference>)>> {
    let mut differences = Vec::new();
    for indexed in collections(config) {
        let found = of_collection(database, config, &indexed).await?;
        differences.push((indexed.collection, found));
    }
    Ok(differences)
}

async fn of_collection(database: &Database, config: &Config, indexed: &Indexed) -> Result<Vec<Difference>> {
    let found = listed(database, &indexed.collection).await?;
    let of_name = |name: &str| found.iter().find(|index| index.get_str("name").is_ok_and(|found| found == name));
    let mut differences = Vec::new();
    for one in &indexed.wanted {
        let Some(index) = of_name(one.name) else {
            differences.push(Difference::Missing(one.name.to_owned()));
            continue;
        };
        let restricted = ["unique", "sparse", "collation", "hidden"];
        let plain = restricted.iter().all(|option| matches!(index.get(option), None | Some(Bson::Boolean(false))));
        let partial = index.get_document("partialFilterExpression").ok() == one.partial.as_ref();
        let keys = index.get_document("key").cloned().unwrap_or_default();
        let expires = index.contains_key("expireAfterSeconds") == one.expires_secs.is_some();
        if !plain || !partial || !same_keys(&keys, &one.keys) || !expires {
            differences.push(Difference::Other(format!("{} {index}", one.name)));
        } else if index.get("expireAfterSeconds").and_then(whole) != one.expires_secs {
            differences.push(Difference::Expiry);
        }
    }
    if config.ttl.is_none() && of_name(EXPIRY).is_some() {
        differences.push(Difference::Expiry);
    }
    Ok(differences)
}

async fn listed(database: &Database, collection: &str) -> Result<Vec<Document>> {
    let doing = "listing the indexes of MongoDB";
    let command = doc! { "listIndexes": collection, "cursor": {} };
    match database.run_cursor_command(command).await {
        Err(e) if code(&e) == Some(NAMESPACE_NOT_FOUND) => Ok(Vec::new()),
        cursor => cursor.doing(doing)?.try_collect().await.doing(doing),
    }
}

/// The same fields in the same order and direction; servers give directions as any kind of number.
fn same_keys(a: &Document, b: &Document) -> bool {
    let plain = |keys: &Document| keys.iter().map(|(name, direction)| (name.clone(), whole(direction))).collect::<Vec<_>>();
    plain(a) == plain(b)
}

#[expect(clippy::cast_possible_truncation, reason = "a number of seconds or a direction, compared with a whole one")]
fn whole(value: &Bson) -> Option<i64> {
    match value {
        Bson::Int32(n) => Some(i64::from(*n)),
        Bson::Int64(n) => Some(*n),
        Bson::Double(n) => Some(*n as i64),
        _ => None,
    }
}
