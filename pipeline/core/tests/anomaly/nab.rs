//! The scores of the study's program "novjump", on every file of the Numenta Anomaly Benchmark.

use std::collections::BTreeMap;
use std::path::Path;

use floodmark_core::anomaly::Detector;
use floodmark_schemas::Timestamp;
use serde::Deserialize;

/// What the program gave for one file: made by running it over the corpus.
#[derive(Deserialize)]
struct Expected {
    rows: usize,
    /// The sum of all scores, and of each times its row, from 1.
    sum: f64,
    moment: f64,
    /// Scores by their row, from 0: eleven rows spread over the file, and the five greatest.
    at: Vec<(usize, f64)>,
}

fn is_near(found: f64, expected: f64) -> bool {
    (found - expected).abs() <= 1e-9 * expected.abs()
}

fn scores(path: &Path) -> Vec<f64> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut detector = Detector::default();
    let score = |line: &str| {
        let (time, value) = line.split_once(',').unwrap();
        let time = Timestamp::parse(&format!("{}Z", time.replace(' ', "T"))).unwrap();
        let judged = detector.score(time.micros(), value.trim().parse().unwrap()).unwrap();
        // The program has no staleness.
        judged.novelty.max(judged.jump)
    };
    text.lines().skip(1).map(score).collect()
}

#[test]
fn scores_are_those_of_the_study_on_every_file() {
    let Some(inputs) = std::env::var_os("FLOODMARK_INPUTS") else {
        #[expect(clippy::print_stdout, reason = "whoever runs the tests should know")]
        {
            println!("skipped: FLOODMARK_INPUTS not set");
        }
        return;
    };
    let data = Path::new(&inputs).join("nab/data");
    let all: BTreeMap<String, Expected> = serde_json::from_str(include_str!("../golden/v1/novjump.json")).unwrap();
    assert_eq!((all.len(), all.values().map(|file| file.rows).sum::<usize>()), (58, 365_558));
    for (name, expected) in all {
        let scores = scores(&data.join(&name));
        assert_eq!(scores.len(), expected.rows, "{name}");
        for (row, score) in expected.at {
            assert!(is_near(scores[row], score), "{name} row {row}: {} instead of {score}", scores[row]);
        }
        let moment: f64 = scores.iter().zip(1..).map(|(score, row)| score * f64::from(row)).sum();
        assert!(is_near(scores.iter().sum(), expected.sum) && is_near(moment, expected.moment), "{name}");
    }
}
