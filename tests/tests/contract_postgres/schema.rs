//! Tables are made once, and those of another version are refused.

use floodmark_connectors::stores::postgres::{Config, Store};
use floodmark_core::Kind;
use floodmark_core::ports::{EventFilter, EventQuery};
use floodmark_tests::servers::postgres::Postgres;

use crate::common::{There, config, expected, frame, rows, sample, secs, write};

#[tokio::test]
async fn several_processes_may_start_at_once() {
    let database = Postgres::shared().await.database().await;
    // A pool of its own each, as processes have.
    let mut starts = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let config = config(database.uri());
        starts.spawn(async move { Store::open(&config).await.map(|_| ()).map_err(|e| e.chain()) });
    }
    while let Some(start) = starts.join_next().await {
        start.unwrap().unwrap();
    }
    let migrations = rows(database.uri(), "SELECT number, name FROM migration ORDER BY number").await;
    assert_eq!(migrations, ["1 | first", "2 | events", "3 | indexes_and_views", "4 | alerts", "5 | alert_indexes"]);
}

#[tokio::test]
async fn tables_of_an_older_version_are_brought_up_to_date_with_what_they_hold() {
    let there = There::new().await;
    let entries = [frame(1, "a", 1, 1, vec![sample("a", "1", secs(1), 1.0)])];
    write(&there.raw(), &entries, 0, 1).await;
    let undo = "DROP VIEW latest, availability, gaps; DROP TABLE event_partition; \
                DROP INDEX event_by_position, event_by_series, event_by_time; DROP TABLE alert_desk, incident, alert, alert_step, alert_decision, notification, notification_attempt, silence, alert_note, \
                alert_request; DELETE FROM migration WHERE number > 2";
    there.rows(undo).await;
    let store = Store::open(&there.config).await.unwrap();
    assert_eq!(store.events(&EventFilter::default(), None, 9).await.unwrap().items, expected(&entries));
    assert_eq!(there.rows("SELECT count(*) FROM latest").await, ["1"]);
}

async fn refusal(sql: &str) -> (Kind, String) {
    let there = There::new().await;
    there.rows(sql).await;
    let error = Store::open(&there.config).await.err().unwrap();
    (error.kind(), error.chain())
}

#[tokio::test]
async fn tables_of_a_newer_version_or_of_other_migrations_are_refused() {
    let newer = "the tables in schema floodmark are of version 6, newer than version 5 of this program; use the newer program or \
                 another schema";
    assert_eq!(refusal("INSERT INTO migration VALUES (6, 'next', '0')").await, (Kind::Broken, newer.to_owned()));
    let other = "migration 2 (events) of schema floodmark is not the one of this program; use another schema";
    assert_eq!(refusal("UPDATE migration SET checksum = '0' WHERE number = 2").await, (Kind::Broken, other.to_owned()));
}

#[tokio::test]
async fn stores_in_two_schemas_of_one_database_do_not_meet() {
    let there = There::new().await;
    let other = Store::open(&Config { schema: "second".into(), ..there.config.clone() }).await.unwrap();
    write(&there.raw(), &[frame(1, "a", 1, 1, vec![sample("a", "1", secs(1), 1.0)])], 0, 1).await;
    assert_eq!(other.events(&EventFilter::default(), None, 9).await.unwrap().items, []);
    assert_eq!(there.events().await.len(), 1);
}
