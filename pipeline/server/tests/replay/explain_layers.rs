//! Why a long window, a score of an event and a score of a window are what they are.

use serde_json::{Value, json};

use crate::layers::{STEPS, installed, made_again, scores, time, value};
use crate::world::{command, json, rollups};

fn ids(rollups: &[Value]) -> Vec<&str> {
    rollups.iter().map(|rollup| rollup["id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_window_of_windows_is_made_of_those_that_are_listed() {
    let installation = installed().await;
    let day = ["--from", "2026-03-28T00:00:00Z", "--to", "2026-03-29T00:00:00Z", "--label", "host=h1"];
    let daily = rollups(&installation, &[&["--operator", "daily"], &day[..]].concat()).await;
    let short = rollups(&installation, &[&["--operator", "short"], &day[..]].concat()).await;
    assert_eq!((daily.len(), short.len()), (1, 48));
    let id = daily[0]["id"].as_str().unwrap();
    let found = json(&installation, 0, &["explain", id]).await;
    assert_eq!((&found["rollup"], &found["reproduced"]), (&daily[0], &json!(true)));
    assert_eq!(found["explanation"]["rollups"], json!(short));
    let life = found["explanation"]["life"].as_array().unwrap();
    assert_eq!((life.len(), &life[0]["id"], &life[0]["aggregates"]), (1, &json!(id), &daily[0]["aggregates"]));
    assert_eq!(made_again(&installation, &found), daily);

    let sum = |rollup: &Value| rollup["aggregates"]["sum"].as_f64().unwrap();
    for one in short.iter().step_by(11) {
        let without = json(&installation, 0, &["explain", id, "--without", one["id"].as_str().unwrap()]).await["without"].clone();
        assert_eq!((&without["rollup"], &without["count"]), (&one["id"], &json!(47)));
        assert_eq!(without["aggregates"]["sum"].as_f64().unwrap(), sum(&daily[0]) - sum(one));
        assert_eq!(without["aggregates"]["count"], 47 * 3);
    }

    // What it is not made of cannot be left out.
    let other = rollups(&installation, &["--operator", "short", "--from", "2026-03-29T00:00:00Z"]).await;
    for without in ["7.0", ids(&other)[0]] {
        let (code, _, stderr) = command(&installation, &["explain", id, "--without", without]).await;
        assert!(code == 1 && stderr.contains("made of"), "{without}: {stderr}");
    }
    let (code, text, _) = command(&installation, &["explain", id, "-n", "3"]).await;
    for part in ["by commit", "48 rollups behind it", ids(&short)[2], "and 45 more", "--operator daily --metric load --label host=h1"] {
        assert!(code == 0 && text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains(ids(&short)[3]), "{text}");
}

#[tokio::test]
async fn a_score_names_its_parts_and_the_events_behind_it() {
    let installation = installed().await;
    let all = scores(&installation, &["--operator", "unusual", "--label", "host=h1"]).await;
    // One for each step: a time is a place.
    assert_eq!(all.len() as i64, STEPS);
    let score = &all[400];
    assert_eq!((&score["time"], &score["value"]), (&json!(time(400)), &json!(5_000.0)));
    assert!(score["score"].as_f64().unwrap() > 1.0, "{score}");
    let id = score["id"].as_str().unwrap();
    let found = json(&installation, 0, &["explain", id, "-n", "5"]).await;
    assert_eq!((&found["score"], &found["reproduced"]), (score, &json!(true)));
    let explanation = &found["explanation"];
    assert_eq!(explanation["judged"], 401);
    let events: Vec<(Value, f64)> =
        explanation["events"].as_array().unwrap().iter().map(|event| (event["time"].clone(), event["value"].as_f64().unwrap())).collect();
    let expected: Vec<(Value, f64)> = (396..=400).map(|step| (json!(time(step)), value(1, step) as f64)).collect();
    assert_eq!(events, expected);
    assert_eq!(made_again(&installation, &found), std::slice::from_ref(score));

    // Each of them matters; the one that was judged most of all.
    for (step, event) in (396..).zip(explanation["events"].as_array().unwrap()) {
        let place = format!("{}.{}", event["position"], event["index"]);
        let without = json(&installation, 0, &["explain", id, "--without", &place]).await["without"].clone();
        assert_eq!(without["place"], json!({ "position": event["position"], "index": event["index"] }));
        match step {
            400 => assert_eq!(without["score"], Value::Null),
            _ => {
                assert_eq!(without["score"]["time"], score["time"]);
                assert_ne!(without["score"]["score"], score["score"], "{place}");
            }
        }
    }
    let (code, text, _) = command(&installation, &["explain", id, "-n", "5"]).await;
    let lines = ["novelty", "jump", "staleness", "expected", "anomalous", "401 values of its series", "and 396 more", "query scores"];
    for part in lines {
        assert!(code == 0 && text.contains(part), "{part}: {text}");
    }

    // One that its operator makes but does not keep is found all the same.
    let kept = scores(&installation, &["--operator", "notable", "--label", "host=h1"]).await;
    assert!(kept.len() < all.len() / 2, "{}", kept.len());
    let found = json(&installation, 0, &["explain", kept[0]["id"].as_str().unwrap()]).await;
    assert_eq!((&found["score"], &found["reproduced"]), (&kept[0], &json!(true)));
}

#[tokio::test]
async fn a_score_of_a_window_names_the_windows_behind_it() {
    let installation = installed().await;
    let all = scores(&installation, &["--operator", "unusual_short", "--label", "host=h0"]).await;
    assert_eq!(all.len(), 192);
    let score = &all[146];
    assert!(score["score"].as_f64().unwrap() > 1.0, "{score}");
    let end = score["time"].as_str().unwrap();
    let short = rollups(&installation, &["--operator", "short", "--label", "host=h0", "--to", end]).await;
    assert_eq!(short.len(), 147);
    let id = score["id"].as_str().unwrap();
    let found = json(&installation, 0, &["explain", id]).await;
    assert_eq!((&found["score"], &found["reproduced"]), (score, &json!(true)));
    assert_eq!((&found["explanation"]["rollups"], &found["explanation"]["judged"]), (&json!(short), &json!(147)));
    assert_eq!(made_again(&installation, &found), std::slice::from_ref(score));
    let without = async |one: &Value| json(&installation, 0, &["explain", id, "--without", one.as_str().unwrap()]).await["without"].clone();
    let before = without(&short[145]["id"]).await;
    assert_eq!(before["score"]["id"], score["id"]);
    assert_ne!(before["score"]["jump"], score["jump"]);
    assert_eq!(without(&short[146]["id"]).await["score"], Value::Null);
}

#[tokio::test]
async fn what_is_no_id_is_not_looked_for() {
    let installation = installed().await;
    for args in [&["explain", &"g".repeat(32)][..], &["explain", &"0".repeat(32), "--metric", "load"]] {
        let (code, _, stderr) = command(&installation, args).await;
        assert_eq!(code, 64, "{args:?}: {stderr}");
    }
    let (code, _, stderr) = command(&installation, &["explain", "5f0c"]).await;
    assert!(code == 1 && stderr.contains("there is no alert or incident 5f0c") && stderr.contains("all 32 digits"), "{stderr}");
    let (code, _, stderr) = command(&installation, &["explain", &"0".repeat(32)]).await;
    assert!(code == 1 && stderr.contains("there is no such result"), "{stderr}");
}
