//! A write that fails in the middle changes nothing, neither in the file nor in what is remembered.

use floodmark_core::Kind;
use floodmark_core::conformance::store::{commit_entry, frame_entry};
use floodmark_core::ports::{Position, RollupFilter, SeriesFilter};
use floodmark_schemas::commit::Output;
use floodmark_schemas::{Aggregates, Encoding, Event, Rollup, Series, Timestamp, Window};
use rusqlite::Connection;

use super::testing::InDirectory;
use super::{Rollups, Store};

fn rollup(metric: &str) -> Rollup {
    let window = Window { start: Timestamp::from_secs(0), end: Timestamp::from_secs(10) };
    let (id, operator, source) = ("0".repeat(32), "w10s".into(), "host".into());
    Rollup {
        id,
        operator,
        version: "00000001".into(),
        source,
        series: Series::new(metric).into(),
        window,
        revision: 0,
        aggregates: Aggregates { count: 1, ..Aggregates::default() },
    }
}

/// Makes the file refuse rows of the series `bad`.
fn refuse(connection: &Connection, table: &str, column: &str) {
    let sql = format!(
        "CREATE TRIGGER refuse BEFORE INSERT ON {table} WHEN NEW.{column} IN ('bad', (SELECT id FROM series WHERE metric = 'bad')) \
         BEGIN SELECT RAISE(ABORT, 'refused'); END"
    );
    connection.execute_batch(&sql).unwrap();
}

fn counts(connection: &Connection) -> (i64, i64, i64) {
    let sql = "SELECT (SELECT count(*) FROM series), (SELECT count(*) FROM rollup), (SELECT count(*) FROM sink_position)";
    connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap()
}

#[tokio::test]
async fn a_write_of_rollups_that_fails_in_the_middle_changes_nothing() {
    let at = InDirectory::new();
    let (_, stores) = at.stores();
    let connection = Connection::open(at.path()).unwrap();
    refuse(&connection, "rollup", "series_id");
    let entries = [commit_entry(1, "w10s", ["a", "bad", "c"].map(|metric| Output::Rollup(rollup(metric))).to_vec())];
    let write = || stores.rollups.write(&entries, Position(0), Position(1));
    assert_eq!(write().await.unwrap_err().chain(), "writing rollups: refused: Error code 1811: constraint failed");
    assert_eq!(counts(&connection), (0, 0, 0));
    // Another series takes the id that was given in vain.
    connection
        .execute_batch("DROP TRIGGER refuse; INSERT INTO series (source, key, metric, unit, labels) VALUES ('x', 'x', 'x', '', '{}')")
        .unwrap();
    write().await.unwrap();
    assert_eq!(counts(&connection), (4, 3, 1));
    let found = stores.query.rollups(&RollupFilter::default(), None, 9).await.unwrap().items;
    assert_eq!(found, ["a", "bad", "c"].map(rollup));
}

#[tokio::test]
async fn a_write_of_the_catalog_that_fails_in_the_middle_changes_nothing() {
    let at = InDirectory::new();
    let (_, stores) = at.stores();
    let connection = Connection::open(at.path()).unwrap();
    refuse(&connection, "series", "metric");
    let events = ["a", "bad", "c"].map(|metric| Event::sample("host", "", Timestamp::from_secs(5), Series::new(metric), 1.0));
    let entries = [frame_entry(1, "host", Encoding::Json, events.to_vec())];
    let write = || stores.catalog.write(&entries, Position(0), Position(1));
    assert_eq!(write().await.unwrap_err().chain(), "adding a series: refused: Error code 1811: constraint failed");
    assert_eq!(counts(&connection), (0, 0, 0));
    connection.execute_batch("DROP TRIGGER refuse").unwrap();
    write().await.unwrap();
    let found = stores.query.series(&SeriesFilter::default(), None, 9).await.unwrap().items;
    assert_eq!(found.iter().map(|known| known.series.metric.as_str()).collect::<Vec<_>>(), ["a", "bad", "c"]);
}

#[tokio::test]
async fn a_store_for_reading_answers_beside_a_writer_and_refuses_to_write() {
    let at = InDirectory::new();
    let (_store, stores) = at.stores();
    let reading = Store::open_read_only(at.path()).unwrap();
    let entries = [commit_entry(1, "w10s", vec![Output::Rollup(rollup("a"))])];
    stores.rollups.write(&entries, Position(0), Position(1)).await.unwrap();
    let found = floodmark_core::ports::RollupQuery::rollups(&reading, &RollupFilter::default(), None, 9).await.unwrap();
    assert_eq!(found.items, [rollup("a")]);
    let sink = Rollups::new(reading, "rollups");
    let error = floodmark_core::ports::Sink::write(&sink, &entries, Position(1), Position(2)).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Broken);
}
