//! A stored result that is not what the log gives is found, and named with both values.

use floodmark_tests::support::program::Installation;
use serde_json::json;

use crate::stack::Stack;
use crate::world::{PROGRAM, command, json, live, operator, run_to_the_end, status_page, temperatures};

#[tokio::test]
async fn a_stored_rollup_that_was_damaged_by_hand_is_found() {
    let Some(source) = temperatures() else { return };
    let installation = Installation::new(PROGRAM);
    installation.write("floodmark.toml", format!("{source}{}{}", operator("hourly", "1h", ""), operator("daily", "1d", "")));
    run_to_the_end(&installation, "floodmark.toml").await;
    let before = live(&installation.data(""));
    let (code, said, _) = command(&installation, &["verify"]).await;
    assert!(code == 0 && said.ends_with("stored results compared, every one is what the log gives\n"), "{said}");
    assert_eq!(live(&installation.data("")), before, "the live data is as it was");

    let store = rusqlite::Connection::open(installation.data("store.db")).unwrap();
    let noon = 1_267_444_800_000_000_i64; // 2010-03-01T12:00:00Z
    let change = "UPDATE rollup SET max = max + 1 WHERE operator = 'hourly' AND window_start_us = ?1";
    assert_eq!(store.execute(change, [noon]).unwrap(), 1);
    let max: f64 =
        store.query_row("SELECT max FROM rollup WHERE operator = 'hourly' AND window_start_us = ?1", [noon], |row| row.get(0)).unwrap();
    assert_eq!(store.execute("DELETE FROM rollup WHERE operator = 'daily' AND window_start_us = 1267488000000000", []).unwrap(), 1);
    drop(store);
    let found = json(&installation, 2, &["verify", "-n", "9"]).await;
    assert_eq!(found["ok"], false);
    let counts = &found["tally"]["counts"]["rollups"];
    assert_eq!((&counts["hourly"]["changed"], &counts["daily"]["added"]), (&json!(1), &json!(1)));
    let first = &found["tally"]["first"];
    assert_eq!(first.as_array().unwrap().len(), 2);
    assert_eq!(first[0]["about"]["window"]["start"], "2010-03-01T12:00:00Z");
    assert_eq!((&first[0]["before"]["aggregates"]["max"], &first[0]["after"]["aggregates"]["max"]), (&json!(max), &json!(max - 1.0)));
    assert_eq!(first[1]["about"]["window"]["start"], "2010-03-02T00:00:00Z");

    let (code, said, _) = command(&installation, &["verify", "--from", "2010-03-01T00:00:00Z"]).await;
    assert!(code == 2 && said.contains("2 are not what the log gives"), "{said}");
    assert!(said.contains(&format!("aggregates.max: stored {max:?}, replayed {:?}", max - 1.0)), "{said}");
    // Elsewhere all is well.
    assert_eq!(command(&installation, &["verify", "--from", "2010-03-03T00:00:00Z"]).await.0, 0);

    // Of an operator that was changed since, nothing stored was made by it.
    installation.write("floodmark.toml", format!("{source}{}", operator("hourly", "1h", "allowed_lateness = \"1h\"")));
    let left = json(&installation, 0, &["verify"]).await;
    assert_eq!(left["tally"]["counts"], json!({}));
    assert!(left["left_out"]["of another definition of their operator"].as_u64().unwrap() > 9_000, "{left}");
}

#[tokio::test]
async fn rollups_in_mongodb_are_what_the_log_on_jetstream_gives() {
    let Some(source) = status_page() else { return };
    let (installation, stack) = (Installation::new(PROGRAM), Stack::start().await);
    let operators = operator("weekly", "7d", "allowed_lateness = \"1h\"");
    installation.write("floodmark.toml", format!("{source}{operators}{}{}", stack.log(), stack.rollups()));
    run_to_the_end(&installation, "floodmark.toml").await;
    let verdict = json(&installation, 0, &["verify"]).await;
    assert!(verdict["tally"]["counts"]["rollups"]["weekly"]["same"].as_u64().unwrap() > 500, "{verdict}");
    assert_eq!(verdict["left_out"], json!({}));
}
