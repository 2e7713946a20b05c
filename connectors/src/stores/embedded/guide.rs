//! What `docs/guides/sqlite.md` says about the file is true: its columns are there and its questions have answers.

use floodmark_core::conformance::store::{commit_entry, dead_letter_entry, frame_entry};
use floodmark_core::ports::Position;
use floodmark_schemas::commit::{Late, Output};
use floodmark_schemas::{Aggregates, DeadLetter, Encoding, Episode, Event, Head, Rollup, Score, ScoreState, Series, Timestamp, Window};
use rusqlite::Connection;
use rusqlite::types::Value;

use super::testing::InDirectory;

const GUIDE: &str = include_str!("../../../../docs/guides/sqlite.md");

/// The questions of the guide in order.
fn questions() -> Vec<&'static str> {
    GUIDE.split("```sql\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

fn cpu() -> Series {
    Series::new("cpu_usage").unit("%").label("host", "a")
}

fn rollup(series: Series, start_us: i64, revision: u32, aggregates: Aggregates) -> Rollup {
    let window = Window { start: Timestamp::from_micros(start_us), end: Timestamp::from_micros(start_us + 60_000_000) };
    Rollup {
        id: "0".repeat(32),
        operator: "per_minute".into(),
        version: "00000001".into(),
        source: "host".into(),
        series: series.into(),
        window,
        revision,
        aggregates,
    }
}

/// A score of the series `cpu`, of the one episode when it has one.
fn score_of(time_us: i64, score: f64, closed: Option<bool>) -> Output {
    let (id, opened) = ("e".repeat(32), Timestamp::from_micros(30_000_000));
    Output::Score(Score {
        id: format!("{time_us:032}"),
        operator: "unusual".into(),
        version: "00000001".into(),
        source: "host".into(),
        series: cpu().into(),
        time: Timestamp::from_micros(time_us),
        window: None,
        revision: 0,
        value: 1.0,
        score,
        novelty: score,
        jump: 0.0,
        staleness: 0.0,
        head: Head::Novelty,
        baseline: None,
        lower: None,
        upper: None,
        state: ScoreState::Anomalous,
        episode: closed.map(|closed| Episode { id, opened, peak: 2.5, closed }),
    })
}

/// A store with two windows of one series, one of another, a late event and two dead letters.
async fn filled(at: &InDirectory) -> Connection {
    let (_, stores) = at.stores();
    let of =
        |value: f64| Aggregates { count: 2, mean: Some(value), min: Some(value - 1.0), max: Some(value + 1.0), ..Aggregates::default() };
    let duration = Aggregates { max: Some(9.5), quantiles: [("0.99".to_owned(), 9.25)].into(), ..of(4.0) };
    let late = Late {
        operator: "per_minute".into(),
        source: "host".into(),
        series: cpu().into(),
        time: Timestamp::from_micros(-500_000),
        value: 0.5,
        position: 7,
        index: 3,
    };
    let outputs = vec![
        Output::Rollup(rollup(cpu(), 0, 0, of(10.0))),
        Output::Rollup(rollup(cpu(), 60_000_000, 1, of(20.0))),
        Output::Rollup(rollup(Series::new("duration"), 120_000_001, 0, duration)),
        Output::Late(late),
    ];
    stores.rollups.write(&[commit_entry(1, "per_minute", outputs)], Position(0), Position(1)).await.unwrap();
    let scores = [(20_000_000, 0.5, None), (30_000_000, 2.5, Some(false)), (40_000_001, 0.25, Some(true))]
        .map(|(at, score, closed)| score_of(at, score, closed));
    stores.scores.write(&[commit_entry(1, "unusual", scores.to_vec())], Position(0), Position(1)).await.unwrap();
    let sample = |series, secs| Event::sample("host", "", Timestamp::from_secs(secs), series, 1.0);
    let frame = frame_entry(2, "host", Encoding::Json, vec![sample(cpu(), 10), sample(Series::new("duration"), 911)]);
    stores.catalog.write(&[frame], Position(0), Position(2)).await.unwrap();
    for n in 1..=2 {
        let letter = DeadLetter::new("file", n.to_string(), format!("a.csv:{n}"), "no time", Timestamp::from_secs(n), b"x");
        let entry = dead_letter_entry(n.cast_unsigned(), &letter);
        stores.dead_letters.write(&[entry], Position(n.cast_unsigned() - 1), Position(n.cast_unsigned())).await.unwrap();
    }
    Connection::open(at.path()).unwrap()
}

fn text(value: Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Integer(n) => n.to_string(),
        Value::Real(x) => format!("{x:?}"),
        Value::Text(text) => text,
        Value::Blob(_) => "blob".to_owned(),
    }
}

