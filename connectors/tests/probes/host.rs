//! `host` on the machine that runs the test.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use floodmark_connectors::clock::{SystemClock, TokioClock};
use floodmark_connectors::sources::host::{Config, Host};
use floodmark_schemas::{Event, Payload, Reason, Timestamp};
use serde_json::json;

use crate::recorder::{Recorder, check_of, events_while};

/// Everything of the first readings until one has rates.
async fn readings(config: serde_json::Value) -> Vec<Event> {
    let config: Config = serde_json::from_value(config).unwrap();
    let source = Host::new("machine", config, Arc::new(SystemClock)).unwrap();
    events_while(source, Recorder::new(), |events| !events.iter().any(|event| metric(event).0 == "process_cpu")).await
}

fn metric(event: &Event) -> (String, f64) {
    let Payload::Sample(sample) = &event.payload else { panic!("not a sample: {event:?}") };
    (format!("{} {}", sample.series.metric, sample.series.unit).trim_end().replace("process_cpu %", "process_cpu"), sample.value)
}

#[tokio::test]
async fn a_reading_says_what_this_machine_uses() {
    let events = readings(json!({ "every": "200ms", "host": "here", "per_core": true, "loopback": true })).await;
    assert!(events.iter().all(|event| event.source == "machine" && event.id.is_empty()));
    let found: BTreeMap<String, f64> = events.iter().map(metric).collect();
    let names: BTreeSet<&str> = found.keys().map(String::as_str).collect();
    for name in [
        "cpu_usage %",
        "load1",
        "load5",
        "load15",
        "uptime_seconds s",
        "memory_total By",
        "memory_used By",
        "memory_available By",
        "swap_used By",
        "process_memory By",
        "process_cpu",
    ] {
        assert!(names.contains(name), "{name} is missing in {names:?}");
    }
    assert!(found["memory_used By"] <= found["memory_total By"]);
    assert!((0.0..=100.0).contains(&found["cpu_usage %"]) && found["process_memory By"] > 1e6, "{found:?}");
    let labels: BTreeSet<(String, String)> = events
        .iter()
        .flat_map(|event| match &event.payload {
            Payload::Sample(sample) => sample.series.labels.clone(),
            _ => BTreeMap::new(),
        })
        .collect();
    assert!(labels.contains(&("host".into(), "here".into())) && labels.contains(&("core".into(), "0".into())), "{labels:?}");
}

#[tokio::test]
async fn the_samples_of_a_reading_have_one_time_and_series_do_not_repeat_in_it() {
    let events = readings(json!({ "every": "200ms" })).await;
    let mut seen = BTreeSet::new();
    for event in &events {
        let Payload::Sample(sample) = &event.payload else { panic!("not a sample: {event:?}") };
        assert!(seen.insert((event.time, sample.series.key())), "{event:?} is there twice");
        assert!(!sample.series.labels.contains_key("core"), "cores are off by default");
    }
    let times: BTreeSet<Timestamp> = events.iter().map(|event| event.time).collect();
    assert_eq!(times.len(), 2, "a first reading, and one with rates");
}

#[tokio::test(start_paused = true)]
async fn readings_that_could_not_be_made_are_events() {
    let clock = TokioClock::starting_at(Timestamp::from_secs(1_000_000));
    let config: Config = serde_json::from_value(json!({ "host": "here" })).unwrap();
    let source = Host::new("machine", config, Arc::new(clock)).unwrap();
    let is_check = |event: &Event| matches!(event.payload, Payload::Check(_));
    let slow = Recorder::slow(&[Duration::from_millis(4_500)]);
    let events = events_while(source, slow, |events| !events.iter().any(is_check)).await;
    let event = events.iter().find(|event| is_check(event)).unwrap();
    let check = check_of(event);
    assert_eq!((check.target.as_str(), check.up, check.reason, check.attempt), ("here", None, Some(Reason::Missed), 3));
    assert_eq!((event.time, event.id.as_str()), (Timestamp::from_secs(1_000_004), "here@1000004000000#missed"));
}

#[test]
fn readings_too_close_together_are_refused() {
    let config: Config = serde_json::from_value(json!({ "every": "10ms" })).unwrap();
    let Err(error) = Host::new("machine", config, Arc::new(SystemClock)) else { panic!("accepted") };
    assert!(error.chain().contains("write \"200ms\" or more"), "{error}");
}
