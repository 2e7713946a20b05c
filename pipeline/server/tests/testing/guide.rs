//! What the guide and the examples show.

use std::path::{Path, PathBuf};

use floodmark::config::{Config, from_text, load_with_tests};
use floodmark::testing::{Outcome, render, run};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn guide() -> String {
    std::fs::read_to_string(root().join("docs/guides/testing.md")).unwrap()
}

/// The configurations of the guide.
pub fn blocks(text: &str) -> Vec<&str> {
    text.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

pub async fn outcomes(config: &Config) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    for test in &config.tests {
        outcomes.push(run(config, test).await.unwrap());
    }
    outcomes
}

pub fn shown(outcomes: &[Outcome]) -> String {
    outcomes.iter().map(render).collect()
}

#[tokio::test]
async fn every_example_of_the_guide_goes_well() {
    let guide = guide();
    let blocks = blocks(&guide);
    assert_eq!(blocks.len(), 5);
    for block in blocks {
        let config = from_text("floodmark.toml", block).unwrap_or_else(|report| panic!("{report}"));
        let outcomes = outcomes(&config).await;
        assert!(!outcomes.is_empty() && outcomes.iter().all(|outcome| outcome.ok), "{}", shown(&outcomes));
    }
}

#[tokio::test]
async fn the_failure_of_the_guide_is_shown_as_there() {
    let guide = guide();
    let wrong = blocks(&guide)[0].replace("count = 6", "count = 7");
    let config = from_text("floodmark.toml", &wrong).unwrap();
    let text = shown(&outcomes(&config).await);
    let indented: String = text.lines().map(|line| if line.is_empty() { "\n".to_owned() } else { format!("    {line}\n") }).collect();
    assert!(guide.contains(&indented), "{text}");
}

#[tokio::test]
async fn the_tests_of_the_examples_go_well() {
    let config = load_with_tests(&root().join("examples/quickstart.toml")).unwrap_or_else(|report| panic!("{report}"));
    let outcomes = outcomes(&config).await;
    assert!(outcomes.len() >= 3 && outcomes.iter().all(|outcome| outcome.ok), "{}", shown(&outcomes));
    let others = load_with_tests(&root().join("examples/stack.toml")).unwrap_or_else(|report| panic!("{report}"));
    assert_eq!(others.tests.len(), 0);
}

#[tokio::test]
async fn a_test_of_a_month_has_the_same_outcome_each_time() {
    let text = "[sources.s]\ntype = \"host\"\n[operators.d]\ntype = \"tumbling\"\nsize = \"1d\"\n[[tests]]\nname = \"n\"\n\
                input = [{ at = \"0s..30d every 6h\", source = \"s\", metric = \"m\", value = [1, 2, 3] }]\nadvance = \"1d\"\nexact = true\n\
                expect = [{ window = \"29d..30d\", count = 4, sum = 9 }]\n";
    let config = from_text("month.toml", &text.replace("size = \"1d\"", "size = \"1d\"\naggregates = [\"count\", \"sum\"]")).unwrap();
    let first = outcomes(&config).await;
    assert_eq!(first[0].problems.len(), 29, "the other days are not expected");
    assert_eq!(first, outcomes(&config).await);
}
