//! Operators that read others, in the whole program: hours give the days and the groups that the events themselves give, and scores.
#![cfg(test)]

use std::collections::BTreeMap;
use std::fmt::Write;

use floodmark_schemas::commit::Output;
use floodmark_schemas::{JobEntry, Timestamp};
use floodmark_tests::oracle::{Id, Rollup};
use floodmark_tests::support::program::Installation;
use floodmark_tests::support::stored;

const AGGREGATES: &str = "aggregates = [\"count\", \"sum\", \"mean\", \"min\", \"max\", \"stddev\", \"first\", \"last\"]\n";

/// Whole numbers of five hosts over four days, every ten minutes, of which sums are exact in any order.
fn values() -> String {
    let start = Timestamp::parse("2026-03-27T00:00:00Z").unwrap();
    let mut text = "time,host,load\n".to_owned();
    for step in 0..4 * 144_i64 {
        for host in 0..5 {
            let time = start.plus_micros((step * 600 + host) * 1_000_000);
            writeln!(text, "{time},h{host},{}", (step * 7 + host * 13) % 101).unwrap();
        }
    }
    text
}

fn operator(id: &str, rest: &str) -> String {
    format!("[operators.{id}]\nallowed_lateness = \"1h\"\n{AGGREGATES}{rest}\n")
}

/// What an operator says of windows, but for the deviation, whose last digits depend on the way it is computed.
fn rollups(installation: &Installation, operator: &str) -> BTreeMap<Id, Rollup> {
    let all = stored::rollups(&installation.data("store.db"), operator);
    all.into_iter().map(|(id, rollup)| (id, Rollup { stddev: 0.0, ..rollup })).collect()
}

/// Start, revision, count, sum and greatest value of windows without the other values.
fn sums(installation: &Installation, operator: &str) -> Vec<(i64, u32, i64, f64, f64)> {
    let question = "SELECT window_start_us, revision, count, sum, max FROM rollup WHERE operator = ?1 ORDER BY 1";
    let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?));
    stored::rows(&installation.data("store.db"), question, operator, read)
}

#[tokio::test]
async fn long_windows_of_short_ones_say_what_the_events_say() {
    let installation = Installation::new(env!("CARGO_BIN_EXE_floodmark"));
    let path = installation.write("values.csv", values());
    let mut config = format!(
        "partitions = 4\n[api]\nenabled = false\n[sources.file]\ntype = \"file\"\npath = {path:?}\ntime = \"time\"\nlabels = [\"host\"]\n\
         values = [{{ column = \"load\", metric = \"load\" }}]\n"
    );
    let berlin = "type = \"calendar\"\nunit = \"day\"\ntimezone = \"Europe/Berlin\"";
    for (id, rest) in [
        ("hourly", "type = \"tumbling\"\nsize = \"1h\"".to_owned()),
        ("daily", "type = \"tumbling\"\nsize = \"1d\"".to_owned()),
        ("daily_of_hours", "type = \"tumbling\"\nsize = \"1d\"\nfrom = \"hourly\"".to_owned()),
        ("berlin", berlin.to_owned()),
        ("berlin_of_hours", format!("{berlin}\nfrom = \"hourly\"")),
        ("all", "type = \"tumbling\"\nsize = \"1d\"\ngroup_by = []".to_owned()),
        ("hours_of_all", "type = \"tumbling\"\nsize = \"1h\"\ngroup_by = []".to_owned()),
        ("all_of_hours", "type = \"tumbling\"\nsize = \"1d\"\nfrom = \"hours_of_all\"".to_owned()),
        ("all_of_days", "type = \"tumbling\"\nsize = \"2d\"\nfrom = \"all_of_hours\"".to_owned()),
    ] {
        config.push_str(&operator(id, &rest));
    }
    // Series of all partitions, of which the jobs of the hours have one each: what is earliest of several they cannot say.
    for (id, from) in [("sums", ""), ("sums_of_hours", "from = \"hourly\"\n")] {
        writeln!(
            config,
            "[operators.{id}]\ntype = \"tumbling\"\nsize = \"1d\"\ngroup_by = []\naggregates = [\"count\", \"sum\", \"max\"]\n{from}"
        )
        .unwrap();
    }
    config.push_str("[operators.unusual]\ntype = \"anomaly\"\nfrom = \"hourly\"\nemit = \"all\"\n");
    installation.write("floodmark.toml", config);
    let (code, said) = installation.run().ends().await;
    assert_eq!(code, 0, "{said}");

    for (of_events, of_hours, windows) in
        [("daily", "daily_of_hours", 5 * 4), ("berlin", "berlin_of_hours", 5 * 5), ("all", "all_of_hours", 4)]
    {
        let found = rollups(&installation, of_hours);
        assert_eq!(found.len(), windows, "{of_hours}");
        let expected = rollups(&installation, of_events);
        assert_eq!(found, expected, "{of_hours}");
    }
    let found = sums(&installation, "sums_of_hours");
    assert_eq!((found.len(), &found), (4, &sums(&installation, "sums")));
    // March 28 and 29 are a pair, the others stand in one half.
    let pairs: Vec<i64> = rollups(&installation, "all_of_days").values().map(|rollup| rollup.count).collect();
    assert_eq!(pairs, [720, 1_440, 720]);

    // Each hour was judged once.
    let mut scores = BTreeMap::new();
    for written in stored::jobs(&installation.data("outputs.db")).await.into_values().flatten() {
        let JobEntry::Commit(commit) = written.entry else { continue };
        for output in commit.outputs {
            if let Output::Score(score) = output {
                *scores.entry((score.series.key(), score.time)).or_insert(0) += 1;
            }
        }
    }
    assert_eq!((scores.len(), scores.values().max()), (5 * 4 * 24, Some(&1)));
}
