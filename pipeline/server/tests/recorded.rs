//! Recorded files through the whole program: every rollup equals what plain loops over the file give.
#![cfg(test)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use floodmark_schemas::{Check, Series, Timestamp};
use floodmark_tests::oracle::{self, End, Rules, Seen};
use floodmark_tests::support::program::Installation;
use floodmark_tests::support::recorded::input;
use floodmark_tests::support::rng::Rng;
use floodmark_tests::support::stored;

const HOUR_US: i64 = 3_600_000_000;
const DAY_US: i64 = 24 * HOUR_US;
const OPERATORS: [(&str, i64); 2] = [("hourly", HOUR_US), ("daily", DAY_US)];
const QUANTILES: [f64; 3] = [0.0, 0.5, 0.99];
/// What DDSketch promises: relative to the value.
const QUANTILE_ERROR_MAX: f64 = 0.01;

/// Operators for hours and days with everything that can be computed.
fn config(partitions: u32, source: &str, lateness_secs: i64) -> String {
    let mut text = format!("partitions = {partitions}\n[api]\nenabled = false\n{source}\n");
    for (id, size_us) in OPERATORS {
        text.push_str(&format!(
            "[operators.{id}]\ntype = \"tumbling\"\nsize = \"{}s\"\nallowed_lateness = \"{lateness_secs}s\"\nquantiles = {QUANTILES:?}\n\
             aggregates = [\"count\", \"sum\", \"mean\", \"min\", \"max\", \"stddev\", \"first\", \"last\"]\n",
            size_us / 1_000_000
        ));
    }
    text
}

/// Runs a file to its end: the program must end by itself and say so.
async fn run_to_the_end(installation: &Installation) {
    let (code, said) = installation.run().ends().await;
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("every source has come to its end"), "{said}");
}

/// Everything in the data directory that a second run of the same file must not change.
async fn contents(installation: &Installation) -> (usize, usize, Vec<String>) {
    let mut rows = Vec::new();
    for table in ["rollup", "late", "series", "dead_letter"] {
        let question = format!("SELECT * FROM {table} WHERE ?1 = ''");
        rows.extend(stored::rows(&installation.data("store.db"), &question, "", |row| {
            let values: Result<Vec<rusqlite::types::Value>, _> = (0..row.as_ref().column_count()).map(|i| row.get(i)).collect();
            Ok(format!("{table} {:?}", values?))
        }));
    }
    let frames = stored::frames(&installation.data("events.db"), "file").await;
    let jobs = stored::jobs(&installation.data("outputs.db")).await;
    let outputs = jobs.values().flatten().map(|written| match &written.entry {
        floodmark_schemas::JobEntry::Commit(commit) => commit.outputs.len(),
        floodmark_schemas::JobEntry::Claim(_) => 0,
    });
    (frames.iter().map(|frame| frame.events.len()).sum(), outputs.sum(), rows)
}

/// Rows of a CSV file, by column.
fn table(path: &Path) -> Vec<BTreeMap<String, String>> {
    let mut reader = csv::Reader::from_path(path).unwrap();
    reader.deserialize().collect::<Result<_, _>>().unwrap()
}

/// The local time of Seattle in 2010, whose summer was from March 14 to November 7, 2:00.
fn seattle(text: &str) -> i64 {
    let rfc = format!("{}:00Z", text.replace('/', "-").replace(' ', "T"));
    let summer = ("2010/03/14 03:00".."2010/11/07 02:00").contains(&text);
    Timestamp::parse(&rfc).unwrap().micros() + if summer { 7 } else { 8 } * HOUR_US
}

fn seen(series: Series, time_us: i64, value: f64) -> Seen {
    Seen { source: "file".into(), series: series.key(), time_us, value }
}

#[tokio::test]
async fn a_year_of_temperatures_gives_the_hours_and_days_of_the_file() {
    let Some(path) = input("weather/history/seattle-temps.csv") else { return };
    let installation = Installation::new(env!("CARGO_BIN_EXE_floodmark"));
    let source = format!(
        "[sources.file]\ntype = \"file\"\npath = {path:?}\ntime = \"date\"\ntime_format = \"%Y/%m/%d %H:%M\"\n\
         timezone = \"America/Los_Angeles\"\nvalues = [{{ column = \"temp\", metric = \"temperature\", unit = \"[degF]\" }}]"
    );
    installation.write("floodmark.toml", config(3, &source, 0));
    run_to_the_end(&installation).await;

    let series = Series::new("temperature").unit("[degF]");
    let seen: Vec<Seen> =
        table(&path).iter().map(|row| seen(series.clone(), seattle(&row["date"]), row["temp"].parse().unwrap())).collect();
    assert_eq!(seen.len(), 8_759);
    nothing_is_late(&installation, &seen, 0);

    let before = contents(&installation).await;
    assert_eq!(before.0, 8_759);
    run_to_the_end(&installation).await;
    assert_eq!(contents(&installation).await, before, "the same file again adds nothing");
}

/// The numbers in the rows of a status page: `up` of each check, the duration of those that are up.
fn checks(rows: &[BTreeMap<String, String>]) -> Vec<Seen> {
    let mut all = Vec::new();
    for row in rows {
        let (time_us, up) = (Timestamp::parse(&row["last_updated"]).unwrap().micros(), row["status"] == "up");
        let check = Check { labels: [("slug".to_owned(), row["slug"].clone())].into(), ..Check::of(&row["url"]) };
        all.push(seen(check.series("up", ""), time_us, f64::from(u8::from(up))));
        if up {
            let ms: u32 = row["response_ms"].parse().unwrap();
            all.push(seen(check.series("duration_seconds", "s"), time_us, f64::from(ms * 1_000) / 1e6));
        }
    }
    all
}

