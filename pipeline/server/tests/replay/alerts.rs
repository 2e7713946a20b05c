//! Alerts in replays: what a changed rule says otherwise, and a stored step that is not what the log gives.

use std::collections::BTreeMap;
use std::path::Path;

use floodmark_schemas::commit::Output;
use floodmark_schemas::{Alert, JobEntry};
use floodmark_tests::support::program::Installation;
use floodmark_tests::support::stored;
use serde_json::{Value, json};

use crate::world::{PROGRAM, command, json, live, operator, run_to_the_end, temperatures};

/// All alerts of an output log, by id, each with its steps.
pub async fn alerts(path: &Path) -> BTreeMap<String, Vec<Alert>> {
    let mut alerts: BTreeMap<String, Vec<Alert>> = BTreeMap::new();
    for written in stored::jobs(path).await.into_values().flatten() {
        let JobEntry::Commit(commit) = written.entry else { continue };
        for output in commit.outputs {
            if let Output::Alert(alert) = output {
                alerts.entry(alert.id.clone()).or_default().push(alert);
            }
        }
    }
    alerts
}

/// Rules on events, on windows, and on windows of windows.
pub fn rules(hot: &str) -> String {
    let weekly = operator("weekly", "7d", "").replace("idle_timeout = \"1h\"", "from = \"daily\"");
    format!(
        "{}{weekly}[alerts.hot]\ntype = \"threshold\"\nmetrics = [\"temperature\"]\nabove = {hot}\nfor = \"2h\"\n\
         [alerts.cold]\ntype = \"threshold\"\nmetrics = [\"temperature\"]\nbelow = 41\nkeep_firing_for = \"3h\"\n\
         [alerts.warm_day]\ntype = \"threshold\"\nfrom = \"daily\"\naggregate = \"mean\"\nabove = 64\nfor = \"2d\"\n\
         [alerts.warm_week]\ntype = \"threshold\"\nfrom = \"weekly\"\naggregate = \"mean\"\nabove = 64\nkeep_firing_for = \"3d\"\n",
        operator("daily", "1d", "")
    )
}

fn of_rule<'a>(alerts: &'a BTreeMap<String, Vec<Alert>>, rule: &'a str) -> impl Iterator<Item = &'a Vec<Alert>> {
    alerts.values().filter(move |steps| steps[0].rule == rule)
}