/// The answer as rows of cells parted by ` | `.
fn answer(connection: &Connection, sql: &str) -> Vec<String> {
    let mut statement = connection.prepare(sql).unwrap();
    let columns = statement.column_count();
    let row = |row: &rusqlite::Row<'_>| (0..columns).map(|i| row.get(i).map(text)).collect::<rusqlite::Result<Vec<_>>>();
    let rows = statement.query_map([], |r| Ok(row(r)?.join(" | "))).unwrap();
    rows.map(Result::unwrap).collect()
}

#[tokio::test]
async fn the_six_questions_of_the_guide_have_answers() {
    let at = InDirectory::new();
    let connection = filled(&at).await;
    let expected: [&[&str]; 6] = [
        &[
            r#"host | cpu_usage | {"host":"a"} | 1970-01-01T00:01:00Z | 20.0 | 21.0"#,
            "host | duration | {} | 1970-01-01T00:02:00.000001Z | 4.0 | 9.5",
        ],
        &["1970-01-01T00:01:00Z | 2 | 19.0 | 20.0 | 21.0", "1970-01-01T00:00:00Z | 2 | 9.0 | 10.0 | 11.0"],
        &["host | {} | 1970-01-01T00:02:00.000001Z | 9.5 | 9.25"],
        &[r#"host | cpu_usage | {"host":"a"} | 901"#],
        &["file | no time | 2 | 1970-01-01T00:00:02Z | a.csv:1"],
        &[r#"host | cpu_usage | {"host":"a"} | 1970-01-01T00:00:30Z | 2.5 | 1970-01-01T00:00:40.000001Z | 1"#],
    ];
    assert_eq!(questions().len(), expected.len());
    for (question, expected) in questions().into_iter().zip(expected) {
        assert_eq!(answer(&connection, question), expected, "{question}");
    }
}

#[tokio::test]
async fn tables_and_views_have_the_columns_that_the_guide_names() {
    let at = InDirectory::new();
    let connection = filled(&at).await;
    let mut documented = Vec::new();
    for line in GUIDE.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let (name, columns) = (cells[0].trim_matches('`'), cells[cells.len() - 1].replace(['`', ' '], ""));
        let columns = if columns == "asrollups" { documented.iter().find(|(n, _)| n == "rollups").cloned().unwrap().1 } else { columns };
        documented.push((name.to_owned(), columns));
    }
    let names = answer(&connection, "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') ORDER BY type = 'table', rowid");
    let actual: Vec<(String, String)> = names
        .into_iter()
        .map(|name| {
            let columns = answer(&connection, &format!("SELECT name FROM pragma_table_info('{name}')"));
            (name, columns.join(","))
        })
        .collect();
    // A view that was made anew stands behind those that were not.
    let sorted = |all: Vec<(String, String)>| all.into_iter().collect::<std::collections::BTreeMap<_, _>>();
    assert_eq!(sorted(documented), sorted(actual));
}

#[tokio::test]
async fn times_in_views_read_as_elsewhere() {
    let at = InDirectory::new();
    let connection = filled(&at).await;
    assert_eq!(answer(&connection, "SELECT time FROM late_events"), [Timestamp::from_micros(-500_000).to_string()]);
    for micros in [0, 1, -1, 999_999, -1_000_000, 1_795_240_303_250_000, 253_402_300_799_999_999, -62_135_596_800_000_000] {
        connection.execute("UPDATE late SET time_us = ?1", [micros]).unwrap();
        assert_eq!(answer(&connection, "SELECT time FROM late_events"), [Timestamp::from_micros(micros).to_string()]);
    }
}
