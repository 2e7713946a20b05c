//! An alert with what makes it: elsewhere it gives the same alert, or says what differs.

use floodmark_schemas::Alert;
use floodmark_tests::support::program::Installation;
use serde_json::{Value, json};
use twox_hash::XxHash3_128;

use crate::alerts::{alerts, rules};
use crate::world::{PROGRAM, command, json, live, run_to_the_end, temperatures};

/// The lines with the digest that they have.
fn signed(lines: &[String]) -> String {
    let text = lines.join("\n") + "\n";
    let digest = json!({ "digest": format!("{:032x}", XxHash3_128::oneshot(text.as_bytes())) });
    format!("{text}{digest}\n")
}

#[tokio::test]
async fn a_bundle_gives_the_same_alert_elsewhere_and_a_changed_one_is_refused() {
    let Some(source) = temperatures() else { return };
    let installation = Installation::new(PROGRAM);
    installation.write("floodmark.toml", format!("{source}{}", rules("70")));
    run_to_the_end(&installation, "floodmark.toml").await;
    let before = live(&installation.data(""));
    let all = alerts(&installation.data("outputs.db")).await;
    let elsewhere = Installation::new(PROGRAM);
    for rule in ["hot", "cold", "warm_day", "warm_week"] {
        let mut of_rule: Vec<&Vec<Alert>> = all.values().filter(|steps| steps[0].rule == rule).collect();
        of_rule.sort_by_key(|steps| steps[0].began);
        let steps = of_rule[of_rule.len() / 2];
        let (id, file) = (&steps[0].id, format!("{rule}.jsonl"));
        let (code, _, stderr) = command(&installation, &["events", "export", "--alert", id, "-o", &file]).await;
        assert_eq!(code, 0, "{rule}: {stderr}");
        let text = std::fs::read_to_string(installation.path().join(&file)).unwrap();
        assert!(!text.contains("Cursor") && !text.contains("seattle-temps"), "where the source reads is nobody's business");
        elsewhere.write(&file, &text);
        let outcome = json(&elsewhere, 0, &["test", &file]).await;
        let expected = json!({ "same": true, "alert": id, "rule": rule, "steps": steps.len() });
        assert_eq!(outcome["outcome"], expected);
        let header: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        // What looks at events needs little of the past.
        assert!(rule != "hot" || header["whole"] == false, "{header}");

        // One byte that was changed.
        let at = text.find("\"state\":\"firing\"").unwrap();
        elsewhere.write("changed.jsonl", format!("{}x{}", &text[..at], &text[at + 1..]));
        let (code, _, stderr) = command(&elsewhere, &["test", "changed.jsonl"]).await;
        assert!(code == 1 && stderr.contains("it was changed: its digest is"), "{code} {stderr}");
        // A rule that gives another alert, signed anew.
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.pop();
        let last = lines.len() - 1;
        let value = serde_json::to_value(steps[1].time).unwrap();
        lines[last] = lines[last].replacen(&format!("\"time\":{value}"), "\"time\":\"2010-01-01T00:00:00Z\"", 1);
        elsewhere.write("other.jsonl", signed(&lines));
        let (code, said, _) = command(&elsewhere, &["test", &file, "other.jsonl"]).await;
        assert!(code == 2 && said.contains(&format!("{file}: the same alert: {id} of {rule}, {} steps", steps.len())), "{code} {said}");
        assert!(said.contains("time: \"2010-01-01T00:00:00Z\" in the bundle"), "{said}");
        // It ends early.
        elsewhere.write("early.jsonl", &text[..text.len() / 2]);
        assert_eq!(command(&elsewhere, &["test", "early.jsonl"]).await.0, 1);
    }
    let (code, _, stderr) = command(&installation, &["events", "export", "--alert", "0123"]).await;
    assert!(code == 1 && stderr.contains("there is no alert or incident 0123"), "{stderr}");
    // Of a rule that was changed since.
    installation.write("floodmark.toml", format!("{source}{}", rules("75")));
    let id = &all.values().find(|steps| steps[0].rule == "hot").unwrap()[0].id;
    let (code, _, stderr) = command(&installation, &["events", "export", "--alert", id]).await;
    assert!(code == 1 && stderr.contains("export it with the configuration that made it"), "{stderr}");
    assert_eq!(live(&installation.data("")), before, "the live data is as it was");
}
