//! The Numenta Anomaly Benchmark, scored by its own rules: how good the anomaly scores are, not how fast.
//!
//! Rules: A. Lavin, S. Ahmad, Evaluating Real-time Anomaly Detection Algorithms, 2015, and the scorer of version 1.1.

mod corpus;
mod scorer;

use std::path::Path;

use floodmark_core::Result;
use floodmark_core::anomaly::Detector;
use serde::Serialize;

use corpus::File;
use scorer::{Corpus, Points};

/// Events after an alert in which there is no other.
const REFRACTORY: usize = 30;

/// One way of turning scores into alerts, and what it earns in each profile. 100 is perfect, 0 is to say nothing.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Line {
    /// How the threshold was found, and which heads count.
    pub name: &'static str,
    /// A hit earns as much as a miss costs.
    pub standard: f64,
    /// False alerts cost double.
    pub reward_low_fp: f64,
    /// Misses cost double.
    pub reward_low_fn: f64,
}

impl Line {
    fn new(name: &'static str, Points([standard, reward_low_fp, reward_low_fn]): Points) -> Self {
        Self { name, standard, reward_low_fp, reward_low_fn }
    }
}

/// What was found in a corpus.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// How many files.
    pub files: usize,
    /// How many rows.
    pub rows: usize,
    /// How many windows with anomalies.
    pub windows: usize,
    /// What was earned.
    pub lines: Vec<Line>,
}

/// Scores the corpus in a directory with `data` and `labels`.
///
/// # Errors
/// `Broken` when it cannot be read.
pub fn nab(dir: &Path) -> Result<Report> {
    let files = corpus::load(dir)?;
    let (study, all): (Vec<_>, Vec<_>) = files.iter().map(scores).unzip();
    let corpus = Corpus::new(&files);
    let fixed = |scores: &[Vec<f64>], threshold| {
        let flags: Vec<Vec<f64>> = scores.iter().map(|scores| onsets(scores, threshold)).collect();
        corpus.at(&flags, 0.5)
    };
    let swept: Vec<Vec<f64>> = study.iter().map(|scores| after_onsets_nothing(scores)).collect();
    let lines = vec![
        Line::new("threshold chosen on the labels (NAB)", corpus.best(&swept)),
        Line::new("threshold 1 (sensitive)", fixed(&study, 1.0)),
        Line::new("threshold 1.5 (normal)", fixed(&study, 1.5)),
        Line::new("threshold 2 (quiet)", fixed(&study, 2.0)),
        Line::new("threshold 1, with staleness", fixed(&all, 1.0)),
    ];
    let rows = files.iter().map(|file| file.rows.len()).sum();
    Ok(Report { files: files.len(), rows, windows: files.iter().map(|file| file.windows.len()).sum(), lines })
}

/// The scores of a file, by the two heads of the study and by all.
fn scores(file: &File) -> (Vec<f64>, Vec<f64>) {
    let mut detector = Detector::default();
    let judge = |row: &corpus::Row| {
        let judged = detector.score(row.time.micros(), row.value).unwrap_or_default();
        (judged.novelty.max(judged.jump), judged.score())
    };
    file.rows.iter().map(judge).unzip()
}

/// 1 where an alert begins, else 0.
fn onsets(scores: &[f64], threshold: f64) -> Vec<f64> {
    let mut free_from = 0;
    let onset = |(row, score): (usize, &f64)| {
        let begins = *score >= threshold && row >= free_from;
        if begins {
            free_from = row + REFRACTORY;
        }
        f64::from(u8::from(begins))
    };
    scores.iter().enumerate().map(onset).collect()
}

/// Scores from 0 to 1, and 0 for as long as an alert at the threshold 1 keeps others back.
fn after_onsets_nothing(scores: &[f64]) -> Vec<f64> {
    let mut bounded: Vec<f64> = scores.iter().map(|score| score / (score + 1.0)).collect();
    for (row, _) in onsets(scores, 1.0).iter().enumerate().filter(|(_, onset)| **onset > 0.0) {
        let end = bounded.len().min(row + REFRACTORY);
        bounded[row + 1..end].fill(0.0);
    }
    bounded
}

#[cfg(test)]
mod tests {
    use floodmark_tests::support::recorded::input;

    use super::*;

    #[test]
    fn the_corpus_scores_what_the_study_says() {
        let Some(labels) = input("nab/labels/combined_windows.json") else { return };
        let report = nab(labels.ancestors().nth(2).unwrap()).unwrap();
        assert_eq!((report.files, report.rows, report.windows), (58, 365_558, 116));
        for (line, expected) in report.lines.iter().zip([[74.15, 65.72, 79.01], [73.35, 65.34, 77.92]]) {
            for (found, expected) in [line.standard, line.reward_low_fp, line.reward_low_fn].into_iter().zip(expected) {
                assert!((found - expected).abs() <= 0.05, "{line:?}");
            }
        }
    }

    #[test]
    fn an_alert_keeps_others_back_for_30_events() {
        let mut scores = vec![0.0; 100];
        [5, 6, 34, 35, 70].into_iter().for_each(|row| scores[row] = 3.0);
        let rows = |flags: Vec<f64>| flags.iter().enumerate().filter(|(_, flag)| **flag > 0.0).map(|(row, _)| row).collect::<Vec<_>>();
        assert_eq!(rows(onsets(&scores, 1.0)), [5, 35, 70]);
        assert_eq!(rows(after_onsets_nothing(&scores)), [5, 35, 70]);
        assert_eq!(rows(onsets(&scores, 3.5)), [0_usize; 0]);
    }
}
