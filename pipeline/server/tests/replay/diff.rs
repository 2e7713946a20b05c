//! A changed configuration changes exactly the results that it must.

use floodmark_tests::support::program::Installation;
use serde_json::{Value, json};

use crate::world::{PROGRAM, command, json, live, operator, rollups, run_to_the_end, temperatures};

#[tokio::test]
async fn a_diff_lists_what_a_changed_operator_makes_otherwise_and_nothing_else() {
    let Some(source) = temperatures() else { return };
    let installation = Installation::new(PROGRAM);
    let (hourly, daily) = (operator("hourly", "1h", ""), operator("daily", "1d", ""));
    installation.write("floodmark.toml", format!("{source}{hourly}{daily}"));
    // The mean of the day is left out, and pairs of days are new.
    let without = daily.replace("\"mean\", ", "");
    installation.write("other.toml", format!("{source}{hourly}{without}{}", operator("pairs", "2d", "")));
    run_to_the_end(&installation, "floodmark.toml").await;
    let before = live(&installation.data(""));

    let args = ["replay", "--diff", "floodmark.toml", "other.toml", "-n", "100000"];
    let diff = json(&installation, 2, &args).await;
    let days = rollups(&installation, &["--operator", "daily"]).await;
    assert_eq!(diff["alike"], json!(["hourly"]));
    let counts = &diff["counts"]["rollups"];
    assert_eq!(counts["daily"], json!({ "same": 0, "added": 0, "removed": 0, "changed": days.len() }));
    let pairs = counts["pairs"]["added"].as_u64().unwrap();
    assert_eq!(counts.as_object().unwrap().len(), 2, "{counts}");
    let first = diff["first"].as_array().unwrap();
    assert_eq!(first.len() as u64, days.len() as u64 + pairs);
    let changed: Vec<&Value> = first.iter().filter(|difference| difference["change"] == "changed").collect();
    for (difference, day) in changed.iter().zip(&days) {
        let mut expected = day["aggregates"].clone();
        assert_eq!(difference["about"]["window"], day["window"]);
        expected["revision"] = day["revision"].clone();
        assert_eq!(difference["before"], expected);
        expected.as_object_mut().unwrap().remove("mean");
        assert_eq!(difference["after"], expected);
    }

    // Only the period that is asked for, as text.
    let period = ["--from", "2010-03-01T00:00:00Z", "--to", "2010-03-04T00:00:00Z", "-n", "2"];
    let (code, text, _) = command(&installation, &[&args[..4], &period[..]].concat()).await;
    assert_eq!(code, 2);
    let mean = rollups(&installation, &["--operator", "daily", "--from", "2010-03-01T00:00:00Z"]).await[0]["aggregates"]["mean"].clone();
    let expected = format!(
        "floodmark.toml -> other.toml: 4 differences among 4 results\n\
         defined alike in both, not compared: hourly\n\
         KIND     OPERATOR  SAME  ADDED  REMOVED  CHANGED\n\
         rollups  daily        0      0        0        3\n\
         rollups  pairs        0      1        0        0\n\
         ~ daily file temperature{{}} 2010-03-01T00:00:00Z .. 2010-03-02T00:00:00Z\n    mean: before {mean}, after nothing\n"
    );
    assert!(text.starts_with(&expected) && text.ends_with("and 2 more; -n sets how many are listed\n"), "{text}");

    // Result sets that are there are taken by their names.
    json(&installation, 0, &["replay", "--name", "a"]).await;
    json(&installation, 0, &["replay", "-c", "other.toml", "--name", "b"]).await;
    let (code, text, _) = command(&installation, &["replay", "--diff", "a", "a"]).await;
    assert!(code == 0 && text.starts_with("a -> a: no differences among"), "{text}");
    let named = json(&installation, 2, &["replay", "--diff", "a", "b", "-n", "100000"]).await;
    assert_eq!((&named["counts"]["rollups"]["daily"], &named["first"]), (&counts["daily"], &diff["first"]));
    assert_eq!(
        json(&installation, 0, &["replay", "--diff", "floodmark.toml", "floodmark.toml"]).await["alike"],
        json!(["daily", "hourly"])
    );
    let (code, _, stderr) = command(&installation, &["replay", "--diff", "a", "none"]).await;
    assert!(code == 1 && stderr.contains("there is no result set none"), "{stderr}");
    assert_eq!(live(&installation.data("")), before, "the live data is as it was");
}
