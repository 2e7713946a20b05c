//! Verification of windows of windows and of scores, and what it says of windows that are open.

use floodmark_tests::support::program::Installation;
use rusqlite::types::Value as Field;
use serde_json::{Value, json};

use crate::layers::{STEPS, installed, scores};
use crate::world::{PROGRAM, command, json, operator};

/// Changes one field of one row of the store by hand; gives what stood there.
fn by_hand(installation: &Installation, (table, column): (&str, &str), row: &str, to: impl FnOnce(&Field) -> Field) -> Field {
    let store = rusqlite::Connection::open(installation.data("store.db")).unwrap();
    let before: Field = store.query_row(&format!("SELECT {column} FROM {table} WHERE {row}"), [], |row| row.get(0)).unwrap();
    let changed = store.execute(&format!("UPDATE {table} SET {column} = ?1 WHERE {row}"), [to(&before)]).unwrap();
    assert_eq!(changed, 1, "{row}");
    before
}

#[tokio::test]
async fn windows_of_windows_and_scores_are_compared_too() {
    let installation = installed().await;
    let verdict = json(&installation, 0, &["verify"]).await;
    assert_eq!((&verdict["left_out"], &verdict["not_due"]), (&json!({}), &json!({})));
    let same = |kind: &str, operator: &str| verdict["tally"]["counts"][kind][operator]["same"].as_i64().unwrap();
    assert_eq!((same("rollups", "short"), same("rollups", "daily")), (2 * 192, 2 * 4));
    assert_eq!((same("scores", "unusual"), same("scores", "unusual_short")), (2 * STEPS, 2 * 192));
    assert_eq!(same("scores", "notable"), scores(&installation, &["--operator", "notable"]).await.len() as i64);

    // One row after the other: a value of a day, a part of a score, a state.
    let h1 = "series_id = (SELECT id FROM series WHERE labels LIKE '%h1%')";
    let (day, instant) = ("window_start_us = 1774656000000000", "time_us = 1774742400000000"); // The 28th, and its end.
    for (kind, place, operator, field, time) in [
        ("rollups", ("rollup", "sum"), "daily", "aggregates.sum", day),
        ("scores", ("score", "jump"), "unusual", "jump", instant),
        ("scores", ("score", "state"), "unusual_short", "state", instant),
    ] {
        let row = format!("operator = '{operator}' AND {time} AND {h1}");
        let before = by_hand(&installation, place, &row, |before| match before {
            Field::Real(number) => Field::Real(number + 1.0),
            other => {
                assert_eq!(*other, Field::Text("learning".to_owned()));
                Field::Text("anomalous".to_owned())
            }
        });
        let found = json(&installation, 2, &["verify", "-n", "9"]).await;
        assert_eq!(found["tally"]["counts"][kind][operator]["changed"], 1);
        let first = found["tally"]["first"].as_array().unwrap();
        assert_eq!(first.len(), 1, "{found}");
        let about = &first[0]["about"];
        assert_eq!((&first[0]["kind"], &about["operator"]), (&json!(kind), &json!(operator)));
        assert_eq!(about["series"]["labels"]["host"], "h1");
        let value = |side: &str| field.split('.').fold(&first[0][side], |value, name| &value[name]).clone();
        assert_ne!(value("before"), value("after"));
        let (code, said, _) = command(&installation, &["verify"]).await;
        assert!(code == 2 && said.contains("1 are not what the log gives"), "{said}");
        let line = format!("{field}: stored {}, replayed {}", value("before"), value("after"));
        assert!(said.contains(&line), "{line}: {said}");
        by_hand(&installation, place, &row, |_| before);
    }
    assert_eq!(command(&installation, &["verify"]).await.0, 0);
}

#[tokio::test]
async fn results_that_are_not_due_yet_are_counted() {
    let installation = Installation::new(PROGRAM);
    // Of host a the hours 10, 11 and 12, of host b 11 and 12; the last hour goes on.
    let rows = "time,host,load\n2026-01-31T10:05:00Z,a,1\n2026-01-31T11:05:00Z,a,2\n2026-01-31T11:06:00Z,b,3\n2026-01-31T12:05:00Z,a,4\n\
                2026-01-31T12:06:00Z,b,5\n2026-01-31T12:30:00Z,a,6\n";
    let path = installation.write("values.csv", rows);
    let source = format!(
        "[api]\nlisten = \"127.0.0.1:0\"\n[sources.file]\ntype = \"file\"\npath = {path:?}\nfollow = true\ntime = \"time\"\ndisorder = \"0s\"\n\
         labels = [\"host\"]\nvalues = [{{ column = \"load\", metric = \"load\" }}]\n"
    );
    let daily = operator("daily", "1d", "").replace("idle_timeout = \"1h\"", "from = \"hourly\"");
    let sliding = "[operators.sliding]\ntype = \"hopping\"\nsize = \"2h\"\nslide = \"1h\"\naggregates = [\"count\"]\n";
    installation.write("floodmark.toml", format!("{source}{}{daily}{sliding}", operator("hourly", "1h", "")));
    let program = installation.run();
    let api = program.ready(1).await;
    for operator in ["hourly", "sliding"] {
        let last = |rollup: &Value| rollup["window"]["end"] == "2026-01-31T12:00:00Z" && rollup["series"]["labels"]["host"] == "b";
        api.item(&format!("/api/v1/rollups?operator={operator}"), last).await;
    }
    program.signal("TERM");
    assert_eq!(program.ends().await.0, 0);

    let verdict = json(&installation, 0, &["verify"]).await;
    // Hours: 12 of both. Days: of both. Sliding windows from 11 and 12 of both.
    assert_eq!(verdict["not_due"], json!({ "daily": 2, "hourly": 2, "sliding": 4 }));
    let until_noon = json(&installation, 0, &["verify", "--to", "2026-01-31T12:00:00Z"]).await;
    assert_eq!(until_noon["not_due"], json!({ "daily": 2, "sliding": 2 }));
    let (code, said, _) = command(&installation, &["verify", "--from", "2026-01-31T12:00:00Z"]).await;
    let expected = "0 stored results compared, every one is what the log gives\n\
                    4 not due yet: windows of hourly, sliding that have begun and not ended\n";
    assert_eq!((code, said.as_str()), (0, expected));
    let (_, said, _) = command(&installation, &["replay", "--name", "open"]).await;
    assert!(said.contains("8 results are not due yet"), "{said}");
}