#[tokio::test]
async fn a_changed_limit_changes_exactly_the_alerts_that_it_must() {
    let Some(source) = temperatures() else { return };
    let installation = Installation::new(PROGRAM);
    installation.write("floodmark.toml", format!("{source}{}", rules("70")));
    installation.write("other.toml", format!("{source}{}", rules("70.5")));
    run_to_the_end(&installation, "floodmark.toml").await;
    let before = live(&installation.data(""));
    let counts = json(&installation, 0, &["replay", "--name", "a"]).await["done"]["results"].clone();
    json(&installation, 0, &["replay", "-c", "other.toml", "--name", "b"]).await;
    let of = |name: &str| installation.data("replays").join(name).join("outputs.db");
    let (old, new) = (alerts(&of("a")).await, alerts(&of("b")).await);
    assert_eq!(counts["alerts"], json!(old.len()));
    // What the live jobs have committed is what the replay made, down to when each step was noticed.
    let committed = alerts(&installation.data("outputs.db")).await;
    for rule in ["hot", "cold", "warm_day", "warm_week"] {
        let steps =
            |all| of_rule(all, rule).flatten().map(|step| (step.id.clone(), step.step, step.time, step.noticed)).collect::<Vec<_>>();
        assert!(!steps(&old).is_empty(), "{rule}");
        assert_eq!(steps(&committed), steps(&old), "{rule}");
    }

    let diff = json(&installation, 2, &["replay", "--diff", "floodmark.toml", "other.toml", "-n", "100000"]).await;
    assert_eq!(diff["alike"], json!(["cold", "daily", "warm_day", "warm_week", "weekly"]));
    let says = |steps: &[Alert]| steps.iter().map(|step| (step.state, step.time, step.fired, step.value)).collect::<Vec<_>>();
    let hot = |all| of_rule(all, "hot").map(|steps| (steps[0].id.clone(), says(steps))).collect::<BTreeMap<_, _>>();
    let (old, new) = (hot(&old), hot(&new));
    let (added, removed) = (new.keys().filter(|id| !old.contains_key(*id)).count(), old.keys().filter(|id| !new.contains_key(*id)).count());
    // The limit is part of what a firing step says.
    let common = old.len() - removed;
    assert!(added > 10 && removed > added && common > 10, "{added} {removed} {common}");
    let expected = json!({ "hot": { "same": 0, "added": added, "removed": removed, "changed": common } });
    assert_eq!(diff["counts"]["alerts"], expected);
    let first = diff["first"].as_array().unwrap();
    assert_eq!(first.len(), added + removed + common);
    for difference in first {
        let id = difference["about"]["id"].as_str().unwrap();
        let expected = match (old.contains_key(id), new.contains_key(id)) {
            (true, true) => "changed",
            (true, false) => "removed",
            (false, _) => "added",
        };
        assert_eq!(difference["change"], expected, "{difference}");
        let times = |side: &Value| side.as_object().into_iter().flatten().map(|(_, step)| step["time"].clone()).collect::<Vec<_>>();
        let told = |all: &BTreeMap<_, Vec<(_, floodmark_schemas::Timestamp, _, _)>>| {
            all.get(id).into_iter().flatten().map(|(_, time, ..)| json!(time)).collect::<Vec<_>>()
        };
        assert_eq!((times(&difference["before"]), times(&difference["after"])), (told(&old), told(&new)));
    }
    let (code, text, _) = command(&installation, &["replay", "--diff", "a", "b", "-n", "1"]).await;
    assert!(code == 2 && text.contains("alerts   hot "), "{text}");
    assert_eq!(live(&installation.data("")), before, "the live data is as it was");
}

#[tokio::test]
async fn a_stored_step_that_is_not_what_the_log_gives_is_named() {
    let Some(source) = temperatures() else { return };
    let installation = Installation::new(PROGRAM);
    installation.write("floodmark.toml", format!("{source}{}", rules("70")));
    run_to_the_end(&installation, "floodmark.toml").await;
    let all = alerts(&installation.data("outputs.db")).await;
    let verdict = json(&installation, 0, &["verify"]).await;
    assert_eq!(verdict["left_out"], json!({}));
    for rule in ["hot", "cold", "warm_day", "warm_week"] {
        assert_eq!(verdict["tally"]["counts"]["alerts"][rule]["same"], json!(of_rule(&all, rule).count()), "{rule}");
    }

    // The store of alerts has them too.
    let counts = &verdict["tally"]["counts"];
    assert_eq!(counts["alerts in the store"], counts["alerts"]);
    let store = rusqlite::Connection::open(installation.data("store.db")).unwrap();
    let cold = &of_rule(&all, "cold").next().unwrap()[0].id;
    let by_hand = |from: &str, to: &str| {
        let change = "UPDATE alert_step SET data = replace(data, ?1, ?2) WHERE alert = ?3 AND step = 1 AND instr(data, ?1) > 0";
        assert_eq!(store.execute(change, [from, to, cold]).unwrap(), 1);
    };
    by_hand("\"severity\":\"warning\"", "\"severity\":\"info\"");
    let found = json(&installation, 2, &["verify"]).await;
    assert_eq!(found["tally"]["counts"]["alerts in the store"]["cold"]["changed"], 1);
    assert_eq!(
        (&found["tally"]["first"][0]["about"]["id"], &found["tally"]["first"][0]["before"]["1"]["severity"]),
        (&json!(cold), &json!("info"))
    );
    by_hand("\"severity\":\"info\"", "\"severity\":\"warning\"");
    drop(store);

    let mut hot: Vec<&Vec<Alert>> = of_rule(&all, "hot").filter(|steps| steps.len() > 2).collect();
    hot.sort_by_key(|steps| steps[0].began);
    let log = rusqlite::Connection::open(installation.data("outputs.db")).unwrap();
    // Of two alerts the value of a step.
    for steps in [hot[5], hot[3]] {
        let step = &steps[1];
        let text = serde_json::to_string(&Output::Alert(step.clone())).unwrap();
        let other = Output::Alert(Alert { value: step.value.map(|value| value + 1.0), ..step.clone() });
        let change = "UPDATE entry SET body = CAST(replace(CAST(body AS TEXT), ?1, ?2) AS BLOB) WHERE instr(CAST(body AS TEXT), ?1) > 0";
        assert_eq!(log.execute(change, [text, serde_json::to_string(&other).unwrap()]).unwrap(), 1);
    }
    drop(log);
    let found = json(&installation, 2, &["verify"]).await;
    assert_eq!(found["tally"]["counts"]["alerts"]["hot"]["changed"], 2);
    let first = found["tally"]["first"].as_array().unwrap();
    assert_eq!((first.len(), &first[0]["about"]["id"]), (1, &json!(hot[3][0].id)), "the first of them");
    let value = hot[3][1].value.unwrap();
    assert_eq!((&first[0]["before"]["1"]["value"], &first[0]["after"]["1"]["value"]), (&json!(value + 1.0), &json!(value)));
    let (code, text, _) = command(&installation, &["verify"]).await;
    let line = format!("1.value: stored {:?}, replayed {value:?}", value + 1.0);
    assert!(code == 2 && text.contains(&line) && text.contains("2 are not what the log gives"), "{line}: {text}");
}