fn status_page(path: &Path, disorder_secs: i64) -> String {
    format!(
        "[sources.file]\ntype = \"file\"\npath = {path:?}\ntime = \"last_updated\"\nlabels = [\"slug\"]\ndisorder = \"{disorder_secs}s\"\n\
         check = {{ target = \"url\", up = \"status\", up_values = [\"up\"], status = \"code\", latency_ms = \"response_ms\" }}"
    )
}

#[tokio::test]
async fn half_a_year_of_a_status_page_gives_availability_and_latency_of_every_target() {
    let Some(path) = input("uptime/FoodCoopX__upptime.csv") else { return };
    let installation = Installation::new(env!("CARGO_BIN_EXE_floodmark"));
    // The file goes back by 1.3 s at most.
    installation.write("floodmark.toml", config(3, &status_page(&path, 2), 0));
    run_to_the_end(&installation).await;

    let rows = table(&path);
    let seen = checks(&rows);
    let down = rows.iter().filter(|row| row["status"] != "up").count();
    assert!(down > 100 && seen.len() == 2 * rows.len() - down, "failures are there, and have no latency");
    nothing_is_late(&installation, &seen, 2_000_000);

    let before = contents(&installation).await;
    assert_eq!(before.0, rows.len());
    run_to_the_end(&installation).await;
    assert_eq!(contents(&installation).await, before, "the same file again adds nothing");
}

fn nothing_is_late(installation: &Installation, seen: &[Seen], disorder_us: i64) {
    for (operator, size_us) in OPERATORS {
        let expected = oracle::windows(Rules { size_us, lateness_us: 0, disorder_us }, seen, End::Ended);
        assert_eq!(expected.late, Vec::<usize>::new());
        let found = stored::rollups(&installation.data("store.db"), operator);
        println!("{operator}: {} windows", found.len());
        oracle::none(&oracle::differences(&found, &expected.rollups));
        assert!(found.values().all(|rollup| rollup.revision == 0) && stored::late(&installation.data("store.db"), operator).is_empty());
        quantiles(installation, operator, size_us, seen);
    }
}

/// Each quantile lies within 1 % of the value that stands at its place when all are in order.
fn quantiles(installation: &Installation, operator: &str, size_us: i64, seen: &[Seen]) {
    let mut windows: BTreeMap<(String, i64), Vec<f64>> = BTreeMap::new();
    for number in seen {
        windows.entry((number.series.clone(), number.time_us.div_euclid(size_us) * size_us)).or_default().push(number.value);
    }
    let question = "SELECT s.key, r.window_start_us, r.quantiles FROM rollup r JOIN series s ON s.id = r.series_id WHERE r.operator = ?1";
    let found = stored::rows(&installation.data("store.db"), question, operator, |row| {
        Ok(((row.get::<_, String>(0)?, row.get::<_, i64>(1)?), row.get::<_, String>(2)?))
    });
    assert_eq!(found.len(), windows.len());
    for (id, text) in found {
        let values = windows.get_mut(&id).unwrap();
        values.sort_by(f64::total_cmp);
        let given: BTreeMap<String, f64> = serde_json::from_str(&text).unwrap();
        assert_eq!(given.len(), QUANTILES.len(), "{text}");
        for level in QUANTILES {
            let (given, expected) = (given[&level.to_string()], values[(level * (values.len() - 1) as f64) as usize]);
            assert!(
                (given - expected).abs() <= QUANTILE_ERROR_MAX * expected.abs() + 1e-12,
                "{id:?} {level}: {given} instead of {expected}"
            );
        }
    }
}

/// The rows of the file in another order: each moved among its neighbours, which are those of two days or so.
fn disordered(path: &Path, to: PathBuf) -> PathBuf {
    let text = std::fs::read_to_string(path).unwrap();
    let (head, body) = text.split_once('\n').unwrap();
    let mut lines: Vec<&str> = body.lines().collect();
    let mut rng = Rng::of(7);
    for block in lines.chunks_mut(60) {
        for at in (1..block.len()).rev() {
            block.swap(at, rng.pick(0..at as u64 + 1) as usize);
        }
    }
    std::fs::write(&to, format!("{head}\n{}\n", lines.join("\n"))).unwrap();
    to
}

#[tokio::test]
async fn of_a_file_in_disorder_the_late_events_and_revisions_are_those_of_the_oracle() {
    let Some(path) = input("uptime/FoodCoopX__upptime.csv") else { return };
    let installation = Installation::new(env!("CARGO_BIN_EXE_floodmark"));
    let path = disordered(&path, installation.path().join("disordered.csv"));
    // One partition: which series share a watermark is then known without asking the program.
    installation.write("floodmark.toml", config(1, &status_page(&path, 6 * 3_600), 24 * 3_600));
    run_to_the_end(&installation).await;

    let seen = checks(&table(&path));
    for (operator, size_us) in OPERATORS {
        let expected = oracle::windows(Rules { size_us, lateness_us: DAY_US, disorder_us: 6 * HOUR_US }, &seen, End::Ended);
        let found = stored::rollups(&installation.data("store.db"), operator);
        let late: Vec<String> = stored::late(&installation.data("store.db"), operator).into_iter().map(|(_, _, series)| series).collect();
        let revised = found.values().filter(|rollup| rollup.revision > 0).count();
        println!("{operator}: {} windows, {revised} of them revised, {} late events", found.len(), late.len());
        assert!(revised > 0 && !expected.late.is_empty(), "there is something to compare");
        oracle::none(&oracle::differences(&found, &expected.rollups));
        let sorted = |mut series: Vec<String>| {
            series.sort();
            series
        };
        assert_eq!(sorted(late), sorted(expected.late.iter().map(|place| seen[*place].series.clone()).collect()));
    }
}
