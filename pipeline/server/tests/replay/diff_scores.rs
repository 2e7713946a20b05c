//! A changed sensitivity changes exactly the scores that it must.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::layers::{config, installed, scores};
use crate::world::json;

/// The score at which an episode opens where the sensitivity is "sensitive" and "quiet".
const THRESHOLDS: [(&str, f64); 2] = [("sensitive", 1.0), ("quiet", 2.0)];
/// So many scores in a row below half of it close one.
const QUIET: usize = 30;

/// What is said of the scores of one series at a threshold: state, and time of opening, peak and end of the episode. The
/// rule by the book, from the scores alone.
fn judged(of_series: &[&Value], threshold: f64) -> Vec<Value> {
    let (mut open, mut judged): (Option<(Value, f64, usize)>, Vec<Value>) = (None, Vec::new());
    for score in of_series {
        let (number, learning) = (score["score"].as_f64().unwrap(), score["state"] == "learning");
        let mut episode = Value::Null;
        match &mut open {
            Some((opened, peak, quiet)) => {
                *peak = peak.max(number);
                *quiet = if number < 0.5 * threshold { *quiet + 1 } else { 0 };
                let closed = *quiet == QUIET;
                episode = json!({ "opened": opened, "peak": peak, "closed": closed });
                open = open.filter(|_| !closed);
            }
            None if !learning && number >= threshold => {
                episode = json!({ "opened": score["time"], "peak": number, "closed": false });
                open = Some((score["time"].clone(), number, 0));
            }
            None => {}
        }
        let state = if learning {
            "learning"
        } else if open.is_some() {
            "anomalous"
        } else {
            "normal"
        };
        judged.push(json!({ "state": state, "episode": episode }));
    }
    judged
}

fn series(score: &Value) -> String {
    score["series"]["labels"]["host"].as_str().unwrap().to_owned()
}

/// State and episode as a score says them, without the ids, which change with the definition.
fn said(score: &Value) -> Value {
    let mut episode = score["episode"].clone();
    if let Some(fields) = episode.as_object_mut() {
        fields.remove("id");
    }
    json!({ "state": score["state"], "episode": episode })
}

#[tokio::test]
async fn a_changed_sensitivity_changes_exactly_the_scores_that_it_must() {
    let installation = installed().await;
    let before = scores(&installation, &["--operator", "unusual"]).await;
    let mut of_series: BTreeMap<String, Vec<&Value>> = BTreeMap::new();
    before.iter().for_each(|score| of_series.entry(series(score)).or_default().push(score));
    for scores in of_series.values() {
        // The book says what is stored, at the threshold that was.
        assert_eq!(judged(scores, 1.5), scores.iter().map(|score| said(score)).collect::<Vec<_>>());
    }
    for (sensitivity, threshold) in THRESHOLDS {
        let name = format!("{sensitivity}.toml");
        installation.write(&name, config(&installation, sensitivity));
        let diff = json(&installation, 2, &["replay", "--diff", "floodmark.toml", &name, "-n", "100000"]).await;
        // Windows, and scores of another operator, are as they were.
        assert_eq!(diff["alike"], json!(["daily", "short", "unusual_short"]));
        let mut expected = BTreeMap::new();
        for (host, scores) in &of_series {
            for (score, after) in scores.iter().zip(judged(scores, threshold)) {
                if after != said(score) {
                    expected.insert((score["time"].as_str().unwrap().to_owned(), host.clone()), (said(score), after));
                }
            }
        }
        assert!(!expected.is_empty(), "{sensitivity}");
        let counts = &diff["counts"]["scores"]["unusual"];
        let changed = expected.len();
        assert_eq!(*counts, json!({ "same": before.len() - changed, "added": 0, "removed": 0, "changed": changed }), "{sensitivity}");
        let differences = diff["first"].as_array().unwrap().iter().filter(|difference| difference["about"]["operator"] == "unusual");
        let found: BTreeMap<_, _> = differences
            .map(|difference| {
                let about = &difference["about"];
                let place = (about["time"].as_str().unwrap().to_owned(), series(about));
                (place, (said(&difference["before"]), said(&difference["after"])))
            })
            .collect();
        assert_eq!(found, expected, "{sensitivity}");

        // Where only notable scores are kept, some come and go: those of two result sets tell which.
        let kept = async |name: &str, file: &str| {
            json(&installation, 0, &["replay", "-c", file, "--name", name]).await;
            let all = scores(&installation, &["--operator", "notable", "--result-set", name]).await;
            all.into_iter().map(|score| ((series(&score), score["time"].to_string()), said(&score))).collect::<BTreeMap<_, _>>()
        };
        let (old, new) = (kept("before", "floodmark.toml").await, kept(sensitivity, &name).await);
        let both = old.iter().filter_map(|(place, old)| Some((old, new.get(place)?)));
        let (same, changed): (Vec<_>, Vec<_>) = both.partition(|(old, new)| old == new);
        let (gone, come) = (old.len() - same.len() - changed.len(), new.len() - same.len() - changed.len());
        let expected = json!({ "same": same.len(), "added": come, "removed": gone, "changed": changed.len() });
        assert_eq!(diff["counts"]["scores"]["notable"], expected, "{sensitivity}");

        // Result sets are read from stores, and what configurations make is compared without one: it is the same.
        for sides in [["before", sensitivity], ["before", &name], ["floodmark.toml", sensitivity]] {
            let given = json(&installation, 2, &["replay", "--diff", sides[0], sides[1], "-n", "100000"]).await;
            assert_eq!(given["first"], diff["first"], "{sides:?}");
            for operator in ["unusual", "notable"] {
                assert_eq!(given["counts"]["scores"][operator], diff["counts"]["scores"][operator], "{sides:?}");
            }
        }
    }
}
