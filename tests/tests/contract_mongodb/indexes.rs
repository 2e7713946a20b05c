//! Indexes: made, used, and kept as the configuration says.

use floodmark_connectors::stores::mongodb::{Config, Store};
use floodmark_core::Kind;
use floodmark_schemas::{Series, Timestamp};
use futures_util::TryStreamExt;
use mongodb::IndexModel;
use mongodb::bson::{Document, doc};
use mongodb::options::IndexOptions;

use crate::support::{At, commit, rollup, value};

/// After how many seconds the index `expiry` lets documents be deleted, if it is there.
async fn expiry(at: &At) -> Option<u64> {
    let indexes: Vec<IndexModel> = at.documents().await.list_indexes().await.unwrap().try_collect().await.unwrap();
    let options = indexes.into_iter().filter_map(|index| index.options);
    let expiry = options.into_iter().find(|options| options.name.as_deref() == Some("expiry"));
    expiry.map(|options| options.expire_after.expect("it deletes").as_secs())
}

#[tokio::test]
async fn the_deletion_of_old_rollups_follows_the_setting() {
    let at = At::new().await;
    assert_eq!(expiry(&at).await, None);
    for (ttl, secs) in [(Some("30d"), Some(2_592_000)), (Some("30d"), Some(2_592_000)), (Some("7d"), Some(604_800)), (None, None)] {
        let config = Config { ttl: ttl.map(|text| text.parse().unwrap()), ..at.config.clone() };
        Store::open(&config).await.unwrap();
        assert_eq!(expiry(&at).await, secs, "{ttl:?}");
    }
}

#[tokio::test]
async fn an_index_that_is_another_one_is_refused_with_the_way_out() {
    let at = At::new().await;
    let documents = at.documents().await;
    documents.drop_index("by_series").await.unwrap();
    let options = IndexOptions::builder().name("by_series".to_owned()).build();
    documents.create_index(IndexModel::builder().keys(doc! { "series": 1 }).options(options).build()).await.unwrap();
    let error = Store::open(&at.config).await.err().expect("it has other keys");
    assert_eq!(error.kind(), Kind::Broken);
    let text = error.chain();
    assert!(text.starts_with("the index by_series "), "{text}");
    let remedy = "of rollups is not the one Floodmark needs; run db.rollups.dropIndex(\"by_series\") and start again";
    assert!(text.ends_with(remedy), "{text}");
    documents.drop_index("by_series").await.unwrap();
    Store::open(&at.config).await.unwrap();
}

/// The name of the index that the server reads for a question.
async fn index_of(at: &At, filter: Document, sort: Document) -> String {
    let command = doc! { "explain": { "find": "rollups", "filter": filter, "sort": sort, "limit": 20 } };
    let plan = at.client().await.run_command(command).await.unwrap();
    let text = plan.get_document("queryPlanner").unwrap().get_document("winningPlan").unwrap().to_string();
    let name = text.split("\"indexName\": \"").nth(1).unwrap_or_else(|| panic!("no index is read: {text}"));
    name.split('"').next().unwrap().to_owned()
}

/// The server of the tests finds no index for an element of an array, so `by_label` is not asked about.
#[tokio::test]
async fn the_questions_people_ask_are_answered_from_an_index() {
    let at = At::new().await;
    let windows = (0..50).map(|n| {
        let series = Series::new("load").label("core", (n % 5).to_string());
        rollup("host", series, Timestamp::from_secs(n * 60), 0, value(1.0))
    });
    at.write(&[commit(1, windows)]).await;
    let start = mongodb::bson::DateTime::from_millis(60_000);
    let series = Series::new("load").label("core", "1").key();
    for (filter, sort, index) in [
        (doc! { "window_start": { "$gte": start } }, doc! { "window_start": 1, "window_start_us": 1, "_id": 1 }, "by_time"),
        (doc! { "operator": "per_minute", "source": "host", "series": series }, doc! { "window_start": -1 }, "by_series"),
        (doc! { "rollup_id": "0".repeat(32) }, doc! {}, "by_id"),
    ] {
        assert_eq!(index_of(&at, filter.clone(), sort).await, index, "{filter}");
    }
}