#[tokio::test]
async fn who_would_have_been_told_otherwise_is_listed_by_incident_and_receiver() {
    let Some(source) = temperatures() else { return };
    let installation = Installation::new(PROGRAM);
    installation.write("floodmark.toml", &source);
    run_to_the_end(&installation, "floodmark.toml").await;
    let receivers = "[receivers.team]\ntype = \"command\"\nargv = [\"true\"]\n[receivers.other]\ntype = \"command\"\nargv = [\"true\"]\n\
                     [route]\nreceivers = [\"team\"]\ngroup_by = \"each\"\ngroup_wait = \"0s\"\n";
    let before = installation.write("before.toml", format!("{source}{}{receivers}", rules("70")));
    let route = "[[route.routes]]\nid = \"heat\"\nmatch = [\"rule=hot\"]\nreceivers = [\"other\"]\n";
    let after = installation.write("after.toml", format!("{source}{}{receivers}{route}", rules("70")));
    let (before, after) = (before.to_str().unwrap(), after.to_str().unwrap());
    let diff = json(&installation, 2, &["replay", "--diff", before, after, "-n", "100000"]).await;
    assert_eq!(diff["alike"], json!(["cold", "daily", "hot", "warm_day", "warm_week", "weekly"]));
    assert_eq!(diff["counts"].as_object().unwrap().keys().collect::<Vec<_>>(), ["notifications"]);
    let counts = &diff["counts"]["notifications"];
    let moved = counts["team"]["removed"].as_u64().unwrap();
    assert!(moved > 50 && counts["team"]["same"].as_u64().unwrap() > 10, "{counts}");
    assert_eq!((&counts["team"]["added"], &counts["team"]["changed"]), (&json!(0), &json!(0)));
    assert_eq!(counts["other"], json!({ "same": 0, "added": moved, "removed": 0, "changed": 0 }));
    for difference in diff["first"].as_array().unwrap() {
        let side = if difference["about"]["receiver"] == "other" { "after" } else { "before" };
        assert_eq!((&difference[side]["0"]["reason"], &difference[side]["0"]["rules"]), (&json!("opened"), &json!(["hot"])));
    }
    let (code, text, _) = command(&installation, &["replay", "--diff", before, after, "-n", "1"]).await;
    assert!(code == 2 && text.contains("to team: hot: "), "{text}");
}
