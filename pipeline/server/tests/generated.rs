//! What is generated and committed is what the program says today.

#![cfg(test)]

use std::path::{Path, PathBuf};

use floodmark::config::{config_schema, event_schema, from_text, notification_schema, reference, show_json};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn check(path: &str, of: &str, expected: &str) {
    let committed = std::fs::read_to_string(root().join(path)).unwrap_or_default();
    assert!(committed == expected, "{path} is stale; run: cargo run -p floodmark -- schema {of} > {path}");
}

#[test]
fn the_schema_of_events_is_up_to_date() {
    check("schemas/json/event.schema.json", "event", &format!("{:#}\n", event_schema()));
}

#[test]
fn the_schema_of_notifications_is_up_to_date() {
    check("schemas/json/notification.schema.json", "notification", &format!("{:#}\n", notification_schema()));
}

#[test]
fn the_sample_of_a_notification_fits_its_schema() {
    let validator = jsonschema::validator_for(&notification_schema()).unwrap();
    let sample = std::fs::read_to_string(root().join("schemas/samples/v1/notification.json")).unwrap();
    let errors: Vec<String> = validator.iter_errors(&serde_json::from_str(&sample).unwrap()).map(|e| e.to_string()).collect();
    assert_eq!(errors, Vec::<String>::new());
}

#[test]
fn the_schema_of_the_configuration_is_up_to_date() {
    check("schemas/json/config.schema.json", "config", &format!("{:#}\n", config_schema()));
}

#[test]
fn the_reference_of_the_configuration_is_up_to_date() {
    check("docs/config.md", "reference", &reference());
}

#[test]
fn the_quickstart_and_what_is_shown_of_it_fit_the_schema() {
    let text = std::fs::read_to_string(root().join("examples/quickstart.toml")).unwrap();
    let written: serde_json::Value = toml::from_str(&text).unwrap();
    let shown = show_json(&from_text("quickstart.toml", &text).unwrap());
    let validator = jsonschema::validator_for(&config_schema()).unwrap();
    for value in [&written, &shown] {
        let errors: Vec<String> = validator.iter_errors(value).map(|e| e.to_string()).collect();
        assert_eq!(errors, Vec::<String>::new());
    }
    assert!(!validator.is_valid(&serde_json::json!({ "partitions": 0 })));
    assert!(!validator.is_valid(&serde_json::json!({ "sources": { "floodmark-x": { "type": "host" } } })));
}

#[test]
fn an_event_fits_the_schema_of_events() {
    let validator = jsonschema::validator_for(&event_schema()).unwrap();
    let event = serde_json::json!({
        "specversion": "1.0", "id": "1", "source": "machine", "time": "2026-01-31T12:00:00Z",
        "type": "floodmark.sample.v1", "data": { "value": 1.5, "metric": "cpu_usage" },
    });
    let errors: Vec<String> = validator.iter_errors(&event).map(|e| e.to_string()).collect();
    assert_eq!(errors, Vec::<String>::new());
    assert!(!validator.is_valid(&serde_json::json!({ "id": "1" })));
}
