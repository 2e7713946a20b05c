//! The way of an event can be followed in an OpenTelemetry collector: from its source, through the operator, into the store.

#![cfg(test)]

use std::collections::BTreeMap;

use floodmark_tests::support::collector::{Collector, Span};
use floodmark_tests::support::program::Installation;

const LINES: &str = "{\"type\":\"floodmark.sample.v1\",\"time\":\"2026-01-01T00:00:00Z\",\"data\":{\"metric\":\"m\",\"value\":1}}\n\
                     {\"type\":\"floodmark.sample.v1\",\"time\":\"2026-01-01T00:01:00Z\",\"data\":{\"metric\":\"m\",\"value\":2}}\n";

fn config(endpoint: &str, ratio: &str) -> String {
    format!(
        "[api]\nenabled = false\n[telemetry]\notlp_endpoint = \"{endpoint}\"\ntrace_ratio = {ratio}\n[sources.lines]\ntype = \"file\"\n\
         path = \"lines.ndjson\"\n[operators.seconds]\ntype = \"tumbling\"\nsize = \"1s\"\n"
    )
}

/// Runs the program to the end of its file.
async fn spans(ratio: &str) -> Vec<Span> {
    let collector = Collector::start().await;
    let installation = Installation::new(env!("CARGO_BIN_EXE_floodmark"));
    installation.write("floodmark.toml", config(&collector.endpoint(), ratio));
    installation.write("lines.ndjson", LINES);
    let (code, said) = installation.run().ends().await;
    assert_eq!(code, 0, "{said}");
    collector.spans()
}

#[tokio::test]
async fn one_trace_goes_from_the_source_through_the_operator_into_the_store() {
    let spans = spans("1").await;
    let of = |name: &str, component: &str| -> Vec<&Span> {
        spans.iter().filter(|span| span.name == name && span.component == component).collect()
    };
    let ingest = of("ingest", "lines");
    assert_eq!(ingest.len(), 1, "both lines are one frame: {spans:?}");
    assert_eq!(ingest[0].parent, Vec::<u8>::new());
    for (name, component) in [("operate", "seconds/0"), ("write", "rollups"), ("write", "catalog")] {
        let followers = of(name, component);
        assert!(!followers.is_empty(), "{name} {component}: {spans:?}");
        for span in followers {
            assert_eq!((&span.trace, &span.parent), (&ingest[0].trace, &ingest[0].id), "{name} {component}");
        }
    }
    let mut ids = BTreeMap::new();
    spans.iter().for_each(|span| *ids.entry(&span.id).or_insert(0) += 1);
    assert!(ids.values().all(|count| *count == 1));
}

#[tokio::test]
async fn without_a_share_nothing_is_traced() {
    assert_eq!(spans("0").await, []);
}

#[tokio::test]
async fn a_collector_that_is_not_there_disturbs_nothing() {
    let installation = Installation::new(env!("CARGO_BIN_EXE_floodmark"));
    installation.write("floodmark.toml", config("http://127.0.0.1:9", "1"));
    installation.write("lines.ndjson", LINES);
    let (code, said) = installation.run().ends().await;
    assert_eq!(code, 0, "{said}");
}
